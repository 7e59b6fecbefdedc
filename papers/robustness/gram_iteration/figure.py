"""Convergence, cost, tightness on kernels, the smaller grid, the gradient, and the regularised network."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

COLORS = {
    "Gram": plotting.BLUE,
    "power": plotting.ORANGE,
    "power, 10": plotting.ORANGE,
    "power, 100": plotting.RED,
    "reshape": plotting.GREEN,
    "sampled Frobenius": plotting.PINK,
    "SVD": plotting.BLACK,
    "none": plotting.BLACK,
}
MARKERS = {
    "Gram": "o",
    "reshape": "^",
    "sampled Frobenius": "s",
    "power, 10": "v",
    "power, 100": "v",
    "SVD": "X",
    "power": "v",
}
FLOOR = 1e-15  # errors below this are drawn on it


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels."""
    figure, ((speed, cost, kernels), (grid, gradient, training)) = plotting.panels(2, 3, width=3.9, height=3.1)
    draw_convergence(speed, tables["convergence"])
    draw_cost(cost, tables["timing"])
    draw_kernels(kernels, tables["bounds"])
    draw_grid(grid, tables["grid"])
    draw_gradient(gradient, tables["gradients"])
    draw_training(training, tables["networks"])
    return figure


def draw_convergence(ax: Axes, convergence: pd.DataFrame) -> None:
    size = convergence[convergence.algorithm == "power"].matrix.str.replace(r" \(.*", "", regex=True).iloc[0]
    rows = convergence[convergence.matrix.str.startswith(size + " ") & (convergence.iteration > 0)]
    rows = rows.assign(size=rows.error.abs().clip(lower=FLOOR))
    for algorithm, label in (("Gram", "Gram, from above"), ("power", "power, from below")):
        curves = rows[rows.algorithm == algorithm].groupby(["seed", "matrix"])
        for i, (_, curve) in enumerate(curves):
            ax.plot(
                curve.iteration, curve["size"], color=COLORS[algorithm], linewidth=0.8, alpha=0.8,
                label=None if i else label,
            )  # fmt: skip
    ax.set(
        title=f"(a) Superlinear against linear, {size}",
        xlabel="iteration",
        ylabel="relative error",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_cost(ax: Axes, timing: pd.DataFrame) -> None:
    median = timing.groupby(["algorithm", "iterations"], as_index=False)[["seconds", "error"]].median()
    for algorithm, rows in median.groupby("algorithm"):
        ax.plot(
            1e3 * rows.seconds,
            rows.error.clip(lower=FLOOR),
            marker=MARKERS[algorithm],
            color=COLORS[algorithm],
            label=algorithm,
        )
    ax.set(
        title="(b) On a CPU both cost as much as an SVD",
        xlabel="CPU time [ms]",
        ylabel="relative error",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_kernels(ax: Axes, bounds: pd.DataFrame) -> None:
    """Gaussian kernels each on its own line; the trained ones together, by regulariser."""
    trained = bounds.origin == "trained"
    line = bounds.kernel.where(~trained, "trained, penalty: " + bounds.kernel.str.split(",").str[0])
    names = list(dict.fromkeys(line))
    rows = bounds.assign(position=line.map(names.index), size=bounds.error.abs().clip(lower=FLOOR))
    offsets = np.linspace(-0.24, 0.24, rows.bound.nunique())
    for offset, (bound, part) in zip(offsets, rows.groupby("bound", sort=False), strict=True):
        face = "none" if bound.startswith("power") else COLORS[bound]
        ax.scatter(
            part["size"], part.position + offset, s=11, marker=MARKERS[bound], label=bound,
            edgecolors=COLORS[bound], facecolors=face,
        )  # fmt: skip
    ax.set_yticks(range(len(names)), names, fontsize=6.5)
    ax.invert_yaxis()
    ax.set(
        title="(c) Far tighter than other upper bounds",
        xlabel="relative error (open: from below)",
        xscale="log",
    )
    ax.legend(fontsize=6.5, loc="upper center", bbox_to_anchor=(0.3, -0.16), ncols=3, columnspacing=1)


def draw_grid(ax: Axes, grid: pd.DataFrame) -> None:
    rows = grid.assign(ratio=grid.bound / grid.norm)
    for i, (kernel, part) in enumerate(rows.groupby("kernel", sort=False)):
        style = "--" if kernel.startswith("hardest") else "-"
        plotting.spread(
            ax, part, "side", "ratio", kernel, plotting.COLORS[i % len(plotting.COLORS)],
            linestyle=style, marker=plotting.MARKERS[i % len(plotting.MARKERS)],
        )  # fmt: skip
    ax.axhline(1, color=plotting.GREY, linewidth=1)
    ax.set(
        title="(d) A coarse grid still gives an upper bound",
        xlabel="side $n_0$ of the coarse grid",
        ylabel="bound / norm at the full side",
        yscale="log",
    )
    plotting.label_ticks(ax.yaxis, [1, 2, 3, 5])
    ax.legend()


def draw_gradient(ax: Axes, gradients: pd.DataFrame) -> None:
    for i, (matrix, rows) in enumerate(gradients.groupby("matrix")):
        label = f"$\\sigma_2/\\sigma_1$ = {matrix.removeprefix('ratio ')}"
        plotting.spread(ax, rows, "iteration", "cosine", label, plotting.COLORS[i], marker=plotting.MARKERS[i])
    ax.set(
        title="(e) The gradient turns to $u_1 v_1^\\top$",
        xlabel="iterations T",
        ylabel="cosine of gradient and $u_1 v_1^\\top$",
        ylim=(0, 1.05),
    )
    ax.legend()


def draw_training(ax: Axes, networks: pd.DataFrame) -> None:
    for regulariser, marker in (("none", "X"), ("reshape", "^"), ("Gram", "o")):
        rows = networks[networks.regulariser == regulariser]
        label = "no penalty" if regulariser == "none" else f"penalty on {regulariser} bound"
        ax.scatter(rows.lipschitz, rows.accuracy, s=24, marker=marker, color=COLORS[regulariser], label=label)
    low = networks.accuracy.min()
    ax.set(
        title="(f) The penalty lowers the Lipschitz bound",
        xlabel="product of the layers' norms",
        ylabel="test accuracy",
        xlim=(0, None),
        ylim=(low - 0.03, min(1.0, networks.accuracy.max() + 0.03)),
    )
    ax.legend(loc="lower left")
