"""Six panels: linear rates, energy over the number of particles, a convex path, two fitted functions, losses."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

KINDS = {
    "trained": ("angles\ntrained", plotting.BLUE),
    "trained, steps ~ 1/sqrt k": ("steps\n$\\sim k^{-1/2}$", plotting.SKY),
    "random, weights fitted": ("weights\nfitted", plotting.GREEN),
    "random": ("random", plotting.ORANGE),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The first seed only for the functions and the path."""
    figure, axes = plotting.panels(2, 3, width=3.1)
    first = {name: table[table.seed == table.seed.min()] for name, table in tables.items()}
    draw_rates(axes[0, 0], tables["curves"])
    draw_levels(axes[0, 1], tables["levels"])
    draw_path(axes[0, 2], first["paths"])
    draw_function(axes[1, 0], first["functions"], "uniform", "(d) Eight neurons, uniform target")
    draw_function(axes[1, 1], first["functions"], "two bumps", "(e) Eight neurons, two-bump target")
    draw_losses(axes[1, 2], tables["losses"])
    return figure


def draw_rates(ax: Axes, table: pd.DataFrame) -> None:
    styles = ("-", "--", ":")
    for color, style, (n, rows) in zip(plotting.COLORS, styles, table.groupby("n"), strict=False):
        plotting.spread(ax, rows, "step", "relative_gap", label=f"n = {n}", color=color, linestyle=style)
    steps = np.array([20, table.step.max()])
    ax.plot(steps, 30 * 0.64**steps, color=plotting.GREY, linewidth=0.9, label=r"slope $(1-\lambda/L)^2$")
    ax.set(
        title="(a) Linear rate, whatever n",
        xlabel="step k",
        ylabel="$(F_k - F^*)/(F_0 - F^*)$",
        yscale="log",
    )
    ax.legend()


def draw_levels(ax: Axes, table: pd.DataFrame) -> None:
    plotting.spread(ax, table, "n", "random", label="random", color=plotting.ORANGE, marker="s", linestyle="none")
    plotting.spread(ax, table, "n", "trained", label="trained", color=plotting.BLUE, marker="o", linestyle="none")
    sizes = np.sort(table.n.unique())
    ax.plot(sizes, 1 / (6 * sizes), color=plotting.ORANGE, linewidth=0.9, label="$1/(6n)$")
    ax.plot(sizes, 1 / (12.0 * sizes**2), color=plotting.BLUE, linewidth=0.9, label="$1/(12n^2)$")
    ax.set(
        title="(b) Descent reaches the least energy",
        xlabel="number of particles n",
        ylabel="energy",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, sizes)
    ax.yaxis.minorticks_off()
    ax.legend()


def draw_path(ax: Axes, table: pd.DataFrame) -> None:
    for color, (pairing, rows) in zip((plotting.ORANGE, plotting.BLUE), table.groupby("pairing"), strict=False):
        ax.plot(
            rows.time,
            rows.energy,
            color=color,
            label=f"{pairing} pairing" if pairing == "optimal" else f"paired {pairing}",
        )
    ax.set(title="(c) Convex on the optimal path", xlabel="time along the path", ylabel="energy")
    ax.legend()


def draw_function(ax: Axes, table: pd.DataFrame, target: str, title: str) -> None:
    for kind, color in (("random", plotting.ORANGE), ("trained", plotting.BLUE), ("target", plotting.BLACK)):
        rows = table[(table.target == target) & (table.neurons == kind)]
        ax.plot(rows.input / np.pi, rows.output, color=color, linewidth=1.2, label=kind)
    ax.set(title=title, xlabel="input angle (half turns)", ylabel="output", ylim=(-0.05, 1.35))
    ax.legend(loc="upper center", ncols=3, handlelength=1.2, columnspacing=1)


def draw_losses(ax: Axes, table: pd.DataFrame) -> None:
    means = table.groupby(["target", "neurons", "seed"], as_index=False).loss.mean()
    for side, marker, (target, rows) in zip((-0.15, 0.15), plotting.MARKERS, means.groupby("target"), strict=False):
        for place, (kind, (_, color)) in enumerate(KINDS.items()):
            losses = rows[rows.neurons == kind].loss
            ax.plot(place + side + np.linspace(-0.08, 0.08, len(losses) + 2)[1:-1], losses, marker, color=color)
        ax.plot([], [], marker, color=plotting.GREY, label=target)
    ax.set(
        title="(f) Training the angles pays",
        ylabel="loss (dots: seeds)",
        yscale="log",
        xticks=range(len(KINDS)),
        xticklabels=[label for label, _ in KINDS.values()],
    )
    ax.legend(title="target", loc="upper left")
