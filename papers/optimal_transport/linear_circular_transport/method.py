"""Linear circular optimal transport: one embedding a measure, wrapped L2 distances between embeddings.

The circle is R/Z. A measure is a sample of n points in [0, 1), each of weight 1/n; its distribution function and its
quantile function are continued to the line by F(y + 1) = F(y) + 1.
"""

import numpy as np


def reference_points(n_grid: int) -> np.ndarray:
    """Midpoints (n_grid,) of equal cells of [0, 1): the uniform reference measure."""
    return (np.arange(n_grid) + 0.5) / n_grid


def quantile(samples: np.ndarray, levels: np.ndarray, extend: bool = True) -> np.ndarray:
    """Left-continuous quantile function F^{-1} of each sample.

    Parameters
    ----------
    samples : array (..., n)
        Sorted along the last axis, in [0, 1).
    levels : array (..., n_levels)
        Any real numbers.
    extend : bool
        Continue F^{-1} beyond (0, 1] by F^{-1}(t + 1) = F^{-1}(t) + 1; otherwise it is constant there.
    """
    n = samples.shape[-1]
    index = np.ceil(levels * n).astype(int) - 1
    if not extend:
        return np.take_along_axis(samples, np.clip(index, 0, n - 1), axis=-1)
    turns, index = np.divmod(index, n)
    return np.take_along_axis(samples, index, axis=-1) + turns


def embed(samples: np.ndarray, n_grid: int, shift: bool = True, extend: bool = True) -> np.ndarray:
    """The embedding nu^(x) = F_nu^{-1}(x - E(nu) + 1/2) - x at the reference points.

    It is the displacement of the optimal map from the uniform measure to nu, whose shift is E(nu) - 1/2 with the
    mean E(nu) taken on [0, 1).

    Parameters
    ----------
    samples : array (..., n)
        In [0, 1), in any order.
    n_grid : int
        Reference points; at least n.
    shift : bool
        Without it the levels are x themselves, as if the circle were cut at 0.
    extend : bool
        See `quantile`.

    Returns
    -------
    array (..., n_grid)
        Displacements as fractions of the circle.

    Raises
    ------
    ValueError
        If a sample is outside [0, 1), or there are fewer reference points than samples.
    """
    if samples.min() < 0 or samples.max() >= 1:
        raise ValueError("expected samples in [0, 1)")
    if n_grid < samples.shape[-1]:
        raise ValueError(f"expected at least {samples.shape[-1]} reference points, found {n_grid}")
    grid = reference_points(n_grid)
    means = samples.mean(axis=-1, keepdims=True)
    levels = grid - means + 0.5 if shift else np.broadcast_to(grid, (*samples.shape[:-1], n_grid))
    return quantile(np.sort(samples, axis=-1), levels, extend) - grid


def wrap(displacement: np.ndarray) -> np.ndarray:
    """The representative in [-1/2, 1/2] of a displacement on R/Z."""
    return displacement - np.round(displacement)


def lcot(first: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance LCOT_2 = (int |nu1^ - nu2^|_{R/Z}^2 dx)^{1/2} of one embedding (n_grid,) to each of several."""
    return interval_distance(np.zeros_like(first), wrap(others - first))


def interval_distance(first: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The L2 distance without the wrap: linearised transport on an interval, where displacements are real numbers."""
    difference = others - first
    return np.sqrt(np.einsum("...x,...x->...", difference, difference) / difference.shape[-1])


def norm(embeddings: np.ndarray) -> np.ndarray:
    """Distance of each measure to the uniform one, whose embedding is zero."""
    return lcot(np.zeros(embeddings.shape[-1]), embeddings)


def push_forward(embedding: np.ndarray) -> np.ndarray:
    """The inverse of the embedding: points x + nu^(x) mod 1 that carry the uniform measure to nu."""
    return np.mod(reference_points(embedding.shape[-1]) + embedding, 1)


def geodesic(first: np.ndarray, second: np.ndarray, time: float) -> np.ndarray:
    """Embedding at `time` in [0, 1] on the shortest line between two embeddings."""
    return first + time * wrap(second - first)
