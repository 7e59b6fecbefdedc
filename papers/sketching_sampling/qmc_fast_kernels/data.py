"""A vector to multiply and solve with, and pairs of points at which to sum Walsh series."""

import numpy as np

from litmus.params import Params

from .point_sets import DIGITS


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Standard normal `vector` and the 53 digits of pairs `x`, `y`: of random points, of equal and of close ones."""
    n_pairs = params.n_pairs
    x, y = rng.integers(1 << DIGITS, size=(2, n_pairs), dtype=np.uint64)
    close = np.arange(DIGITS + 1)[:n_pairs]  # the pair j agrees in its first j digits, the last pair in all
    y[: len(close)] = x[: len(close)] ^ (np.uint64(1 << DIGITS) - np.uint64(1) >> close.astype(np.uint64))
    return {"vector": rng.standard_normal(1 << max(params.timed_log2_sizes)), "x": x, "y": y}
