"""Attack success against variance, what tuning gains over domains and budgets, and a sum that overflows."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from litmus import plotting

FAMILIES = {  # colour, standard and adaptive protocol, parameter
    "SS": (plotting.GREEN, "SS", "ASS", "w"),
    "UE": (plotting.ORANGE, "OUE", "AUE", "p*"),
    "LH": (plotting.BLUE, "OLH", "ALH", "g"),
    "THE": (plotting.PINK, "THE", "ATHE", "$\\theta$"),
}
OTHERS = {"GRR": plotting.BLACK, "SUE": plotting.ORANGE, "BLH": plotting.BLUE, "SHE": plotting.PINK}
SHOWN_DOMAINS = (25, 100, 1000, 10000)
WIDE = {"linewidth": 4, "alpha": 0.5}  # for OUE, whose curve would hide under that of OLH
BUDGET, SUCCESS = "budget $\\epsilon$", "attack success"


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels on one domain each, and below them one for each of four domains; one legend for all protocols."""
    figure, (upper, lower) = plotting.panels(2, 4, width=3.2, height=2.9)
    draw_frontier(upper[0], tables["frontier"])
    draw_weights(upper[1], tables["weights"], tables["frontier"])
    draw_parameters(upper[2], tables["pairs"], tables["frontier"].domain_size.iloc[0])
    draw_overflow(upper[3], tables["overflow"])
    for ax, letter, domain_size in zip(lower, "efgh", SHOWN_DOMAINS, strict=True):
        draw_domain(ax, letter, domain_size, tables["pairs"], tables["attacks"])
    handles, labels = upper[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure


def draw_frontier(ax: Axes, frontier: pd.DataFrame) -> None:
    for color, standard, adaptive, _ in FAMILIES.values():
        style = WIDE if standard == "OUE" else {}
        draw_path(ax, frontier, standard, color=color, linestyle="--", **style)
        draw_path(ax, frontier, adaptive, color=color, linestyle="-", linewidth=2)
    for name, color in OTHERS.items():
        draw_path(ax, frontier, name, color=color, linestyle=":")
    ax.set(
        title=f"(a) Twelve protocols, k = {frontier.domain_size.iloc[0]}",
        xlabel="variance per user",
        ylabel=SUCCESS,
        xscale="log",
        yscale="log",
    )


def draw_path(ax: Axes, frontier: pd.DataFrame, name: str, **style: object) -> None:
    """One protocol from the smallest budget, at the right, to the largest."""
    points = frontier[frontier.protocol == name].groupby("epsilon").mean(numeric_only=True)
    ax.plot(points.variance, points.attack_success, label=name, **style)


def draw_weights(ax: Axes, weights: pd.DataFrame, frontier: pd.DataFrame) -> None:
    for color, _, adaptive, _ in FAMILIES.values():
        points = weights[weights.protocol == adaptive].groupby("weight").mean(numeric_only=True)
        ax.plot(points.variance, points.attack_success, "-o", color=color)
        equal = points.loc[0.5]
        ax.plot(equal.variance, equal.attack_success, "o", color=color, markersize=9, markerfacecolor="none")
    ax.set(
        title=f"(b) Weights trade the two, $\\epsilon$ = {weights.epsilon.iloc[0]:g}",
        xlabel=f"variance per user, k = {frontier.domain_size.iloc[0]}",
        ylabel=SUCCESS,
        xscale="log",
        yscale="log",
    )
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.text(0.97, 0.97, "circled: equal weights", transform=ax.transAxes, ha="right", va="top")


def draw_parameters(ax: Axes, pairs: pd.DataFrame, domain_size: int) -> None:
    rows = pairs[pairs.domain_size == domain_size]
    ratios = rows.assign(ratio=rows.adaptive_parameter / rows.standard_parameter)
    for name, (color, _, _, symbol) in FAMILIES.items():
        plotting.spread(ax, ratios[ratios.family == name], "epsilon", "ratio", symbol, color, marker=".")
    ax.set(
        title=f"(c) Supports grow, k = {domain_size}",
        xlabel=BUDGET,
        ylabel="parameter, adaptive / standard",
        yscale="log",
    )
    ax.legend(loc="lower left")


def draw_overflow(ax: Axes, overflow: pd.DataFrame) -> None:
    domain_size = overflow.domain_size.iloc[0]
    curves = overflow.groupby("epsilon").mean(numeric_only=True)
    ax.axhline(1 / domain_size, color=plotting.GREY, linestyle=":", label="blind guess")
    ax.plot(curves.index, curves.closed, color=plotting.PINK, label="closed sum")
    visible = curves.overflowing.clip(lower=1e-30)  # some are zero, which a log axis cannot show
    ax.plot(curves.index, visible, "--", color=plotting.RED, label="overflow dropped")
    ax.set(
        title=f"(d) Lost terms flatter THE, k = {domain_size}",
        xlabel=BUDGET,
        ylabel=SUCCESS,
        yscale="log",
        ylim=(1e-9, 1),
    )
    ax.legend(loc="lower left")


def draw_domain(ax: Axes, letter: str, domain_size: int, pairs: pd.DataFrame, attacks: pd.DataFrame) -> None:
    for name, (color, standard, adaptive, _) in FAMILIES.items():
        style = WIDE if standard == "OUE" else {}
        rows = pairs[(pairs.domain_size == domain_size) & (pairs.family == name)]
        plotting.spread(ax, rows, "epsilon", "standard_attack", None, color, linestyle="--", **style)
        plotting.spread(ax, rows, "epsilon", "adaptive_attack", None, color, linewidth=2)
        played = attacks[(attacks.domain_size == domain_size) & attacks.protocol.isin([standard, adaptive])]
        ax.plot(played.epsilon, played.simulated, "o", color=color, markersize=5, markeredgecolor="white")
    if (attacks.domain_size == domain_size).any():
        ax.text(0.4, 0.1, "dots: simulated attacks", transform=ax.transAxes)
    ax.axhline(1 / domain_size, color=plotting.GREY, linestyle=":")
    gain = pairs[pairs.domain_size == domain_size].attack_ratio.max()
    ax.set(
        title=f"({letter}) k = {domain_size}: at most {np.round(gain, 1):g} times less",
        xlabel=BUDGET,
        ylabel=SUCCESS,
        yscale="log",
    )
