"""Law of the draws, acceptance against the surrogate, entries read and CPU time against the size of the ground set."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

CHOSEN = {"leverage": (plotting.BLUE, "o"), "uniform": (plotting.ORANGE, "s")}
METHODS = {"spectral": (plotting.BLACK, "s"), "DPP-VFX": (plotting.BLUE, "o")}


def _law(ax: Axes, table: pd.DataFrame) -> None:
    for n_columns, (color, marker) in zip(sorted(table.n_columns.unique()), CHOSEN.values(), strict=False):
        part = table[(table.n_columns == n_columns) & (table.frequency > 0)]
        ax.plot(part.exact, part.frequency, marker, color=color, markersize=2.5, alpha=0.5, linestyle="none",
                label=f"surrogate on {n_columns} of 8 columns")  # fmt: skip
    limits = [table.frequency[table.frequency > 0].min() / 2, 2 * table.exact.max()]
    ax.plot(limits, limits, color=plotting.GREY, linewidth=1)
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    ax.set(xlabel="probability of a subset", ylabel="frequency in the draws")
    ax.set_title("Draws follow the law, whatever the surrogate")
    ax.legend(loc="upper left")


def _acceptance(ax: Axes, table: pd.DataFrame) -> None:
    for chosen, (color, marker) in CHOSEN.items():
        part = table[table.chosen == chosen]
        plotting.spread(ax, part, "n_columns", "closed_form", label=f"{chosen} columns, closed form", color=color)
        ax.plot(part.n_columns, part.measured, marker, color=color, linestyle="none", label=f"{chosen}, measured")
    ax.set(xscale="log", ylim=(0, 0.7), xlabel="columns of the surrogate", ylabel="accepted proposals (share)")
    plotting.label_ticks(ax.xaxis, table.n_columns)
    ax.set_title("Acceptance is that of the determinants")
    ax.legend(loc="lower right")


def _entries(ax: Axes, table: pd.DataFrame) -> None:
    part = table.assign(draw=table.entries / table.measured)
    sizes = np.sort(part.n.unique())
    ax.plot(sizes, sizes.astype(float) ** 2, "s-", color=plotting.BLACK, label="all of L")
    plotting.spread(ax, part, "n", "preprocessing", label="preprocessing", color=plotting.BLUE, marker="o")
    plotting.spread(ax, part, "n", "draw", label="one draw", color=plotting.GREEN, marker="^")
    ax.set(xscale="log", yscale="log", xlabel="items n", ylabel="entries of L that are read")
    plotting.label_ticks(ax.xaxis, sizes)
    ax.yaxis.minorticks_off()
    ax.set_title("Preprocessing reads O(n), a draw hardly depends on n")
    ax.legend(loc="upper left")


def _timings(ax: Axes, table: pd.DataFrame) -> None:
    for method, (color, marker) in METHODS.items():
        part = table[table.method == method]
        plotting.spread(ax, part, "n", "seconds", label=method, color=color, marker=marker)
    ax.set(xscale="log", yscale="log", xlabel="items n", ylabel="CPU seconds, with one draw")
    plotting.label_ticks(ax.xaxis, table.n)
    ax.yaxis.minorticks_off()
    ax.set_title("No eigendecomposition of L: far cheaper")
    ax.legend(loc="upper left")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Exactness and acceptance above, costs below."""
    figure, axes = plotting.panels(2, 2, width=3.9, height=2.9)
    _law(axes[0, 0], tables["law"])
    _acceptance(axes[0, 1], tables["by_columns"])
    _entries(axes[1, 0], tables["scaling"])
    _timings(axes[1, 1], tables["timings"])
    return figure
