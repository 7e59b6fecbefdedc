"""Six panels: named bases, random bases, the gap, the frontier, Monte Carlo errors, and win rates."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The named bases are the same for all seeds; random bases are shown of the first."""
    figure, axes = plotting.panels(2, 3)
    random = tables["random"].query("seed == seed.min()")
    draw_named(axes[0, 0], tables["named"].query("seed == seed.min()"))
    draw_random(axes[0, 1], random)
    draw_gap(axes[0, 2], random)
    draw_frontier(axes[1, 0], tables["frontier"].query("seed == seed.min()"))
    draw_monte_carlo(axes[1, 1], tables["monte_carlo"])
    draw_win_rate(axes[1, 2], random)
    return figure


def draw_named(ax: Axes, table: pd.DataFrame) -> None:
    rows = table[table.base == table.base.iloc[0]]
    ax.plot(rows.n, rows.formula, "--", color=plotting.BLACK, label="log n − (n−1)/n", zorder=3)
    for color, (name, rows) in zip(plotting.COLORS, table.groupby("base", sort=False), strict=False):
        ax.plot(rows.n, rows.divergence, color=color, label=str(name))
        ax.plot(rows.n, rows.estimate, "o", color=color, markersize=3)
    ax.set(title="(a) The expression is only a bound", xlabel="n", ylabel="divergence from the base (nats)")
    ax.set_xscale("log", base=2)
    ax.legend()


def draw_random(ax: Axes, table: pd.DataFrame) -> None:
    ax.plot(table.divergence, table.formula, ".", color=plotting.BLACK, markersize=3, label="expression")
    ax.plot(table.divergence, table.estimate, ".", color=plotting.BLUE, markersize=3, label="estimate")
    end = table.divergence.max()
    ax.plot([0, end], [0, end], color=plotting.GREY, linewidth=0.8)
    ax.set(
        title="(b) Random bases: the estimate is nearly exact",
        xlabel="exact divergence (nats)",
        ylabel="expression, estimate (nats)",
    )
    ax.legend()


def draw_gap(ax: Axes, table: pd.DataFrame) -> None:
    likely = table.n * table.largest
    ax.plot(likely, table.formula - table.divergence, ".", color=plotting.BLACK, markersize=3, label="expression")
    ax.plot(
        likely,
        (table.estimate - table.divergence).clip(lower=1e-9),
        ".",
        color=plotting.BLUE,
        markersize=3,
        label="estimate",
    )
    ax.axvline(1, color=plotting.GREY, linestyle=":")
    ax.set(
        title="(c) The gap opens past n · max p = 1",
        xlabel="n times the largest probability",
        ylabel="excess over the divergence (nats)",
        xscale="log",
        yscale="log",
        ylim=(1e-7, 10),
    )
    ax.legend()


def draw_frontier(ax: Axes, table: pd.DataFrame) -> None:
    for color, (correlation, rows) in zip(plotting.COLORS, table.groupby("correlation"), strict=False):
        mean = rows.groupby("n").mean()
        ax.plot(mean.divergence, mean.reward_gain, "-o", color=color, label=f"correlation {correlation:g}")
        ax.plot(mean.formula, mean.reward_gain, "--", color=color)
    ax.plot([], [], "--", color=plotting.GREY, label="by the expression")
    ax.set(
        title="(d) Reward costs less than claimed",
        xlabel="divergence from the base (nats)",
        ylabel="gain of expected reward",
    )
    ax.legend()


def draw_monte_carlo(ax: Axes, table: pd.DataFrame) -> None:
    for color, (name, rows) in zip(plotting.COLORS, table.groupby("estimate", sort=False), strict=False):
        plotting.spread(ax, rows, "winners", "relative_error", str(name), color, marker="o")
    ax.set(
        title="(e) Estimates from m winners, n = 16",
        xlabel="winners m",
        ylabel="RMS error / divergence",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_win_rate(ax: Axes, table: pd.DataFrame) -> None:
    rounds = np.sort(table.n.unique())
    ax.plot(table.n, table.win_rate, ".", color=plotting.BLUE, markersize=3, label="random bases")
    ax.plot(rounds, rounds / (rounds + 1), "--", color=plotting.BLACK, label="n/(n+1)")
    ax.set(
        title="(f) The win rate stays below its bound",
        xlabel="n",
        ylabel="win rate against the base",
        ylim=(0.35, 1.02),
    )
    ax.set_xscale("log", base=2)
    ax.legend(loc="lower right")
