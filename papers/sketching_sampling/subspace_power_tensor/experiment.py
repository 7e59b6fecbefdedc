"""Recovery with and without noise, CPU time against L-BFGS, success near the rank limit, and ascent of F."""

from collections.abc import Callable, Mapping
from itertools import islice, pairwise
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .method import (
    Decomposition,
    direct_optimisation,
    flatten,
    low_rank_tensor,
    power_iterates,
    random_start,
    subspace_power_method,
)

SUCCESS = 1e-6  # relative error of the tensor
SMALL_NOISE = 0.1


def _settings(params: Params) -> dict[str, Any]:
    return dict(
        rank_tolerance=params.rank_tolerance,
        shift=params.shift,
        factor=params.shift_factor,
        deflate_flattening=params.deflate,
    )


def _tensor(components: np.ndarray, order: int = 4) -> np.ndarray:
    return low_rank_tensor(components, np.ones(components.shape[1]), order)


def _error(tensor: np.ndarray, found: Decomposition) -> float:
    return float(np.linalg.norm(tensor - low_rank_tensor(found.vectors, found.weights, tensor.ndim)))


def _recovery(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    records = []
    for kind, order, d, rank in params.cells:
        tensor = _tensor(data[f"{kind}_{order}_{d}_{rank}"], order)
        found = subspace_power_method(tensor, rng, **_settings(params))
        error = _error(tensor, found) / np.linalg.norm(tensor)
        detected = len(found.weights)
        records.append(dict(kind=kind, order=order, d=d, R=rank, detected=detected, error=error))
    return pd.DataFrame(records)


def _noise(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """The rank is given, as in the public code: noise makes the flattening full rank."""
    records = []
    for kind in params.noise_kinds:
        clean = _tensor(data[f"noisy_{kind}"])
        d, rank = params.noise_shape
        for sigma in params.noise_levels:
            found = subspace_power_method(clean + sigma * data["noise"], rng, rank=rank, **_settings(params))
            records.append(dict(kind=kind, d=d, R=rank, sigma=sigma, error=_error(clean, found)))
    return pd.DataFrame(records)


def _seconds_to_success(attempt: Callable[[], bool], n_tries: int) -> float:
    """CPU seconds until the first success; all that were spent if there is none, which favours the method."""
    start = process_time()
    for _ in range(n_tries):
        if attempt():
            break
    return process_time() - start


def _spm_attempt(tensor: np.ndarray, params: Params, rng: np.random.Generator) -> Callable[[], bool]:
    goal = SUCCESS * np.linalg.norm(tensor)
    return lambda: _error(tensor, subspace_power_method(tensor, rng, **_settings(params))) < goal


def _direct_attempt(tensor: np.ndarray, rank: int, rng: np.random.Generator) -> Callable[[], bool]:
    return lambda: direct_optimisation(tensor, rank, rng, SUCCESS)[1]


def _timings(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """L-BFGS is told the rank and stops at an error of 1e-6; SPM finds the rank and goes on to machine precision."""
    records = []
    for d, rank in params.timed_cells:
        for trial, components in enumerate(data[f"timed_{d}_{rank}"]):
            tensor = _tensor(components)
            attempts = {"SPM": _spm_attempt(tensor, params, rng), "L-BFGS": _direct_attempt(tensor, rank, rng)}
            for method, attempt in attempts.items():
                seconds = _seconds_to_success(attempt, n_tries=5)
                records.append(dict(method=method, d=d, R=rank, trial=trial, seconds=seconds))
    return pd.DataFrame(records)


def _speed_gain(timings: pd.DataFrame) -> float:
    """Mean seconds of L-BFGS over those of SPM, the median over cells."""
    seconds = timings.pivot_table(index=["d", "R"], columns="method", values="seconds", aggfunc="mean")
    return float((seconds["L-BFGS"] / seconds["SPM"]).median())


def _edge(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    records = []
    for rank in params.edge_ranks:
        for trial, components in enumerate(data[f"edge_{rank}"]):
            tensor = _tensor(components)
            error = _error(tensor, subspace_power_method(tensor, rng, **_settings(params))) / np.linalg.norm(tensor)
            records.append(dict(d=params.edge_dimension, R=rank, trial=trial, error=error, success=error < SUCCESS))
    return pd.DataFrame(records)


def _ascent(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """F along the iterations, in the range of a flattened tensor and in a subspace without rank-one points."""
    d, rank = params.ascent_shape
    matrices = data["matrices"] + data["matrices"].transpose(0, 2, 1)
    spaces = {
        "tensor": flatten(_tensor(data["ascent"]), rank).left,
        "random": np.linalg.qr(matrices.reshape(len(matrices), -1).T)[0],
    }
    records, worst = [], 0.0
    for space, left in spaces.items():
        for shift in ("fixed", "adaptive"):
            for start in range(params.n_starts):
                x = random_start(left, d, rng)
                iterates = power_iterates(left, x, shift, params.shift_factor)
                values = [f for f, _, _ in islice(iterates, params.n_ascent_iterations)]
                worst = max(worst, *(before - after for before, after in pairwise(values)))
                if start < 6 and space == "tensor":
                    records += [dict(shift=shift, start=start, iteration=i, F=f) for i, f in enumerate(values)]
    return pd.DataFrame(records), worst


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Worst errors, rank hits, speed, success on both sides of the rank limit, and the largest decrease of F."""
    recovery = _recovery(data, params, rng)
    noise = _noise(data, params, rng)
    edge = _edge(data, params, rng)
    ascent, largest_decrease = _ascent(data, params, rng)
    timings = _timings(data, params, rng)
    small = noise[noise.sigma <= SMALL_NOISE]
    success = edge.groupby("R").success.mean()
    metrics = {
        "worst_relative_error": recovery.error.max(),
        "rank_hits": (recovery.detected == recovery.R).mean(),
        "speed_gain": _speed_gain(timings),
        "noise_amplification": (small.error / small.sigma).max(),
        "recovery_below_limit": success[params.low_rank],
        "recovery_above_limit": success[params.high_rank],
        "monotone_violation": largest_decrease,
    }
    tables = {"recovery": recovery, "noise": noise, "edge": edge, "ascent": ascent, "timings": timings}
    return Outcome({name: float(value) for name, value in metrics.items()}, tables)
