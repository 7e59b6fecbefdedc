"""Eight panels: rotated samples in the plane, a geodesic, LCOT against COT, classification, time, and hues."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

from litmus import plotting

DISTANCES = {
    "COT": plotting.BLUE,
    "LCOT": plotting.ORANGE,
    "interval OT": plotting.GREEN,
    "histogram L2": plotting.PINK,
    "COT by FFT": plotting.SKY,
}
RINGS = {
    "COT": "(a) Rotated samples, COT: a ring",
    "LCOT": "(b) LCOT: a ring as well",
    "interval OT": "(c) Interval OT: torn at the cut",
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The first seed only where points or curves of one data set are drawn."""
    figure, axes = plotting.panels(2, 4, width=3.2, height=2.8)
    first = {name: table[table.seed == table.seed.min()] for name, table in tables.items()}
    for ax, (name, title) in zip(axes[0], RINGS.items(), strict=False):
        points = draw_ring(ax, first["rings"][first["rings"].distance == name], title)
    figure.colorbar(points, ax=axes[0, 2], label="rotation (turns)", aspect=30)
    axes[0, 2].legend(title="concentration", loc="lower center", ncols=3, columnspacing=0.8, handletextpad=0.1)
    draw_geodesic(axes[0, 3], first["interpolation"])
    draw_pairs(axes[1, 0], first["pairs"])
    draw_accuracy(axes[1, 1], tables["accuracy"])
    draw_timing(axes[1, 2], tables["timing"])
    draw_hues(axes[1, 3], first["hues"])
    return figure


def draw_ring(ax: Axes, table: pd.DataFrame, title: str) -> PathCollection:
    for marker, (concentration, rows) in zip(plotting.MARKERS, table.groupby("concentration"), strict=False):
        points = ax.scatter(
            rows["first"], rows["second"], c=rows.phase, cmap="twilight", vmin=0, vmax=1, s=16, marker=marker
        )
        ax.scatter([], [], color=plotting.GREY, s=16, marker=marker, label=f"{concentration:g}")
    ax.set(title=title, xlabel="first coordinate (turns)", ylabel="second coordinate (turns)")
    ax.set_aspect("equal", adjustable="datalim")
    return points


def draw_geodesic(ax: Axes, table: pd.DataFrame) -> None:
    height = table.density.max() * 0.6
    for time, rows in table.groupby("time"):
        base = height * 4 * (1 - time)
        ax.fill_between(rows.position, base, base + rows.density, color=plotting.BLUE, alpha=0.25, linewidth=0)
        ax.plot(rows.position, base + rows.density, color=plotting.BLUE, linewidth=1)
    ax.set(
        title="(d) LCOT geodesic, one mode to two",
        xlabel="position on the circle (turns)",
        ylabel="time (density drawn upwards)",
        xlim=(0, 1),
        yticks=[height * 4 * (1 - time) for time in (0, 0.25, 0.5, 0.75, 1)],
        yticklabels=["0", "1/4", "1/2", "3/4", "1"],
    )


def draw_pairs(ax: Axes, table: pd.DataFrame) -> None:
    for name, color, label in (
        ("families", plotting.BLUE, "mixed families"),
        ("hues", plotting.ORANGE, "hues of tiles"),
    ):
        rows = table[table.data == name]
        ax.plot(rows.cot, rows.lcot, ".", color=color, markersize=3, alpha=0.6, label=label)
    largest = table.lcot.max()
    ax.plot([0, largest], [0, largest], color=plotting.GREY, linewidth=0.9, label="equal")
    ax.set(title="(e) LCOT is never below COT", xlabel="COT distance (turns)", ylabel="LCOT distance (turns)")
    ax.legend(markerscale=2)


def draw_accuracy(ax: Axes, table: pd.DataFrame) -> None:
    names = ["COT", "LCOT", "interval OT", "histogram L2"]
    for place, name in enumerate(names):
        by_seed = table[table.distance == name].groupby("seed").accuracy.mean()
        ax.plot(place + np.linspace(-0.15, 0.15, len(by_seed) + 2)[1:-1], by_seed, "o", color=DISTANCES[name])
        ax.plot([place - 0.25, place + 0.25], [by_seed.mean()] * 2, color=DISTANCES[name])
    ax.set(
        title="(f) Nearest neighbour: how many modes?",
        ylabel="accuracy (dots: seeds)",
        xticks=range(len(names)),
        xticklabels=["COT", "LCOT", "interval\nOT", "histo-\ngram $L^2$"],
    )


def draw_timing(ax: Axes, table: pd.DataFrame) -> None:
    medians = table.groupby(["seed", "distance", "n_measures"], as_index=False).seconds.median()
    for marker, name in zip(plotting.MARKERS, ("COT", "COT by FFT", "LCOT"), strict=False):
        label = "COT by bisection" if name == "COT" else name
        rows = medians[medians.distance == name].assign(milliseconds=lambda rows: 1e3 * rows.seconds)
        plotting.spread(ax, rows, "n_measures", "milliseconds", label=label, color=DISTANCES[name], marker=marker)
    ax.set(
        title="(g) Time of all distances",
        xlabel="number of measures of 500 points",
        ylabel="CPU time (ms)",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, table.n_measures)
    ax.yaxis.minorticks_off()
    ax.legend()


def draw_hues(ax: Axes, table: pd.DataFrame) -> None:
    for marker, (image, rows) in zip(plotting.MARKERS, table.groupby("image"), strict=False):
        colors = hsv_to_rgb(np.column_stack([rows.mean_hue, np.full((len(rows), 2), 0.85)]))
        ax.scatter(
            rows["first"], rows["second"], c=colors, marker=marker, s=18, edgecolors=plotting.BLACK, linewidths=0.4
        )
        ax.scatter([], [], color="white", edgecolors=plotting.BLACK, marker=marker, s=18, label=f"{image}.jpg")
    ax.set(
        title="(h) Hues of image tiles, LCOT",
        xlabel="first coordinate (turns)",
        ylabel="second coordinate (turns)",
    )
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.35 * (high - low))  # room for the legend
    ax.legend(title="colour: mean hue", loc="upper center", ncols=2)
