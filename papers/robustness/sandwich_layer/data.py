"""Samples of a square wave, the digits, and random ReLU networks."""

from itertools import pairwise

import numpy as np

from litmus.datasets import digits
from litmus.params import Params


def square_wave(x: np.ndarray) -> np.ndarray:
    """1 for x <= -1 and 0 < x <= 1, else 0: jumps at -1, 0 and 1 (Section 5.1)."""
    return ((x <= -1) | ((x > 0) & (x <= 1))).astype(float)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays for the three parts of the experiment.

    ``wave_x``, ``wave_y``: (n_samples,), x uniform on [-2, 2]. ``x_train`` ...: the standardised digits, one fixed
    split. ``net<i>_weight<k>``, ``net<i>_bias<k>``: layer k of the i-th network in ``relu_networks``, entries
    N(0, 1/fan-in).
    """
    x = rng.uniform(-2.0, 2.0, params.n_samples)
    arrays = {"wave_x": x, "wave_y": square_wave(x), **digits()._asdict()}
    for i, sizes in enumerate(params.relu_networks):
        for k, (n_in, n_out) in enumerate(pairwise(sizes)):
            arrays[f"net{i}_weight{k}"] = rng.standard_normal((n_out, n_in)) / np.sqrt(n_in)
            arrays[f"net{i}_bias{k}"] = rng.standard_normal(n_out) / np.sqrt(n_in)
    return arrays
