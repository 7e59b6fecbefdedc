"""Gaussian samples and samples in the unit cube, all centred: a shift is added by the experiment."""

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
        data[f"decay_{d}"] = rng.standard_normal((params.n_decay_repetitions, 2, max(params.decay_sizes), d))
    data["cubes"] = rng.random((params.n_cubes, 2, params.n_cube_points, params.cube_dimension))
    return data
