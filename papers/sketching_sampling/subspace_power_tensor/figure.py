"""CPU time, error under noise, success near the rank limit, and the approach of F to 1."""

from collections.abc import Mapping
from math import comb

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting


def _timings(ax: Axes, table: pd.DataFrame) -> None:
    for (method, part), color, marker in zip(
        table.groupby("method"), (plotting.ORANGE, plotting.BLUE), plotting.MARKERS, strict=False
    ):
        plotting.spread(ax, part, "d", "seconds", label=method, color=color, marker=marker)
    cells = table[["d", "R"]].drop_duplicates().sort_values("d")
    ax.set_xticks(cells.d, labels=[f"{d}\n({rank})" for d, rank in cells.to_numpy()])
    ax.set(yscale="log", xlabel="dimension d (rank R)", ylabel="CPU seconds to relative error $10^{-6}$")
    ax.set_title("SPM is faster at ranks of about d²/3")
    ax.legend(loc="upper left")


def _noise(ax: Axes, table: pd.DataFrame) -> None:
    d, rank = table.d.iloc[0], table.R.iloc[0]
    sigma = np.sort(table.sigma.unique())
    ax.plot(sigma, sigma, color=plotting.BLACK, linewidth=1, linestyle="--", label="noise σ")
    floor = np.sqrt(d * rank / comb(d + 3, 4))
    ax.plot(sigma, floor * sigma, color=plotting.GREY, linewidth=1, linestyle=":", label="√(parameters / entries) σ")
    for (kind, part), color, marker in zip(
        table.groupby("kind"), (plotting.ORANGE, plotting.BLUE), plotting.MARKERS, strict=False
    ):
        plotting.spread(ax, part, "sigma", "error", label=f"{kind} components", color=color, marker=marker)
    ax.set(
        xscale="log", yscale="log", xlabel="noise level σ (Frobenius norm)", ylabel="error of the tensor (Frobenius)"
    )
    ax.set_title(f"d = {d}, R = {rank}: the error stays below the noise")
    ax.legend(loc="upper left")


def _edge(ax: Axes, table: pd.DataFrame) -> None:
    d = table.d.iloc[0]
    rates = table.assign(success=table.success.astype(float)).groupby(["seed", "R"], as_index=False).success.mean()
    plotting.spread(ax, rates, "R", "success", color=plotting.BLUE, marker="o")
    for limit, name in ((d * (d - 3) // 2, "d(d − 3)/2"), (d * (d - 1) // 2, "d(d − 1)/2")):
        ax.axvline(limit, color=plotting.GREY, linewidth=1, linestyle="--")
        ax.annotate(
            name, (limit, 0.75), xytext=(-3, 0), textcoords="offset points", rotation=90, ha="right", va="center"
        )
    ax.set(
        xlabel="rank R", ylabel="share recovered to $10^{-6}$", ylim=(-0.05, 1.05), xlim=(d * (d - 3) // 2 - 1.2, None)
    )
    ax.set_title(f"d = {d}: recovery ends near d(d − 1)/2")


def _ascent(ax: Axes, table: pd.DataFrame) -> None:
    first = table[table.seed == table.seed.min()]
    for shift, color in {"fixed": plotting.ORANGE, "adaptive": plotting.BLUE}.items():
        for start, part in first[first["shift"] == shift].groupby("start"):
            label = f"{shift} shift" if start == 0 else None
            ax.plot(part.iteration, (1 - part.F).clip(lower=1e-16), color=color, alpha=0.7, linewidth=1, label=label)
    ax.set(yscale="log", xlabel="iteration", ylabel="1 − F")
    ax.set_title("F rises towards 1 from random starts, never falls")
    ax.legend(loc="best")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Timings and noise above, rank limit and iterations below."""
    figure, axes = plotting.panels(2, 2, width=4.0, height=3.0)
    _timings(axes[0, 0], tables["timings"])
    _noise(axes[0, 1], tables["noise"])
    _edge(axes[1, 0], tables["edge"])
    _ascent(axes[1, 1], tables["ascent"])
    return figure
