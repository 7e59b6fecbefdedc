"""Gradient norms reached: against the budget, against the ambient dimension, and against the sample size."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..nonconvex_benchmark import CLIP, SMOOTHNESS, CompositeObjective
from ..private_descent import Objective, Path
from . import method
from .recursive_regularisation import population_gradient, recursive_regularisation

BENCHMARK_STEP_LENGTHS = (0.125, 0.5)
LINEAR_STEP_LENGTHS = (0.25, 1.0)
LINEAR_BUDGET = 0.5  # n sqrt(2 rho) = 1000 for 1000 samples
LINEAR_BOUNDS = (method.GLM_LIPSCHITZ, method.GLM_SMOOTHNESS)
N_PROJECTED = 20
N_PARTS = 4
N_BENCHMARK_REPEATS = 2
MOST_SAMPLES = 16  # of one size, cut from the population pool
PLENTY, SCARCE = 1e3, 1e-3  # budgets at which the sample, or the noise, limits

Norms = Callable[[Path], np.ndarray]  # what is measured on a path, for each of its runs


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All randomness here protects; that of the simulation is in the data. Each part has a stream of its own."""
    streams = rng.spawn(3)
    budgets = budget_sweep(data, params, streams[0])
    dimensions = dimension_sweep(data, params, streams[1])
    sizes = size_sweep(data["population"], params, streams[2])
    metrics = budget_metrics(budgets) | dimension_metrics(dimensions) | size_metrics(sizes)
    return Outcome(metrics=metrics, tables={"budgets": budgets, "dimensions": dimensions, "sizes": sizes})


# --- Tuning -------------------------------------------------------------------------------------------------


class Settings(NamedTuple):
    """Budgets, and what is tried for each: numbers of steps, step lengths, and how often."""

    rhos: Sequence[float]
    steps: Sequence[int]
    step_lengths: Sequence[float]
    n_repeats: int


def path_norms(path: Path) -> np.ndarray:
    return method.stationarity(path.squared_norms)


