"""Variances of the chains, where L-GRR wins, errors on several attributes, and what reports reveal."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

STYLES = {
    "ALLOMFREE": (plotting.BLUE, "o"),
    "L-OSUE": (plotting.SKY, "^"),
    "L-SOUE": (plotting.GREEN, "s"),
    "L-SUE": (plotting.ORANGE, "v"),
    "L-OUE": (plotting.RED, "D"),
}
CURVE_ALPHA, LEAKAGE_ALPHA = 0.5, 0.5
MEMO_BUDGET = "budget of a memo $\\epsilon_\\infty$ (nats)"


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, ((variances, crossovers, leakage), (errors, savings, audits)) = plotting.panels(2, 3, width=3.7, height=3.1)
    draw_variances(variances, at_alpha(tables["variances"], CURVE_ALPHA))
    draw_crossovers(crossovers, tables["crossovers"])
    draw_leakage(leakage, at_alpha(tables["leakage"], LEAKAGE_ALPHA))
    draw_errors(errors, tables["errors"])
    draw_savings(savings, tables["savings"])
    draw_audits(audits, tables["audits"])
    return figure


def at_alpha(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    return table[np.isclose(table.alpha, alpha)]


def draw_variances(ax: Axes, variances: pd.DataFrame) -> None:
    best = variances[variances.method == "L-OSUE"].groupby("epsilon").variance.first()
    relative = variances.assign(ratio=variances.variance / variances.epsilon.map(best))
    for name in ("L-SUE", "L-OUE", "L-SOUE"):
        plotting.spread(ax, relative[relative.method == name], "epsilon", "ratio", name, STYLES[name][0])
    direct = [name for name in relative.method.unique() if name.startswith("L-GRR")]
    for name, style in zip(direct, ("-", "--", ":"), strict=True):
        rows = relative[relative.method == name]
        plotting.spread(ax, rows, "epsilon", "ratio", name, plotting.BLACK, linestyle=style)
    ax.axhline(1, color=STYLES["L-OSUE"][0], linewidth=2.5, zorder=1)
    ax.set(
        title="(a) L-GRR wins on small domains only",
        xlabel=MEMO_BUDGET,
        ylabel=f"variance / that of L-OSUE ($\\alpha$ = {CURVE_ALPHA:g})",
        yscale="log",
        ylim=(0.2, 40),
    )
    plotting.label_ticks(ax.yaxis, [0.25, 0.5, 1, 2, 4, 8])
    ax.legend(ncols=2, loc="upper left")


def draw_crossovers(ax: Axes, crossovers: pd.DataFrame) -> None:
    for alpha, color in ((0.1, plotting.SKY), (0.3, plotting.BLUE), (0.6, plotting.BLACK)):
        rows = at_alpha(crossovers, alpha)
        plotting.spread(ax, rows, "epsilon", "last_k", f"$\\alpha$ = {alpha:g}", color, marker=".")
        plotting.spread(ax, rows, "epsilon", "last_k_exact", None, color, linestyle=":")
    ax.plot([], [], ":", color=plotting.BLACK, label="exact calibration")
    ax.set(
        title="(b) The largest domain on which L-GRR wins",
        xlabel=MEMO_BUDGET,
        ylabel="domain size k",
        yscale="log",
    )
    plotting.label_ticks(ax.yaxis, [3, 5, 10, 20, 40, 80])
    ax.legend(loc="upper left")


def draw_leakage(ax: Axes, leakage: pd.DataFrame) -> None:
    budgets = np.sort(leakage.epsilon.unique())
    chosen = [epsilon for epsilon in budgets if epsilon in (1, 2, 4)]
    for epsilon, color in zip(chosen, (plotting.SKY, plotting.BLUE, plotting.BLACK), strict=False):
        rows = leakage[leakage.epsilon == epsilon]
        rows = rows.assign(share=rows.loss / rows.epsilon_first)
        plotting.spread(ax, rows, "domain_size", "share", f"$\\epsilon_\\infty$ = {epsilon:g}", color)
    ax.axhline(1, color=plotting.GREY, linewidth=1)
    ax.set(
        title="(c) The first report of L-GRR leaves slack",
        xlabel="domain size k",
        ylabel=f"exact loss / $\\epsilon_1$ ($\\alpha$ = {LEAKAGE_ALPHA:g})",
        xscale="log",
    )
    plotting.label_ticks(ax.xaxis, [2, 5, 10, 20, 50, 100, 360])
    ax.legend()


def draw_errors(ax: Axes, errors: pd.DataFrame) -> None:
    rows = errors[(errors.data == "five") & (errors.alpha == errors.alpha.max())]
    unit = rows[rows.method == "L-OSUE"].set_index(["seed", "epsilon"]).predicted.rename("unit")
    rows = rows.join(unit, on=["seed", "epsilon"]).assign(
        relative=lambda table: table.mse / table.unit, theory=lambda table: table.predicted / table.unit
    )
    for name, (color, marker) in STYLES.items():
        own = rows[rows.method == name].groupby("epsilon")[["relative", "theory"]].mean()
        ax.plot(own.theory, color=color, linewidth=1)
        ax.plot(own.relative, marker, color=color, label=name)
    ax.set(
        title=f"(d) Five attributes, $\\alpha$ = {rows.alpha.iloc[0]:g}; lines: theory",
        xlabel=MEMO_BUDGET,
        ylabel="mean squared error / theory of L-OSUE",
        ylim=(0, 2.6),
    )
    ax.legend(ncols=2, loc="upper left")


def draw_savings(ax: Axes, savings: pd.DataFrame) -> None:
    rows = savings[savings.alpha == savings.alpha.max()]
    for rival in ("L-OUE", "L-SUE"):
        color, marker = STYLES[rival]
        own = rows[rows.rival == rival]
        plotting.spread(ax, own, "epsilon", "saving", f"over {rival}", color)
        ax.plot(own.groupby("epsilon").reported.first(), marker, color=color, label=f"{rival}, reported")
    ax.set(
        title=f"(e) Savings on Nursery are as reported, $\\alpha$ = {rows.alpha.iloc[0]:g}",
        xlabel=MEMO_BUDGET,
        ylabel="share of the rival's error saved",
        ylim=(min(0, 1.1 * rows.saving.min()), 1.05),
    )
    ax.legend(ncols=2, loc="upper left")


def draw_audits(ax: Axes, audits: pd.DataFrame) -> None:
    one = audits[audits.method == audits.method.iloc[0]].groupby("n_reports").first()
    ax.plot(
        one.guarantee, color=plotting.GREY, linewidth=3, alpha=0.5, label="min($\\epsilon_\\infty$, t $\\epsilon_1$)"
    )
    ax.plot(one.exact, color=plotting.BLACK, label="exact loss")
    ax.plot(one.eq16, "--", color=plotting.RED, label="Eq. 16")
    for name, color in (("L-GRR", plotting.BLUE), ("L-OSUE", plotting.GREEN)):
        rows = audits[audits.method == name]
        plotting.spread(ax, rows, "n_reports", "proved", f"proved, {name}", color, marker="o", linestyle="")
    ax.set(
        title="(f) One report already exceeds Eq. 16",
        xlabel="reports t that the attacker sees",
        ylabel="loss (nats)",
        xscale="log",
        ylim=(0, 1.15 * audits.guarantee.max()),
    )
    plotting.label_ticks(ax.xaxis, audits.n_reports)
    ax.legend(loc="lower right")
