"""Errors against noise and sample size, convergence of the population method, errors by iteration."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

METHODS = {
    "p = 3": (plotting.BLUE, "-", "o"),
    "p = 4": (plotting.ORANGE, "-", "s"),
    "p = 5": (plotting.GREEN, "-", "^"),
    "p = 6": (plotting.PINK, "-", "D"),
    "l1": (plotting.BLACK, "--", "v"),
    "alternation": (plotting.GREY, "--", "P"),
}
THETAS = {0.1: plotting.BLUE, 0.3: plotting.ORANGE, 0.5: plotting.GREEN}


def _medians(table: pd.DataFrame, x: str) -> pd.DataFrame:
    """Median error over draws, for every seed."""
    return table.groupby(["seed", x]).error.median().reset_index()


def _noise(ax: Axes, table: pd.DataFrame) -> None:
    for method, (color, line, marker) in METHODS.items():
        part = _medians(table[table.method == method], "sigma")
        part = part[part.error > 1e-6]  # without noise the l1 norm recovers exactly: off the axis
        plotting.spread(ax, part, "sigma", "error", label=method, color=color, linestyle=line, marker=marker)
    ax.set(yscale="log", ylim=(2e-3, 1.2), xlabel="noise σ", ylabel="error of the dictionary")
    ax.set_title("Tuned baselines win in weak noise, p = 3 in strong")
    ax.legend(ncols=2, loc="lower right")


def _samples(ax: Axes, table: pd.DataFrame) -> None:
    part = table[(table.n == table.n.min()) & (table.sigma > 0)]
    for p in (3, 4, 5):
        color, line, marker = METHODS[f"p = {p}"]
        rows = _medians(part[part.p == p], "r")
        plotting.spread(ax, rows, "r", "error", label=f"p = {p}", color=color, linestyle=line, marker=marker)
    ax.set(xscale="log", yscale="log", xlabel="samples r", ylabel="error of the dictionary")
    plotting.label_ticks(ax.xaxis, part.r)
    ax.set_title("σ = 0.3: the smaller p, the smaller the error")
    ax.legend()


def _population(ax: Axes, table: pd.DataFrame) -> None:
    part = table[(table.seed == table.seed.min()) & (table.p == 3)]
    for theta, color in THETAS.items():
        for start, rows in part[part.theta == theta].groupby("start"):
            ax.plot(rows.iteration, rows.off, color=color, label=f"θ = {theta}" if start == 0 else None, linewidth=1)
        guide = range(10)
        ax.plot(guide, [1e-2 * theta**t for t in guide], ":", color=color, linewidth=1.2)
    ax.set(yscale="log", ylim=(1e-11, 3), xlabel="iteration", ylabel="distance from an atom's axis")
    ax.set_title("Population, p = 3: rate θ in the end (dotted)")
    ax.legend()


def _traces(ax: Axes, table: pd.DataFrame) -> None:
    for method, (color, line, _) in METHODS.items():
        rows = _medians(table[table.method == method], "iteration")
        plotting.spread(ax, rows, "iteration", "error", label=method, color=color, linestyle=line)
    ax.axhline(0.1, color=plotting.GREY, linewidth=0.8)
    ax.set(yscale="log", xlabel="iteration", ylabel="error of the dictionary")
    ax.set_title("σ = 0.2: tuned baselines need fewer iterations")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Noise, samples, population and iterations, on a two by two grid."""
    figure, axes = plotting.panels(2, 2, width=4.2, height=3.1)
    _noise(axes[0, 0], tables["noise"])
    _samples(axes[0, 1], tables["cells"])
    _population(axes[1, 0], tables["population"])
    _traces(axes[1, 1], tables["traces"])
    return figure
