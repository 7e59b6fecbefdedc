"""Gradient norms over the budget, the ambient dimension and the sample size, and the number of steps chosen."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

GRADIENT_DESCENT = ("noisy gradient descent", plotting.ORANGE, "s")
SPIDER = ("private SPIDER", plotting.BLUE, "o")
METHODS = {"gradient descent": GRADIENT_DESCENT, "spider": SPIDER}
LINEAR = {  # method and features: label, colour, marker
    ("spider", "ambient"): SPIDER,
    ("gradient descent", "ambient"): GRADIENT_DESCENT,
    ("spider", "projected"): ("projection, then SPIDER", plotting.GREEN, "^"),
}
BUDGETS = {
    "scarce": (r"$\rho = 10^{-3}$, privacy binds", plotting.RED, "v", -1.0),
    "plenty": (r"$\rho = 10^3$, it does not", plotting.SKY, "D", -0.5),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels; bands span the seeds."""
    figure, ((budget, dimension), (size, steps)) = plotting.panels(2, 2, width=3.8, height=3.0)
    draw_budgets(budget, tables["budgets"])
    draw_dimensions(dimension, tables["dimensions"])
    draw_sizes(size, tables["sizes"])
    draw_steps(steps, tables["budgets"])
    return figure


def draw_budgets(ax: Axes, budgets: pd.DataFrame) -> None:
    exponents = {"gradient descent": (-1 / 2, "$\\nu^{-1/2}$", ":"), "spider": (-2 / 3, "$\\nu^{-2/3}$", "--")}
    for name, (label, color, marker) in METHODS.items():
        rows = budgets[budgets.method == name]
        plotting.spread(ax, rows, "effective_size", "norm", label, color, marker=marker)
        means = rows.groupby("effective_size").norm.mean()
        exponent, guide, style = exponents[name]
        plotting.power_guide(ax, means.index, means.iloc[0], exponent, guide, linestyle=style)
    ax.set(
        title="(a) SPIDER falls faster than $\\nu^{-2/3}$",
        xlabel="effective sample size $\\nu = n\\sqrt{2\\rho}$",
        ylabel="gradient norm",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, budgets.effective_size.round())
    ax.legend()


def draw_dimensions(ax: Axes, dimensions: pd.DataFrame) -> None:
    for (name, features), (label, color, marker) in LINEAR.items():
        rows = dimensions[(dimensions.method == name) & (dimensions.features == features)]
        plotting.spread(ax, rows, "ambient", "norm", label, color, marker=marker)
    ax.set(
        title="(b) Projection nearly frees SPIDER of d",
        xlabel="ambient dimension d (rank 5)",
        ylabel="gradient norm",
        xscale="log",
        yscale="log",
        ylim=(None, 3 * dimensions.norm.max()),
    )
    plotting.label_ticks(ax.xaxis, dimensions.ambient)
    ax.legend(loc="upper left")


def draw_sizes(ax: Axes, sizes: pd.DataFrame) -> None:
    for budget, (label, color, marker, exponent) in BUDGETS.items():
        rows = sizes[sizes.budget == budget]
        plotting.spread(ax, rows, "n_samples", "norm", label, color, marker=marker)
        means = rows.groupby("n_samples").norm.mean()
        guide, style = ("$n^{-1}$", "--") if exponent == -1 else ("$n^{-1/2}$", ":")
        plotting.power_guide(ax, means.index, 0.7 * means.iloc[0], exponent, guide, linestyle=style)
    ax.set(
        title="(c) Convex losses: two rates in n",
        xlabel="samples n",
        ylabel="population gradient norm",
        xscale="log",
        yscale="log",
        ylim=(None, 5 * sizes.norm.max()),
    )
    ax.legend(loc="upper right", ncols=2, columnspacing=0.8, handlelength=1.4)


def draw_steps(ax: Axes, budgets: pd.DataFrame) -> None:
    for name, (label, color, marker) in METHODS.items():
        rows = budgets[budgets.method == name]
        plotting.spread(ax, rows, "effective_size", "n_steps", label, color, marker=marker)
    ax.set(
        title="(d) More budget is spent on more steps",
        xlabel="effective sample size $\\nu = n\\sqrt{2\\rho}$",
        ylabel="best number of steps R",
        xscale="log",
    )
    ax.set_yscale("log", base=2)
    ax.set_ylim(None, 6 * budgets.n_steps.max())
    plotting.label_ticks(ax.xaxis, budgets.effective_size.round())
    ax.legend(loc="upper left")
