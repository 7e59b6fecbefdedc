"""Gaussian points with one direction of large variance, and outliers that imitate a larger one elsewhere."""

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

import numpy as np

from litmus.params import Params


class Instance(NamedTuple):
    """Inliers N(0, I + spike e_1 e_1^T), outliers in e_2 .. e_{1 + n_directions}."""

    dimension: int
    eps: float  # fraction of outliers
    spike: float  # by how much the variance along e_1 exceeds that along the others, which is 1
    strength: float  # second moment that the outliers add to each of their directions
    n_directions: int = 1

    @property
    def largest_strength(self) -> float:
        """Strength beyond which outliers must have larger norms than inliers."""
        return self.eps * self.dimension / self.n_directions


def hidden_instance(dimension: int, eps: float, spike: float, least_strength: float) -> Instance:
    """Outliers sqrt(d) e_j, no longer than inliers, over as many directions as leave each the strength asked for."""
    n_directions = max(1, int(eps * dimension / least_strength + 1e-9))
    return Instance(dimension, eps, spike, eps * dimension / n_directions, n_directions)


def draw_inliers(instance: Instance, n_points: int, rng: np.random.Generator) -> np.ndarray:
    """Rows from N(0, Sigma), shape (n_points, dimension)."""
    points = rng.standard_normal((n_points, instance.dimension))
    points[:, 0] *= sqrt(1 + instance.spike)
    return points


def draw_outliers(instance: Instance, n_points: int, stretch: float, rng: np.random.Generator) -> np.ndarray:
    """Rows s (+-1) e_{1+j} plus noise that makes up for their norms, where eps s^2 = strength * n_directions.

    The second moment of every outlier is d, that of inliers d + spike, so that norms tell nothing. With `stretch`
    other than 1 they do: the outliers are that many times as long.
    """
    d = instance.dimension
    squared = min(instance.strength * instance.n_directions / instance.eps, d)
    points = sqrt(1 - squared / d) * rng.standard_normal((n_points, d))
    rows = np.arange(n_points)
    points[rows, 1 + rows % instance.n_directions] = sqrt(squared) * rng.choice([-1.0, 1.0], n_points)
    return stretch * points


def draw_points(instance: Instance, n_points: int, stretch: float, rng: np.random.Generator) -> np.ndarray:
    """n points of which the first floor(eps n) are outliers."""
    n_outliers = int(instance.eps * n_points + 1e-9)
    outliers = draw_outliers(instance, n_outliers, stretch, rng)
    return np.concatenate([outliers, draw_inliers(instance, n_points - n_outliers, rng)])


def open_stream(
    instance: Instance, stretch: float, rng: np.random.Generator, block_size: int = 1000
) -> Callable[[int], np.ndarray]:
    """An endless stream: called with k, it gives the next k points, each of which is an outlier with probability eps.

    The points are drawn `block_size` at a time, which saves time and is not memory of whoever reads them.
    """
    waiting = np.empty((0, instance.dimension))

    def read(n_points: int) -> np.ndarray:
        nonlocal waiting
        while len(waiting) < n_points:
            points = draw_inliers(instance, block_size, rng)
            chosen = np.flatnonzero(rng.random(block_size) < instance.eps)
            points[chosen] = rng.permutation(draw_outliers(instance, len(chosen), stretch, rng))
            waiting = np.concatenate([waiting, points])
        points, waiting = waiting[:n_points], waiting[n_points:]
        return points

    return read


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The seed of each experiment; a stream has no end, so that points are drawn from the seeds as they are needed."""
    return {"seeds": rng.integers(2**63, size=4)}
