"""Correlation against R on three kinds of streams, Oja's rule against its rate, and two orders of the rows."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

METHODS = {
    "heavy rows stored": ("block, heavy stored", plotting.BLUE, "o"),
    "none stored": ("block, none stored", plotting.ORANGE, "s"),
    "Oja": ("Oja, best rate", plotting.GREEN, "^"),
}
CORRELATION = r"median of $\langle v, v_1\rangle^2$"


def _whole_range(table: pd.DataFrame) -> pd.DataFrame:
    """The largest dimension among those with the most values of R."""
    counts = table.groupby("d").ratio.nunique()
    return table[table.d == counts[counts == counts.max()].index.max()]


def _against_gap(ax: Axes, medians: pd.DataFrame, kind: str, title: str) -> None:
    part = _whole_range(medians[medians.kind == kind])
    for method, (label, color, marker) in METHODS.items():
        if kind == "light" and method == "heavy rows stored":  # there are none: the same run as without storing
            continue
        own = part[part.method == method]
        label = "block" if kind == "light" and method == "none stored" else label
        plotting.spread(ax, own, "ratio", "correlation", label=label, color=color, marker=marker)
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="R", ylabel=CORRELATION)
    plotting.label_ticks(ax.xaxis, part.ratio)
    ax.set_title(f"{title} (d = {part.d.iloc[0]})")


def _rates(ax: Axes, runs: pd.DataFrame, kind: str, title: str, wanted: tuple[int, ...] = (2, 8)) -> None:
    part = runs[(runs.kind == kind) & runs.ratio.isin(wanted) & (runs.method == "Oja")]
    medians = part.groupby(["seed", "d", "ratio", "rate"], as_index=False).correlation.median()
    for (ratio, rows), line in zip(medians.groupby("ratio"), ("-", "--"), strict=False):
        for (d, own), color in zip(rows.groupby("d"), plotting.COLORS, strict=False):
            marks = dict(color=color, linestyle=line, marker="o")
            plotting.spread(ax, own, "rate", "correlation", label=f"R = {ratio}, d = {d}", **marks)
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel=r"learning rate $\eta$", ylabel=CORRELATION)
    plotting.label_ticks(ax.xaxis, medians.rate)
    ax.set_title(title)
    if kind == "orthogonal":  # the panel to the right has the same lines
        ax.legend(loc="center", bbox_to_anchor=(0.5, 0.4))


def _progress(ax: Axes, progress: pd.DataFrame) -> None:
    d = progress.d.max()
    medians = progress[progress.d == d].groupby(["seed", "order", "share_read"], as_index=False).correlation.median()
    for order, color, marker in (("random", plotting.BLUE, "o"), ("sorted", plotting.RED, "s")):
        own = medians[medians.order == order]
        plotting.spread(ax, own, "share_read", "correlation", label=f"{order} order", color=color, marker=marker)
    ax.set(ylim=(-0.03, 1.03), xlabel="share of the stream read", ylabel=CORRELATION)
    ax.set_title(f"Sorted rows undo what was found (d = {d})")
    ax.legend(loc="lower left", bbox_to_anchor=(0.15, 0.05))


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Correlation against R for both kinds of streams, against Oja's rate, and along the stream."""
    figure, axes = plotting.panels(2, 3, width=4.0, height=3.0)
    _against_gap(axes[0, 0], tables["medians"], "orthogonal", "Light rows orthogonal to heavy ones")
    needed = _whole_range(tables["gaps"]).predicted.iloc[0]
    axes[0, 0].axvline(needed, color=plotting.GREY, linestyle=":", label="Oja, predicted")
    axes[0, 0].legend(loc="center right", bbox_to_anchor=(1.02, 0.4))
    _against_gap(axes[0, 1], tables["medians"], "heavy", "Light rows in all directions")
    axes[0, 1].legend(loc="lower right")
    _against_gap(axes[0, 2], tables["medians"], "light", "No heavy rows: the loss falls with R")
    axes[0, 2].legend(loc="lower right")
    _rates(axes[1, 0], tables["runs"], "orthogonal", "Oja, orthogonal: no rate works at R = 2")
    _rates(axes[1, 1], tables["runs"], "heavy", "Oja, light rows in all directions: below 0.6 at R = 2")
    _progress(axes[1, 2], tables["progress"])
    return figure
