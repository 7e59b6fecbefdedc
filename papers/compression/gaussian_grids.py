"""Quantisation grids for standard Gaussian values: the best ones in one and two dimensions, and rivals.

A grid is an array (n, p) of n points in R^p; p consecutive values are replaced together by the nearest point.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr, ndtri

_SAMPLES_PER_POINT, _LEAST_SAMPLES, _LLOYD_STEPS = 400, 40_000, 40


def _density(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def _cells(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability and first moment of every level's cell, the cells meeting half-way between neighbours."""
    edges = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2, [np.inf]])
    return np.diff(ndtr(edges)), -np.diff(_density(edges))


@cache
def lloyd_max(n: int) -> np.ndarray:
    """The n-level scalar quantiser of N(0, 1) with the least mean squared error.

    Lloyd's iteration on the density itself: cell probabilities and means are integrals in closed form.

    Returns
    -------
    ndarray, shape (n, 1), ascending, read-only
    """
    if n < 1:
        raise ValueError(f"a grid needs at least one level, not {n}")
    levels = ndtri((np.arange(n) + 0.5) / n)
    for _ in range(50_000):
        probability, moment = _cells(levels)
        updated = moment / probability
        if np.abs(updated - levels).max() < 1e-12:
            break
        levels = updated
    return _frozen(updated[:, None])


@cache
def gaussian_quantiles(n: int) -> np.ndarray:
    """Levels at the centres of n equally likely cells, (n, 1): the plausible grid that is not optimal."""
    return _frozen(ndtri((np.arange(n) + 0.5) / n)[:, None])


def gaussian_distortion(grid: np.ndarray) -> float:
    """Exact mean squared error of a scalar grid (n, 1) on N(0, 1)."""
    levels = np.sort(grid[:, 0])
    probability, moment = _cells(levels)
    return float(1.0 - 2 * levels @ moment + levels**2 @ probability)


@cache
def planar_grid(n: int) -> np.ndarray:
    """A grid of n points in the plane for N(0, I_2), near the optimum (CLVQ's target), (n, 2), read-only.

    Lloyd's iteration on one fixed large sample, started from the cells of a sunflower spiral whose density is the
    one that is optimal for many points (the Gaussian's square root). The start needs no luck, so one run does.
    """
    rank = np.arange(n) + 0.5
    # sqrt(density) of N(0, I_2) is that of N(0, 2 I_2): radii are its Rayleigh quantiles
    radius = np.sqrt(-4 * np.log1p(-rank / n))
    angle = np.pi * (3 - np.sqrt(5)) * rank
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    n_sample = max(_SAMPLES_PER_POINT * n, _LEAST_SAMPLES)
    sample = np.random.default_rng(0).standard_normal((n_sample // 2, 2))
    sample = np.concatenate([sample, -sample])
    for _ in range(_LLOYD_STEPS):
        nearest = cKDTree(points).query(sample)[1]
        count = np.bincount(nearest, minlength=n)
        total = np.stack([np.bincount(nearest, sample[:, axis], minlength=n) for axis in (0, 1)], axis=1)
        points = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], points)
    return _frozen(points)


def nearest_point(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Values of any shape (..., multiple of p), each run of p replaced by the nearest point of a grid (n, p)."""
    p = grid.shape[1]
    if p == 1:
        order = np.sort(grid[:, 0])
        return order[np.searchsorted((order[1:] + order[:-1]) / 2, values)]
    return grid[cKDTree(grid).query(values.reshape(-1, p))[1]].reshape(values.shape)


def _frozen(grid: np.ndarray) -> np.ndarray:
    grid.setflags(write=False)
    return grid