def descend(
    objective: Objective,
    settings: Settings,
    lipschitz: float,
    smoothness: float,
    params: Params,
    rng: np.random.Generator,
    norms: Norms = path_norms,
    with_baseline: bool = True,
) -> pd.DataFrame:
    """The gradient norms that the methods reach with every setting, one row a run; SPIDER tries 1 and 4 anchors."""
    rho, step_length = np.array([*product(settings.rhos, settings.step_lengths)] * settings.n_repeats).T
    start = np.zeros((rho.size, objective.dimension))
    frames = []
    for n_steps in settings.steps:
        shared = {"n_steps": n_steps, "step_length": step_length, "lipschitz": lipschitz}
        columns = {"rho": rho, "n_steps": n_steps, "step_length": step_length}
        if with_baseline:
            pay = params.pay_for_steps
            path = method.noisy_gradient_descent(objective, start, rho, rng, pay_for_steps=pay, **shared)
            frames.append(pd.DataFrame({"method": "gradient descent", "period": 1, "norm": norms(path), **columns}))
        bounds = {"smoothness": smoothness, "follow_steps": params.follow_steps}
        for period in (n_steps, n_steps // 4):
            path = method.spider(objective, start, rho, rng, period=period, **shared, **bounds)
            frames.append(pd.DataFrame({"method": "spider", "period": period, "norm": norms(path), **columns}))
    return pd.concat(frames, ignore_index=True)


def best_settings(runs: pd.DataFrame, problem: list[str]) -> pd.DataFrame:
    """For each problem the setting (R, q, eta) with the least mean norm over the repetitions."""
    means = runs.groupby([*problem, "n_steps", "period", "step_length"], as_index=False).norm.mean()
    return means.loc[means.groupby(problem).norm.idxmin()].reset_index(drop=True)


# --- Nonconvex losses, over the budget ----------------------------------------------------------------------


def budget_sweep(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    objective = CompositeObjective(data["scales"], data["centers"])
    rhos = [(effective_size / objective.n_samples) ** 2 / 2 for effective_size in params.effective_sizes]
    settings = Settings(rhos, params.benchmark_steps, BENCHMARK_STEP_LENGTHS, N_BENCHMARK_REPEATS)
    runs = descend(objective, settings, CLIP, SMOOTHNESS, params, rng)
    best = best_settings(runs, ["method", "rho"])
    best["effective_size"] = objective.n_samples * np.sqrt(2 * best.pop("rho"))
    return best


def budget_metrics(budgets: pd.DataFrame) -> dict[str, float]:
    norm = budgets.pivot(index="effective_size", columns="method", values="norm")
    largest = norm.iloc[-1]
    return {
        "gd_norm_slope": log_log_slope(norm.index, norm["gradient descent"]).value,
        "spider_norm_slope": log_log_slope(norm.index, norm["spider"]).value,
        "gd_over_spider": float(largest["gradient descent"] / largest["spider"]),
    }


# --- Generalised linear models, over the ambient dimension --------------------------------------------------


def dimension_sweep(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Both methods in R^d, and SPIDER behind random projections where d exceeds their dimension.

    Every projection is used once, and norms are those of the solutions pulled back. The latent coordinates are the
    features in a basis of their span: gradient norms are the same there, and so they may be used for measuring,
    but not for descending, since the basis tells the data.
    """
    latent = method.LinearModel(data["latent"], data["targets"])
    frames = []
    for ambient in params.ambient_dimensions:
        model = method.LinearModel(data["latent"] @ data[f"frame_{ambient}"].T, data["targets"])
        is_large = ambient > N_PROJECTED
        settings = linear_settings(params, params.n_repeats if is_large else params.n_projections)
        seen = latent if params.rotate_first else model
        runs = [descend(seen, settings, *LINEAR_BOUNDS, params, rng).assign(features="ambient")]
        if is_large and params.project:
            projections = [method.random_projection(N_PROJECTED, ambient, rng) for _ in range(params.n_projections)]
            runs += [projected_runs(model, projection, latent, params, rng) for projection in projections]
        else:
            runs.append(runs[0].assign(features="projected"))
        frames.append(pd.concat(runs).assign(ambient=ambient))
    return best_settings(pd.concat(frames, ignore_index=True), ["method", "features", "ambient"])


def linear_settings(params: Params, n_repeats: int) -> Settings:
    return Settings((LINEAR_BUDGET,), params.linear_steps, LINEAR_STEP_LENGTHS, n_repeats)


def projected_runs(
    model: method.LinearModel,
    projection: np.ndarray,
    measured: method.LinearModel,
    params: Params,
    rng: np.random.Generator,
) -> pd.DataFrame:
    projected = method.project(model, projection)

    def norms(path: Path) -> np.ndarray:
        return method.stationarity(method.pulled_back_norms(measured, projected, path.points[:-1]))

    settings = linear_settings(params, 1)
    runs = descend(projected, settings, *LINEAR_BOUNDS, params, rng, norms, with_baseline=False)
    return runs.assign(features="projected")


def dimension_metrics(dimensions: pd.DataFrame) -> dict[str, float]:
    """Norm in the largest ambient dimension over that in the smallest."""
    norm = dimensions.pivot(index="ambient", columns=["method", "features"], values="norm")
    growth = norm.iloc[-1] / norm.iloc[0]
    return {
        "growth_projected": float(growth["spider", "projected"]),
        "growth_ambient": float(growth["spider", "ambient"]),
        "growth_gd_ambient": float(growth["gradient descent", "ambient"]),
    }


# --- Convex population losses, over the sample size ---------------------------------------------------------


def size_sweep(population: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Norm of the exact population gradient, mean over disjoint samples of each size."""
    rows = []
    for budget, rho, sizes in (("plenty", PLENTY, params.plenty_sizes), ("scarce", SCARCE, params.scarce_sizes)):
        for size in sizes:
            n_samples = min(len(population) // size, MOST_SAMPLES)
            samples = population[: n_samples * size].reshape(n_samples, N_PARTS, -1, population.shape[1])
            norms = []
            for parts in samples.astype(float):
                output = recursive_regularisation(parts, rho, rng, recentre=params.recentre)[-1]
                norms.append(np.linalg.norm(population_gradient(output)))
            rows.append((budget, size, float(np.mean(norms))))
    return pd.DataFrame(rows, columns=["budget", "n_samples", "norm"])


def size_metrics(sizes: pd.DataFrame) -> dict[str, float]:
    def slope(budget: str) -> float:
        rows = sizes[sizes.budget == budget]
        return log_log_slope(rows.n_samples, rows.norm).value

    return {"stat_slope": slope("plenty"), "private_slope": slope("scarce")}
