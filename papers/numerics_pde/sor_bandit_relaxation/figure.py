"""Iterations and their bound against omega, and what each policy spends on average as it learns."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from litmus import plotting

POLICIES = {
    "gauss_seidel": ("Gauss-Seidel (ω = 1)", plotting.GREY, ":"),
    "omega_1_5": ("ω = 1.5", plotting.PINK, ":"),
    "best_fixed": ("best fixed ω of the grid", plotting.BLACK, "--"),
    "tsallis_inf": ("Tsallis-INF", plotting.BLUE, "-"),
    "binned_tsallis_inf": ("Tsallis-INF, binned context", plotting.GREEN, "-"),
    "chebcb": ("ChebCB", plotting.RED, "-"),
    "instance_optimal": ("ω*(c) of each system", plotting.BLACK, ":"),
}
LAWS = {"high_variance": "shifts of high variance", "low_variance": "shifts of low variance"}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, axes = plotting.panels(1, 3, height=3.1)
    _bound(axes[0], tables["bound"])
    progress = tables["progress"]
    for ax, (law, name) in zip(axes[1:], LAWS.items(), strict=True):
        _progress(ax, progress[progress["law"] == law])
        ax.set_ylim(0.9 * progress["iterations"].min(), 1.1 * progress["iterations"].max())
        ax.set_title(f"ChebCB nears each system's optimum\n({name})")
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _bound(ax: Axes, table: pd.DataFrame) -> None:
    shifts = sorted(table["shift"].unique())
    for shift, color in zip(shifts, plotting.COLORS, strict=False):
        rows = table[table["shift"] == shift]
        plotting.spread(ax, rows, "omega", "iterations", f"c = {shift:.2f}", color, marker=".")
        plotting.spread(ax, rows, "omega", "bound", None, color, linestyle="--")
    ax.set(yscale="log", xlabel="relaxation parameter ω", ylabel="SOR iterations", ylim=(None, 20_000))
    ax.set_title("The bound follows the iterations\nand stays above them")
    handles, _ = ax.get_legend_handles_labels()
    styles = [Line2D([], [], color=plotting.GREY, linestyle="--", label="bound U(ω)")]
    ax.legend(handles=handles + styles, ncols=2, loc="upper right")


def _progress(ax: Axes, table: pd.DataFrame) -> None:
    for policy, (label, color, linestyle) in POLICIES.items():
        rows = table[table["policy"] == policy]
        plotting.spread(ax, rows, "instances", "iterations", label, color, linestyle=linestyle)
    ax.set(xscale="log", yscale="log", xlabel="systems solved", ylabel="iterations per system so far")
    ax.yaxis.set_major_locator(FixedLocator([25, 50, 100, 200, 400, 800]))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.yaxis.set_minor_locator(NullLocator())
