"""The fitted square wave, how much of the bound each layer type uses, and certified accuracy."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

NAMES = {"sandwich": "sandwich", "orthogonal": "orthogonal", "sll": "SLL", "aol": "AOL"}
COLORS = dict(zip(NAMES, (plotting.RED, plotting.BLUE, plotting.ORANGE, plotting.GREEN), strict=True))
# Table 1 of the paper: empirical over certified constant at the bounds 1, 5 and 10.
PUBLISHED = {
    "sandwich": {1: 0.999, 5: 0.993, 10: 0.940},
    "orthogonal": {1: 0.741, 5: 0.728, 10: 0.645},
    "sll": {1: 0.999, 5: 0.905, 10: 0.679},
    "aol": {1: 0.772, 5: 0.452, 10: 0.479},
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Three panels."""
    figure, axes = plotting.panels(1, 3)
    draw_curves(axes[0], tables["curves"], tables["wave"]["gamma"].max())
    draw_tightness(axes[1], tables["wave"])
    draw_certified(axes[2], tables["certified"])
    return figure


def draw_curves(ax: Axes, curves: pd.DataFrame, gamma: float) -> None:
    """Fits around one jump."""
    best = curves[curves["layer"] == "best possible"].drop_duplicates("x")
    ax.plot(best["x"], best["y"], color=plotting.BLACK, linestyle="--", linewidth=1, label="best possible")
    for layer, name in NAMES.items():
        plotting.spread(ax, curves[curves["layer"] == layer], "x", "y", label=name, color=COLORS[layer])
    ax.set(title=f"Sandwich layers come closest to slope {gamma:g}", xlabel="x", ylabel="fit to the jump at 0")
    ax.legend()


def draw_tightness(ax: Axes, wave: pd.DataFrame) -> None:
    """Bars over seeds for each bound, the published value on each."""
    gammas = sorted(wave["gamma"].unique())
    width = 0.8 / len(NAMES)
    for i, layer in enumerate(NAMES):
        grouped = wave[wave["layer"] == layer].groupby("gamma")["tightness"]
        mean = grouped.mean()
        positions = [gammas.index(gamma) + (i - 1.5) * width for gamma in mean.index]
        error = [mean - grouped.min(), grouped.max() - mean]
        ax.bar(positions, mean, width, yerr=error, color=COLORS[layer], error_kw={"linewidth": 1})
        published = [PUBLISHED[layer].get(gamma) for gamma in mean.index]
        ax.plot(positions, published, "D", color="white", markeredgecolor=plotting.BLACK, markersize=4)
    ax.plot([], [], "D", color="white", markeredgecolor=plotting.BLACK, label="published")
    ax.set_xticks(range(len(gammas)), [f"{gamma:g}" for gamma in gammas])
    ax.set(title="The others leave a large bound unused", xlabel="prescribed constant", ylabel="largest slope / bound")
    ax.set_ylim(0, 1.25)
    ax.grid(False, axis="x")
    ax.legend(loc="upper right")


def draw_certified(ax: Axes, certified: pd.DataFrame) -> None:
    """Certified accuracy of 1-Lipschitz digit classifiers."""
    for layer, name in NAMES.items():
        plotting.spread(ax, certified[certified["layer"] == layer], "radius", "accuracy", name, COLORS[layer])
    ax.set(title="Certified accuracy on digits", xlabel="radius (standardised pixels)", ylabel="share of test digits")
    ax.set_ylim(0, 1)
    ax.legend(loc="lower left")
