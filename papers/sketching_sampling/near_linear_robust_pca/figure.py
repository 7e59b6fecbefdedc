"""Retained variance against strength, lost variance against gamma, products against the dimension, and the stream."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

STYLES = {
    "clean points only": dict(color=plotting.BLACK, linestyle="--", marker=""),
    "fast filter": dict(color=plotting.BLUE, marker="o"),
    "top-eigenvector filter": dict(color=plotting.GREEN, marker="^", linestyle=":"),
    "PCA": dict(color=plotting.RED, marker="s"),
    "pruned PCA": dict(color=plotting.ORANGE, marker="v", linestyle=":"),
}
CONSTANT = 8


def _strengths(ax: Axes, table: pd.DataFrame) -> None:
    for method, style in STYLES.items():
        own = table[table.method == method].groupby(["strength", "seed"], as_index=False).retained.mean()
        plotting.spread(ax, own, "strength", "retained", label=method, **style)
    ax.set(xscale="log", xlabel="strength of the outliers / ordinary variance", ylim=(0.45, 1.02))
    ax.set_ylabel("retained variance v'Σv / ||Σ||")
    plotting.label_ticks(ax.xaxis, table.strength)
    ax.set_title("Stronger than the spike: PCA is lost")
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.55))


def _boundary(ax: Axes, table: pd.DataFrame) -> None:
    worst = table.groupby(["method", "gamma", "seed"], as_index=False).loss.max()
    for method, style in STYLES.items():
        if (worst.method == method).any():
            plotting.spread(ax, worst[worst.method == method], "gamma", "loss", label=method, **style)
    gammas = np.sort(table.gamma.unique())
    ax.plot(gammas, CONSTANT * gammas, color=plotting.GREY, linewidth=1, label=f"{CONSTANT}γ (claim)")
    ax.set(xscale="log", yscale="log", xlabel="γ = ε log(1/ε)", ylabel="largest lost variance / ||Σ||")
    plotting.label_ticks(ax.xaxis, gammas, [f"{value:.3f}" for value in gammas])
    ax.yaxis.minorticks_off()
    ax.set_title("Worst spike and strength: the filter loses a few γ")
    ax.legend(loc="upper left", ncols=2)
    ax.set_ylim(0.01, 6)


def _products(ax: Axes, table: pd.DataFrame) -> None:
    own = table[table.eps == table.eps.max()]
    means = own.groupby(["method", "dimension", "seed"], as_index=False).products.mean()
    for method in ("fast filter", "top-eigenvector filter"):
        plotting.spread(ax, means[means.method == method], "dimension", "products", label=method, **STYLES[method])
    dimensions = np.geomspace(own.dimension.min(), own.dimension.max(), 50)
    ax.plot(dimensions, 12 * np.log(dimensions) ** 2, color=plotting.GREY, linewidth=1, label="12 log(d)² (claim)")
    start = means[means.method == "fast filter"].products.min()
    plotting.power_guide(ax, dimensions, start, 1, "∝ d", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="matrix-vector products")
    plotting.label_ticks(ax.xaxis, own.dimension)
    ax.set_ylim(10, 6000)
    ax.set_title(f"Products of the fast filter: polylog in d (ε = {own.eps.iloc[0]:g})")
    ax.legend(loc="upper left", ncols=2)


def _streams(ax: Axes, table: pd.DataFrame) -> None:
    for method in ("clean points only", "fast filter", "PCA"):
        own = table[table.method == method].groupby(["dimension", "seed"], as_index=False).retained.mean()
        plotting.spread(ax, own, "dimension", "retained", label=method, **STYLES[method])
    filtered = table[table.method == "fast filter"]
    sizes = filtered.groupby("dimension")[["words", "n_read"]].mean()
    ticks = [f"{d}\n{row.words / d:.0f} d floats\n{row.n_read / d:.0f} d read" for d, row in sizes.iterrows()]
    ax.set(xscale="log", xlabel="dimension d, memory and points read by the filter", ylim=(0.45, 1.03))
    ax.set_ylabel("retained variance v'Σv / ||Σ||")
    plotting.label_ticks(ax.xaxis, sizes.index, ticks)
    ax.set_xlim(sizes.index[0] / 1.25, sizes.index[-1] * 1.25)
    ax.set_title("One pass with O(d) memory suffices")
    ax.legend(loc="center right")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """The four experiments on a two by two grid."""
    figure, axes = plotting.panels(2, 2, width=3.9, height=3.0)
    _strengths(axes[0, 0], tables["strengths"])
    _boundary(axes[0, 1], tables["boundary"])
    _products(axes[1, 0], tables["hidden"])
    _streams(axes[1, 1], tables["streams"])
    return figure
