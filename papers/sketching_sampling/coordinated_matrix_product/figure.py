"""Errors against storage and overlap, what sampling saves over CountSketch, and the regression on a join."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SKETCHES = {
    "independent hashes": ("norm sampling, independent hashes", plotting.RED, "X", ":"),
    "JL": ("JL (random signs)", plotting.BLACK, "s", "-"),
    "CountSketch": ("CountSketch", plotting.ORANGE, "^", "--"),
    "uniform": ("uniform, shared hashes", plotting.PINK, "D", "-"),
    "threshold": ("threshold, shared hashes", plotting.BLUE, "o", "-"),
    "priority": ("priority, shared hashes", plotting.SKY, "v", "--"),
}
REGRESSIONS = {
    "CountSketch": ("CountSketch", plotting.ORANGE, "^"),
    "priority": ("priority: $A^T b$ estimated", plotting.SKY, "v"),
    "joined sample": ("priority: regression on joined samples", plotting.GREEN, "P"),
}


def _curves(ax: Axes, table: pd.DataFrame, x: str) -> None:
    for name, (label, color, marker, line) in SKETCHES.items():
        keywords = dict(color=color, marker=marker, linestyle=line, linewidth=1.1)
        plotting.spread(ax, table[table.sketch == name], x, "error", label=label, **keywords)
    trivial = table.groupby(x).trivial.mean()
    ax.plot(trivial.index, trivial, color=plotting.GREY, linewidth=0.9, label="estimate 0")


def _sizes(ax: Axes, storages: np.ndarray) -> None:
    """A logarithmic axis whose only labels are the storages."""
    ax.set_xscale("log")
    plotting.label_ticks(ax.xaxis, storages, [f"{x:,}" for x in storages])


def _storage(ax: Axes, table: pd.DataFrame, n_nonzeros: int) -> None:
    part = table[table.n_nonzeros == n_nonzeros]
    _curves(ax, part, "storage")
    _sizes(ax, np.unique(part.storage))
    ax.set(yscale="log", xlabel="storage per matrix (words)", ylabel="error / (‖A‖ ‖B‖)")
    ax.set_title(f"{n_nonzeros} non-zeros a row: sampling beats linear sketches")


def _gains(ax: Axes, errors: pd.DataFrame, attention: pd.DataFrame) -> None:
    cells = {f"{s} of 100 non-zero": part for s, part in errors.groupby("n_nonzeros")}
    cells["100 of 100 (dense)"] = cells.pop("100 of 100 non-zero")
    cells["synthetic attention"] = attention
    colors = dict(zip(np.unique(errors.linear_rows), plotting.COLORS, strict=False))
    for row, part in enumerate(reversed(cells.values())):
        wide = part.pivot(index=["linear_rows", "seed"], columns="sketch", values="error")
        saving = (wide["CountSketch"] / wide["priority"]) ** 2
        for i, (n_rows, color) in enumerate(colors.items()):
            own = saving.loc[n_rows]
            label = f"storage of {n_rows} linear rows" if row == 0 else None
            ax.plot(own, np.full(len(own), row + 0.2 - 0.2 * i), "o", color=color, alpha=0.8, label=label)
    ax.axvline(1, color=plotting.GREY, linewidth=0.9)
    ax.set_yticks(range(len(cells)), labels=list(reversed(cells)))
    ax.set(xscale="log", xlabel="squared error of CountSketch / of priority sampling", ylim=(-0.5, len(cells) - 0.1))
    ax.set_xticks([1, 3, 10, 30], labels=["1", "3", "10", "30"])
    ax.set_title("The saving in storage shrinks with density, to none")
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.34))


def _overlap(ax: Axes, table: pd.DataFrame) -> None:
    _curves(ax, table, "overlap")
    ax.set(yscale="log", xlabel="rows non-zero in both matrices (fraction)", ylabel="error / (‖A‖ ‖B‖)")
    ax.set_title("Smaller overlap helps coordinated samples (10 non-zeros)")


def _regression(ax: Axes, table: pd.DataFrame) -> None:
    for name, (label, color, marker) in REGRESSIONS.items():
        plotting.spread(ax, table[table.sketch == name], "storage", "excess", label=label, color=color, marker=marker)
    ax.axhline(table.trivial.mean(), color=plotting.GREY, linewidth=0.9, label="predict 0")
    _sizes(ax, np.unique(table.storage))
    ax.set(yscale="log", xlabel="storage of both sites (words)", ylabel="excess squared prediction error")
    ax.set_ylim(bottom=table.excess.min() / 6)  # room for the legend
    ax.set_title("Regression on a join, 2000 of 20000 keys shared")
    ax.legend(loc="lower left")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Errors of two non-zeros a row over storage, savings, errors over overlap, and the regression: two by two."""
    figure, axes = plotting.panels(2, 2, width=4.4, height=3.1)
    _storage(axes[0, 0], tables["errors"], tables["errors"].n_nonzeros.min())
    _gains(axes[0, 1], tables["errors"], tables["attention"])
    _overlap(axes[1, 0], tables["overlaps"])
    _regression(axes[1, 1], tables["regression"])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure
