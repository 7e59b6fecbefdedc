"""The squared gradient norm that tuned DP-GD and tuned DIFF2 reach, over the budget."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from .. import nonconvex_benchmark
from ..nonconvex_benchmark import CompositeObjective
from ..private_descent import Objective, second_half_mean
from . import method
from .method import Noise, Sizes
from .network import TanhNetwork

METHODS = ("dp_gd", "diff2")
SIZES = Sizes(nonconvex_benchmark.CLIP, nonconvex_benchmark.SMOOTHNESS)
COLLAPSE_BUDGET, COLLAPSE_STEPS = 1000, 128
PATH_BUDGET, PATH_STEPS = 2000, 256
NETWORK_WIDTH, DELTA = 16, 1e-5
NETWORK_SIZES = Sizes(3.0, 3.0)  # about the median norm of the samples' gradients at the start
SETTING = ["n_steps", "period", "step_length"]  # what is tuned: R, T and eta


@dataclass(frozen=True)
class Task:
    """An objective with its starts ``start(n_runs)`` and sizes, and how noise is made from the budget."""

    objective: Objective
    start: Callable[[int], np.ndarray]
    sizes: Sizes
    noise: Noise

    def reached(
        self, nu: np.ndarray, n_steps: int, period: int, step_length: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Mean squared gradient norm of the second half of each run, shape (n_runs,) like nu and step_length."""
        path = method.descend(
            self.objective, self.start(len(nu)), nu, n_steps, period, step_length, self.sizes, rng, self.noise
        )
        return second_half_mean(path.squared_norms)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All randomness but the network's start protects: what is protected is in the data."""
    (simulation_rng,) = rng.spawn(1)
    noise = Noise(params.shrink_with_step, params.compose, params.noise_at_server)
    few, many = (benchmark(data, n, noise) for n in (params.n_samples, params.n_many_samples))
    tried = tune(few, params.budgets, params.step_counts, params, rng)
    reached = rerun_best(few, tried, params, rng)
    norms = reached.pivot(index="nu", columns="method", values="squared_norm")
    samples = compare_sample_sizes(few, many, tried, params, rng)
    metrics = {
        "gd_slope": log_log_slope(norms.index, norms["dp_gd"]).value,
        "diff2_slope": log_log_slope(norms.index, norms["diff2"]).value,
        "top_ratio": float(norms["dp_gd"].iloc[-1] / norms["diff2"].iloc[-1]),
        "nu_collapse": collapse(samples),
    }
    network = TanhNetwork(data["features"], data["responses"], NETWORK_WIDTH)
    start = network.start(simulation_rng)
    tables = {
        "reached": reached,
        "samples": samples,
        "paths": paths(few, tried, params, rng),
        "network": network_table(network, start, params, noise, rng),
    }
    return Outcome(metrics=metrics, tables=tables)


def benchmark(data: dict[str, np.ndarray], n_samples: int, noise: Noise) -> Task:
    """The composite benchmark on the first samples, started at 0."""
    objective = CompositeObjective(data["scales"][:n_samples], data["centers"][:n_samples])
    return Task(objective, lambda n_runs: np.zeros((n_runs, objective.dimension)), SIZES, noise)


# --- Tuning: trial runs choose, fresh runs report ----------------------------------------------------------


def tune(
    task: Task, budgets: list[float], step_counts: list[int], params: Params, rng: np.random.Generator
) -> pd.DataFrame:
    """Mean squared gradient norm of ``params.n_trials`` runs for every method, budget and setting."""
    tables = []
    for name, n_steps in product(METHODS, step_counts):
        for period in method.periods(name, n_steps):
            lanes = product(budgets, params.step_lengths, range(params.n_trials))
            runs = pd.DataFrame(lanes, columns=["nu", "step_length", "trial"])
            nu, step_length = (runs[column].to_numpy(dtype=float) for column in ("nu", "step_length"))
            runs["squared_norm"] = task.reached(nu, n_steps, period, step_length, rng)
            means = runs.groupby(["nu", "step_length"], as_index=False)["squared_norm"].mean()
            tables.append(means.assign(method=name, n_steps=n_steps, period=period))
    return pd.concat(tables, ignore_index=True)


