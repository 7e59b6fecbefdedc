"""Regret of private players over the horizon, the number of experts and the budget, and one run."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

N_STAGES = 4  # log2 of the 16 experts in panel (d)
SERIES = {  # method: label, colour, marker
    "sparse vector": ("sparse vector", plotting.BLUE, "o"),
    "tree": ("leader on a tree", plotting.ORANGE, "s"),
    "resampled": ("fresh draws", plotting.RED, "^"),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Three sweeps, and one run in detail."""
    figure, ((horizon, experts), (budget, trace)) = plotting.panels(2, 2, width=3.9, height=3.1)
    draw_horizon(horizon, tables["regrets"])
    draw_experts(experts, tables["regrets"])
    draw_budget(budget, tables["regrets"])
    draw_trace(trace, tables["trace"], tables["phases"])
    return figure


def draw_horizon(ax: Axes, regrets: pd.DataFrame) -> None:
    many = regrets[regrets.sweep == "horizon, many experts"]
    label = f"sparse vector, d = {many.n_experts.iloc[0]}"
    plotting.spread(ax, many, "n_steps", "regret", label, plotting.SKY, marker="D")
    rows = regrets[regrets.sweep == "horizon"]
    for name, (label, color, marker) in SERIES.items():
        label = f"{label}, d = {rows.n_experts.iloc[0]}"
        plotting.spread(ax, rows[rows.method == name], "n_steps", "regret", label, color, marker=marker)
    resampled = rows[rows.method == "resampled"].groupby("n_steps").regret.mean()
    plotting.power_guide(ax, resampled.index, 1.5 * resampled.iloc[0], 0.5, "$\\propto \\sqrt{T}$")
    ax.set(
        title="(a) Only fresh draws pay a power of the horizon",
        xlabel="rounds T",
        ylabel="regret",
        xscale="log",
        yscale="log",
        ylim=(0.5 * rows.regret.min(), 25 * regrets.regret.max()),
    )
    ax.legend(loc="upper left", ncols=2, columnspacing=1.0)


def draw_experts(ax: Axes, regrets: pd.DataFrame) -> None:
    tree = regrets[(regrets.sweep == "experts") & (regrets.method == "tree")]
    short = regrets[regrets.sweep == "experts, tree's horizon"]
    long = regrets[(regrets.sweep == "experts") & (regrets.method == "sparse vector")]
    for rows, name, color, marker in (
        (long, "sparse vector", plotting.SKY, "D"),
        (short, "sparse vector", plotting.BLUE, "o"),
        (tree, "leader on a tree", plotting.ORANGE, "s"),
    ):
        label = f"{name}, $T = 2^{{{int(np.log2(rows.n_steps.iloc[0]))}}}$"
        plotting.spread(ax, rows, "n_experts", "regret", label, color, marker=marker)
    counts = np.unique(long.n_experts)
    start = long.regret[long.n_experts == counts[0]].mean()
    polylog = 1.4 * start * (np.log(counts) / np.log(counts[0])) ** 1.5
    ax.plot(counts, polylog, "--", color=plotting.GREY, label="$\\propto \\log^{1.5} d$")
    first = tree.regret[tree.n_experts == tree.n_experts.min()].mean()
    plotting.power_guide(ax, tree.n_experts, 0.7 * first, 0.5, "$\\propto \\sqrt{d}$")
    ax.set(
        title="(b) Tree: a power of d; sparse vector: logarithms",
        xlabel="experts d",
        ylabel="regret",
        xscale="log",
        yscale="log",
        ylim=(None, 8 * max(rows.regret.max() for rows in (tree, short, long))),
    )
    ax.legend(loc="upper left", ncols=2, columnspacing=1.0)


def draw_budget(ax: Axes, regrets: pd.DataFrame) -> None:
    rows = regrets[regrets.sweep == "budget"]
    plotting.spread(ax, rows, "epsilon", "regret", "sparse vector", plotting.BLUE, marker="o")
    budgets = np.unique(rows.epsilon)
    plotting.power_guide(
        ax, budgets, 1.3 * rows.regret[rows.epsilon == budgets[0]].mean(), -1, "$\\propto 1/\\epsilon$"
    )
    ax.set(
        title=f"(c) Regret falls with the budget, d = {rows.n_experts.iloc[0]}",
        xlabel="privacy budget $\\epsilon$",
        ylabel="regret",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, budgets)
    ax.legend()


def draw_trace(ax: Axes, trace: pd.DataFrame, phases: pd.DataFrame) -> None:
    first = trace.seed.min()
    for name, rows in trace[trace.seed == first].groupby("method", sort=False):
        label, color, _ = SERIES[name]
        ax.plot(rows["round"] / 1000, rows.loss, color=color, label=label)
    switches = phases[(phases.seed == first) & (phases["round"] > 0)]
    ax.plot(switches["round"] / 1000, switches.loss, "v", color=plotting.BLACK, label="expert given up")
    for start in np.arange(N_STAGES) * trace["round"].max() / N_STAGES / 1000:
        ax.axvline(start, color=plotting.GREY, linestyle=":", linewidth=0.9)
    ax.set(
        title="(d) One run, d = 16: it loses until the test sees it",
        xlabel="rounds (thousands); dotted: half the experts die",
        ylabel="loss so far",
        ylim=(None, 1.35 * trace.loss[trace.seed == first].max()),
    )
    ax.legend(loc="upper left", facecolor="white", framealpha=1, frameon=True, edgecolor="none")
