"""Replays the learners on sequences of systems, beside fixed and instance-wise optimal relaxation."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome

from .method import chebcb, context_bins, tsallis_inf
from .sor import cost_table, iteration_bound, iteration_counts, jacobi_radius, optimal_omega, transient_constant

LAWS = ("high_variance", "low_variance")
OMEGA_RANGE = (1.0, 1.95)
CONTEXT_RANGE = (-0.15, 0.65)  # the learners' range; no shift is above 0.45
REFERENCE_SHIFTS = (-0.15, 0.45)
SHOWN_OMEGAS = (1.0, 1.2, 1.4, 1.6, 1.8)  # the fixed omegas of the paper's figure


def run(data, params, rng):
    grid = np.linspace(*OMEGA_RANGE, params.n_omegas)
    reference = reference_counts(data["reference_right_hand_sides"], grid, params)
    metrics, progress, violations = {}, [], []
    for law in LAWS:
        shifts, sides = data[f"shifts_{law}"], data["right_hand_sides"]
        costs = cost_table(shifts, grid, sides, params.tolerance)
        violations.append(costs > bound_at(shifts, grid, reference, params))
        policies = replay(costs, grid, shifts, params, rng)
        best_per_instance = optimal_omega(jacobi_radius(params.side, shifts))
        policies["instance_optimal"] = iteration_counts(shifts, best_per_instance, sides, params.tolerance)
        metrics[f"best_omega_{law}"] = best_shown_omega(costs, grid)
        for name, value in law_metrics(policies).items():  # both laws count: the larger, that is the worse, stays
            metrics[name] = max(value, metrics.get(name, -np.inf))
        progress += [running_average(law, policy, values) for policy, values in policies.items()]
    metrics["bound_violation"] = np.mean(violations)
    metrics["transient_constant"] = reference["transient"].max()
    return Outcome(metrics, {"bound": reference, "progress": pd.concat(progress, ignore_index=True)})


def reference_counts(right_hand_sides, grid, params):
    """Counts and bounds at evenly spaced shifts: shift, omega, iterations (mean), transient and bound of each."""
    parts = []
    for shift, sides in zip(np.linspace(*REFERENCE_SHIFTS, len(right_hand_sides)), right_hand_sides, strict=True):
        counts = cost_table(np.full(len(sides), shift), grid, sides, params.tolerance)
        transient = params.transient_factor * transient_constant(shift, grid, counts.min(axis=0), params.side)
        bound = iteration_bound(grid, jacobi_radius(params.side, shift), transient, params.tolerance)
        columns = {"omega": grid, "iterations": counts.mean(axis=0), "bound": bound}
        parts.append(pd.DataFrame({"shift": shift, "transient": transient} | columns))
    return pd.concat(parts, ignore_index=True)


def bound_at(shifts, grid, reference, params):
    """(T, d) bound U at each system and omega, with the transient constant between those of the reference shifts."""
    constants = reference.drop_duplicates("shift")
    transient = np.interp(shifts, constants["shift"], constants["transient"])
    beta = jacobi_radius(params.side, shifts)
    return iteration_bound(grid, beta[:, None], transient[:, None], params.tolerance)


def replay(costs, grid, shifts, params, rng):
    """Iterations spent by each policy: (T,) of the fixed ones, (n_replays, T) of those that draw."""
    low, high = CONTEXT_RANGE
    positions = 2 * (shifts - low) / (high - low) - 1 if params.see_context else np.zeros(len(shifts))
    bins, one_bin = context_bins(positions, params.n_bins), np.zeros(len(shifts), dtype=np.int64)
    weighted = params.importance_weighting
    rounds = np.arange(len(costs))
    learned = {"tsallis_inf": [], "binned_tsallis_inf": [], "chebcb": []}
    for _ in range(params.n_replays):
        uniforms = rng.random((3, len(costs)))
        arms = {
            "tsallis_inf": tsallis_inf(costs, uniforms[0], one_bin, weighted),
            "binned_tsallis_inf": tsallis_inf(costs, uniforms[1], bins, weighted),
            "chebcb": chebcb(costs, uniforms[2], positions, params.n_features, params.gamma_growth),
        }
        for policy, chosen in arms.items():
            learned[policy].append(costs[rounds, chosen])
    return {policy: np.array(spent) for policy, spent in learned.items()} | {
        "gauss_seidel": costs[:, 0],
        "omega_1_5": costs[:, np.abs(grid - 1.5).argmin()],
        "best_fixed": costs[:, costs.sum(axis=0).argmin()],
    }


def law_metrics(policies):
    """Ratios and the regret's exponent under one law; `late` is the last quarter of the sequence."""
    n_instances = len(policies["best_fixed"])
    late = {policy: spent[..., -(n_instances // 4) :].mean() for policy, spent in policies.items()}
    return {
        "tsallis_over_gauss_seidel": policies["tsallis_inf"].mean() / policies["gauss_seidel"].mean(),
        "tsallis_over_best_fixed": late["tsallis_inf"] / late["best_fixed"],
        "regret_exponent": growth_exponent(policies["tsallis_inf"] - policies["best_fixed"]),
        "binned_tsallis_over_best_fixed": late["binned_tsallis_inf"] / late["best_fixed"],
        "chebcb_over_best_fixed": late["chebcb"] / late["best_fixed"],
        "chebcb_over_instance_optimal": late["chebcb"] / late["instance_optimal"],
        "chebcb_regret_exponent": growth_exponent(policies["chebcb"] - policies["instance_optimal"]),
    }


def growth_exponent(excess):
    """Exponent at which the cumulative excess, averaged over replays (first axis), grows over the last 3/4."""
    regret = np.cumsum(excess.mean(axis=0))
    return np.log(regret[-1] / regret[len(regret) // 4 - 1]) / np.log(4)


def best_shown_omega(costs, grid):
    """The omega of the fewest iterations among those in the paper's figure."""
    arms = [np.abs(grid - omega).argmin() for omega in SHOWN_OMEGAS]
    return grid[arms[costs[:, arms].sum(axis=0).argmin()]]


def running_average(law, policy, spent):
    """Mean iterations per system over the first n systems, at n from 10 to all."""
    average = np.cumsum(np.atleast_2d(spent).mean(axis=0)) / np.arange(1, spent.shape[-1] + 1)
    shown = np.unique(np.geomspace(10, len(average), 60).round().astype(int))
    return pd.DataFrame({"law": law, "policy": policy, "instances": shown, "iterations": average[shown - 1]})
