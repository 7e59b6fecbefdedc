"""Error ratios and smallest eigenvalues against the number of points, and example points of the three laws."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

LAWS = {"i.i.d.": plotting.BLACK, "volume": plotting.ORANGE, "repeated DPP": plotting.BLUE}
MEASURES = {"legendre": ("Legendre", "-", "o"), "hermite": ("Hermite", "--", "s")}
TARGET = "rational"


def _errors(ax: Axes, table: pd.DataFrame, measure: str) -> None:
    m = table.m.max()
    part = table[(table.measure == measure) & (table.m == m) & (table.target == TARGET)]
    for shift, (law, color) in zip((-0.08, 0, 0.08), LAWS.items(), strict=True):
        rows = part[part.law == law].groupby("multiple")[["low", "median", "high"]].mean() - 1
        ax.plot(rows.index + shift, rows["median"], "o-", color=color, label=law)
        ax.vlines(rows.index + shift, rows["low"], rows["high"].clip(upper=1e9), color=color, linewidth=1.2, alpha=0.6)
    ax.set(yscale="log", ylim=(0.03, 1e5), xlabel="points n / m", ylabel="excess squared error (best = 1)")
    ax.set_xticks(sorted(part.multiple.unique()))
    ax.set_title(f"{MEASURES[measure][0]}, m = {m}: DPPs need half the points")
    ax.legend(loc="upper right")


def _stability(ax: Axes, table: pd.DataFrame) -> None:
    m = table.m.max()
    for (measure, (name, line, marker)), (law, color) in ((x, y) for x in MEASURES.items() for y in LAWS.items()):
        part = table[(table.m == m) & (table.law == law) & (table.measure == measure)]
        keywords = dict(color=color, linestyle=line, marker=marker, markersize=3, linewidth=1)
        plotting.spread(ax, part, "multiple", "median", label=f"{law}, {name}", **keywords)
    ax.axhline(0.5, color=plotting.GREY, linewidth=0.8)
    ax.set(xlabel="points n / m", ylabel="median smallest eigenvalue of G", ylim=(0, None))
    ax.set_title(f"m = {m}: repeated DPPs are stable much earlier")
    ax.legend(loc="lower right")


def _examples(ax: Axes, table: pd.DataFrame) -> None:
    part = table[(table.seed == table.seed.min()) & (table.measure == "legendre")]
    n_draws = part.draw.max() + 1
    centres = {}
    for row, (law, color) in enumerate(reversed(LAWS.items())):
        own = part[part.law == law]
        ax.plot(own.x, row * (n_draws + 1) + own.draw, "|", color=color, markersize=9, markeredgewidth=1.2)
        centres[law] = row * (n_draws + 1) + (n_draws - 1) / 2
    ax.set_yticks(list(centres.values()), labels=list(centres))
    ax.set(xlabel="x in [−1, 1]", xlim=(-1.03, 1.03), xticks=[-1, -0.5, 0, 0.5, 1])
    ax.grid(False)
    ax.set_title(f"{n_draws} samples of each law, Legendre, n = 2m = 20")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Errors for the two measures, stability and examples, on a two by two grid."""
    figure, axes = plotting.panels(2, 2, width=4.2, height=3.1)
    for ax, measure in zip(axes[0], MEASURES, strict=True):
        _errors(ax, tables["errors"], measure)
    _stability(axes[1, 0], tables["stability"])
    _examples(axes[1, 1], tables["examples"])
    return figure
