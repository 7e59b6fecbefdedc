"""Scaled errors against d, against the sparsity and against the rows of the sketch, and two error vectors."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

HARD, SRHT, SPARSE = "identity", "SRHT", "sparse"
DENSE = {SRHT: plotting.BLUE, "Gaussian": plotting.BLACK, "random signs": plotting.GREY}
SPARSITIES = {2: plotting.RED, 4: plotting.ORANGE, 8: plotting.PINK, 16: plotting.GREEN}


def _log_axes(ax: Axes, ticks: pd.Series, errors: list[float]) -> None:
    ax.set(xscale="log", yscale="log")
    plotting.label_ticks(ax.xaxis, ticks)
    plotting.label_ticks(ax.yaxis, errors)


def _dimension(ax: Axes, errors: pd.DataFrame) -> None:
    hard = errors[errors.instance == HARD]
    for s, color in SPARSITIES.items():
        plotting.spread(ax, hard[hard.nonzeros == s], "d", "median", f"sparse, s = {s}", color, marker="o")
    for name, color in DENSE.items():
        plotting.spread(ax, hard[hard.sketch == name], "d", "median", name, color, marker="s", markersize=3)
    plotting.power_guide(ax, hard.d, 0.6, 0.5, "slope 1/2")
    _log_axes(ax, hard.d, [0.5, 1, 2, 4])
    ax.set(xlabel="columns d; m = 8d rows", ylabel="scaled error", ylim=(0.45, 12))
    ax.set_title("Few non-zeros: the error grows like √d")
    ax.legend(ncols=2, loc="upper left", columnspacing=1)


def _sparsity(ax: Axes, errors: pd.DataFrame) -> None:
    part = errors[(errors.d == errors.d.max()) & (errors.instance == HARD)]
    sparse, dense = part[np.isfinite(part["median"]) & (part.sketch == SPARSE)], part[part.sketch == SRHT]
    plotting.spread(ax, sparse, "nonzeros", "median", "sparse", plotting.RED, marker="o")
    ax.axhline(dense["median"].mean(), color=plotting.BLUE, label="SRHT, as dense as can be")
    if len(dense) > 1:
        ax.axhspan(dense["median"].min(), dense["median"].max(), color=plotting.BLUE, alpha=0.2, linewidth=0)
    singular = sorted(set(part.nonzeros[part.sketch == SPARSE]) - set(sparse.nonzeros))
    for s in singular:
        ax.axvspan(s / 1.3, s * 1.3, color=plotting.GREY, alpha=0.3, linewidth=0)
        ax.annotate("singular", (s, 0.5), (0, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                    rotation=90, ha="center", va="center")  # fmt: skip
    _log_axes(ax, part.nonzeros[part.sketch == SPARSE], [0.5, 1, 2, 4])
    ax.set(xlabel="non-zeros s in each column of S", ylabel="scaled error", ylim=(0.45, 6))
    ax.set_title(f"d = {part.d.max()}: denser sketches are better")
    ax.legend(loc="upper right")


def _rows(ax: Axes, rates: pd.DataFrame) -> None:
    plotting.spread(ax, rates, "m", "error", "SRHT", plotting.BLUE, marker="s")
    plotting.power_guide(ax, rates.m, rates.error[rates.m == rates.m.min()].mean(), -0.5, "slope −1/2")
    _log_axes(ax, rates.m, [0.25, 0.5, 1])
    ax.set(xlabel="rows m of the sketch", ylabel="scaled error")
    ax.set_title(f"Gaussian features, d = {rates.d.max()}: error like 1/√m")
    ax.legend(loc="upper right")


def _coordinates(ax: Axes, coordinates: pd.DataFrame) -> None:
    first = coordinates[coordinates.seed == coordinates.seed.min()]
    for name, label, color in ((SPARSE, "sparse, s = 2", plotting.RED), (SRHT, SRHT, plotting.BLUE)):
        part = first[first.sketch == name]
        ax.plot(part.coordinate, part.error, ".", color=color, label=label, markersize=4 if name == SPARSE else 3)
    ax.set(xlabel="coordinate j", ylabel="√d (x′ − x*)$_j$", ylim=(None, 1.35 * first.error.abs().max()))
    ax.set_title("One draw: few coordinates carry the sparse error")
    ax.legend(ncols=2, loc="upper right")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Errors against d, s and m, and two error vectors, on a two by two grid."""
    figure, axes = plotting.panels(2, 2, width=4.3, height=3.1)
    _dimension(axes[0, 0], tables["errors"])
    _sparsity(axes[0, 1], tables["errors"])
    _rows(axes[1, 0], tables["rates"])
    _coordinates(axes[1, 1], tables["coordinates"])
    return figure
