"""Recovery of dictionaries for several exponents and by tuned baselines, and the rate of the population method."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from .method import (
    alternation,
    l1_descent,
    polar,
    population_path,
    power_method,
    precondition,
    recovery_error,
    signed_power,
)

EXPONENTS = (3, 4, 5, 6)
CONDITION = 10.0  # of the complete dictionary that is not orthogonal
BASELINES = ("l1", "alternation")
TRACE_LENGTH = 61
REACHED = 0.1  # error at which a dictionary counts as found
L1_GRID = [dict(step=step, decay=decay) for step, decay in product((10.0, 30.0), (0.9, 0.95, 0.98, 0.99))]
ALTERNATION_GRID = [dict(n_nonzeros=k) for k in (2, 3, 4, 5, 6, 8)]
Algorithm = Callable[[np.ndarray, np.ndarray], np.ndarray]  # observations, start -> iterates


class Problem(NamedTuple):
    """What an algorithm gets, Y and Q_0, and the dictionary it is judged by."""

    observations: np.ndarray
    start: np.ndarray
    truth: np.ndarray

    def errors(self, algorithm: Algorithm) -> np.ndarray:
        """Error of every iterate."""
        return recovery_error(algorithm(self.observations, self.start), self.truth)


def _codes(data: Mapping[str, np.ndarray], draw: int, n: int, r: int, theta: float) -> np.ndarray:
    return np.where(data[f"uniform_{n}"][draw, :, :r] < theta, data[f"codes_{n}"][draw, :, :r], 0).astype(float)


def _problem(data: Mapping[str, np.ndarray], draw: int, n: int, r: int, theta: float, sigma: float) -> Problem:
    dictionary = data[f"dictionary_{n}"][draw]
    observations = dictionary @ _codes(data, draw, n, r, theta) + sigma * data[f"noise_{n}"][draw, :, :r]
    return Problem(observations, data[f"start_{n}"][draw], dictionary)


def _complete_problem(
    data: Mapping[str, np.ndarray], draw: int, n: int, r: int, theta: float, params: Params
) -> Problem:
    """No noise and a dictionary A with singular values from 1 down to 1 / CONDITION, after preconditioning."""
    values = np.geomspace(1, 1 / CONDITION, n)
    dictionary = data[f"dictionary_{n}"][draw] * values @ data[f"mixing_{n}"][draw]
    observations = dictionary @ _codes(data, draw, n, r, theta)
    if params.precondition:
        observations = precondition(observations, theta)
    return Problem(observations, data[f"start_{n}"][draw], polar(dictionary))


def _power(p: int, params: Params) -> Algorithm:
    """The power method; without `signed` the stretching is Z^(p - 1), as it may be for an even p."""
    stretch = signed_power if params.signed else (lambda z, p: z ** (p - 1))
    return partial(power_method, p=p, max_iterations=params.max_iterations, stretch=stretch)


def _cells(data: Mapping[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Final errors of the power method in all cells (n, r, theta, sigma), over all draws of the size n."""
    draws = {n: draws for n, _, draws in params.sizes}
    records = []
    for n, r, theta, sigma in params.cells:
        for draw in range(draws[n]):
            problem = _problem(data, draw, n, r, theta, sigma)
            for p in EXPONENTS[:3]:
                error = problem.errors(_power(p, params))[-1]
                records.append(dict(n=n, r=r, theta=theta, sigma=sigma, p=p, draw=draw, error=error))
    return pd.DataFrame(records)


def _iterations_to_reach(errors: np.ndarray, cap: int) -> int:
    """The first iterate with an error of at most REACHED, or the cap."""
    reached = errors <= REACHED
    return int(np.argmax(reached)) if reached.any() else cap


def _tuned(algorithm: Callable, grid: list[dict], validation: list[Problem], cap: int) -> tuple[Algorithm, Algorithm]:
    """The settings of the grid with the smallest final error, and with the fewest iterations to REACHED.

    Means over validation problems that are not used again, whose true dictionaries the baselines thus profit from.
    """
    settings = [partial(algorithm, **setting, max_iterations=cap) for setting in grid]
    runs = [[problem.errors(setting) for problem in validation] for setting in settings]
    errors = [np.mean([trace[-1] for trace in traces]) for traces in runs]
    iterations = [np.mean([_iterations_to_reach(trace, cap) for trace in traces]) for traces in runs]
    return settings[int(np.argmin(errors))], settings[int(np.argmin(iterations))]


