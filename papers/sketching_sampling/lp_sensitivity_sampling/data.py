"""Matrices with even rows, with uneven rows, with rows that cannot be left out, and with many copies of few rows."""

import numpy as np

from litmus.params import Params

HEAVY_TAIL = 1.5  # standard deviation of the logarithm of a row's scale


def _planted(n_rows: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian rows on the first half of the coordinates, and a single unit row for each of the others."""
    half = d // 2
    gaussian = rng.standard_normal((n_rows - half, d - half))
    return np.block([[gaussian, np.zeros((n_rows - half, half))], [np.zeros((half, d - half)), np.eye(half)]])


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """For each number of columns d: ``gauss_d``, ``heavy_d`` and ``planted_d``, (n_rows, d); ``stack_d``."""
    data = {}
    for d in params.n_columns:
        data[f"gauss_{d}"] = rng.standard_normal((params.n_rows, d))
        scales = np.exp(HEAVY_TAIL * rng.standard_normal(params.n_rows))
        data[f"heavy_{d}"] = scales[:, None] * rng.standard_normal((params.n_rows, d))
        data[f"planted_{d}"] = _planted(params.n_rows, d, rng)
        data[f"stack_{d}"] = np.tile(np.eye(d), (params.n_copies, 1))
    return data
