"""Tuned accuracy and training loss against the clip norm: one column per data set."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

TITLES = {
    "pretrained_digits": "Digits 5-9, pretrained",
    "random_digits": "Digits, random features",
    "random_breast_cancer": "Breast cancer, random features",
}
BUDGET_COLORS = (plotting.ORANGE, plotting.BLUE)
USUAL_CHOICES = {
    "median": ("clip norm = median $G_i$", "s"),
    "largest": ("clip norm = largest $G_i$: no clipping", "X"),
}
MEASURES = {"accuracy": "held-out accuracy", "train_loss": "training loss (nats)"}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Accuracy above, training loss below."""
    curves, constants = tables["curves"], tables["constants"]
    names = [name for name in TITLES if name in set(curves.dataset)]
    figure, axes = plotting.panels(2, len(names), width=3.4, height=2.6, squeeze=False)
    for name, column in zip(names, axes.T, strict=True):
        for ax, measure in zip(column, MEASURES, strict=True):
            reference = constants.loc[constants.dataset == name, measure].mean()
            draw_curves(ax, curves[curves.dataset == name], measure, reference)
        column[0].set_title(f"{TITLES[name]}:\naccuracy falls beyond $G_{{\\min}}$")
        column[1].set(title="training loss rises", xlabel="clip norm / smallest constant $G_{\\min}$")
    for ax, label in zip(axes[:, 0], MEASURES.values(), strict=True):
        ax.set_ylabel(label)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def draw_curves(ax: Axes, curves: pd.DataFrame, measure: str, reference: float) -> None:
    """A line for each budget; markers where the clip norm is the median or the largest constant."""
    for color, (epsilon, rows) in zip(BUDGET_COLORS, curves.groupby("epsilon"), strict=False):
        multiples = rows[rows.choice == "multiple"]
        plotting.spread(ax, multiples, "ratio", measure, f"$\\varepsilon$ = {epsilon:g}", color, marker=".")
        for choice, (_, marker) in USUAL_CHOICES.items():
            usual = rows[rows.choice == choice]
            x, y = np.exp(np.log(usual.ratio).mean()), usual[measure].mean()
            ax.plot(x, y, marker, color=color, markeredgecolor=plotting.BLACK, markersize=6)
    for label, marker in USUAL_CHOICES.values():  # for the legend alone
        ax.plot([], [], marker, color="white", markeredgecolor=plotting.BLACK, markersize=6, label=label)
    ax.axvline(1, color=plotting.GREY, linestyle="--", label="smallest $G_i$, $G_{\\min}$")
    ax.axhline(
        reference, color=plotting.BLACK, linestyle=":", linewidth=1, label="no privacy: neither clipping nor noise"
    )
    ax.set(xscale="log")