def _noise_sweep(data: Mapping[str, np.ndarray], params: Params) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Final errors of all methods for all noise levels, and at one of them their traces, baselines tuned for speed."""
    (n, _, draws), cap = params.sizes[0], params.max_iterations
    records, traces = [], []
    for sigma in params.noise_levels:
        problems = [_problem(data, draw, n, params.noise_r, params.noise_theta, sigma) for draw in range(draws)]
        problems, validation = problems[: -params.n_validation], problems[-params.n_validation :]
        exact = {f"p = {p}": _power(p, params) for p in EXPONENTS}
        best_l1, fast_l1 = _tuned(l1_descent, L1_GRID, validation, cap)
        best_alternation, fast_alternation = _tuned(alternation, ALTERNATION_GRID, validation, cap)
        for method, algorithm in (exact | {"l1": best_l1, "alternation": best_alternation}).items():
            for draw, problem in enumerate(problems):
                errors = problem.errors(algorithm)
                converged = method == "l1" or len(errors) <= cap  # the steps of l1 shrink, whatever happens
                records.append(dict(sigma=sigma, method=method, draw=draw, error=errors[-1], converged=converged))
        if sigma == params.trace_sigma:
            for method, algorithm in (exact | {"l1": fast_l1, "alternation": fast_alternation}).items():
                for draw, problem in enumerate(problems):
                    errors = problem.errors(algorithm)
                    padded = np.pad(errors, (0, cap + 1 - len(errors)), mode="edge")
                    reached = _iterations_to_reach(errors, cap)
                    traces += [
                        dict(method=method, draw=draw, iteration=t, error=padded[t], reached=reached)
                        for t in range(TRACE_LENGTH)
                    ]
    return pd.DataFrame(records), pd.DataFrame(traces)


def _population(data: Mapping[str, np.ndarray], params: Params) -> tuple[pd.DataFrame, dict[str, float]]:
    """Off-components by iteration; the largest deviation of their late ratios from theta, and the slowest entry."""
    step = np.inf if params.power_step else 0.1
    records, deviations, entries = [], [], []
    for theta, p in product((0.1, 0.3, 0.5), EXPONENTS[:3]):
        path = population_path(data["population_starts"], theta, p, step)
        before, after = path[:-1], path[1:]
        late = (before < 1e-4) & (after > 1e-11)
        deviations.append(np.abs(after[late] / before[late] - theta).max(initial=0))
        entries.append(np.argmax(path < 0.1, axis=0).max() if (path[-1] < 0.1).all() else len(path))
        records += [
            dict(theta=theta, p=p, start=start, iteration=t, off=path[t, start])
            for start in range(5)
            for t in range(len(path))
        ]
    return pd.DataFrame(records), {"rate_dev": max(deviations), "iterations_to_basin": max(entries)}


def _complete_ratio(data: Mapping[str, np.ndarray], params: Params) -> float:
    """Median error of p = 3 for a complete dictionary over that for an orthogonal one, same codes and no noise."""
    n, _, draws = params.sizes[0]
    r, theta, algorithm = params.noise_r, params.noise_theta, _power(3, params)

    def median(problems: list[Problem]) -> float:
        return float(np.median([problem.errors(algorithm)[-1] for problem in problems]))

    orthogonal = [_problem(data, draw, n, r, theta, sigma=0.0) for draw in range(draws)]
    return median([_complete_problem(data, draw, n, r, theta, params) for draw in range(draws)]) / median(orthogonal)


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Compare exponents, sample sizes, noise levels and baselines, and follow the population method."""
    cells = _cells(data, params)
    noise, traces = _noise_sweep(data, params)
    population, rates = _population(data, params)

    cell = ["n", "r", "theta", "sigma"]
    by_exponent = cells[cells.sigma > 0].groupby([*cell, "p"]).error.median().unstack("p")
    growing = cells[(cells.n == params.sizes[0][0]) & (cells.sigma > 0) & (cells.p == 3)].groupby("r").error.median()
    noisy = noise[noise.sigma > 0].groupby(["sigma", "method"]).error.median().unstack("method")
    gain = noisy[list(BASELINES)].min(axis=1) / noisy["p = 3"]
    reached = traces.groupby("method").reached.median()
    metrics = {
        "p3_gain": (by_exponent[4] / by_exponent[3]).min(),
        "p3_vs_p5": (by_exponent[5] / by_exponent[3]).min(),
        **rates,
        "complete_error_ratio": _complete_ratio(data, params),
        "gain_in_strongest_noise": gain.iloc[-1],
        "least_gain_in_noise": gain.min(),
        "iterations_gain": reached[list(BASELINES)].min() / reached["p = 3"],
    }
    if len(growing) > 1:
        metrics["r_exponent"] = log_log_slope(growing.index, growing).value
    return Outcome(metrics, {"cells": cells, "noise": noise, "traces": traces, "population": population})
