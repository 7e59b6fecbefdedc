"""Error and support recovery of the private estimators, and the by-product on clean data."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting
from litmus.fitting import log_log_slope

STYLES = {
    "OLS": ("private OLS", plotting.ORANGE, "s"),
    "NLDP": ("NLDP, one round", plotting.BLUE, "o"),
    "NLDP, public x": ("NLDP with public $x$", plotting.GREEN, "^"),
    "LDP-IHT": ("LDP-IHT, sequential", plotting.PINK, "D"),
}
SUPPORT_METHODS = ("NLDP", "NLDP, public x", "LDP-IHT")


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Panels (a) and (d) at the dimension of which most sizes were run, (b) at the most users."""
    errors = tables["errors"]
    by_users = errors[errors.dimension == fixed(errors, "dimension", "n_users")]
    by_dimension = errors[errors.n_users == fixed(errors, "n_users", "dimension")]
    figure, ((rate, dimension), (clean, support)) = plotting.panels(2, 2, width=4.2, height=3.2)
    draw_rate(rate, by_users)
    draw_dimension(dimension, by_dimension)
    draw_clean(clean, tables["clean"])
    draw_support(support, by_users)
    return figure


def fixed(errors: pd.DataFrame, held: str, varied: str) -> int:
    """The value of one column at which the other takes most values."""
    return errors.groupby(held)[varied].nunique().idxmax()


def draw_rate(ax: Axes, errors: pd.DataFrame) -> None:
    draw_methods(ax, errors, "n_users")
    ax.set(
        title=f"(a) Error falls like $n^{{-1/2}}$, $d$ = {errors.dimension.iloc[0]}",
        xlabel="users $n$",
        ylabel="error $\\|\\hat\\theta - \\theta\\|_2$",
        xscale="log",
        yscale="log",
    )
    mark_users(ax, errors)
    finish(ax)


def mark_users(ax: Axes, errors: pd.DataFrame) -> None:
    sizes = np.unique(errors.n_users)
    plotting.label_ticks(ax.xaxis, sizes, [f"{n / 1e6:g}M" if n >= 1e6 else f"{n / 1e3:g}k" for n in sizes])


def draw_dimension(ax: Axes, errors: pd.DataFrame) -> None:
    draw_methods(ax, errors, "dimension")
    sizes = np.unique(errors.dimension)
    for name, power, label in (("NLDP", 1.0, "$\\propto d$"), ("NLDP, public x", 0.5, "$\\propto \\sqrt{d}$")):
        rows = errors[(errors.method == name) & (errors.dimension == sizes[0])]
        plotting.power_guide(ax, sizes, rows.error.mean(), power, label, color=STYLES[name][1])
    ax.set(
        title=f"(b) Error against dimension, $n$ = {errors.n_users.iloc[0]:,}",
        xlabel="dimension $d$",
        ylabel="error $\\|\\hat\\theta - \\theta\\|_2$",
        xscale="log",
        yscale="log",
    )
    plotting.label_ticks(ax.xaxis, sizes)
    finish(ax)


def finish(ax: Axes) -> None:
    """Room above the curves for a legend in two columns."""
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.45)
    ax.legend(ncols=2, loc="upper right", fontsize=7, handlelength=1.5, columnspacing=0.8)


def draw_methods(ax: Axes, errors: pd.DataFrame, x: str) -> None:
    """Solid where the one-shot theory applies, hollow where n is too small for it; exponents of the former."""
    for name, (label, color, marker) in STYLES.items():
        rows = errors[errors.method == name]
        inside = rows[rows.within_theory]
        if inside[x].nunique() > 1:
            means = inside.groupby(x).error.mean()
            label = f"{label} ({log_log_slope(means.index, means).value:.2f})"
        plotting.spread(ax, inside, x, "error", label, color, marker=marker)
        outside = rows[~rows.within_theory]
        ax.plot(outside[x], outside.error, marker, color=color, fillstyle="none")


def draw_clean(ax: Axes, clean: pd.DataFrame) -> None:
    names = ["OLS", "soft OLS", "Lasso"]
    samples = [clean[clean.method == name].error for name in names]
    for position, (sample, color) in enumerate(
        zip(samples, (plotting.ORANGE, plotting.BLUE, plotting.GREY), strict=True)
    ):
        ax.bar(position, sample.mean(), 0.6, color=color)
        ax.plot([position, position], np.quantile(sample, [0.1, 0.9]), color=plotting.BLACK)
        ax.text(position + 0.06, sample.mean(), f"{sample.mean():.3f}", va="bottom", fontsize=7.5)
    ax.set_xticks(range(3), ["least squares", "soft-thresholded\nleast squares", "Lasso"])
    ax.set(
        title="(c) Clean data: the closed form is close to the Lasso",
        ylabel="error at the best penalty",
    )


def draw_support(ax: Axes, errors: pd.DataFrame) -> None:
    for name in SUPPORT_METHODS:
        label, color, marker = STYLES[name]
        plotting.spread(ax, errors[errors.method == name], "n_users", "support_found", label, color, marker=marker)
    ax.set(
        title=f"(d) Support among the $k$ largest entries, $d$ = {errors.dimension.iloc[0]}",
        xlabel="users $n$",
        ylabel="share of the support found",
        xscale="log",
        ylim=(0, 1.05),
    )
    mark_users(ax, errors)
    ax.legend(loc="lower right")
