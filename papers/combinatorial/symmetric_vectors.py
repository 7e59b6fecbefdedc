"""Symmetric matrices as vectors: the upper triangle column by column, off-diagonal entries times sqrt(2).

The scaling keeps inner products (<X, Y> = x'y), so that a Euclidean projection of the vector is the Frobenius
projection of the matrix. The order is that of Clarabel's triangle cone.
"""

from functools import lru_cache

import numpy as np


def vector_length(order: int) -> int:
    """Number of entries of a symmetric matrix of the given order: n (n + 1) / 2."""
    return order * (order + 1) // 2


def position(row: np.ndarray | int, column: np.ndarray | int) -> np.ndarray | int:
    """Place in the vector of the matrix entry (row, column); the two may be swapped."""
    low, high = np.minimum(row, column), np.maximum(row, column)
    return high * (high + 1) // 2 + low


@lru_cache(maxsize=32)
def _layout(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat index in the matrix of each vector entry, weight of each vector entry, vector index of each matrix entry."""
    columns, rows = np.tril_indices(order)
    weights = np.where(rows == columns, 1.0, np.sqrt(2.0))
    indices = np.arange(order)
    return rows * order + columns, weights, position(indices[:, None], indices[None, :])


def to_vector(matrix: np.ndarray) -> np.ndarray:
    """Vector, shape (..., n (n + 1) / 2), of the upper triangle of matrices of shape (..., n, n)."""
    order = matrix.shape[-1]
    flat, weights, _ = _layout(order)
    return matrix.reshape(*matrix.shape[:-2], order * order)[..., flat] * weights


def to_matrix(vector: np.ndarray, order: int) -> np.ndarray:
    """Symmetric matrix, shape (n, n), of a vector of shape (n (n + 1) / 2,).

    Raises
    ------
    ValueError
        If the vector's length does not fit the order.
    """
    if vector.shape != (vector_length(order),):
        raise ValueError(f"order {order} needs a vector of length {vector_length(order)}, found shape {vector.shape}")
    _, weights, entries = _layout(order)
    return (vector / weights)[entries]


def project_semidefinite(vector: np.ndarray, order: int) -> np.ndarray:
    """Projection of a symmetric matrix, given and returned as a vector, on the positive semidefinite cone."""
    values, vectors = np.linalg.eigh(to_matrix(vector, order))
    positive = values > 0
    kept = vectors[:, positive]
    return to_vector((kept * values[positive]) @ kept.T)
