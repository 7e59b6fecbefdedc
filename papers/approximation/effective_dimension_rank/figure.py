"""Rank against depth: the stated formula, the variants, the spread, and what does collapse."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

VARIANTS = {
    "Gaussian": plotting.BLUE,
    "low-dimensional inputs": plotting.SKY,
    "orthogonal": plotting.ORANGE,
    "leaky, slope 0.2": plotting.PINK,
    "leaky, slope 0.5": plotting.GREEN,
}
WIDTH_STYLES = {0.5: ("m/2", ":"), 1.0: ("m", "-"), 2.0: ("2m", "--")}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Panel (a) shows the smallest m that was run, (b) and (d) the largest."""
    figure, axes = plotting.panels(2, 2, width=4.0, height=3.1)
    ranks = tables["ranks"]
    gaussian, square = ranks[ranks.setting == "Gaussian"], ranks[ranks.width_ratio == 1]
    draw_formula(axes[0, 0], gaussian[gaussian.m == ranks.m.min()], tables["networks"], tables["revivals"])
    draw_variants(axes[0, 1], square[square.m == ranks.m.max()])
    draw_concentration(axes[1, 0], gaussian[gaussian.width_ratio == 1])
    draw_collapse(axes[1, 1], tables["spectra"])
    for ax in axes.flat:
        ax.set(xlabel="depth (layers)")
    return figure


def draw_formula(ax: Axes, ranks: pd.DataFrame, networks: pd.DataFrame, revivals: pd.DataFrame) -> None:
    stated = ranks.groupby("depth").stated.first()
    ax.plot(stated.index, stated, color=plotting.RED, label="mean, as stated")
    peaks = revivals[revivals.seed == revivals.seed.min()]
    ax.plot(peaks.depth, peaks.rank_fraction, "v", color=plotting.RED, label="revivals, as stated")
    for ratio, rows in ranks.groupby("width_ratio"):
        name, style = WIDTH_STYLES[float(ratio)]
        plotting.spread(ax, rows, "depth", "rank_fraction", f"mean, n = {name}", plotting.BLUE, linestyle=style)
    for number, (_, rows) in enumerate(networks[networks.seed == networks.seed.min()].groupby("network")):
        label = None if number else "three networks, n = m"
        ax.plot(rows.depth, rows.rank_fraction, color=plotting.GREY, linewidth=0.7, zorder=1, label=label)
    ax.set(title=f"(a) Mean rank falls and never revives (m = {ranks.m.iloc[0]})", ylabel="rank / m", ylim=(0, 1.05))
    ax.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 0.0))


def draw_variants(ax: Axes, ranks: pd.DataFrame) -> None:
    for name, rows in ranks.groupby("setting", sort=False):
        color = VARIANTS.get(str(name), plotting.GREY)
        # The leaky curves coincide: the first is dashed, on top of the others.
        style = {"linestyle": "--", "zorder": 3} if name == "leaky, slope 0.2" else {}
        plotting.spread(ax, rows, "depth", "rank_fraction", str(name), color, **style)
    active = ranks[ranks.setting == "Gaussian"]
    plotting.spread(ax, active, "depth", "active_fraction", "active units, Gaussian", plotting.BLACK, linestyle=":")
    ax.set(title=f"(b) Dead units take the rank (n = m = {ranks.m.iloc[0]})", ylabel="rank / m", ylim=(0.45, 1.03))
    ax.legend(loc="lower left")


def draw_concentration(ax: Axes, ranks: pd.DataFrame) -> None:
    for color, (m, rows) in zip((plotting.SKY, plotting.BLUE), ranks.groupby("m"), strict=False):
        plotting.spread(ax, rows, "depth", "sd_over_sqrt_m", f"m = {m}", color)
    ax.axhline(1, color=plotting.GREY, linestyle=":", label="tolerated")
    ax.set(
        title="(c) The rank concentrates (Gaussian, n = m)",
        ylabel="std of the rank / $\\sqrt{m}$",
        ylim=(0, 1.1),
    )
    ax.legend(loc="lower right")


def draw_collapse(ax: Axes, spectra: pd.DataFrame) -> None:
    for name in ("Gaussian", "orthogonal", "leaky, slope 0.5"):
        rows = spectra[spectra.setting == name]
        if rows.empty:
            continue
        plotting.spread(ax, rows, "depth", "entropy", f"{name}: entropy rank", VARIANTS[name])
        plotting.spread(ax, rows, "depth", "participation", f"{name}: participation", VARIANTS[name], linestyle="--")
    ax.set(
        title=f"(d) Every spectrum collapses (n = m = {spectra.m.iloc[0]})",
        ylabel="effective rank / m",
        yscale="log",
        ylim=(0.015, 3),
    )
    ax.legend(loc="upper right")
