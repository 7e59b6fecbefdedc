"""Flux, polymer fraction and differential permeability in sweeps of the force; where bistability is found."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from litmus import plotting

CASES = {
    "repulsive": ("repulsive, swelling", plotting.BLUE),
    "repulsive, low crossover": ("the same, low crossover", plotting.GREEN),
    "neutral, collapsing": ("neutral, collapsing", plotting.RED),
}
SOLUTES = {"repulsive": plotting.BLUE, "neutral": plotting.ORANGE, "attractive": plotting.PINK}
FORCE = "force F ($k_BT/d$)"


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The sweeps are those of the first seed: another one shifts the grid of forces by a part of a step only."""
    figure, ((fluxes, loop, permeability), (swelling, collapse, tuning)) = plotting.panels(2, 3, height=2.9)
    first = {name: table[table["seed"] == table["seed"].min()] for name, table in tables.items()}
    draw_flux(fluxes, first["sweeps"])
    draw_loop(loop, first["sweeps"], first["states"])
    draw_permeability(permeability, first["sweeps"])
    draw_region(swelling, first["regions"], "swelling", "(d) Swelling: repulsion only")
    draw_region(collapse, first["regions"], "collapse", "(e) Collapsing: any solutes")
    draw_tuning(tuning, tables["switches"])
    return figure


def draw_flux(ax: Axes, sweeps: pd.DataFrame) -> None:
    draw_sweeps(ax, sweeps, "flux")
    for direction in ("frozen unloaded", "frozen loaded"):
        rows = sweeps[(sweeps.case == "repulsive") & (sweeps.direction == direction)]
        ax.plot(rows.force, rows.flux, color=plotting.GREY, linestyle=":", zorder=1)
    ax.plot([], [], color=plotting.GREY, linestyle=":", label="frozen polymer, repulsive")
    ax.set(title="(a) Small changes of force switch the flux", xlabel=FORCE, ylabel="flux j ($c_0 D_0/d$)")
    ax.set(xscale="log", yscale="log", ylim=(None, 2000))
    ax.legend(loc="upper left")


def draw_sweeps(ax: Axes, sweeps: pd.DataFrame, column: str) -> None:
    """A case has a colour; solid while the force rises, dashed while it falls."""
    for case, (label, color) in CASES.items():
        for direction, style in (("up", "-"), ("down", "--")):
            rows = sweeps[(sweeps.case == case) & (sweeps.direction == direction)]
            name = label if direction == "up" else None
            ax.plot(rows.force, rows[column], color=color, linestyle=style, label=name)


def draw_loop(ax: Axes, sweeps: pd.DataFrame, states: pd.DataFrame) -> None:
    draw_sweeps(ax, sweeps, "phi")
    unstable = states[~states.stable]
    ax.plot(unstable.force, unstable.phi, color=plotting.BLUE, linestyle=":", label="unstable")
    ax.plot([], [], color=plotting.GREY, label="rising force")
    ax.plot([], [], color=plotting.GREY, linestyle="--", label="falling force")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[-3:], labels[-3:], loc="upper right")
    ax.set(
        title="(b) Hysteresis of the polymer", xlabel=FORCE, ylabel="volume fraction φ", xscale="log", ylim=(0, 0.52)
    )


def draw_permeability(ax: Axes, sweeps: pd.DataFrame) -> None:
    """Without the collapsing membrane, whose flux falls with the force next to its fold."""
    draw_sweeps(ax, sweeps[sweeps.case != "neutral, collapsing"], "permeability")
    for direction in ("frozen unloaded", "frozen loaded"):
        rows = sweeps[(sweeps.case == "repulsive") & (sweeps.direction == direction)]
        ax.plot(rows.force, rows.permeability, color=plotting.GREY, linestyle=":", zorder=1)
    ax.set(title="(c) Permeability jumps at the folds", xlabel=FORCE, xscale="log", yscale="log")
    ax.set_ylabel("$(L/c_0)\\,dj/dF$  ($D_0$)")


def draw_region(ax: Axes, regions: pd.DataFrame, response: str, title: str) -> None:
    rows = regions[regions.response == response]
    for solutes, color in SOLUTES.items():
        region = rows[rows.solutes == solutes]
        label = f"{solutes} solutes" + (": none" if region.empty else "")
        ax.fill_between(region.force, region.low, region.high, color=color, alpha=0.35, label=label)
    ax.set(title=title, xlabel=FORCE, ylabel="bistable crossovers $c_c/c_0$", xscale="log", yscale="log")
    ax.set(xlim=(regions.force.min(), regions.force.max()), ylim=(0.02, 200))
    ax.legend(loc="upper right")


def draw_tuning(ax: Axes, switches: pd.DataFrame) -> None:
    for response, color, marker in (("swelling", plotting.BLUE, "o"), ("collapse", plotting.RED, "s")):
        rows = switches[switches.response == response]
        label = f"{response} on uptake"
        plotting.spread(ax, rows, "interaction", "decades", label, color, marker=marker)
    ax.axhline(1, color=plotting.GREY, linestyle=":", label="an order of magnitude")
    ax.set(title="(f) Interactions tune the switch", xlabel="interaction B (repulsive if positive)")
    ax.set_ylabel("largest switch of the flux (decades)")
    ax.legend(loc="upper left")
