"""Choice of g, errors, spent budgets, visible changes, and what attackers prove."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

STYLES = {
    "OLOLOHA": (plotting.BLUE, "o"),
    "BiLOLOHA": (plotting.SKY, "s"),
    "L-OSUE": (plotting.ORANGE, "^"),
    "RAPPOR": (plotting.RED, "v"),
    "L-GRR": (plotting.BLACK, "D"),
    "1BitFlipPM": (plotting.PINK, "P"),
    "bBitFlipPM": (plotting.GREEN, "X"),
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, ((cells, errors, budgets), (visible, audit, ratio)) = plotting.panels(2, 3, width=3.7, height=3.1)
    draw_cells(cells, tables["cells"])
    draw_errors(errors, tables["errors"])
    draw_budgets(budgets, tables["budgets"])
    draw_tracking(visible, tables["tracking"])
    draw_audits(audit, tables["audits"])
    draw_ratios(ratio, tables["cells"])
    handles, labels = errors.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), title="methods of (b) and (c)")
    return figure


def shades(table: pd.DataFrame) -> dict[float, tuple[float, ...]]:
    """The alphas 0.1, 0.2, ... and a colour for each, light to dark."""
    alphas = [alpha for alpha in np.sort(table.alpha.unique()) if abs(10 * alpha - round(10 * alpha)) < 1e-6]
    palette = plotting.mpl.colormaps["cividis_r"](np.linspace(0.1, 1, len(alphas)))
    return dict(zip(alphas, map(tuple, palette), strict=True))


def draw_cells(ax: Axes, cells: pd.DataFrame) -> None:
    for alpha, color in shades(cells).items():
        rows = cells[cells.alpha == alpha]
        plotting.spread(ax, rows, "epsilon", "cells_real", f"$\\alpha$ = {alpha:.1f}", color)
        ax.plot(rows.epsilon, rows.cells_best, ".", color=color, markersize=5)
    ax.set(
        title="(a) The formula finds the best number of cells",
        xlabel="budget of a memo $\\epsilon_\\infty$",
        ylabel="$g^*$; dots: best integer",
        yscale="log",
    )
    plotting.label_ticks(ax.yaxis, [1, 2, 5, 10, 20])
    ax.legend(ncols=2)


def draw_errors(ax: Axes, errors: pd.DataFrame) -> None:
    rows = errors[(errors.data == "syn") & (errors.alpha == errors.alpha.iloc[0])]
    for name, (color, marker) in STYLES.items():
        own = rows[rows.method == name]
        plotting.spread(ax, own, "epsilon", "mse", name, color, marker=marker)
        plotting.spread(ax, own, "epsilon", "mse_clipped", None, color, linestyle=":", linewidth=1)
    ax.set(
        title=f"(b) OLOLOHA is about as exact as L-OSUE, $\\alpha$ = {rows.alpha.iloc[0]:g}",
        xlabel="budget of a memo $\\epsilon_\\infty$",
        ylabel="MSE; dotted: clipped, rescaled",
        yscale="log",
    )


def draw_budgets(ax: Axes, budgets: pd.DataFrame) -> None:
    rows = budgets[budgets.alpha == budgets.alpha.iloc[0]]
    for name in ("RAPPOR", "OLOLOHA", "BiLOLOHA", "1BitFlipPM"):
        color, marker = STYLES[name]
        plotting.spread(ax, rows[rows.method == name], "epsilon", "budget", None, color, marker=marker)
    ax.set(
        title="(c) A memo per cell spends far less",
        xlabel="budget of a memo $\\epsilon_\\infty$",
        ylabel="mean longitudinal budget (nats)",
        yscale="log",
        ylim=(None, 4 * rows.budget.max()),
    )
    note = "top: a memo per value (RAPPOR, L-OSUE,\nL-GRR, bBitFlipPM)"
    ax.text(0.03, 0.98, note, transform=ax.transAxes, va="top", fontsize=7.5)


def draw_tracking(ax: Axes, tracking: pd.DataFrame) -> None:
    rows = tracking[tracking.epsilon == tracking.epsilon.min()]
    plotting.spread(ax, rows, "n_bits", "visible", "changes seen", plotting.GREEN, linestyle="--", marker="o")
    plotting.spread(ax, rows, "n_bits", "tracked", "users tracked throughout", plotting.PINK, marker="o")
    ax.set(
        title=f"(d) dBitFlipPM shows changes, even at $\\epsilon_\\infty$ = {rows.epsilon.iloc[0]:g}",
        xlabel="bits d that a user sends",
        ylabel="share",
        ylim=(-0.03, 1.03),
    )
    ax.legend(loc="upper left")


def draw_audits(ax: Axes, audits: pd.DataFrame) -> None:
    last = audits.n_reports.max()
    first = audits[audits.n_reports == 1].guarantee.iloc[0]
    ax.plot(1, first, "_", color=plotting.BLACK, markersize=14, markeredgewidth=2, label="one report, guaranteed")
    for name, color in (("constant", plotting.BLUE), ("alternating", plotting.ORANGE)):
        rows = audits[audits.stream == name]
        plotting.spread(ax, rows, "n_reports", "proved", f"{name} value, proved", color, marker="o")
        ax.hlines(rows.guarantee.max(), 1, last, color=color, linestyle="--", label=f"{name} value, guaranteed")
    ax.set(
        title="(e) Attackers stay within the guarantee (g = 2)",
        xlabel="reports that the attacker sees",
        ylabel="loss (nats)",
        xscale="log",
        ylim=(0, 1.75 * audits.guarantee.max()),
    )
    plotting.label_ticks(ax.xaxis, audits.n_reports)
    ax.legend(loc="upper left")


def draw_ratios(ax: Axes, cells: pd.DataFrame) -> None:
    for alpha, color in shades(cells).items():
        rows = cells[cells.alpha == alpha]
        label = f"$\\alpha$ = {alpha:.1f}" if alpha in (min(shades(cells)), max(shades(cells))) else None
        plotting.spread(ax, rows, "epsilon", "ololoha_over_losue", label, color)
        plotting.spread(ax, rows, "epsilon", "biloloha_over_losue", None, color, linestyle=":")
    ax.axhline(1.2, color=plotting.GREY, linewidth=1)
    ax.set(
        title="(f) Tuned cells keep pace with L-OSUE",
        xlabel="budget of a memo $\\epsilon_\\infty$",
        ylabel="variance / that of L-OSUE",
        yscale="log",
    )
    plotting.label_ticks(ax.yaxis, [1, 1.2, 1.5, 2, 3, 5])
    ax.plot([], [], color=plotting.BLACK, label="OLOLOHA")
    ax.plot([], [], ":", color=plotting.BLACK, label="BiLOLOHA")
    ax.legend(loc="upper left")
