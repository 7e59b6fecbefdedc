"""Error curves per degree, labels saved, sampled points, and sketch sizes on the line."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

CURVES = {
    ("uniform", "independent"): ("uniform, independent", plotting.ORANGE, ":"),
    ("uniform", "coordinate tree"): ("uniform, pivotal", plotting.ORANGE, "-"),
    ("leverage", "independent"): ("leverage, independent", plotting.BLACK, "--"),
    ("leverage", "coordinate tree"): ("leverage, pivotal (coordinate)", plotting.BLUE, "-"),
    ("leverage", "principal-axis tree"): ("leverage, pivotal (principal axis)", plotting.SKY, "-."),
}
SAVINGS = {
    ("oscillator", 1.2): ("oscillator, 1.2 × best error", plotting.BLUE, "o"),
    ("oscillator", 2.0): ("oscillator, 2 × best error", plotting.SKY, "s"),
    ("noisy_surface", 2.0): ("noisy surface, 2 × best error", plotting.GREEN, "s"),
    ("noisy_surface", 1.2): ("noisy surface, 1.2 × best error", plotting.RED, "o"),
}
LINE = {
    "independent": ("independent", plotting.BLACK, "--"),
    "random order": ("pivotal, random order", plotting.PINK, "-"),
    "sequential": ("pivotal, along the line", plotting.BLUE, "-"),
}
SAMPLES = {
    "independent": ("Independent samples clump", plotting.BLACK),
    "coordinate tree": ("Coordinate tree: spread out", plotting.BLUE),
    "principal-axis tree": ("Principal-axis tree: spread out", plotting.SKY),
}


def _errors(ax: Axes, table: pd.DataFrame, degree: int) -> None:
    part = table[(table.degree == degree) & (table.target == "oscillator")]
    for (marginal, sampler), (label, color, style) in CURVES.items():
        own = part[(part.marginal == marginal) & (part.sampler == sampler)]
        excess = own.groupby("n_samples")[["lower", "median", "upper"]].mean() - 1
        ax.plot(excess.index, excess["median"], style, color=color, label=label)
        ax.fill_between(excess.index, excess["lower"], excess["upper"], color=color, alpha=0.15, linewidth=0)
    for threshold in (0.2, 1):
        ax.axhline(threshold, color=plotting.GREY, linewidth=0.8)
    ax.set(yscale="log", ylim=(0.03, 300), xlabel="number of labels m", ylabel="excess squared error (best = 1)")
    ax.set_title(f"Degree {degree}, d = {part.n_columns.iloc[0]}: pivotal is ahead")


def _savings(ax: Axes, table: pd.DataFrame) -> None:
    for (target, threshold), (label, color, marker) in SAVINGS.items():
        part = table[(table.target == target) & (table.threshold == threshold) & (table.tree == "coordinate tree")]
        plotting.spread(ax, part, "degree", "saving", label=label, color=color, marker=marker)
    ax.axhline(0.5, color=plotting.GREY, linewidth=0.8)
    ax.set(xlabel="polynomial degree", ylabel="fraction of labels saved", ylim=(0, 0.8))
    ax.set_xticks(sorted(table.degree.unique()))
    ax.set_title("Labels saved: label noise eats the saving")
    ax.legend(loc="upper left")


def _sample(ax: Axes, table: pd.DataFrame, sampler: str) -> None:
    title, color = SAMPLES[sampler]
    part = table[(table.sampler == sampler) & (table.seed == table.seed.min())]
    ax.plot(part.x, part.y, "o", color=color, markersize=2)
    ax.set(aspect="equal", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xlabel="stiffness − 2", ylabel="frequency − 1")
    ax.set_title(f"{title} (m = {len(part)})")
    ax.grid(False)


def _line(ax: Axes, table: pd.DataFrame) -> None:
    for sampler, (label, color, style) in LINE.items():
        part = table[table.sampler == sampler]
        plotting.spread(ax, part, "n_columns", "factor", label=label, color=color, linestyle=style, marker="o")
    ax.set(xscale="log", xlabel="coefficients d", ylabel="m / d of a well-conditioned sketch", ylim=(0, None))
    plotting.label_ticks(ax.xaxis, table.n_columns)
    ax.set_title("On the line: flat along it, log d otherwise")
    ax.legend(loc="center right")


def draw(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel per degree, then savings, samples and the line, on two rows."""
    degrees = sorted(tables["errors"].degree.unique())
    figure, axes = plotting.panels(2, (len(degrees) + 5) // 2)
    axes = list(axes.flat)
    for ax, degree in zip(axes, degrees, strict=False):
        _errors(ax, tables["errors"], degree)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(CURVES))
    savings, *samples, line = axes[len(degrees) :]
    _savings(savings, tables["savings"])
    for ax, sampler in zip(samples, SAMPLES, strict=True):
        _sample(ax, tables["example"], sampler)
    _line(line, tables["line"])
    return figure
