"""What audits prove about protocols, a faulty client, hashing alone, and many reports."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

STYLES = {  # one colour per family of encodings, one dash for each of its members
    "GRR": (plotting.BLACK, "-"),
    "SS": (plotting.GREEN, "-"),
    "OUE": (plotting.ORANGE, "-"),
    "SUE": (plotting.ORANGE, "--"),
    "OLH": (plotting.BLUE, "-"),
    "BLH": (plotting.BLUE, "--"),
    "SHE": (plotting.PINK, "-"),
    "THE": (plotting.PINK, "--"),
    "AGM": (plotting.GREY, "-"),
    "GM": (plotting.GREY, "--"),
}
CLIENTS = ("SUE", "OUE")
WIDE = {"linewidth": 3.5, "alpha": 0.45}  # for curves that would hide under others


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels; the legend below them names the mechanisms of the upper row and of (f)."""
    figure, ((budgets, domains, forms), (clients, hashes, repeats)) = plotting.panels(2, 3, width=3.6, height=3.0)
    audits = tables["audits"].assign(share=tables["audits"].bound / tables["audits"].epsilon)
    draw_budgets(budgets, audits)
    draw_domains(domains, audits)
    draw_closed_forms(forms, audits)
    draw_unary_clients(clients, tables["unary_clients"], audits)
    draw_hashing_alone(hashes, tables["hashing_alone"])
    draw_repeated_reports(repeats, tables["repeated"])
    handles, labels = budgets.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def draw_budgets(ax: Axes, audits: pd.DataFrame) -> None:
    n_budgets = audits.groupby("domain_size").epsilon.nunique()
    domain_size = n_budgets.idxmax()
    rows = audits[audits.domain_size == domain_size]
    draw_mechanisms(ax, rows, "epsilon")
    ax.set(
        title=f"(a) Encodings hide part of the budget, k = {domain_size}",
        xlabel="nominal budget $\\epsilon$",
        ylabel="proved loss / $\\epsilon$",
        xscale="log",
    )
    plotting.label_ticks(ax.xaxis, rows.epsilon)


def draw_domains(ax: Axes, audits: pd.DataFrame) -> None:
    epsilon = audits.groupby("epsilon").domain_size.nunique().idxmax()
    rows = audits[audits.epsilon == epsilon]
    draw_mechanisms(ax, rows, "domain_size")
    ax.set(
        title=f"(b) The domain size matters little, $\\epsilon$ = {epsilon:g}",
        xlabel="domain size k",
        ylabel="proved loss / $\\epsilon$",
        xscale="log",
    )
    plotting.label_ticks(ax.xaxis, rows.domain_size)


def draw_mechanisms(ax: Axes, rows: pd.DataFrame, x: str) -> None:
    ax.axhline(1, color=plotting.RED, linewidth=1)
    for name, (color, dash) in STYLES.items():
        plotting.spread(ax, rows[rows.mechanism == name], x, "share", name, color, linestyle=dash, marker=".")
    ax.set(ylim=(min(0.0, rows.share.min()), 1.06))


def draw_closed_forms(ax: Axes, audits: pd.DataFrame) -> None:
    top = 1.15 * audits.predicted.max()
    ax.plot([0.05, top], [0.05, top], color=plotting.RED, linewidth=1)
    for name, (color, dash) in STYLES.items():
        rows = audits[audits.mechanism == name]
        face = color if dash == "-" else "none"
        ax.plot(rows.predicted, rows.estimate, "o", color=color, markerfacecolor=face)
    ax.set(
        title="(c) Attacks see what their closed forms say",
        xlabel="ln(TPR/FPR), closed form",
        ylabel="ln(TP/FP), simulated",
        xscale="log",
        yscale="log",
    )


def draw_unary_clients(ax: Axes, faulty: pd.DataFrame, audits: pd.DataFrame) -> None:
    low, high = 0.0, 1.1 * max(faulty.epsilon.max(), faulty.bound.max())
    ax.plot([low, high], [low, high], color=plotting.RED, linewidth=1)
    ax.fill_between([low, high], [low, high], high, color=plotting.RED, alpha=0.08, linewidth=0)
    ax.text(0.03, 0.97, "guarantee refuted", transform=ax.transAxes, va="top", color=plotting.RED)
    correct = audits[(audits.domain_size == faulty.domain_size.iloc[0]) & (audits.epsilon <= faulty.epsilon.max())]
    for encoding in CLIENTS:
        color, dash = STYLES[encoding]
        style = {"color": color, "linestyle": dash, "marker": "o"}
        rows = faulty[faulty.encoding == encoding]
        plotting.spread(ax, rows, "epsilon", "bound", f"{encoding}, faulty", **style)
        rows = correct[correct.mechanism == encoding]
        if len(rows):
            plotting.spread(ax, rows, "epsilon", "bound", f"{encoding}, correct", markerfacecolor="white", **style)
    ax.set(
        title="(d) The faulty client is caught at small budgets",
        xlabel="nominal budget $\\epsilon$",
        ylabel="proved loss (nats)",
        xlim=(low, high),
        ylim=(-0.22 * high, high),  # the legend lies below zero
    )
    ax.legend(loc="lower right", ncols=2, handlelength=3)


def draw_hashing_alone(ax: Axes, hashed: pd.DataFrame) -> None:
    cells = np.linspace(hashed.n_cells.min(), hashed.n_cells.max(), 100)
    ax.plot(cells, np.log(cells), color=plotting.BLACK, linewidth=1, label="ln g")
    by_cells = hashed.groupby("n_cells").predicted.first()
    ax.plot(by_cells.index, by_cells, ":", color=plotting.BLACK, label="closed form")
    plotting.spread(ax, hashed, "n_cells", "estimate", "ln(TP/FP)", plotting.BLUE, marker="o", linestyle="")
    plotting.spread(ax, hashed, "n_cells", "bound", "proved", plotting.ORANGE, marker="s", linestyle="")
    ax.set(
        title=f"(e) Hashing alone passes for ln g, k = {hashed.domain_size.iloc[0]}",
        xlabel="cells g of the hash",
        ylabel="loss seen (nats)",
        ylim=(0, None),
    )
    ax.legend(loc="lower right")


def draw_repeated_reports(ax: Axes, repeated: pd.DataFrame) -> None:
    composed = repeated.groupby("n_reports").composed.first()
    ax.plot(composed.index, composed, color=plotting.RED, linewidth=1, label="composed budget")
    ceiling = repeated.ceiling.iloc[0]
    ax.axhline(ceiling, color=plotting.BLACK, linestyle=":", linewidth=1, label="most that can be proved")
    for name in repeated.mechanism.unique():
        color, dash = STYLES[name]
        wide = WIDE if name == "OUE" else {}
        rows = repeated[repeated.mechanism == name]
        plotting.spread(ax, rows, "n_reports", "bound", None, color, linestyle=dash, marker="o", **wide)
    ax.set(
        title=f"(f) Slower than composition, k = {repeated.domain_size.iloc[0]}",
        xlabel="reports of the same value",
        ylabel="proved loss (nats)",
        xscale="log",
        yscale="log",
        ylim=(None, 4 * ceiling),
    )
    plotting.label_ticks(ax.xaxis, repeated.n_reports)
    ax.legend(loc="upper left")
