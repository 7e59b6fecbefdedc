"""Sliced Wasserstein costs: samples of equal size are projected on directions, where transport is sorting."""

import numpy as np


def uniform_directions(n: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors (n, dimension), uniform on the sphere."""
    vectors = rng.standard_normal((n, dimension))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def wasserstein_1d(x: np.ndarray, y: np.ndarray, p: float = 2) -> np.ndarray:
    """W_p^p between samples of equal size on the line, along the last axis: (..., n), (..., n) -> (...)."""
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(f"expected samples of equal size, found {x.shape[-1]} and {y.shape[-1]}")
    difference = np.sort(x, axis=-1) - np.sort(y, axis=-1)
    if p == 2:
        return np.einsum("...i,...i->...", difference, difference) / difference.shape[-1]
    return (np.abs(difference) ** p).mean(axis=-1)


def slice_costs(x: np.ndarray, y: np.ndarray, directions: np.ndarray, p: float = 2) -> np.ndarray:
    """W_p^p of the projections on each direction.

    Parameters
    ----------
    x, y : array (..., n, d)
        Samples of equal size, or batches of them.
    directions : array (n_slices, d)

    Returns
    -------
    array (..., n_slices)
    """
    return wasserstein_1d(directions @ np.swapaxes(x, -1, -2), directions @ np.swapaxes(y, -1, -2), p)


def slice_costs_and_gradients(x: np.ndarray, y: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W_2^2 on each direction (n_slices,) and its gradient in the direction (n_slices, d).

    Almost everywhere the optimal matching does not change nearby, so that the gradient of
    (1/n) sum_i (theta . (x_i - y_i))^2 over matched pairs is the gradient of the cost.

    Parameters
    ----------
    x, y : array (n, d)
    directions : array (n_slices, d)
    """
    n = len(x)
    on_x, on_y = directions @ x.T, directions @ y.T
    order_x, order_y = on_x.argsort(axis=1), on_y.argsort(axis=1)
    difference = np.take_along_axis(on_x, order_x, axis=1) - np.take_along_axis(on_y, order_y, axis=1)
    # Each point's difference to its match is put back in its own place, so that no matched pairs are copied.
    np.put_along_axis(on_x, order_x, difference, axis=1)
    np.put_along_axis(on_y, order_y, difference, axis=1)
    costs = np.einsum("li,li->l", difference, difference) / n
    return costs, (on_x @ x - on_y @ y) * (2 / n)
