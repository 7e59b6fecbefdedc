"""Gaussian matrices, matrices with a chosen gap, Gaussian kernels of convolutions, and the digits."""

import numpy as np

from litmus.datasets import digits
from litmus.params import Params

GAP_SIZE = 64  # rows and columns of the matrices whose singular values are chosen


def matrix_with_ratio(size: int, ratio: float, rng: np.random.Generator) -> np.ndarray:
    """Square matrix with singular values 1, ``ratio`` and, evenly spaced down to 0.1, the others."""
    left, _ = np.linalg.qr(rng.standard_normal((size, size)))
    right, _ = np.linalg.qr(rng.standard_normal((size, size)))
    singular_values = np.concatenate([[1.0], np.linspace(ratio, 0.1, size - 1)])
    return (left * singular_values) @ right.T


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays for all parts of the experiment.

    ``matrix_<i>``: the i-th of ``params.matrices``, pairs (rows, columns), with entries N(0, 1). ``gap_<i>``: square
    with sigma_2/sigma_1 equal to the i-th of ``params.gap_ratios``. ``kernel_<i>``: shape (channels, channels,
    width, width) for the i-th triple (channels, width, image side) of ``params.kernels``, entries N(0, 1).
    ``x_train`` ...: the digits, pixels in [-1, 1], one fixed split.
    """
    arrays = dict(digits(scaling="signed")._asdict())
    for i, shape in enumerate(params.matrices):
        arrays[f"matrix_{i}"] = rng.standard_normal(tuple(shape))
    for i, ratio in enumerate(params.gap_ratios):
        arrays[f"gap_{i}"] = matrix_with_ratio(GAP_SIZE, ratio, rng)
    for i, (channels, width, _) in enumerate(params.kernels):
        arrays[f"kernel_{i}"] = rng.standard_normal((channels, channels, width, width))
    return arrays
