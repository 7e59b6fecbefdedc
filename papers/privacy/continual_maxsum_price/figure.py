"""What continual release costs, and why: errors, their price over one release, and the traced reduction."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting
from litmus.fitting import log_log_slope

ALLOWED = np.tanh(0.5)  # tracing advantage under 1-DP
SERIES = {  # mechanism: label, colour, marker
    "tree, many": ("trees, $d = T^{2/3}$", plotting.RED, "v"),
    "block": ("blocks", plotting.BLUE, "o"),
    "selection": ("blocks, SumSelect, d = 16", plotting.PINK, "D"),
    "tree, few": ("trees, d = 4", plotting.ORANGE, "s"),
    "batch": ("released once", plotting.BLACK, "^"),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels: the mechanisms above, the lower bound below."""
    figure, ((errors, price, trees), (walk, advantage, threshold)) = plotting.panels(2, 3, width=3.7, height=3.0)
    draw_errors(errors, tables["errors"])
    draw_price(price, tables["errors"])
    draw_trees(trees, tables["trees"])
    draw_walk(walk, tables["walk"])
    draw_advantage(advantage, tables["advantages"])
    draw_threshold(threshold, tables["thresholds"])
    return figure


def draw_errors(ax: Axes, errors: pd.DataFrame) -> None:
    for mechanism, (label, color, marker) in SERIES.items():
        rows = errors[errors.mechanism == mechanism]
        plotting.spread(ax, rows, "n_steps", "error", label, color, marker=marker)
    block = errors[errors.mechanism == "block"].groupby("n_steps").error.mean()
    plotting.power_guide(ax, block.index, 0.6 * block.iloc[0], 1 / 3, "$\\propto T^{1/3}$")
    ax.set(
        title="(a) Blocks: about $T^{1/3}$; one release does not grow",
        xlabel="steps T",
        ylabel="largest error over time",
        xscale="log",
        yscale="log",
        ylim=(1.5, 60 * errors.error.max()),
    )
    ax.legend(loc="upper left", ncols=2, columnspacing=1.0)


def draw_price(ax: Axes, errors: pd.DataFrame) -> None:
    table = errors.pivot(index=["seed", "n_steps"], columns="mechanism", values="error")
    ratio = table[["block", "tree, many"]].min(axis=1) / table["batch"]
    rows = ratio.rename("price").reset_index()
    plotting.spread(ax, rows, "n_steps", "price", "better of blocks and trees", plotting.BLUE, marker="o")
    steps = np.unique(rows.n_steps)
    plotting.power_guide(ax, steps, steps[0] ** (1 / 3), 1 / 3, "$T^{1/3}$")
    ax.set(
        title="(b) The price stays above $T^{1/3}$, $d = T^{2/3}$",
        xlabel="steps T",
        ylabel="error / error of one release",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_trees(ax: Axes, trees: pd.DataFrame) -> None:
    plotting.spread(ax, trees, "n_coordinates", "error", "tree counters", plotting.ORANGE, marker="s")
    counts = np.unique(trees.n_coordinates)
    plotting.power_guide(
        ax, counts, 0.7 * trees.error[trees.n_coordinates == counts[0]].mean(), 0.5, "$\\propto \\sqrt{d}$"
    )
    ax.set(
        title=f"(c) Trees pay about $\\sqrt{{d}}$, T = {trees.n_steps.iloc[0]}",
        xlabel="coordinates d",
        ylabel="largest error over time",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_walk(ax: Axes, walk: pd.DataFrame) -> None:
    rows = walk[walk.seed == walk.seed.min()]
    read = rows[rows.is_read]
    ax.plot(rows.step, rows.maximum, color=plotting.BLUE, label="running maximum")
    ax.plot(read.step, read.maximum, "o", color=plotting.RED, label="read: less nj, it is $S_j$")
    for j, (step, maximum, marginal) in enumerate(zip(read.step, read.maximum, read.marginal, strict=True), start=1):
        ax.annotate(f"$S_{j} = {marginal}$", (step, maximum), (4, -11), textcoords="offset points", fontsize=7.5)
    ax.set(
        title="(d) The maximum reveals every marginal, n = 8",
        xlabel="step",
        ylabel="MaxSum",
        xlim=(0, 1.12 * rows.step.max()),
    )
    ax.legend(loc="upper left")


def draw_advantage(ax: Axes, advantages: pd.DataFrame) -> None:
    for color, (n_columns, rows) in zip(plotting.COLORS, advantages.groupby("n_columns"), strict=False):
        plotting.spread(ax, rows, "sigma", "advantage", f"d = {n_columns}", color)
    ax.axhline(ALLOWED, color=plotting.GREY, linestyle=":", label="most under 1-DP")
    ax.set(
        title="(e) Accurate marginals can be traced, $n = \\sqrt{d}$",
        xlabel="sd $\\sigma$ of the error",
        ylabel="tracing advantage",
        xscale="log",
        ylim=(0, 1.05),
    )
    ax.legend()


def draw_threshold(ax: Axes, thresholds: pd.DataFrame) -> None:
    plotting.spread(ax, thresholds, "n_steps", "sigma_star", "measured", plotting.GREEN, marker="o")
    means = thresholds.groupby("n_steps").sigma_star.mean()
    fit = log_log_slope(means.index, means)
    fitted = np.exp(fit.intercept) * means.index.to_numpy() ** fit.value
    ax.plot(means.index, fitted, "--", color=plotting.GREY, label=f"fit, $T^{{{fit.value:.2f}}}$")
    ax.set(
        title="(f) Error needed against tracing, 1-DP",
        xlabel="steps $T = n + 2nd$",
        ylabel="least error $\\sigma^*$",
        xscale="log",
        yscale="log",
    )
    ax.legend()
