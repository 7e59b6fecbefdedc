"""What the best attacker attains on each channel, and what the bounds allow."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

COLORS = {
    "attack": plotting.BLACK,
    "Shannon-Fano": plotting.ORANGE,
    "Renyi-Fano": plotting.BLUE,
    "Renyi-Fano, centroid": plotting.SKY,
    "posterior": plotting.RED,
    "removal": plotting.RED,
    "advantage": plotting.PINK,
}
LABELS = {
    "attack": "best attack",
    "Renyi-Fano": "Rényi-Fano",
    "Renyi-Fano, centroid": "Rényi-Fano, midpoint",
    "posterior": "through $(\\epsilon, \\delta)$",
    "removal": "through $(\\epsilon, \\delta)$",
    "advantage": "advantage $\\leq e^\\epsilon - 1$",
}
STYLES = ("--", "-")


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels; (a) and (b) show the second and the last number of values that were run."""
    bounds = tables["bounds"]
    figure, ((response, gaussian, halves), (training, sibson, order)) = plotting.panels(2, 3, width=4.0, height=3.2)
    draw_response(response, bounds[bounds.channel == "response"])
    draw_gaussian(gaussian, bounds[bounds.channel == "gaussian"])
    draw_halves(halves, tables["halves"])
    draw_training(training, bounds[bounds.channel == "training"], tables["models"])
    draw_sibson(sibson, tables["sibson"])
    draw_order(order, bounds[(bounds.channel == "gaussian") & (bounds.kind == "Renyi-Fano")])
    return figure


def draw_response(ax: Axes, bounds: pd.DataFrame) -> None:
    n_values = shown_sizes(bounds)[-1]
    rows = bounds[bounds.n_values == n_values]
    wide = {"Shannon-Fano": 4.0}  # lies under the attack
    for kind in ("Shannon-Fano", "attack", "Renyi-Fano", "advantage"):
        width = {"linewidth": wide[kind]} if kind in wide else {"marker": "o"}
        plotting.spread(ax, rows[rows.kind == kind], "noise", "success", LABELS.get(kind, kind), COLORS[kind], **width)
    ax.axvline(np.log(n_values), color=plotting.GREY, linestyle=":", label=f"log M, M = {n_values}")
    ax.set(
        title="(a) Randomised response attains Shannon-Fano",
        xlabel="budget $\\epsilon$",
        ylabel="probability of a right guess",
        ylim=(0, 1.03),
    )
    ax.legend(loc="center left", bbox_to_anchor=(0.1, 0.72))


def draw_gaussian(ax: Axes, bounds: pd.DataFrame) -> None:
    for n_values, style in zip(shown_sizes(bounds), STYLES, strict=False):
        for kind in ("attack", "Renyi-Fano, centroid", "Shannon-Fano", "Renyi-Fano", "posterior"):
            rows = bounds[(bounds.kind == kind) & (bounds.n_values == n_values)]
            rows = rows.assign(inverse=1 / rows.noise)
            label = LABELS.get(kind, kind) if style == STYLES[-1] else None
            plotting.spread(ax, rows, "inverse", "success", label, COLORS[kind], linestyle=style)
    sizes = " and ".join(
        f"{size} ({name})" for size, name in zip(shown_sizes(bounds), ("dashed", "solid"), strict=False)
    )
    ax.set(
        title=f"(b) Gaussian noise, M = {sizes}",
        xlabel="$1/\\sigma$",
        ylabel="probability of a right guess",
        xscale="log",
        yscale="log",
        ylim=(bounds[bounds.n_values.isin(shown_sizes(bounds))].success.min() / 12, 1.3),
    )
    mark_inverse_noise(ax, bounds)
    ax.legend(loc="lower right", ncols=2)


