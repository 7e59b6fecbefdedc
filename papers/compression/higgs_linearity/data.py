"""Windows of held-out text, matrices of known distribution, and small allocation problems."""

from __future__ import annotations

from typing import Any

import numpy as np

from papers.substrates.tiny_lm.corpus import windows


def generate(params: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """
    Returns
    -------
    dict
        ``windows``, ``other_windows`` (n, window_length + 1) bytes, from the held-out and from the validation files
        of tiny_lm; ``gaussian``, ``student_t`` (4 degrees of freedom) and ``laplace`` matrices
        (matrix_rows, 64); ``instance_loss`` and ``instance_cost`` (instances, 5, 4) with ``instance_budget``
        (instances,), allocation problems of five layers with four options each.
    """
    length = params.window_length + 1
    matrix = (params.matrix_rows, 64)
    size = rng.integers(1, 9, size=(params.instances, 5, 1))
    bits = np.array([2, 3, 4, 5])
    cost = size * bits
    sensitivity = rng.lognormal(size=(params.instances, 5, 1))
    error = 4.0**-bits * rng.lognormal(sigma=0.3, size=(params.instances, 5, 4))
    return {
        "windows": windows("held_out", params.n_windows, length, rng),
        "other_windows": windows("validation", params.n_windows, length, rng),
        "gaussian": rng.standard_normal(matrix),
        "student_t": rng.standard_t(4, size=matrix),
        "laplace": rng.laplace(size=matrix),
        "instance_loss": sensitivity * error,
        "instance_cost": cost,
        "instance_budget": rng.integers(cost[:, :, 0].sum(axis=1), cost[:, :, -1].sum(axis=1)),
    }
