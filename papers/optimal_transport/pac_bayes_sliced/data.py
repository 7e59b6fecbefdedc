"""Gaussian samples and samples in the unit cube, before any shift: that is added by the experiment."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays (repetitions, 2, n, d): pairs of samples of one law."""
    data = {}
    for d in params.dimensions:
        data[f"train_{d}"] = rng.standard_normal((params.n_repetitions, 2, params.n_train, d))
        data[f"test_{d}"] = rng.standard_normal((params.n_repetitions, 2, params.n_test, d))
    gap_dimension = min(params.dimensions)
    data["gap_train"] = rng.standard_normal((params.n_gap_repetitions, 2, params.n_train, gap_dimension))
    data["gap_test"] = rng.standard_normal((params.n_gap_repetitions, 2, params.n_test, gap_dimension))
    for d in params.decay_dimensions:
        data[f"decay_{d}"] = correlated(params.n_decay_repetitions, max(params.decay_sizes), d, rng)
    data["cubes"] = rng.random((params.n_cubes, 2, params.n_cube_points, params.cube_dimension))
    return data


def correlated(n_repetitions: int, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Pairs of samples of N(0, A A^T + I), with A of uniform entries, drawn anew for each pair."""
    roots = rng.random((n_repetitions, 1, d, d))
    shared, own = rng.standard_normal((2, n_repetitions, 2, n, d))
    return shared @ roots.swapaxes(-1, -2) + own
