"""Accuracy, reconstruction risk, message length and solver effort of residue reports."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

COLORS = {
    "MSS": plotting.BLUE,
    "SS": plotting.BLACK,
    "OUE": plotting.ORANGE,
    "PGR": plotting.GREEN,
    "GRR": plotting.RED,
    "SUE": plotting.PINK,
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels; (b) and (c) show the largest domain that was run at several budgets."""
    figure, ((accuracy, risk), (length, effort)) = plotting.panels(2, 2, width=4.0, height=3.1)
    draw_accuracy(accuracy, tables["errors"])
    draw_risk(risk, tables["attacks"])
    draw_length(length, tables["messages"])
    draw_effort(effort, tables["solver"])
    return figure


def draw_accuracy(ax: Axes, errors: pd.DataFrame) -> None:
    ax.axhline(1, color=COLORS["SS"], linewidth=1)
    ax.axhline(1.3, color=plotting.GREY, linestyle=":", label="largest ratio reported, k ≥ 1024")
    for domain_size, style in zip(swept_domains(errors), ("--", "-"), strict=False):
        for protocol in ("OUE", "MSS"):
            rows = errors[(errors.domain_size == domain_size) & (errors.protocol == protocol)]
            by_seed = rows.groupby(["epsilon", "seed"], as_index=False).mse_over_ss.mean()
            label = f"{protocol}, k = {domain_size}"
            plotting.spread(ax, by_seed, "epsilon", "mse_over_ss", label, COLORS[protocol], linestyle=style)
    planes = errors[~errors.domain_size.isin(swept_domains(errors))]
    for protocol, marker in (("PGR", "D"), ("MSS", "o")):
        means = planes[planes.protocol == protocol].groupby("epsilon").mse_over_ss.mean()
        ax.plot(means.index, means, marker, color=COLORS[protocol], label=f"{protocol}, PGR's own k")
    ax.set(
        title="(a) Residues cost little accuracy while $e^\\epsilon \\ll k$",
        xlabel="budget $\\epsilon$",
        ylabel="MSE / MSE of SubsetSelection",
        ylim=(0.85, max(1.9, 1.05 * errors.mse_over_ss.max())),
    )
    ax.legend()


def draw_risk(ax: Axes, attacks: pd.DataFrame) -> None:
    domain_size = swept_domains(attacks)[-1]
    rows = attacks[attacks.domain_size == domain_size]
    rows = rows.assign(relative=rows.success * 2 * domain_size / (np.exp(rows.epsilon) + 1))
    series = {  # three of the curves coincide: the ones below are drawn wider
        "GRR": ("GRR", COLORS["GRR"], {}),
        "OUE": ("OUE", COLORS["OUE"], {"linewidth": 5}),
        "SS": ("SS", COLORS["SS"], {"linewidth": 3}),
        "MSS": ("MSS", COLORS["MSS"], {}),
        "MSS (played out)": ("MSS, attack played out", COLORS["MSS"], {"linestyle": "", "marker": "o"}),
        "MSS (Eq. 7)": ("MSS, by Eq. 7", COLORS["MSS"], {"linestyle": "--"}),
        "SUE": ("SUE", COLORS["SUE"], {}),
    }
    for protocol, (label, color, style) in series.items():
        plotting.spread(ax, rows[rows.protocol == protocol], "epsilon", "relative", label, color, **style)
    ax.set(
        title=f"(b) SS, OUE and MSS: equally attackable, k = {domain_size}",
        xlabel="budget $\\epsilon$",
        ylabel="attack success / $(e^\\epsilon + 1)/2k$",
        ylim=(0, 2.8),
    )
    ax.legend(ncols=2, loc="upper left")


def draw_length(ax: Axes, messages: pd.DataFrame) -> None:
    domain_size = swept_domains(messages)[-1]
    rows = messages[messages.domain_size == domain_size]
    series = {
        "SS": ("SS", COLORS["SS"], "-"),
        "MSS": ("MSS, subset of residues", COLORS["MSS"], "-"),
        "MSS (advertised)": ("MSS, as advertised", COLORS["MSS"], "--"),
        "GRR": ("GRR", COLORS["GRR"], "-"),
    }
    for protocol, (label, color, style) in series.items():
        plotting.spread(ax, rows[rows.protocol == protocol], "epsilon", "bits", label, color, linestyle=style)
    ax.set(
        title=f"(c) Shorter than SS, longer than a residue, k = {domain_size}",
        xlabel="budget $\\epsilon$",
        ylabel="bits per message",
        yscale="log",
    )
    ax.legend()


def draw_effort(ax: Axes, solver: pd.DataFrame) -> None:
    series = {
        "packed": ("packed just above k/2", plotting.RED, "s"),
        "spread": ("random primes, $\\kappa \\leq 10$", COLORS["MSS"], "o"),
    }
    for moduli, (label, color, marker) in series.items():
        rows = solver[solver.moduli == moduli]
        plotting.spread(ax, rows, "domain_size", "iterations", label, color, marker=marker)
    ax.axhline(solver.bound.iloc[0], color=plotting.GREY, linestyle=":", label="bound for $\\kappa = 10$")
    ax.set(
        title="(d) Few iterations if moduli are well-conditioned",
        xlabel="domain size k",
        ylabel="LSMR iterations",
        xscale="log",
        ylim=(0, None),
    )
    ax.legend()


def swept_domains(table: pd.DataFrame) -> list[int]:
    """The domain sizes at which several budgets were tried, ascending."""
    n_budgets = table.groupby("domain_size").epsilon.nunique()
    return sorted(n_budgets[n_budgets > 1].index)
