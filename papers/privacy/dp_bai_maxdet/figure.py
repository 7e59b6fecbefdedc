"""How the error falls with pulls, what privacy costs in pulls, the rivals, and the coefficients."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

POLICIES = {  # policy: label, colour, marker
    "halving": ("sequential halving", plotting.RED, "v"),
    "DP-BAI": ("DP-BAI", plotting.BLUE, "o"),
    "OD-LinBAI": ("private OD-LinBAI", plotting.ORANGE, "s"),
    "one shot": ("one shot", plotting.GREEN, "^"),
    "no noise": ("DP-BAI, no noise", plotting.BLACK, "D"),
}
RIVAL_EPSILON = 0.2
SMALLEST = 0.01
SMALLEST_DECAY = 1e-3


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Six panels: error and privacy above, rivals and coefficients below."""
    figure, ((errors, decay, privacy), (rivals, ratios, coefficients)) = plotting.panels(2, 3, width=3.7, height=3.0)
    draw_errors(errors, tables["errors"])
    draw_decay(decay, tables["decay"])
    draw_privacy(privacy, tables["pulls"])
    draw_rivals(rivals, tables["errors"])
    draw_ratios(ratios, tables["pulls"])
    draw_coefficients(coefficients, tables["coefficients"])
    return figure


def per_seed(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Mean of ``y`` over the instances of a seed, where all instances of all seeds have a value."""
    runs = table.groupby(["seed", "instance"]).ngroups
    complete = table.groupby(x)[y].transform("size") == runs
    return table[complete].groupby(["seed", x], as_index=False)[y].mean()


def draw_errors(ax: Axes, errors: pd.DataFrame) -> None:
    own = errors[errors.policy == "DP-BAI"]
    budgets = own.groupby("epsilon")
    shades = plotting.mpl.colormaps["cividis_r"](np.linspace(0.1, 1, len(budgets)))  # colours are those of policies
    for i, (epsilon, rows) in enumerate(budgets):
        scaled = rows.assign(error=rows.error.clip(lower=SMALLEST))
        plotting.spread(
            ax, per_seed(scaled, "budget", "error"), "budget", "error", f"$\\varepsilon$ = {epsilon:g}",
            tuple(shades[i]), marker=plotting.MARKERS[i],
        )  # fmt: skip
    ax.set(title="(a) More privacy shifts the error to more pulls", xlabel="pulls T", ylabel="error probability")
    ax.set(xscale="log", yscale="log", ylim=(SMALLEST, 1.3))
    ax.legend(loc="lower left")


def draw_decay(ax: Axes, decay: pd.DataFrame) -> None:
    decay = decay.assign(error=decay.error.clip(lower=SMALLEST_DECAY))
    plotting.spread(ax, per_seed(decay, "multiple", "error"), "multiple", "error", None, plotting.BLUE, marker="o")
    ax.set(title="(b) Exponential in T ($\\varepsilon$ = 1)", xlabel="pulls, relative to those to 30% error")
    ax.set(ylabel="error probability", yscale="log", ylim=(SMALLEST_DECAY, 1.0), xlim=(0, 6.4))


def draw_privacy(ax: Axes, pulls: pd.DataFrame) -> None:
    own = pulls[pulls.policy == "DP-BAI"]
    means = own.assign(pulls=np.log(own.pulls)).groupby(["seed", "epsilon"], as_index=False).pulls.mean()
    means["pulls"] = np.exp(means.pulls)
    plotting.spread(ax, means, "epsilon", "pulls", "DP-BAI", plotting.BLUE, marker="o")
    epsilons = np.unique(means.epsilon)
    first = means.pulls[means.epsilon == epsilons[0]].mean()
    plotting.power_guide(ax, epsilons, first, -1, "$\\propto 1/\\varepsilon$")
    noiseless = np.exp(np.log(pulls.pulls[pulls.policy == "no noise"]).mean())
    ax.axhline(noiseless, color=plotting.BLACK, linestyle="--", label="no noise")
    ax.set(title="(c) $1/\\varepsilon$ when strict, flat when loose", xlabel="privacy budget $\\varepsilon$ (nats)")
    ax.set(ylabel="pulls to 30% error", xscale="log", yscale="log", ylim=(0.5 * noiseless, 2 * first))
    ax.legend()


def draw_rivals(ax: Axes, errors: pd.DataFrame) -> None:
    for policy, (label, color, marker) in POLICIES.items():
        rows = errors[(errors.policy == policy) & errors.epsilon.isin([RIVAL_EPSILON, np.inf])]
        scaled = rows.assign(error=rows.error.clip(lower=SMALLEST))
        plotting.spread(ax, per_seed(scaled, "budget", "error"), "budget", "error", label, color, marker=marker)
    ax.set(title="(d) Error of the rivals ($\\varepsilon$ = 0.2)", xlabel="pulls T")
    ax.set(ylabel="error probability", xscale="log", yscale="log", ylim=(SMALLEST, 1.3))
    ax.legend(loc="lower left", fontsize=6.5, handlelength=1.3, borderaxespad=0.2)


def draw_ratios(ax: Axes, pulls: pd.DataFrame) -> None:
    rows = pulls[pulls.epsilon.isin([RIVAL_EPSILON, np.inf])]
    by_policy = rows.pivot(index=["seed", "instance"], columns="policy", values="pulls")
    for i, (policy, (_, color, marker)) in enumerate(POLICIES.items()):
        ratio = (by_policy[policy] / by_policy["DP-BAI"]).to_numpy()
        ax.plot(ratio, np.full(ratio.size, i), marker, color=color, markerfacecolor="none", markersize=6)
    ax.axvline(1.0, color=plotting.GREY, linestyle=":")
    ax.set_yticks(range(len(POLICIES)), [label for label, _, _ in POLICIES.values()])
    ax.set(title="(e) Fewer pulls than halving, more than designs", xscale="log", ylim=(len(POLICIES) - 0.5, -0.5))
    ax.set_xlabel("pulls to 30% error / those of DP-BAI, each instance")


def draw_coefficients(ax: Axes, coefficients: pd.DataFrame) -> None:
    for (basis, rows), color in zip(coefficients.groupby("basis"), (plotting.ORANGE, plotting.BLUE), strict=True):
        shares = rows.groupby("size", as_index=False).share.mean()
        ax.step(shares["size"], shares.share, where="post", label=str(basis), color=color)
    ax.axvline(1.0, color=plotting.GREY, linestyle=":")
    ax.set(
        title="(f) The search leaves no coefficient above 1",
        xlabel="size of coefficient",
        ylabel="share",
        xscale="log",
    )
    ax.set_ylim(top=1.3 * coefficients.groupby(["basis", "size"]).share.mean().max())
    ax.legend(loc="upper right")
