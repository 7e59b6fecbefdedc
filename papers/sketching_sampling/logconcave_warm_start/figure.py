"""Warmness against the dimension, queries, the law of the final states, and log-Sobolev constants."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SCHEDULES = {
    "new": ("new schedule, 1 + 1/√d", plotting.BLUE, "o"),
    "old": ("old schedule, 1 + 1/d", plotting.ORANGE, "s"),
}
ORDERS = {"R2": ("R₂", "-"), "Rinf": ("R∞", "--")}
HALF_WIDTH = 3**0.5


def _warmness(ax: Axes, divergences: pd.DataFrame, chains: pd.DataFrame) -> None:
    first = divergences[divergences.seed == divergences.seed.min()]  # closed forms: the same for all seeds
    for schedule, (_, color, marker) in SCHEDULES.items():
        for order, (name, line) in ORDERS.items():
            part = first[(first.schedule == schedule) & (first.order == order)]
            label = f"{name}, {schedule} schedule"
            ax.plot(part.dimension, part.worst, line, color=color, marker=marker, label=label)
    part = chains[chains.schedule == "new"]
    ax.plot(part.dimension, part.worst_start, "x", color=plotting.BLACK, label="R₂ of the chains, new schedule")
    ax.axhline(0.5, color=plotting.GREY, linewidth=0.8, label="1/2, bound of R₂")
    ax.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="worst divergence in a schedule")
    ax.set_ylim(1e-3, 1e4)
    plotting.label_ticks(ax.xaxis, first.dimension)
    ax.yaxis.minorticks_off()
    ax.set_title("New schedule: R₂ stays bounded, R∞ does not")
    ax.legend(loc="upper left")


def _queries(ax: Axes, chains: pd.DataFrame) -> None:
    for schedule, (label, color, marker) in SCHEDULES.items():
        part = chains[chains.schedule == schedule]
        means = part.groupby("dimension").queries.mean()
        exponent = np.polyfit(np.log(means.index), np.log(means), 1)[0]
        plotting.spread(
            ax, part, "dimension", "queries", label=f"{label}: exponent {exponent:.2f}", color=color, marker=marker
        )
    ax.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="membership queries per chain")
    plotting.label_ticks(ax.xaxis, chains.dimension)
    ax.set_title("Half a power of d is saved")
    ax.legend(loc="upper left")


def _marginals(ax: Axes, table: pd.DataFrame) -> None:
    for schedule, (label, color, marker) in SCHEDULES.items():
        part = table[table.schedule == schedule]
        plotting.spread(ax, part, "x", "density", label=label, color=color, marker=marker)
    ax.axhline(1 / (2 * HALF_WIDTH), color=plotting.BLACK, linewidth=1, linestyle=":", label="uniform law")
    ax.set(ylim=(0, 0.5), xlim=(-HALF_WIDTH, HALF_WIDTH), xlabel="coordinate of the final state", ylabel="density")
    ax.set_title(f"Both end at the uniform law, d = {table.dimension.iloc[0]}")
    ax.legend(loc="lower center")


def _log_sobolev(ax: Axes, table: pd.DataFrame) -> None:
    first = table[table.seed == table.seed.min()]  # no randomness
    scales = {
        "B / variance": (first.deviation**2, plotting.ORANGE, "s"),
        "B / (D × deviation)": (first.diameter * first.deviation, plotting.BLUE, "o"),
        "B / D²": (first.diameter**2, plotting.PINK, "^"),
    }
    for label, (scale, color, marker) in scales.items():
        ax.plot(first.diameter / first.deviation, first.functional / scale, color=color, marker=marker, label=label)
    ax.set(xscale="log", yscale="log", xlabel="D / deviation", ylabel="B over its prediction", ylim=(1e-3, 1e4))
    ax.set_title("Log-Sobolev: diameter times deviation")
    ax.legend(loc="upper left")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Divergences, queries, marginals and log-Sobolev functionals, on a two by two grid."""
    figure, axes = plotting.panels(2, 2, width=4.1, height=3.1)
    _warmness(axes[0, 0], tables["divergences"], tables["chains"])
    _queries(axes[0, 1], tables["chains"])
    _marginals(axes[1, 0], tables["histogram"])
    _log_sobolev(axes[1, 1], tables["log_sobolev"])
    return figure