def best(tried: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The setting with the least gradient norm for each value of the keys."""
    ranked = tried.sort_values("squared_norm", kind="stable")
    return ranked.drop_duplicates(keys).sort_values(keys, ignore_index=True)[[*dict.fromkeys([*keys, *SETTING])]]


def rerun_best(task: Task, tried: pd.DataFrame, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """What fresh runs reach at the best setting of each method and budget."""
    chosen = best(tried, ["method", "nu"])
    chosen["gain"] = method.difference_gain(
        chosen.nu, chosen.n_steps, chosen.period, chosen.step_length, task.sizes, task.objective.dimension
    )
    chosen["squared_norm"] = [fresh_mean(task, setting, params.n_runs, rng) for setting in chosen.itertuples()]
    return chosen


def fresh_mean(task: Task, setting: Any, n_runs: int, rng: np.random.Generator) -> float:
    """Mean of fresh runs; the setting is a row with nu, n_steps, period and step_length."""
    nu, step_length = (np.full(n_runs, value) for value in (float(setting.nu), setting.step_length))
    return float(task.reached(nu, setting.n_steps, setting.period, step_length, rng).mean())


# --- Does only n epsilon matter? ---------------------------------------------------------------------------


def compare_sample_sizes(
    few: Task, many: Task, tried: pd.DataFrame, params: Params, rng: np.random.Generator
) -> pd.DataFrame:
    """What both methods reach with n and with 4 n samples at the same nu, at the best short setting for n."""
    chosen = best(tried[(tried.nu == COLLAPSE_BUDGET) & (tried.n_steps <= COLLAPSE_STEPS)], ["method", "nu"])
    rows = [
        (setting.method, task.objective.n_samples, fresh_mean(task, setting, params.n_collapse_runs, rng))
        for setting in chosen.itertuples()
        for task in (few, many)
    ]
    return pd.DataFrame(rows, columns=["method", "n_samples", "squared_norm"])


def collapse(samples: pd.DataFrame) -> float:
    """|log ratio| of what is reached for the two sample sizes, the larger of the two methods'."""
    logs = np.log(samples.pivot(index="n_samples", columns="method", values="squared_norm"))
    return float(np.abs(logs.iloc[0] - logs.iloc[1]).max())


# --- Along the way -----------------------------------------------------------------------------------------


def paths(task: Task, tried: pd.DataFrame, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Means over runs along descents of PATH_STEPS steps at one budget, at the best step length of each kind."""
    alike = tried[(tried.nu == PATH_BUDGET) & (tried.n_steps == PATH_STEPS)]
    chosen = best(alike, ["method", "period", "nu"])
    return pd.concat([path_table(task, setting, params, rng) for setting in chosen.itertuples()], ignore_index=True)


def path_table(task: Task, setting: Any, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    path = method.descend(
        task.objective,
        task.start(params.n_runs),
        setting.nu,
        setting.n_steps,
        setting.period,
        setting.step_length,
        task.sizes,
        rng,
        task.noise,
    )
    return pd.DataFrame(
        {
            "method": setting.method,
            "n_anchors": setting.n_steps // setting.period,
            "step": np.arange(setting.n_steps),
            "squared_norm": path.squared_norms.mean(axis=1),
            "squared_error": path.squared_errors.mean(axis=1),
        }
    )


# --- A network on real data ----------------------------------------------------------------------------------


def network_table(
    network: TanhNetwork, start: np.ndarray, params: Params, noise: Noise, rng: np.random.Generator
) -> pd.DataFrame:
    """What both methods reach with a network on the diabetes set, for budgets (epsilon, DELTA)."""
    task = Task(network, lambda n_runs: np.tile(start, (n_runs, 1)), NETWORK_SIZES, noise)
    budgets = [method.budget_of_epsilon(epsilon, DELTA, network.n_samples) for epsilon in params.epsilons]
    reached = rerun_best(task, tune(task, budgets, params.network_step_counts, params, rng), params, rng)
    return reached.assign(epsilon=reached.nu.map(dict(zip(budgets, params.epsilons, strict=True))))
