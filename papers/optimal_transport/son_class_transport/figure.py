"""Plans, recovery over the penalty, rivals, convergence and moons."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SHOWN = (
    ("linear", "(a) Linear: sparse, no classes"),
    ("entropic", "(b) Entropic: uneven, leaking"),
    ("group lasso", "(c) Group lasso, as POT ends it"),
    ("sum of norms", "(d) Sum of norms: exact blocks"),
)
SMALLEST = 1e-10  # error drawn for anything smaller
METHODS = {
    "sum of norms": plotting.BLUE,
    "sum of norms, labels": plotting.SKY,
    "lp-l1": plotting.GREEN,
    "group lasso": plotting.PINK,
    "entropic": plotting.ORANGE,
    "quadratic": plotting.RED,
    "Laplacian": plotting.GREY,
    "linear": plotting.BLACK,
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Above: plans of the first seed. Below: error over penalties, best errors, convergence, moons."""
    figure, axes = plotting.panels(2, 4, width=3.1)
    plans = tables["plans"][tables["plans"].seed == tables["plans"].seed.min()]
    for ax, (name, title) in zip(axes[0], SHOWN, strict=True):
        image = draw_plan(ax, plans[plans.method == name], title)
    figure.colorbar(image, ax=axes[0].tolist(), label="mass / mass of ideal plan", shrink=0.8)
    draw_curve(axes[1, 0], tables["curve"], tables["interval"])
    draw_best(axes[1, 1], tables["best"])
    draw_convergence(axes[1, 2], tables["convergence"])
    draw_moons(axes[1, 3], tables["moons"])
    return figure


def draw_plan(ax: Axes, rows: pd.DataFrame, title: str):
    matrix = rows.pivot(index="source", columns="target", values="mass").to_numpy()
    image = ax.imshow(matrix, vmin=0, vmax=2)
    ax.grid(False)
    ax.set(title=title, xlabel="target point, by class", ylabel="source point, by class")
    return image


def draw_curve(ax: Axes, curve: pd.DataFrame, interval: pd.DataFrame) -> None:
    curve = curve[curve.kind == "grid"].assign(error=lambda rows: rows.error.clip(lower=SMALLEST))
    cells = curve.cell.unique()
    for place, (cell, color, marker) in enumerate(zip(cells, plotting.COLORS, plotting.MARKERS, strict=False)):
        plotting.spread(ax, curve[curve.cell == cell], "penalty", "error", label=cell, color=color, marker=marker)
        bounds = interval[interval.cell == cell][["low", "high", "edge"]].mean()
        height = 10.0 ** (-12 - place)
        if bounds.low < bounds.high:
            ax.plot([bounds.low, bounds.high], [height, height], color=color, linewidth=4, solid_capstyle="butt")
        ax.plot(bounds.edge, height, "|", color=color, markersize=8)
    ax.axhline(3e-11, color=plotting.GREY, linewidth=0.8)
    ax.set(
        title="(e) Exact where predicted (bars, edge ticks)",
        xlabel=r"penalty $\lambda$",
        ylabel="block error (floor 1e-10)",
        xscale="log",
        yscale="log",
        ylim=(10.0 ** (-12.6 - len(cells)), 1e10),
        yticks=[1e-10, 1e-6, 1e-2],
    )
    ax.legend(loc="upper left", fontsize=6.5)


def draw_best(ax: Axes, best: pd.DataFrame) -> None:
    cells = best.cell.unique()
    names = [name for name in METHODS if name in set(best.method)]
    for offset, (cell, color, marker) in zip(
        np.linspace(-0.24, 0.24, len(cells) + 2)[1:-1],
        zip(cells, plotting.COLORS, plotting.MARKERS, strict=False),
        strict=True,
    ):
        rows = best[best.cell == cell]
        ax.plot(
            rows.error.clip(lower=SMALLEST), rows.method.map(names.index) + offset, marker, color=color, markersize=3
        )
    ax.set(
        title="(f) Best errors: lp-l1 comes near too",
        xlabel="block error (floor 1e-10; * uses labels)",
        xscale="log",
        yticks=range(len(names)),
        yticklabels=[f"{name}*" if name in ("lp-l1", "group lasso") else name for name in names],
    )
    ax.invert_yaxis()


def draw_convergence(ax: Axes, table: pd.DataFrame) -> None:
    plotting.spread(
        ax,
        table.assign(error=table.error.clip(lower=1e-16)),
        "iterations",
        "error",
        color=plotting.BLUE,
        marker="o",
    )
    ax.set(
        title="(g) The solver reaches the block plan",
        xlabel="iterations",
        ylabel="block error",
        xscale="log",
        yscale="log",
    )


def draw_moons(ax: Axes, table: pd.DataFrame) -> None:
    for name, marker in zip(table.method.unique(), plotting.MARKERS, strict=False):
        rows = table[table.method == name]
        plotting.spread(ax, rows, "angle", "mass", label=name, color=METHODS[name], marker=marker)
    low = table.mass.min()
    ax.set(
        title="(h) Turned moons: labels decide",
        xlabel="angle (degrees)",
        ylabel="class-preserving mass",
        ylim=(low - 0.45 * (1 - low), 1.02),
    )
    ax.legend(loc="lower left", ncols=2, fontsize=6.5)
