"""CPU time, speed-up and iterations of the two forms, and what a projection spends where."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from litmus import plotting

FAMILIES = {
    "design": ("D-optimal design", plotting.BLUE, "o"),
    "robust_pca": ("robust PCA", plotting.ORANGE, "s"),
    "planted_partition": ("partition, planted blocks", plotting.GREEN, "^"),
    "sparse_partition": ("partition, sparse graphs", plotting.PINK, "D"),
}
CONES = {
    "log-determinant": (plotting.BLUE, "o"),
    "nuclear norm": (plotting.ORANGE, "s"),
    "sum of largest": (plotting.PINK, "D"),
}
FORMS = {"spectral": "-", "standard": "--"}


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Four panels; lines are means and bands extremes over instances and seeds."""
    solves, projections = tables["solves"], tables["projections"]
    tight, loose = solves["tolerance"].min(), solves["tolerance"].max()
    at_tight = solves[solves["tolerance"] == tight]
    figure, axes = plotting.panels(2, 2, width=4.2, height=3.2)
    _draw_forms(axes[0, 0], at_tight, "cpu_seconds", "CPU time (s)")
    axes[0, 0].set_title(f"Time to accuracy {tight:.0e} in the same solver")
    _draw_forms(axes[1, 0], at_tight, "iterations", "iterations")
    axes[1, 0].set_title(f"Iterations to accuracy {tight:.0e}")
    _draw_speedups(axes[0, 1], solves, tight, loose)
    _draw_projections(axes[1, 1], projections)
    return figure


def _size_axis(ax: Axes, sizes: pd.Series) -> None:
    ax.set_xscale("log")
    plotting.label_ticks(ax.xaxis, sizes)
    ax.set_xlabel("order of the matrix n")


def _beside(orders: pd.Series, number: int) -> pd.Series:
    """Families side by side at one size."""
    return orders * (1 + 0.025 * (number - 1.5))


def _draw_forms(ax: Axes, table: pd.DataFrame, column: str, label: str) -> None:
    handles = []
    for form, style in FORMS.items():
        filled = form == "spectral"
        for number, (family, (_, color, marker)) in enumerate(FAMILIES.items()):
            rows = table[(table["family"] == family) & (table["form"] == form)]
            rows = rows.assign(order=_beside(rows["order"], number))
            look = {"linestyle": style, "marker": marker, "markerfacecolor": color if filled else "white"}
            plotting.spread(ax, rows, "order", column, color=color, **look)
        look = {"linestyle": style, "marker": "o", "markerfacecolor": plotting.GREY if filled else "white"}
        handles.append(Line2D([], [], color=plotting.GREY, label=f"{form} form", **look))
    _size_axis(ax, table["order"])
    ax.set_yscale("log")
    ax.set_ylabel(label)
    ax.legend(handles=handles)


def _draw_speedups(ax: Axes, solves: pd.DataFrame, tight: float, loose: float) -> None:
    keys = ["seed", "family", "order", "instance", "tolerance"]
    seconds = solves.pivot(index=keys, columns="form", values="cpu_seconds")
    speedups = (seconds["standard"] / seconds["spectral"]).rename("speedup").reset_index()
    for number, (family, (name, color, marker)) in enumerate(FAMILIES.items()):
        for tolerance, face in ((loose, "none"), (tight, color)):
            rows = speedups[(speedups["family"] == family) & (speedups["tolerance"] == tolerance)]
            shifted = _beside(rows["order"], number)
            label = name if tolerance == tight else None
            ax.plot(shifted, rows["speedup"], marker, markeredgecolor=color, markerfacecolor=face, label=label)
    ax.axhline(1, color=plotting.BLACK, linewidth=0.8)
    _size_axis(ax, solves["order"])
    ax.set_yscale("log")
    ax.set_ylim(0.4, max(50.0, 3 * speedups["speedup"].max()))
    plotting.label_ticks(ax.yaxis, [0.5, 1, 2, 5, 10])
    ax.set_ylabel("CPU time standard / spectral")
    ax.set_title(f"Speed-up (filled: accuracy {tight:.0e}, open: {loose:.0e})")
    ax.legend(loc="upper left")


def _draw_projections(ax: Axes, projections: pd.DataFrame) -> None:
    handles = []
    for cone, (color, marker) in CONES.items():
        for part, style in (("decomposition", "-"), ("vector projection", ":")):
            rows = projections[(projections["cone"] == cone) & (projections["part"] == part)]
            plotting.spread(ax, rows, "order", "cpu_seconds", color=color, linestyle=style, marker=marker)
        handles.append(Line2D([], [], color=color, marker=marker, label=cone))
    handles.append(Line2D([], [], color=plotting.GREY, linestyle="-", label="eigenvalues or SVD"))
    handles.append(Line2D([], [], color=plotting.GREY, linestyle=":", label="vector projection"))
    _size_axis(ax, projections["order"])
    ax.set_yscale("log")
    ax.set_ylabel("CPU time (s)")
    ax.set_title("Projecting the eigenvalues costs next to nothing")
    ax.legend(handles=handles)
