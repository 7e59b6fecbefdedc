"""Four panels: the polynomials, the success of searches, the queries, and the two sides of the lemma."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

SEARCHES = {"fixed-point": plotting.BLUE, "Grover": plotting.ORANGE, "π/3": plotting.GREEN}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The first seed's tables where nothing random enters."""
    figure, axes = plotting.panels(2, 2)
    draw_polynomials(axes[0, 0], tables["polynomials"].query("seed == seed.min()"))
    draw_success(axes[0, 1], tables["success"].query("seed == seed.min()"))
    draw_queries(axes[1, 0], tables["queries"].query("seed == seed.min()"))
    draw_lemma(axes[1, 1], tables["lemma"])
    return figure


def draw_polynomials(ax: Axes, table: pd.DataFrame) -> None:
    for color, (gamma, rows) in zip(plotting.COLORS, table.groupby("gamma"), strict=False):
        ax.plot(rows.x, rows.recursion, color=color, label=f"$\\gamma$ = {gamma:g}")
        ax.plot(rows.x[::8], rows.closed[::8], "o", color=color, markersize=3)
    ax.plot([], [], "o", color=plotting.GREY, markersize=3, label="closed form")
    ax.set(title="(a) Recursion and Chebyshev polynomial, L = 9", xlabel="x", ylabel="$|a_L(x)|^2$", ylim=(0, 1.02))
    ax.legend()


def draw_success(ax: Axes, table: pd.DataFrame) -> None:
    for name, rows in table.groupby("search", sort=False):
        ax.plot(rows.fraction, rows.success, color=SEARCHES[str(name)], label=str(name))
    ax.axvline(table.bound.iloc[0], color=plotting.GREY, linestyle=":", label="bound w")
    ax.axhline(1 - table.delta.iloc[0] ** 2, color=plotting.GREY, linestyle=":")
    ax.set(
        title="(b) 26 queries: no soufflé above w",
        ylim=(-0.05, 1.45),
        xlabel="marked fraction",
        ylabel="success probability",
        xscale="log",
    )
    ax.legend(loc="upper center", ncols=2)


def draw_queries(ax: Axes, table: pd.DataFrame) -> None:
    labels = {"fixed_point": ("fixed-point", -0.5), "pi_third": ("π/3", -1.0)}
    for name, (label, slope) in labels.items():
        rows = table[table.algorithm == name].sort_values("fraction")
        ax.plot(rows.fraction, rows.queries, "o", color=SEARCHES[label], label=label)
        look = dict(linestyle="-", linewidth=0.9, color=SEARCHES[label])
        plotting.power_guide(ax, rows.fraction, rows.queries.iloc[0], slope, f"slope {slope:g}", **look)
    ax.set(
        title="(c) Quadratically fewer queries",
        xlabel="smallest marked fraction w",
        ylabel="queries needed",
        xscale="log",
        yscale="log",
    )
    ax.legend()


def draw_lemma(ax: Axes, table: pd.DataFrame) -> None:
    for odd, color, label in ((True, plotting.BLUE, "odd L"), (False, plotting.RED, "even L")):
        rows = table[table.odd == odd]
        ax.plot(rows.length, rows.error, "o", color=color, label=label, markersize=3)
    ax.set(
        title="(d) Exact at odd lengths only",
        xlabel="length L",
        ylabel="largest error over x",
        yscale="log",
        ylim=(1e-17, 50),
    )
    ax.legend(loc="center right")
