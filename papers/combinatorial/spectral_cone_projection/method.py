"""Spectral matrix cones: a matrix is projected by projecting its eigenvalues or singular values (the paper's theorem).

A cone of matrices is built from a symmetric function f of n numbers: K_F = cl{(t, v, X): v > 0, v F(X / v) <= t}, with
F(X) = f(eigenvalues of X) or f(singular values of X), and without v where f is homogeneous.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from ..conic_solver import Cone
from ..symmetric_vectors import project_semidefinite, to_matrix, to_vector, vector_length
from .vector_projections import project_log_cone, project_nuclear_cone, project_sum_largest_cone

Decomposition = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def project_logdet(point: np.ndarray, order: int, decompose: Decomposition = np.linalg.eigh) -> np.ndarray:
    """Projection of (t, v, X) on cl{v > 0, -v log det(X / v) <= t}.

    Parameters
    ----------
    point : array of shape (2 + n (n + 1) / 2,)
        t, v and the symmetric X as `symmetric_vectors.to_vector` writes it.
    order : int
        n.
    decompose : callable
        Eigenvalues and orthonormal eigenvectors (columns) of X.
    """
    values, vectors = decompose(to_matrix(point[2:], order))
    t, v, projected = project_log_cone(point[0], point[1], values)
    return np.concatenate([[t, v], to_vector((vectors * projected) @ vectors.T)])


def project_sum_largest(point: np.ndarray, order: int, k: int, decompose: Decomposition = np.linalg.eigh) -> np.ndarray:
    """Projection of (t, X), shape (1 + n (n + 1) / 2,), on {sum of the k largest eigenvalues of X <= t}."""
    values, vectors = decompose(to_matrix(point[1:], order))
    t, projected = project_sum_largest_cone(point[0], values, k)
    return np.concatenate([[t], to_vector((vectors * projected) @ vectors.T)])


def project_nuclear(point: np.ndarray, shape: tuple[int, int], decompose: Callable = np.linalg.svd) -> np.ndarray:
    """Projection of (t, X), shape (1 + rows columns,) with X row by row, on {sum of singular values of X <= t}.

    `decompose(X, full_matrices=False)` returns U, s, V' as `numpy.linalg.svd` does.
    """
    left, values, right = decompose(point[1:].reshape(shape), full_matrices=False)
    t, projected = project_nuclear_cone(point[0], values)
    return np.concatenate([[t], ((left * projected) @ right).ravel()])


def logdet_cone(order: int, decompose: Decomposition = np.linalg.eigh) -> Cone:
    """Rows (t, v, X) of the log-determinant cone."""
    size = 2 + vector_length(order)
    return Cone(size, lambda point: project_logdet(point, order, decompose), block=size)


def sum_largest_cone(order: int, k: int, decompose: Decomposition = np.linalg.eigh) -> Cone:
    """Rows (t, X) of the cone of the sum of the k largest eigenvalues."""
    size = 1 + vector_length(order)
    return Cone(size, lambda point: project_sum_largest(point, order, k, decompose), block=size)


def nuclear_cone(shape: tuple[int, int], decompose: Callable = np.linalg.svd) -> Cone:
    """Rows (t, X) of the nuclear norm cone."""
    size = 1 + shape[0] * shape[1]
    return Cone(size, lambda point: project_nuclear(point, shape, decompose), block=size)


def semidefinite_cone(order: int) -> Cone:
    """Rows of one symmetric positive semidefinite matrix."""
    size = vector_length(order)
    return Cone(size, lambda point: project_semidefinite(point, order), block=size)


@njit(cache=True)
def _project_exponential(points: np.ndarray) -> np.ndarray:
    projected = np.empty_like(points)
    for i in range(points.shape[0]):
        projected[i, 0], projected[i, 1], x = project_log_cone(points[i, 0], points[i, 1], points[i, 2:].copy())
        projected[i, 2] = x[0]
    return projected


def exponential_cones(count: int) -> Cone:
    """Rows (t, v, x), `count` times, with -v log(x / v) <= t: the logarithmic cone of one number."""
    return Cone(3 * count, lambda point: _project_exponential(point.reshape(count, 3)).ravel(), block=3)
