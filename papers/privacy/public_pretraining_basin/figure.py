"""The two-phase loss above and to the left; networks on digits in the other panels."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting
from litmus.fitting import log_log_slope

PROCEDURES = {  # procedure: colour, marker
    "private only": (plotting.RED, "o"),
    "public only": (plotting.ORANGE, "s"),
    "combined": (plotting.BLUE, "^"),
    "not private": (plotting.BLACK, "D"),
}
STARTS = {"scratch": (plotting.RED, "from scratch"), "public": (plotting.BLUE, "public start")}
PLACEMENTS = ("private only", "public only", "after", "amid", "before")


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels."""
    figure, ((losses, needed, accuracies), (rates, placements, segments)) = plotting.panels(2, 3, width=3.7, height=3.0)
    draw_losses(losses, tables["losses"], tables["descents"])
    draw_needed(needed, tables["needed"])
    draw_accuracies(accuracies, tables["accuracies"])
    draw_rates(rates, tables["accuracies"])
    draw_placements(placements, tables["placements"])
    draw_segments(segments, tables["segments"])
    return figure


def draw_losses(ax: Axes, losses: pd.DataFrame, descents: pd.DataFrame) -> None:
    dimension = losses.dimension.max()
    losses = losses[losses.dimension == dimension]
    best = losses.groupby(["seed", "procedure", "n_samples"], as_index=False).loss.min()
    descents = descents[(descents.dimension == dimension) & descents.is_chosen]
    for procedure, (color, marker) in PROCEDURES.items():
        plotting.spread(ax, best[best.procedure == procedure], "n_samples", "loss", procedure, color, marker=marker)
        means = descents[descents.procedure == procedure].groupby("n_samples").loss.mean()
        ax.plot(means.index, means, ":", color=color, marker=marker, markerfacecolor="white")
    ax.plot([], [], ":", color=plotting.GREY, marker="o", markerfacecolor="white", label="by gradient descent")
    ax.set(
        title=f"(a) Combined needs far fewer samples, p = {dimension}",
        xlabel="private samples n",
        ylabel="population loss",
        xscale="log",
        ylim=(-0.05, 1.5),
        yticks=np.linspace(0, 1, 6),
    )
    plotting.label_ticks(ax.xaxis, losses.n_samples)
    ax.legend(loc="upper center", ncols=2, columnspacing=1.0)


def draw_needed(ax: Axes, needed: pd.DataFrame) -> None:
    for color, marker, ((part, share), rows) in zip(
        plotting.COLORS, plotting.MARKERS, needed.groupby(["part", "basin_share"]), strict=False
    ):
        means = rows.groupby("dimension").n_samples.mean()
        slope = log_log_slope(means.index, means).value
        label = f"{part}, {share:.0%} for the basin: slope {slope:.2f}"
        plotting.spread(ax, rows, "dimension", "n_samples", label, color, marker=marker)
    lowest = needed.n_samples.min()
    plotting.power_guide(ax, needed.dimension, 0.8 * lowest, 0.5, "$\\sqrt{p}$", linestyle="--")
    ax.set(
        title="(b) With half the budget: about $\\sqrt{p}$ samples",
        xlabel="dimension p of the basin",
        ylabel="private samples to loss 0.5",
        xscale="log",
        yscale="log",
        ylim=(0.6 * lowest, 6 * needed.n_samples.max()),
    )
    plotting.label_ticks(ax.xaxis, needed.dimension)
    plotting.label_ticks(ax.yaxis, [500, 1000, 2000, 4000])
    ax.legend(loc="upper left")


def draw_accuracies(ax: Axes, accuracies: pd.DataFrame) -> None:
    chosen = accuracies[accuracies.is_chosen]
    for start, (color, label) in STARTS.items():
        rows = chosen[chosen.start == start]
        plotting.spread(ax, rows[np.isfinite(rows.epsilon)], "epsilon", "test_accuracy", label, color, marker="o")
        ceiling = rows[np.isinf(rows.epsilon)].test_accuracy.mean()
        style = "--" if start == "scratch" else ":"
        ax.axhline(ceiling, color=color, linestyle=style, label=f"{label}, not private")
    epsilons = np.unique(chosen.epsilon[np.isfinite(chosen.epsilon)])
    ax.set(
        title="(c) The public start pays under privacy only",
        xlabel="privacy budget $\\epsilon$",
        ylabel="test accuracy",
        ylim=(0, 1.03),
        xticks=epsilons,
    )
    ax.legend(loc="lower right")


def draw_rates(ax: Axes, accuracies: pd.DataFrame) -> None:
    tightest = accuracies[accuracies.epsilon == accuracies.epsilon.min()]
    for start, (color, label) in STARTS.items():
        rows = tightest[tightest.start == start]
        plotting.spread(ax, rows, "rate", "test_accuracy", label, color, marker="o")
        chosen = rows[rows.is_chosen]
        ax.plot(chosen.rate, chosen.test_accuracy, "*", color=color, markersize=9, markeredgecolor="black")
    ax.plot([], [], "*", color="white", markersize=9, markeredgecolor="black", label="chosen in training, each seed")
    ax.set(
        title=f"(d) No step size lets scratch catch up, $\\epsilon$ = {tightest.epsilon.min()}",
        xlabel="step size",
        ylabel="test accuracy",
        xscale="log",
        ylim=(0, 1.3),
        yticks=np.linspace(0, 1, 6),
    )
    plotting.label_ticks(ax.xaxis, tightest.rate)
    ax.legend(loc="upper right")


def draw_placements(ax: Axes, placements: pd.DataFrame) -> None:
    chosen = placements[placements.is_chosen]
    for position, placement in enumerate(PLACEMENTS):
        values = chosen.test_accuracy[chosen.placement == placement]
        ax.barh(position, values.mean(), color=plotting.SKY, height=0.6)
        ax.plot(values, np.full(len(values), position), "o", color=plotting.BLUE)
    ax.set(
        title="(e) Public steps before, amid, after the private ones",
        xlabel="test accuracy",
        yticks=range(len(PLACEMENTS)),
        yticklabels=PLACEMENTS,
        xlim=(0, 1),
    )
    ax.grid(axis="y", visible=False)


def draw_segments(ax: Axes, segments: pd.DataFrame) -> None:
    for color, marker, ((first, second), rows) in zip(
        plotting.COLORS, plotting.MARKERS, segments.groupby(["first", "second"]), strict=False
    ):
        plotting.spread(ax, rows, "position", "loss", f"{first} → {second}", color, marker=marker)
    ax.set(
        title="(f) A barrier only to another initialisation",
        xlabel="position on the segment",
        ylabel="cross-entropy on test images [nats]",
        ylim=(0, 1.7 * segments.loss.max()),
    )
    ax.legend(loc="upper left")
