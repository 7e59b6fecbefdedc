"""Rates on smooth functionals, the n-particle minimum of the energy, its convexity, and the training of a network."""

from functools import partial

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from . import method
from .data import DIMENSION, N_ATOMS

QUADRATIC = method.SmoothFunctional(np.linspace(1, 4, DIMENSION), coupling=1.0)
LOG_COSH = method.SmoothFunctional(np.linspace(1, 4, DIMENSION), coupling=1.0, log_cosh=True)
N_SMOOTH_STEPS, N_DRAWN_STEPS = 300, 60
LOG_COSH_PARTICLES = 10  # every pair interacts
ENERGY_STEP, NETWORK_STEP = 0.25, 0.1  # below 1 / (2 max density of the target), half the inverse of the smoothness
INPUTS = 2 * np.pi * (np.arange(4000) + 0.5) / 4000
DRAWN_INPUTS = slice(0, 4000, 20)
DRAWN_WIDTH = 8


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Four parts, each on its own starts; `rng` is not needed."""
    smooth_metrics, curves = smooth_rates(data["cloud_starts"], params)
    level_metrics, levels = energy_levels(data["line_starts"], data["line_draws"], params)
    convexity_metrics, paths = convexity(data["first"], data["second"], params)
    network_metrics, losses, functions = networks(data, params)
    return Outcome(
        metrics={**smooth_metrics, **level_metrics, **convexity_metrics, **network_metrics},
        tables={"curves": curves, "levels": levels, "paths": paths, "losses": losses, "functions": functions},
    )


def scaled(gradient: method.Gradient, n: int, params: Params) -> method.Gradient:
    """The Wasserstein gradient, or what a careless user of automatic differentiation gets: the partial derivative."""
    return gradient if params.times_n else lambda x: gradient(x) / n


def train(start: np.ndarray, target: method.Target, steps: np.ndarray, params: Params) -> np.ndarray:
    """Particles (n_starts, n) after descent on the energy."""
    gradient = partial(method.energy_gradient, target=target, repulsion=params.repulsion)
    return method.last(method.descend(start, scaled(gradient, start.shape[-1], params), steps))


def smooth_rates(starts: np.ndarray, params: Params) -> tuple[dict[str, float], pd.DataFrame]:
    """Decrease per step of F_k - F*, whose F* is 0, against the Euclidean constants."""
    rate, bound, arrival, tables = {}, [], {}, []
    runs = [(QUADRATIC, n) for n in params.particle_counts]
    for functional, n in [*runs, (LOG_COSH, min(LOG_COSH_PARTICLES, starts.shape[1]))]:
        euclidean = 1 - functional.convexity / functional.smoothness
        steps = np.full(N_SMOOTH_STEPS, params.step_factor / functional.smoothness)
        iterates = method.descend(starts[:, :n], scaled(functional.gradient, n, params), steps)
        gaps = np.array([functional.value(x) for x in iterates])
        ratios, relative = gaps[1:] / gaps[:-1], gaps / gaps[0]
        bound.append((ratios / euclidean).max())
        if functional is LOG_COSH:
            continue
        late = (relative[1:] <= 1e-4) & (relative[1:] >= 1e-10)
        # without a step in the range the ratios of the last steps stand in, so that a slow method is still measured
        late = np.where(late.any(axis=0), late, np.arange(N_SMOOTH_STEPS)[:, None] == N_SMOOTH_STEPS - 1)
        rate[n] = np.where(late, ratios, 0).max(axis=0).mean() / euclidean**2
        arrival[n] = (relative > 1e-8).sum(axis=0).mean()
        mean = np.exp(np.log(relative).mean(axis=1))
        tables.append(pd.DataFrame({"n": n, "step": np.arange(len(mean)), "relative_gap": mean})[: N_DRAWN_STEPS + 1])
    metrics = {
        "rate_ratio": min(rate.values()),
        "bound_ratio": float(max(bound)),
        "arrival_ratio": arrival[max(arrival)] / arrival[min(arrival)],
    }
    return metrics, pd.concat(tables, ignore_index=True)


def energy_levels(starts: np.ndarray, draws: np.ndarray, params: Params) -> tuple[dict[str, float], pd.DataFrame]:
    """Final energy of n particles against the least one, 1/(12 n^2), and of n draws from the target, 1/(6 n)."""
    target = method.uniform_target()
    steps = np.full(params.n_steps, ENERGY_STEP)
    rows = []
    for n in params.sizes:
        final = train(starts[:, :n], target, steps, params)
        drawn = (np.arange(n) + draws[:, :n]) / n if params.stratified else draws[:, :n]
        random = method.energy(drawn, target).mean()
        rows.append({"n": n, "trained": method.energy(final, target).max(), "random": random})
    table = pd.DataFrame(rows)
    metrics = {
        "level_ratio": (table.trained * 12 * table.n**2).max(),
        "particle_slope": log_log_slope(table.n, table.trained).value,
        "random_level": (table.random * 6 * table.n).mean(),
    }
    return metrics, table


def convexity(first: np.ndarray, second: np.ndarray, params: Params) -> tuple[dict[str, float], pd.DataFrame]:
    """The energy at midpoints less the mean of the ends, and along the path where the wrong pairing is worst."""
    target = method.uniform_target()

    def violation(optimal: bool) -> np.ndarray:
        ends = 0.5 * (method.energy(first, target) + method.energy(second, target))
        return method.energy(method.displacement(first, second, 0.5, optimal), target) - ends

    wrong = violation(optimal=False)
    worst = int(wrong.argmax())
    times = np.linspace(0, 1, 41)
    tables = []
    for pairing, optimal in (("optimal", True), ("as drawn", False)):
        path = np.array([method.displacement(first[worst], second[worst], t, optimal) for t in times])
        tables.append(pd.DataFrame({"pairing": pairing, "time": times, "energy": method.energy(path, target)}))
    metrics = {
        "convex_violation": violation(optimal=params.optimal_pairing).max(),
        "wrong_pairing_violation": wrong.max(),
    }
    return metrics, pd.concat(tables, ignore_index=True)


def networks(data: dict[str, np.ndarray], params: Params) -> tuple[dict[str, float], pd.DataFrame, pd.DataFrame]:
    """Loss over a circle of inputs: trained angles, random ones, and random ones with fitted output weights."""
    midpoints = (np.arange(N_ATOMS) + 0.5) / N_ATOMS
    targets = {
        "uniform": (method.uniform_target(), midpoints, data["uniform_neurons"]),
        "two bumps": (method.atomic_target(data["atoms"]), data["atoms"], data["bump_neurons"]),
    }
    steps = {
        "trained": method.constant_then_decreasing(NETWORK_STEP, params.n_network_steps),
        "trained, steps ~ 1/sqrt k": method.decreasing(5 * NETWORK_STEP, params.n_network_steps),
    }
    rows, deviations, functions = [], [], []
    for name, (target, atoms, random) in targets.items():
        wanted = method.outputs(atoms, INPUTS)
        neurons = {rule: train(data["network_starts"], target, sizes, params) for rule, sizes in steps.items()}
        for kind, sets in {**neurons, "random": random, "random, weights fitted": random}.items():
            for x in sets:
                weights = method.fit_weights(x, target) if "fitted" in kind else None
                loss = ((method.outputs(x, INPUTS, weights, params.activation) - wanted) ** 2).mean()
                rows.append({"target": name, "neurons": kind, "loss": loss})
                if weights is None:
                    deviations.append(abs(loss / method.energy(x, target) - 1))
        small = {
            "trained": train(data["network_starts"][:1, :DRAWN_WIDTH], target, steps["trained"], params)[0],
            "random": random[0, :DRAWN_WIDTH],
        }
        drawn = INPUTS[DRAWN_INPUTS]
        values = {kind: method.outputs(x, drawn, None, params.activation) for kind, x in small.items()}
        for kind, output in {"target": wanted[DRAWN_INPUTS], **values}.items():
            functions.append(pd.DataFrame({"target": name, "neurons": kind, "input": drawn, "output": output}))
    table = pd.DataFrame(rows)
    means = table.groupby(["target", "neurons"]).loss.mean().unstack()
    gains = means.div(means.trained, axis=0)
    metrics = {
        "net_gain": gains["random"].min(),
        "fitted_gain": gains["random, weights fitted"].min(),
        "schedule_ratio": gains["trained, steps ~ 1/sqrt k"].max(),
        "kernel_dev": max(deviations),
    }
    return metrics, table, pd.concat(functions, ignore_index=True)
