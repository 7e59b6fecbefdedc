"""Four panels: robust risks of blobs, the optimal attack, potentials on iris, and the triangle's staircase."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

CLASS_COLORS = (plotting.BLUE, plotting.ORANGE, plotting.GREEN)
ROUTES = {
    "softmax": ("softmax, adversarially trained", plotting.PINK, "D"),
    "neighbours": ("k nearest neighbours, best k", plotting.SKY, "v"),
    "transport": ("optimal (multimarginal)", plotting.BLUE, ""),
    "classifier": ("dual classifier, attacked", plotting.BLACK, "o"),
    "pairs": ("pairs only: lower bound", plotting.ORANGE, "s"),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Points and moves are of the first seed."""
    figure, axes = plotting.panels(2, 2, width=3.6, height=3.0)
    first = {name: table[table.seed == table.seed.min()] for name, table in tables.items()}
    draw_risks(axes[0, 0], tables["risks"])
    draw_attack(axes[0, 1], first["points"], first["moves"])
    draw_iris(axes[1, 0], first["iris"])
    draw_triangle(axes[1, 1], first["triangle"])
    return figure


def draw_risks(ax: Axes, table: pd.DataFrame) -> None:
    means = table.groupby(["seed", "epsilon", "route"], as_index=False).risk.mean()
    for route, (label, color, marker) in ROUTES.items():
        line = "none" if route == "classifier" else "-"
        rows = means[means.route == route]
        plotting.spread(ax, rows, "epsilon", "risk", label=label, color=color, marker=marker, linestyle=line)
    ax.set(
        title="(a) The dual's classifier attains the optimum",
        xlabel="reach of the adversary, epsilon",
        ylabel="robust risk (mean over draws)",
        ylim=(0, 1.05),
    )
    ax.legend(loc="upper left", labelspacing=0.25)


def draw_attack(ax: Axes, points: pd.DataFrame, moves: pd.DataFrame) -> None:
    for label, rows in points.groupby("label"):
        ax.plot(rows.x, rows.y, "o", color=CLASS_COLORS[label], markersize=4, label=f"class {label + 1}")
    moving = moves[np.hypot(moves.to_x - moves.x, moves.to_y - moves.y) > 1e-9]
    colors = [CLASS_COLORS[label] for label in moving.label]
    ax.quiver(
        moving.x, moving.y, moving.to_x - moving.x, moving.to_y - moving.y,
        color=colors, angles="xy", scale_units="xy", scale=1, width=0.005, alpha=0.75,
    )  # fmt: skip
    merged = moving.drop_duplicates(["to_x", "to_y"])
    ax.scatter(
        merged.to_x, merged.to_y, s=55, facecolors="none", edgecolors=plotting.BLACK,
        linewidths=0.8, zorder=3, label="merged points",
    )  # fmt: skip
    ax.set(
        title=f"(b) Optimal attack for epsilon = {moves.epsilon.iloc[0]:g}",
        xlabel="first coordinate",
        ylabel="second coordinate",
    )
    ax.set_aspect("equal", adjustable="datalim")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4, handletextpad=0.1, columnspacing=0.8)


def draw_iris(ax: Axes, table: pd.DataFrame) -> None:
    names = ("setosa", "versicolor", "virginica")
    for marker, (label, rows) in zip(plotting.MARKERS, table.groupby("label"), strict=False):
        shown = ax.scatter(
            rows.petal_length, rows.petal_width, c=rows.potential, vmin=0, vmax=1, marker=marker, s=20,
            edgecolors=plotting.GREY, linewidths=0.3,
        )  # fmt: skip
        ax.scatter([], [], color=plotting.GREY, marker=marker, s=20, label=names[label])
    ax.figure.colorbar(shown, ax=ax, label="dual potential")
    ax.set(
        title=f"(c) Iris, epsilon = {table.epsilon.iloc[0]:g} cm: 0 marks what is given up",
        xlabel="petal length (cm)",
        ylabel="petal width (cm)",
    )
    ax.legend(loc="upper left")


def draw_triangle(ax: Axes, table: pd.DataFrame) -> None:
    steps = (0.0, 0.5, 1 / np.sqrt(3), table.epsilon.max() * 1.03)
    ax.stairs((0, 1 / 2, 2 / 3), steps, color=plotting.GREY, label="closed form", linewidth=1.2, baseline=None)
    ax.plot(table.epsilon, table.pairs, "s", color=plotting.ORANGE, label="pairs only", markersize=5, fillstyle="none")
    ax.plot(table.epsilon, table.transport, "o", color=plotting.BLUE, label="multimarginal", markersize=3)
    ax.set(
        title="(d) Triangle: pairs miss the second jump",
        xlabel="epsilon (side = 1)",
        ylabel="robust risk",
        ylim=(-0.03, 0.85),
    )
    ax.legend(loc="upper left")
