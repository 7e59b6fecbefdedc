"""Rows needed against the number of columns, total sensitivities between their limits, distortion against rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SAMPLERS = {
    "sensitivity": ("sensitivity", plotting.BLUE, "-"),
    "root leverage": ("root leverage", plotting.GREEN, "-."),
    "uniform": ("uniform", plotting.RED, "--"),
}
MARKERS = {"gauss": "o", "heavy": "s", "stack": "^", "planted": "D"}
NAMES = {"gauss": "even rows", "heavy": "uneven rows", "stack": "copies of unit rows", "planted": "planted unit rows"}
COLORS = (plotting.BLUE, plotting.ORANGE, plotting.PINK)


def _logarithmic_columns(ax: Axes, columns: Sequence[int], **labels: str) -> None:
    ax.set(xscale="log", yscale="log", xlabel="number of columns d", **labels)
    plotting.label_ticks(ax.xaxis, columns)


def _rows(ax: Axes, table: pd.DataFrame) -> None:
    least, most = table.p.min(), table.p.max()
    for sampler, family in (("sensitivity", "gauss"), ("sensitivity", "heavy"), ("root leverage", "heavy")):
        part = table[(table.p == least) & (table.sampler == sampler) & (table.family == family)]
        name, color, line = SAMPLERS[sampler]
        label = f"p = {least:g}, {NAMES[family]}: {name}"
        plotting.spread(ax, part, "d", "rows", label=label, color=color, linestyle=line, marker=MARKERS[family])
    for family, part in table[table.p == most].groupby("family"):
        label = f"p = {most:g}, {NAMES[family]}: sensitivity"
        plotting.spread(ax, part, "d", "rows", label=label, color=plotting.ORANGE, marker=MARKERS[family])
    columns = np.array(sorted(table.d.unique()))
    start = table[(table.p == least) & (table.sampler == "sensitivity")].groupby("d").rows.mean().iloc[0]
    for exponent, line in ((1, "-"), (1.5, ":")):
        look = dict(linestyle=line, linewidth=1, zorder=1)
        plotting.power_guide(ax, columns, start, exponent, f"$d^{{{exponent:g}}}$", **look)
    _logarithmic_columns(ax, columns, ylabel="rows m for distortion 1/2")
    ax.set_ylim(None, 12 * table.rows[table.sampler != "uniform"].max())
    ax.set_title(f"At p = {least:g} the rows grow like d, not like S·d")
    ax.legend(loc="upper left")


def _totals(ax: Axes, table: pd.DataFrame) -> None:
    columns = np.array(sorted(table.d.unique()))
    for color, (p, part) in zip(COLORS, table.groupby("p"), strict=False):
        limits = columns, columns ** (p / 2)
        ax.fill_between(columns, np.minimum(*limits), np.maximum(*limits), color=color, alpha=0.12, linewidth=0)
        for family in ("gauss", "heavy", "planted"):
            own = part[part.family == family].groupby("d").total.mean()
            ax.plot(own.index, own, color=color, marker=MARKERS[family])
        ax.plot([], [], color=color, label=f"p = {p:g}")
    for family in ("gauss", "heavy", "planted"):
        ax.plot([], [], MARKERS[family], color=plotting.GREY, label=NAMES[family])
    _logarithmic_columns(ax, columns, ylabel="total sensitivity S")
    ax.set_title("S stays between $d$ and $d^{p/2}$ (shaded)")
    ax.legend(loc="upper left")


def _curves(ax: Axes, table: pd.DataFrame) -> None:
    d, p = table.d.max(), table.p.min()
    part = table[(table.d == d) & (table.p == p) & (table.family == "heavy") & (table.distortion > 0)]
    for sampler, (name, color, _) in SAMPLERS.items():
        own = part[part.sampler == sampler].sort_values("rows")
        ax.plot(own.rows, own.distortion, "o", color=color, alpha=0.6, markeredgewidth=0, label=name)
    ax.axhline(0.5, color=plotting.GREY, linewidth=0.8)
    ticks = [m for m in (10, 20, 40, 80, 160, 320, 640) if part.rows.min() <= m <= part.rows.max()]
    ax.set(xscale="log", ylim=(0, None), xlabel="expected rows m", ylabel="median distortion")
    plotting.label_ticks(ax.xaxis, ticks)
    ax.set_title(f"Uneven rows (p = {p:g}, d = {d}): uniform lags")
    ax.legend(loc="lower left")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Three panels: rows needed, total sensitivities, distortion curves."""
    figure, axes = plotting.panels(1, 3, width=3.7, height=3.3)
    _rows(axes[0], tables["rows"])
    _totals(axes[1], tables["totals"])
    _curves(axes[2], tables["curves"])
    return figure
