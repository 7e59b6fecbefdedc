"""Four panels: gaps on tensors, Powell's cycle, learned atoms, and errors of dictionaries."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

FLOOR = 1e-14  # gaps below are rounding
LOSSES = {"Wasserstein": plotting.BLUE, "Frobenius": plotting.ORANGE}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, axes = plotting.panels(2, 2, width=4.2, height=2.9)
    draw_gaps(axes[0, 0], tables["convergence"])
    draw_powell(axes[0, 1], tables["powell"])
    draw_atoms(axes[1, 0], tables["atoms"])
    draw_errors(axes[1, 1], tables["dictionaries"])
    return figure


def draw_gaps(ax: Axes, table: pd.DataFrame) -> None:
    shown = table.assign(best_gap=table.best_gap.clip(lower=FLOOR))
    for color, (rho, rows) in zip(plotting.COLORS, shown.groupby("rho"), strict=False):
        plotting.spread(ax, rows, "sweep", "best_gap", label=rf"$\rho$ = {rho:g}", color=color)
    ends = [1, table.sweep.max()]
    plotting.power_guide(ax, ends, table.best_gap.max(), -0.5, "$k^{-1/2}$", linestyle="--")
    ax.set(
        title="(a) CP: the gap falls faster than $k^{-1/2}$",
        xlabel="sweep k",
        ylabel="smallest projected gradient",
        xscale="log",
        yscale="log",
    )
    ax.legend(loc="lower left")


def draw_powell(ax: Axes, table: pd.DataFrame) -> None:
    for color, (rho, rows) in zip(plotting.COLORS, table.groupby("rho"), strict=False):
        label = "no proximal term" if rho == 0 else rf"$\rho$ = {rho:g}"
        plotting.spread(ax, rows, "sweep", "gap", label=label, color=color, marker=".")
    ax.set(
        title="(b) Powell, exact: the proximal term ends the cycle",
        xlabel="sweep",
        ylabel="projected gradient",
        xscale="log",
    )
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.4))


def draw_atoms(ax: Axes, table: pd.DataFrame) -> None:
    """Atoms of the first seed, side by side, in one image a row."""
    first = table[table.seed == table.seed.min()]
    names = ["true", *LOSSES]
    n_atoms, side = first.atom.max() + 1, first.row.max() + 1
    image = np.full((len(names) * (side + 1) - 1, n_atoms * (side + 1) - 1), np.nan)
    for place, name in enumerate(names):
        rows = first[first.loss == name]
        image[rows.row + place * (side + 1), rows.column + rows.atom * (side + 1)] = rows.mass
    ax.imshow(image, aspect="equal")
    centres = (side - 1) / 2 + (side + 1) * np.arange(max(n_atoms, len(names)))
    ax.set_xticks(centres[:n_atoms], [str(atom + 1) for atom in range(n_atoms)])
    ax.set_yticks(centres[: len(names)], names)
    ax.grid(False)
    ax.set(title="(c) Elementary laws, true and learned", xlabel="atom", ylabel="loss")


def draw_errors(ax: Axes, table: pd.DataFrame) -> None:
    measures = {"atom_error": "atoms to\ntrue atoms", "fit_error": "mixtures to\ndata"}
    for offset, (name, color) in zip((-0.15, 0.15), LOSSES.items(), strict=True):
        rows = table[table.loss == name]
        for place, column in enumerate(measures):
            label = name if place == 0 else None
            where = place + offset + np.linspace(-0.06, 0.06, len(rows))
            ax.plot(where, rows[column], "o", color=color, alpha=0.7, label=label)
            ax.plot([place + offset - 0.1, place + offset + 0.1], [rows[column].median()] * 2, color=color)
    ax.set(
        title="(d) Errors; a dot is a data set, a bar their median",
        ylabel=r"$W_2^2$ (squared cells)",
        yscale="log",
        xticks=range(len(measures)),
        xticklabels=list(measures.values()),
        xlim=(-0.5, 1.5),
    )
    ax.legend()
