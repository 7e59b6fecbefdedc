"""Closed forms against finite volumes, force sweeps of three membranes, and where bistability is found."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method
from .method import Feedback, Membrane

SWELLING = {"unloaded": 0.35, "loaded": 0.05}
COLLAPSE = {"unloaded": 0.05, "loaded": 0.35}
N_CELLS = 2000  # of the finite volumes, in each of the three regions
MAP_CROSSOVERS = (0.01, 100.0)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """`params.uptake` and `params.feedback` choose the loop; both are as in the paper unless a control says so."""
    forces = data["forces"]
    uptake = {"driven": method.uptake, "equilibrium": method.equilibrium_uptake}[params.uptake]
    cases = {
        "repulsive": Membrane(params.interaction, params.crossover, **SWELLING),
        "repulsive, low crossover": Membrane(params.interaction, 0.066, **SWELLING),
        "neutral, collapsing": Membrane(0.0, 2.3, **COLLAPSE),
    }
    loops = {name: Feedback(membrane, uptake, params.feedback) for name, membrane in cases.items()}
    repulsive, collapsing = loops["repulsive"], loops["neutral, collapsing"]
    up, jump_up = method.switch(repulsive, forces, repulsive.membrane.unloaded, params.n_fractions)
    down, jump_down = method.switch(repulsive, forces[::-1], repulsive.membrane.loaded, params.n_fractions)
    _, reswelling = method.switch(collapsing, forces[::-1], collapsing.membrane.loaded, params.n_fractions)
    index, _, stable = repulsive.steady_states(forces, params.n_fractions)
    switches = tunability(forces, params)
    metrics = {
        "formula_err": formula_error(data["slabs"], uptake),
        "jump_up": jump_up,
        "jump_down": -jump_down,
        "force_up": up,
        "force_down": down,
        "hysteresis_width": np.log(up / down),
        "stable_states_max": np.bincount(index, weights=stable).max(),
        "repulsion_over_attraction_decades": largest(switches, "swelling", params.interaction)
        - largest(switches, "swelling", -params.interaction),
        "varied_switch_min": varied_switches(data["variations"], forces, params).min(),
        "collapse_switch_max": switches[switches.response == "collapse"].decades.max(),
        "reswelling_jump": reswelling,
        "negative_feedback_bistable": count_bistable(forces, params),
        "frozen_exponent": frozen_exponent(repulsive.membrane, forces),
    }
    tables = {
        "sweeps": pd.concat([sweeps(name, loop, forces, params.n_fractions) for name, loop in loops.items()]),
        "states": steady_states(repulsive, forces, params.n_fractions),
        "switches": switches,
        "regions": regions(forces, params),
    }
    return Outcome(metrics, tables)


def formula_error(slabs: np.ndarray, uptake: method.Uptake) -> float:
    """Largest relative difference of flux and uptake from the finite volumes, over slabs."""
    errors = []
    for force, diffusivity, partition, length in slabs:
        numeric_flux, numeric_uptake = method.finite_volumes(force, diffusivity, partition, length, N_CELLS)
        errors.append(method.flux(force, diffusivity, partition, length) / numeric_flux - 1)
        errors.append(uptake(force, diffusivity, partition, length) / numeric_uptake - 1)
    return np.abs(errors).max()


def sweeps(name: str, loop: Feedback, forces: np.ndarray, n_grid: int) -> pd.DataFrame:
    """Flux and differential permeability L dj/dF while the force rises, falls, and with the polymer frozen."""
    unloaded, loaded = loop.membrane.unloaded, loop.membrane.loaded
    paths = {
        "up": loop.sweep(forces, unloaded, n_grid),
        "down": loop.sweep(forces[::-1], loaded, n_grid)[::-1],
        "frozen unloaded": np.full(forces.size, unloaded),
        "frozen loaded": np.full(forces.size, loaded),
    }
    parts = []
    for direction, phi in paths.items():
        flux = loop.flux(phi, forces)
        permeability = loop.membrane.length * np.gradient(flux, forces)
        jumps = np.flatnonzero(np.abs(np.diff(phi)) > 0.05)
        permeability[np.union1d(jumps, jumps + 1)] = np.nan  # there is no derivative at a fold
        columns = {"force": forces, "phi": phi, "flux": flux, "permeability": permeability}
        parts.append(pd.DataFrame({"case": name, "direction": direction, **columns}))
    return pd.concat(parts)


def steady_states(loop: Feedback, forces: np.ndarray, n_grid: int) -> pd.DataFrame:
    """All steady states, the unstable ones too."""
    index, phi, stable = loop.steady_states(forces, n_grid)
    return pd.DataFrame({"force": forces[index], "phi": phi, "stable": stable})


def tunability(forces: np.ndarray, params: Params) -> pd.DataFrame:
    """The largest jump of the flux at a fold, over bulk concentrations and forces of at least k_B T/d."""
    rows = []
    for response, fractions in (("swelling", SWELLING), ("collapse", COLLAPSE)):
        for interaction in sorted({*params.map_interactions, -params.interaction, params.interaction}):
            membrane = Membrane(interaction, 1.0, **fractions)
            rows.append((response, interaction, largest_jump(membrane, forces, params.n_fractions)))
    return pd.DataFrame(rows, columns=["response", "interaction", "decades"])


def largest_jump(membrane: Membrane, forces: np.ndarray, n_grid: int) -> float:
    """Decades; none if there is no fold. About 40 of the forces are tried."""
    strong = forces[forces >= 1]
    _, decades = method.folds(membrane, strong[:: max(1, strong.size // 40)], n_grid)
    return float(np.nan_to_num(np.abs(decades)).max())


def largest(switches: pd.DataFrame, response: str, interaction: float) -> float:
    return switches[(switches.response == response) & (switches.interaction == interaction)].decades.item()


def varied_switches(variations: np.ndarray, forces: np.ndarray, params: Params) -> np.ndarray:
    """Largest jumps of repulsive, swelling membranes whose A, B, w and L - d differ by the given factors."""
    jumps = []
    for obstruction, interaction, sharpness, outside in variations:
        membrane = Membrane(
            interaction * params.interaction,
            1.0,
            **SWELLING,
            obstruction=5.0 * obstruction,
            sharpness=0.1 * sharpness,
            length=1 + outside,
        )
        jumps.append(largest_jump(membrane, forces, params.n_fractions))
    return np.array(jumps)


def count_bistable(forces: np.ndarray, params: Params) -> int:
    """Triples of interaction, crossover and force with several steady states, of membranes that swell on uptake."""
    some = forces[:: max(1, forces.size // params.n_map_forces)]
    n_bistable = 0
    for interaction in params.attractive_interactions:
        for crossover in np.geomspace(*MAP_CROSSOVERS, params.n_map_crossovers):
            loop = Feedback(Membrane(interaction, crossover, **SWELLING))
            index, _, _ = loop.steady_states(some, params.n_fractions // 2)
            n_bistable += np.count_nonzero(np.bincount(index) > 1)
    return n_bistable


def frozen_exponent(membrane: Membrane, forces: np.ndarray) -> float:
    """Largest d ln j/d ln F of the membrane whose polymer stays unloaded."""
    unloaded = np.float64(membrane.unloaded)
    flux = method.flux(forces, membrane.diffusivity(unloaded), membrane.partition(unloaded), membrane.length)
    return np.gradient(np.log(flux), np.log(forces)).max()


def regions(forces: np.ndarray, params: Params) -> pd.DataFrame:
    """Crossovers between which there are two stable states, for either response and kind of solutes."""
    parts = []
    kinds = {"repulsive": params.interaction, "neutral": 0.0, "attractive": -params.interaction}
    for response, fractions in (("swelling", SWELLING), ("collapse", COLLAPSE)):
        for solutes, interaction in kinds.items():
            ends, _ = method.folds(Membrane(interaction, 1.0, **fractions), forces, params.n_fractions)
            columns = {"force": forces, "low": ends[:, 0], "high": ends[:, 1]}
            parts.append(pd.DataFrame({"response": response, "solutes": solutes, **columns}).dropna())
    return pd.concat(parts)
