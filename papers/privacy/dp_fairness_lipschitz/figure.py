"""Fairness gaps, their bounds, the margins behind them, and fairness levels: one row per data set."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from matplotlib.transforms import ScaledTranslation

from litmus import plotting

TITLES = {
    "synthetic": "Synthetic",
    "breast_cancer": "Breast cancer",
    "digits": "Digits",
    "digits_ten_classes": "Digits, ten classes",
}
LEARNERS = {  # from the commonest to the rarest, so that the rare stay visible
    "output_perturbation": ("output perturbation", plotting.BLUE, "o"),
    "noisy_gradient": ("noisy gradients", plotting.GREEN, "^"),
    "adversary": ("adversarial displacement", plotting.RED, "D"),
}
MEASURES = {
    "demographic_parity": ("demographic parity", plotting.BLUE),
    "equal_opportunity": ("equal opportunity", plotting.ORANGE),
    "accuracy_parity": ("accuracy parity", plotting.GREEN),
    "equalised_odds": ("equalised odds", plotting.PINK),
}
MAX_POINTS = 300  # in a scatter, of one learner
SMALLEST_GAP = 1e-4  # on logarithmic axes, where a gap of zero has no place


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels for each data set."""
    draws = tables["draws"].assign(budget=tables["draws"].n * tables["draws"].epsilon)
    names = [name for name in TITLES if name in set(draws.dataset)]
    figure, axes = plotting.panels(len(names), 4, width=3.1, height=2.5 + 1 / len(names), squeeze=False)
    for name, (bounds, scatter, margins, levels) in zip(names, axes, strict=True):
        rows = draws[draws.dataset == name]
        draw_bounds(bounds, rows, TITLES[name])
        draw_scatter(scatter, rows, draws.margin_bound.min())
        draw_margins(margins, tables["margins"][tables["margins"].dataset == name], rows)
        draw_levels(levels, rows)
    for first, last in zip(axes[0], axes[-1], strict=True):  # one legend below each column
        below = last.transAxes + ScaledTranslation(0, -0.45, figure.dpi_scale_trans)  # inches, at any height
        last.legend(
            *first.get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below
        )
    return figure


def draw_bounds(ax: Axes, rows: pd.DataFrame, title: str) -> None:
    private = rows[rows.learner == "output_perturbation"]
    spread_of_means(ax, private, "lipschitz_bound", "Lipschitz bound", plotting.BLACK, linestyle="--")
    spread_of_means(ax, private, "margin_bound", "margin bound", plotting.BLACK)
    for learner, (label, color, marker) in LEARNERS.items():
        own = rows[rows.learner == learner]
        if len(own):
            spread_of_means(ax, own, "gap", f"gap: {label}", color, marker=marker)
    ax.set(
        title=f"{title}: gaps far below bounds",
        xlabel="n ε (records × budget)",
        ylabel="mean change of fairness",
        xscale="log",
        yscale="log",
    )
    ax.xaxis.set_minor_formatter(NullFormatter())


def spread_of_means(ax: Axes, rows: pd.DataFrame, column: str, label: str, color: str, **style) -> None:
    """Means over draws and measures, where several n have the same n * epsilon over these too."""
    means = rows.groupby(["budget", "seed"], as_index=False)[column].mean()
    plotting.spread(ax, means, "budget", column, label, color, **style)


def draw_scatter(ax: Axes, rows: pd.DataFrame, smallest_bound: float) -> None:
    for learner, (label, color, marker) in LEARNERS.items():
        own = rows[rows.learner == learner]
        thinned = own.iloc[:: max(len(own) // MAX_POINTS, 1)]
        gap = thinned.gap.clip(lower=SMALLEST_GAP)
        ax.plot(thinned.margin_bound, gap, marker, color=color, alpha=0.5, markersize=2.5, label=label)
    limits = SMALLEST_GAP, 2.5
    ax.plot(limits, limits, color=plotting.BLACK, linewidth=1, label="gap = bound")
    ax.set(
        title="No gap exceeds its bound",
        xlabel="margin bound",
        ylabel="actual gap",
        xscale="log",
        yscale="log",
        xlim=(max(smallest_bound, SMALLEST_GAP) / 1.5, limits[1]),
        ylim=(SMALLEST_GAP / 1.3, limits[1]),
    )


def draw_margins(ax: Axes, quantiles: pd.DataFrame, rows: pd.DataFrame) -> None:
    for group, color in ((0, plotting.SKY), (1, plotting.ORANGE)):
        means = quantiles[quantiles.group == group].groupby("share", as_index=False).margin.mean()
        ax.plot(means.margin, means.share, color=color, label=f"group s = {group}")
    usual = rows[(rows.learner == "output_perturbation") & (rows.n == rows.n.max()) & (rows.epsilon == 1)]
    ax.axvline(usual.distance.mean(), color=plotting.GREY, linestyle=":", label="mean D at largest n, ε = 1")
    ax.set(
        title="Margins: D may flip all points below it",
        xlabel="margin / Lipschitz constant, r(x)",
        ylabel="share of points with less",
        xscale="log",
        ylim=(0, 1),
    )


def draw_levels(ax: Axes, rows: pd.DataFrame) -> None:
    private = rows[rows.learner == "output_perturbation"]
    for measure, (label, color) in MEASURES.items():
        own = private[private.measure == measure]
        if len(own):
            by_budget = own.groupby("budget")
            levels = by_budget["level"]
            ax.plot(levels.mean(), color=color, marker="o", markersize=3, label=label)
            ax.fill_between(
                levels.mean().index, levels.quantile(0.1), levels.quantile(0.9), color=color, alpha=0.15, linewidth=0
            )
            ax.plot(by_budget.reference_level.mean(), color=color, linestyle="--")
    ax.set(
        title="Private levels approach θ*'s (dashed)",
        xlabel="n ε (records × budget)",
        ylabel="fairness level F",
        xscale="log",
    )
    ax.xaxis.set_minor_formatter(NullFormatter())
