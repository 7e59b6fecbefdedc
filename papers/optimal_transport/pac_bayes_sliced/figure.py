"""Four panels: values on training and test samples, gain over uniform slices, decay of the error, and the bound."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SLICES = {
    "max-SW": plotting.PINK,
    "no divergence": plotting.GREEN,
    "PAC-SW": plotting.BLUE,
    "uniform": plotting.ORANGE,
}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    figure, axes = plotting.panels(2, 2, width=3.9, height=3.0)
    draw_values(axes[0, 0], tables["values"])
    draw_gain(axes[0, 1], tables["values"], tables["population"])
    draw_decay(axes[1, 0], tables["decay"])
    draw_bounds(axes[1, 1], tables["bounds"])
    return figure


def draw_values(ax: Axes, values: pd.DataFrame) -> None:
    few = values[values.dimension == values.dimension.min()]
    medians = few.groupby(["seed", "slices", "sample", "shift"], as_index=False).value.median()
    for slices, color in SLICES.items():
        for sample, style in (("train", "-"), ("test", "--")):
            rows = medians[(medians.slices == slices) & (medians["sample"] == sample)]
            label = slices if sample == "train" else None
            width = 4 if slices == "max-SW" else 1.4  # it would be hidden by the slices without divergence
            plotting.spread(ax, rows, "shift", "value", label=label, color=color, linestyle=style, linewidth=width)
    ax.plot([], [], color=plotting.GREY, linestyle="-", label="training sample")
    ax.plot([], [], color=plotting.GREY, linestyle="--", label="test sample")
    ax.set(
        title=f"(a) d = {few.dimension.iloc[0]}: max-SW tells identical laws apart,\nPAC-SW does not",
        xlabel="shift of the mean (standard deviations)",
        ylabel="$SW_2^2$ (median)",
        yscale="log",
    )
    ax.legend(loc="lower right")


def draw_gain(ax: Axes, values: pd.DataFrame, population: pd.DataFrame) -> None:
    test = values[(values["sample"] == "test") & (values["shift"] > 0)]
    medians = test.groupby(["seed", "dimension", "shift", "slices"]).value.median().unstack()
    gains = (medians["PAC-SW"] / medians["uniform"]).rename("gain").reset_index()
    pairs = zip(("o", "s"), (plotting.BLUE, plotting.RED), gains.groupby("dimension"), strict=False)
    for marker, color, (dimension, rows) in pairs:
        by_shift = rows.groupby("shift").gain
        middle = by_shift.mean()
        errors = [middle - by_shift.min(), by_shift.max() - middle]
        ax.errorbar(
            middle.index, middle, yerr=errors, fmt=marker, color=color, capsize=2, label=f"d = {dimension}, learnt"
        )
        best = population[(population.dimension == dimension) & (population.seed == population.seed.min())]
        ax.plot(best["shift"], best.gain, color=color, linewidth=1, label=f"d = {dimension}, best law")
    ax.axhline(1, color=plotting.GREY, linewidth=0.8)
    ax.set(
        title="(b) Slices concentrate once the shift pays",
        xlabel="shift of the mean (standard deviations)",
        ylabel="test $SW_2^2$ over that of uniform slices",
        yscale="log",
    )
    ax.legend(loc="upper left")


def draw_decay(ax: Axes, decay: pd.DataFrame) -> None:
    groups = decay.groupby(["dimension", "concentration"])
    for color, marker, ((dimension, concentration), rows) in zip(
        plotting.COLORS, plotting.MARKERS, groups, strict=False
    ):
        label = rf"d = {dimension}, $\kappa$ = {concentration:g}"
        plotting.spread(ax, rows, "n", "value", label=label, color=color, marker=marker)
    start = decay[decay.n == decay.n.min()].value.max() * 1.5
    plotting.power_guide(ax, decay.n, start, -0.5, "$n^{-1/2}$")
    ax.set(
        title="(c) Samples of one law: faster than $n^{-1/2}$",
        xlabel="sample size n",
        ylabel="$SW_2^2$ between two samples",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, decay.n)
    ax.yaxis.minorticks_off()
    ax.set_ylim(bottom=decay.value.min() / 15)  # room for the legend
    ax.legend(loc="lower left")


def draw_bounds(ax: Axes, bounds: pd.DataFrame) -> None:
    labels = {"train": "training value", "true": "true value", "bound": "lower bound", "true_uniform": "true, uniform"}
    colors = (plotting.GREEN, plotting.BLACK, plotting.BLUE, plotting.ORANGE)
    for place, (_, rows) in enumerate(bounds.groupby("shift")):
        spots = place + np.linspace(-0.3, 0.3, len(rows) + 2)[1:-1]
        for marker, color, (name, label) in zip(("^", "_", "v", "."), colors, labels.items(), strict=True):
            ax.plot(spots, rows[name], marker, color=color, label=label if place == 0 else None)
    shifts = sorted(bounds["shift"].unique())
    ax.set(
        title="(d) Cubes: the bound certifies more than\nuniform at shift 3",
        xlabel="shift (sides of the cube)",
        ylabel="$SW_2^2$ (one column a repetition)",
        xticks=range(len(shifts)),
        xticklabels=[f"{shift:g}" for shift in shifts],
        xlim=(-0.5, len(shifts) - 0.5),
    )
    ax.legend(loc="upper left")