def draw_halves(ax: Axes, halves: pd.DataFrame) -> None:
    series = {
        "attack": ("Gaussian $1/\\sigma^2$, best attack", COLORS["attack"], "o"),
        "response_epsilon": ("response $\\epsilon$, attack played out", plotting.GREEN, "D"),
        "renyi": ("Gaussian $1/\\sigma^2$, Rényi-Fano", COLORS["Renyi-Fano"], "s"),
        "posterior": ("Gaussian $1/\\sigma^2$, through $(\\epsilon, \\delta)$", COLORS["posterior"], "^"),
    }
    for column, (label, color, marker) in series.items():
        plotting.spread(ax, halves, "n_values", column, label, color, marker=marker)
    ax.set(
        title="(c) The budget at success 1/2 grows with log M",
        xlabel="number of values M",
        ylabel="$\\epsilon$, or $1/\\sigma^2$ [nats]",
        xscale="log",
    )
    ax.legend()


def draw_training(ax: Axes, bounds: pd.DataFrame, models: pd.DataFrame) -> None:
    for kind in ("removal", "Shannon-Fano", "Renyi-Fano", "expected"):
        label = "best attack" if kind == "expected" else LABELS.get(kind, kind)
        color = COLORS["attack" if kind == "expected" else kind]
        plotting.spread(ax, bounds[bounds.kind == kind], "noise", "success", label, color, marker="o")
    counted = bounds[bounds.kind == "attack"]
    ax.plot(counted.noise, counted.success, "x", color=plotting.GREY, label="share of right guesses, per seed")
    ax.axhline(1 / bounds.n_values.iloc[0], color=plotting.GREY, linestyle=":", label="blind guess")
    means = models.groupby("noise").mean()
    ax.set(
        title="(d) One label, all noisy gradients seen",
        xlabel="noise sd $\\sigma$ per step ($\\epsilon$; accuracy of the model)",
        ylabel="probability of a right guess",
        xscale="log",
        ylim=(0, 1.5),
        yticks=np.linspace(0, 1, 6),
        xlim=(means.index.min() / 1.15, means.index.max() * 1.15),
    )
    labels = [f"{sigma:g}\n({row.epsilon:.1f}; {row.accuracy:.0%})" for sigma, row in means.iterrows()]
    plotting.label_ticks(ax.xaxis, means.index, labels)
    ax.legend(loc="upper right", ncols=2)


def draw_sibson(ax: Axes, sibson: pd.DataFrame) -> None:
    for (seed, index), rows in sibson[sibson.channel == "random"].groupby(["seed", "index"]):
        first = (seed, index) == (sibson.seed.min(), 0)
        label = "random channels" if first else None
        ax.plot(rows.order, rows.ratio, color=COLORS["Renyi-Fano"], linewidth=0.9, alpha=0.7, label=label)
    response = sibson[sibson.channel == "response"].groupby("order").ratio.max()
    ax.plot(response.index, response, "o", color=plotting.ORANGE, label="randomised response")
    ax.set(
        title="(e) Sibson-Fano is tight at high order",
        xlabel="order a",
        ylabel="bound / best success",
        xscale="log",
    )
    ax.legend()


def draw_order(ax: Axes, bounds: pd.DataFrame) -> None:
    for n_values, rows in bounds.groupby("n_values"):
        color = plotting.COLORS[list(bounds.n_values.unique()).index(n_values)]
        plotting.spread(
            ax, rows.assign(inverse=1 / rows.noise), "inverse", "order", f"M = {n_values}", color, marker="o"
        )
    ax.set(
        title="(f) More noise and more values: higher orders",
        xlabel="$1/\\sigma$ of Gaussian noise",
        ylabel="order a of the Rényi-Fano bound",
        xscale="log",
        yscale="log",
    )
    mark_inverse_noise(ax, bounds)
    plotting.label_ticks(ax.yaxis, [1, 2, 5, 10])
    ax.legend()


def mark_inverse_noise(ax: Axes, bounds: pd.DataFrame) -> None:
    """Ticks at all values of 1/sigma that were run."""
    inverses = sorted(1 / bounds.noise.unique())
    plotting.label_ticks(ax.xaxis, inverses, [f"{inverse:.2g}" for inverse in inverses])
    ax.yaxis.minorticks_off()


def shown_sizes(bounds: pd.DataFrame) -> list[int]:
    """The second and the last number of values: two are too few to tell a secret from a coin."""
    sizes = sorted(bounds.n_values.unique())
    return [sizes[1], sizes[-1]]
