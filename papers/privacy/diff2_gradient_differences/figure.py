"""What tuned DP-GD and tuned DIFF2 reach, how they get there, and the error of their gradient estimates."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting
from litmus.fitting import log_log_slope

METHODS = {  # method: label, colour, marker, exponent of the theory
    "dp_gd": ("DP-GD", plotting.RED, "s", -1.0),
    "diff2": ("DIFF2", plotting.BLUE, "o", -4 / 3),
}
SERIES = {  # method, anchors: label, colour
    ("dp_gd", None): ("DP-GD", plotting.RED),
    ("diff2", 1): ("DIFF2, T = R", plotting.SKY),
    ("diff2", 4): ("DIFF2, T = R/4", plotting.BLUE),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels: rates, trajectories, errors of estimates, and a network on real data."""
    figure, ((rates, norms), (errors, network)) = plotting.panels(2, 2, width=4.3, height=3.1)
    draw_rates(rates, tables["reached"])
    draw_paths(norms, tables["paths"], "squared_norm")
    norms.set(
        title=r"(b) The way there, $\nu = 2000$ and R = 256",
        ylabel=r"squared gradient norm $\|\nabla F(w_r)\|^2$",
    )
    draw_paths(errors, tables["paths"], "squared_error")
    errors.set(
        title="(c) Noise of differences adds up, but is far smaller",
        ylabel=r"squared error $\|v_r - \nabla F(w_r)\|^2$",
    )
    draw_network(network, tables["network"])
    return figure


def draw_rates(ax: Axes, reached: pd.DataFrame) -> None:
    for method, (label, color, marker, exponent) in METHODS.items():
        rows = reached[reached.method == method]
        means = rows.groupby("nu").squared_norm.mean()
        slope = log_log_slope(means.index, means).value
        label = rf"{label}, $\nu^{{{slope:.2f}}}$"
        plotting.spread(ax, rows, "nu", "squared_norm", label, color, marker=marker)
        power = "-1" if exponent == -1 else "-4/3"
        plotting.power_guide(ax, means.index, means.iloc[0], exponent, rf"$\propto \nu^{{{power}}}$", color=color)
    ax.set(
        title="(a) Gradient differences gain with the budget",
        xlabel=r"budget $\nu = n\sqrt{2\rho}$",
        ylabel="squared gradient norm, best setting",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, reached.nu)
    ax.legend(loc="lower left", ncols=1)


def draw_paths(ax: Axes, paths: pd.DataFrame, column: str) -> None:
    for (method, n_anchors), (label, color) in SERIES.items():
        rows = paths[(paths.method == method) & ((paths.n_anchors == n_anchors) | (n_anchors is None))]
        plotting.spread(ax, rows.assign(step=rows.step + 1), "step", column, label, color)
    ax.set(xlabel="step r + 1", xscale="log", yscale="log")
    ax.legend()


def draw_network(ax: Axes, network: pd.DataFrame) -> None:
    for method, (label, color, marker, _) in METHODS.items():
        rows = network[network.method == method]
        plotting.spread(ax, rows, "epsilon", "squared_norm", label, color, marker=marker)
    ax.set(
        title="(d) A network (193 weights) on 442 patients: no gain",
        xlabel=r"$\epsilon$ at $\delta = 10^{-5}$",
        ylabel="squared gradient norm, best setting",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, network.epsilon)
    ax.legend()
