"""HIGGS and the linearity theorem (arXiv:2411.17525).

Near a trained optimum, quantising the linear layers l of a language model raises its loss by about

    sum_l alpha_l t_l^2,    t_l^2 = ||What_l - W_l||_F^2 / ||W_l||_F^2,

with weights alpha_l that do not depend on the quantiser. So the alpha_l can be measured with plain Gaussian noise, the
best quantiser is the one of least t^2 (HIGGS: rotate the weights to look Gaussian, round to the Gaussian's best grid),
and the best mix of bitwidths is a knapsack problem.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..gaussian_grids import nearest_point
from ..hadamard_rotation import random_signs, rotate, rotate_back
from ..scalar_quantisers import row_groups

_SCALE_BITS = 16


def higgs(
    weight: np.ndarray, grid: np.ndarray, group: int, rng: np.random.Generator, rotated: bool = True
) -> np.ndarray:
    """Hadamard Incoherence with Gaussian MSE-optimal GridS (Alg. 1 and its inverse): the dequantised matrix.

    Parameters
    ----------
    weight : ndarray, shape (rows, columns)
    grid : ndarray, shape (n, p)
        Points for standard Gaussian p-tuples.
    group : int
        Entries of a row that are rotated together and share a scale: a power of two that divides the columns.
    rng : numpy.random.Generator
        Draws the random signs of the rotation.
    rotated : bool
        False leaves the rotation out.
    """
    groups = row_groups(weight, group)
    signs = random_signs(groups.shape, rng)
    if rotated:
        groups = rotate(groups, signs)
    scale = np.linalg.norm(groups, axis=-1, keepdims=True) / np.sqrt(group)
    quantised = scale * nearest_point(groups / np.where(scale > 0, scale, 1.0), grid)
    if rotated:
        quantised = rotate_back(quantised, signs)
    return quantised.reshape(weight.shape)


def higgs_bits(grid: np.ndarray, group: int) -> float:
    """Storage of `higgs` in bits per weight, 16-bit scales included (the signs come from a seed)."""
    n, p = grid.shape
    return float(np.log2(n)) / p + _SCALE_BITS / group


def gaussian_error(weight: np.ndarray, squared_error: float, rng: np.random.Generator) -> np.ndarray:
    """An error in no preferred direction, of relative squared size t^2 = `squared_error` exactly."""
    noise = rng.standard_normal(weight.shape)
    return noise * (np.sqrt(squared_error) * np.linalg.norm(weight) / np.linalg.norm(noise))


def layer_weight(
    weight: np.ndarray,
    loss_increase: Callable[[np.ndarray], float],
    squared_errors: Sequence[float],
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Estimates of one layer's alpha_l from Gaussian noise on that layer alone.

    Every draw is used with both signs: the average of the two increases has no linear term.

    Parameters
    ----------
    weight : ndarray
        W_l.
    loss_increase : callable
        Loss with the given matrix in place of W_l minus the loss with W_l, on the same text.
    squared_errors : sequence of float
        Noise levels t^2.
    draws : int
        Noise draws per level.

    Returns
    -------
    ndarray, shape (levels, draws)
        increase / t^2; alpha_l is their mean.
    """
    estimates = np.empty((len(squared_errors), draws))
    for level, squared_error in enumerate(squared_errors):
        for draw in range(draws):
            error = gaussian_error(weight, squared_error, rng)
            increase = (loss_increase(weight + error) + loss_increase(weight - error)) / 2
            estimates[level, draw] = increase / squared_error
    return estimates


def slope_through_origin(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Least-squares b of ``measured = b * predicted``."""
    return float(predicted @ measured / (predicted @ predicted))


def variance_explained(predicted: np.ndarray, measured: np.ndarray) -> float:
    """R^2: 1 for perfect predictions, 0 for ones as good as the mean of the measured values, negative for worse."""
    return float(1.0 - np.sum((measured - predicted) ** 2) / np.sum((measured - measured.mean()) ** 2))
