"""The look of the figures: one style, one palette, a few helpers. No pyplot: it is global state and slow to import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

from litmus.files import whole_file

# Okabe and Ito's colour-blind-safe palette, darkest first; `COLORS[i % len(COLORS)]` for the i-th series.
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, BLACK, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000", "#7F7F7F",
)  # fmt: skip
COLORS = (BLUE, ORANGE, GREEN, PINK, SKY, RED, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

PANEL_WIDTH, PANEL_HEIGHT = 3.3, 2.7  # inches

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "image.cmap": "cividis",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",  # text stays text: small files, searchable, readable aloud
    "svg.hashsalt": "litmus",  # the same figure gives the same bytes
}


def panels(
    rows: int = 1, columns: int = 1, width: float = PANEL_WIDTH, height: float = PANEL_HEIGHT, **keywords: Any
) -> tuple[Figure, Any]:
    """A figure of `rows` x `columns` panels in the house style.

    Parameters
    ----------
    width, height : float
        Size of one panel in inches.
    **keywords
        Passed to ``Figure.subplots`` (``sharey=True``, ``squeeze=False``, ``width_ratios=...``).

    Returns
    -------
    figure, axes
        The axes as ``Figure.subplots`` returns them.
    """
    mpl.rcParams.update(STYLE)  # type: ignore[arg-type]
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    return figure, figure.subplots(rows, columns, **keywords)


def spread(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    label: str | None = None,
    color: str | None = None,
    **keywords: Any,
) -> None:
    """Line through the mean of column `y` at each `x`, with a band from the smallest to the largest (over seeds)."""
    grouped = table.groupby(x, sort=True)[y]
    centre: np.ndarray = grouped.mean().to_numpy()
    low, high = grouped.min().to_numpy(), grouped.max().to_numpy()
    positions = grouped.mean().index.to_numpy()
    (line,) = ax.plot(positions, centre, label=label, color=color, **keywords)
    if (low < high).any():
        ax.fill_between(positions, low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def power_guide(ax: Axes, x: ArrayLike, start: float, exponent: float, label: str | None, **keywords: Any) -> None:
    """A power law over all `x` with `start` at the smallest; dotted and grey unless `keywords` of ``plot`` differ."""
    positions = np.unique(x)
    look = {"linestyle": ":", "color": GREY, **keywords}
    ax.plot(positions, start * (positions / positions[0]) ** exponent, label=label, **look)


def label_ticks(axis: Axis, ticks: Iterable[float], labels: Sequence[str] | None = None) -> None:
    """Those ticks and no minor ones, with plain numbers beside them or `labels`; for a logarithmic axis of few values.

    The limits widen to hold all ticks. `axis` is ``ax.xaxis`` or ``ax.yaxis``; the other one keeps its own.
    """
    values = list(ticks) if labels is not None else sorted(set(ticks))
    axis.set_ticks(values, labels=labels if labels is not None else [f"{value:g}" for value in values])
    axis.set_ticks([], minor=True)


def save(figure: Figure, path: Path) -> None:
    """Write an SVG or PNG, whole or not at all; the same figure gives the same SVG bytes."""
    with mpl.rc_context(STYLE), whole_file(path) as temporary:  # type: ignore[arg-type]
        if path.suffix == ".svg":
            figure.savefig(temporary, metadata={"Date": None, "Creator": None})
        else:
            figure.savefig(temporary, dpi=150)
