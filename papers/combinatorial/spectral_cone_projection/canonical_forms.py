"""Three semidefinite programs, each with a spectral cone and in the standard form with lifted semidefinite blocks.

A program's first variables are the unknowns of the problem, so that both forms of it can be compared.
"""

import numpy as np
import scipy.sparse as sp

from ..conic_solver import Cone, ConicProgram, nonnegative_cone, zero_cone
from ..symmetric_vectors import position, to_vector, vector_length
from .method import exponential_cones, semidefinite_cone

SQRT2 = np.sqrt(2.0)


def _entries(rows: np.ndarray, columns: np.ndarray, values: np.ndarray | float, shape: tuple[int, int]) -> sp.coo_array:
    rows, columns = np.broadcast_arrays(rows, columns)
    return sp.coo_array((np.broadcast_to(np.asarray(values, float), rows.shape), (rows, columns)), shape=shape)


def _program(blocks: list[list], b: list, c: np.ndarray, cones: list[Cone]) -> ConicProgram:
    return ConicProgram(sp.block_array(blocks, format="csc"), np.concatenate(b), c, cones)


def _unit(size: int, *ones: int) -> np.ndarray:
    vector = np.zeros(size)
    vector[list(ones)] = 1.0
    return vector


def _design_rows(vectors: np.ndarray) -> tuple[sp.csc_array, sp.csc_array, sp.csc_array]:
    """Total weight, -weights and -X(weights), X = (1/m) sum_i weight_i a_i a_i', as matrices on the weights."""
    m = len(vectors)
    outer = to_vector(vectors[:, :, None] * vectors[:, None, :] / m)
    return sp.csc_array(np.ones((1, m))), -sp.eye_array(m, format="csc"), sp.csc_array(-outer.T)


def spectral_design(vectors: np.ndarray, cone: Cone) -> ConicProgram:
    """D-optimal design with the log-determinant cone.

    Minimise -log det X(weights) over weights >= 0 that sum to m.

    Parameters
    ----------
    vectors : array of shape (m, n)
        The candidate measurements a_i.
    cone : Cone
        `method.logdet_cone(n)`.
    """
    m = len(vectors)
    total, weights, information = _design_rows(vectors)
    blocks = [
        [total, None],
        [weights, None],
        [None, -sp.eye_array(1)],
        [sp.csc_array((1, m)), None],
        [information, None],
    ]
    b = [[float(m)], np.zeros(m), [0.0], [1.0], np.zeros(information.shape[0])]
    return _program(blocks, b, _unit(m + 1, m), [zero_cone(1), nonnegative_cone(m), cone])


def standard_design(vectors: np.ndarray) -> ConicProgram:
    """D-optimal design as log det X >= sum h with [[X, Z], [Z', diag(Z)]] >= 0, Z lower triangular, log Z_ii >= h_i.

    Variables: weights (m), Z (n (n + 1) / 2), -h (n).
    """
    m, n = vectors.shape
    total, weights, information = _design_rows(vectors)
    size, lifted = vector_length(n), vector_length(2 * n)
    rows, columns = np.tril_indices(n)
    diagonal = np.flatnonzero(rows == columns)
    indices, entries = np.arange(n), np.arange(size)
    # The upper triangle column by column starts with the whole of X.
    information = sp.vstack([information, sp.csc_array((lifted - size, m))])
    off_diagonal = _entries(position(rows, n + columns), entries, -SQRT2, (lifted, size))
    corner = _entries(position(n + indices, n + indices), diagonal, -1.0, (lifted, size))
    blocks = [
        [total, None, None],
        [weights, None, None],
        [information, off_diagonal + corner, None],
        [
            None,
            _entries(3 * indices + 2, diagonal, -1.0, (3 * n, size)),
            _entries(3 * indices, indices, -1.0, (3 * n, n)),
        ],
    ]
    b = [[float(m)], np.zeros(m), np.zeros(lifted), np.tile([0.0, 1.0, 0.0], n)]
    cost = np.concatenate([np.zeros(m + size), np.ones(n)])
    cones = [zero_cone(1), nonnegative_cone(m), semidefinite_cone(2 * n), exponential_cones(n)]
    return _program(blocks, b, cost, cones)


def design_value(solution: np.ndarray, vectors: np.ndarray) -> float:
    """-log det of the information matrix of a solution's weights, made feasible."""
    weights = np.maximum(solution[: len(vectors)], 0.0)
    return -float(np.linalg.slogdet((vectors.T * weights) @ vectors / weights.sum())[1])


def _residual_rows(observed: np.ndarray, budget: float) -> tuple[sp.csc_array, np.ndarray]:
    """|M - L| <= E entry by entry and sum E <= budget, as rows on (L, E)."""
    size = observed.size
    eye, ones = sp.eye_array(size), sp.csc_array(np.ones((1, size)))
    rows = sp.block_array([[-eye, -eye], [eye, -eye], [None, ones]], format="csc")
    return rows, np.concatenate([-observed.ravel(), observed.ravel(), [budget]])


def spectral_pca(observed: np.ndarray, budget: float, cone: Cone) -> ConicProgram:
    """Robust PCA with the nuclear norm cone: minimise the nuclear norm of L subject to l1(M - L) <= budget.

    Parameters
    ----------
    observed : array of shape (rows, columns)
        M.
    budget : float
        Bound on the sum of absolute residuals.
    cone : Cone
        `method.nuclear_cone(observed.shape)`.
    """
    size = observed.size
    rows, bounds = _residual_rows(observed, budget)
    low_rank = sp.block_array([[-sp.eye_array(size), sp.csc_array((size, size))]])
    blocks = [[rows, None], [None, -sp.eye_array(1)], [low_rank, None]]
    b = [bounds, np.zeros(1 + size)]
    return _program(blocks, b, _unit(2 * size + 1, 2 * size), [nonnegative_cone(2 * size + 1), cone])


def standard_pca(observed: np.ndarray, budget: float) -> ConicProgram:
    """Robust PCA with the nuclear norm as the least (tr W1 + tr W2) / 2 with [[W1, L], [L', W2]] >= 0.

    Variables: L, E, W1, W2.
    """
    n_rows, n_columns = observed.shape
    size, order = observed.size, n_rows + n_columns
    rows, bounds = _residual_rows(observed, budget)
    i, j = np.divmod(np.arange(size), n_columns)
    lifted = vector_length(order)
    low_rank = _entries(position(i, n_rows + j), np.arange(size), -SQRT2, (lifted, 2 * size))
    corners, traces = [], []
    for start, corner_order in ((0, n_rows), (n_rows, n_columns)):
        column, row = np.tril_indices(corner_order)
        places = position(start + row, start + column)
        corners.append(_entries(places, np.arange(len(places)), -1.0, (lifted, len(places))))
        traces.append(np.where(row == column, 0.5, 0.0))
    blocks = [[rows, None, None], [low_rank, *corners]]
    cost = np.concatenate([np.zeros(2 * size), *traces])
    cones = [nonnegative_cone(2 * size + 1), semidefinite_cone(order)]
    return _program(blocks, [bounds, np.zeros(lifted)], cost, cones)


def pca_value(solution: np.ndarray, shape: tuple[int, int]) -> float:
    """Nuclear norm of a solution's L."""
    return float(np.linalg.norm(solution[: shape[0] * shape[1]].reshape(shape), "nuc"))


def spectral_partition(matrix: np.ndarray, k: int, cone: Cone) -> ConicProgram:
    """Bound of a graph partition: minimise over y, sum y = 0, the sum of the k largest eigenvalues of diag(y) - L.

    A partition of n vertices in k equal parts cuts at least -n / (2 k) times this many edges.

    Parameters
    ----------
    matrix : array of shape (n, n)
        -L, the Laplacian of the graph with its sign changed.
    k : int
        Number of parts.
    cone : Cone
        `method.sum_largest_cone(n, k)`.
    """
    n, size = len(matrix), vector_length(len(matrix))
    diagonal = position(np.arange(n), np.arange(n))
    blocks = [
        [np.ones((1, n)), None],
        [None, -sp.eye_array(1)],
        [_entries(diagonal, np.arange(n), -1.0, (size, n)), None],
    ]
    b = [np.zeros(2), to_vector(matrix)]
    return _program(blocks, b, _unit(n + 1, n), [zero_cone(1), cone])


def standard_partition(matrix: np.ndarray, k: int) -> ConicProgram:
    """Partition bound as the least k s + tr Z with Z >= 0 and Z + s I - diag(y) + L >= 0.

    Variables: y, s, Z.
    """
    n, size = len(matrix), vector_length(len(matrix))
    indices = np.arange(n)
    diagonal = position(indices, indices)
    eye = sp.eye_array(size)
    blocks = [
        [np.ones((1, n)), None, None],
        [None, None, -eye],
        [_entries(diagonal, indices, 1.0, (size, n)), _entries(diagonal, 0 * indices, -1.0, (size, 1)), -eye],
    ]
    b = [np.zeros(1 + size), -to_vector(matrix)]
    cost = np.concatenate([np.zeros(n), [k], _unit(size, *diagonal)])
    cones = [zero_cone(1), semidefinite_cone(n), semidefinite_cone(n)]
    return _program(blocks, b, cost, cones)


def partition_value(solution: np.ndarray, matrix: np.ndarray, k: int) -> float:
    """Sum of the k largest eigenvalues of diag(y) - L for a solution's y, made feasible."""
    shifts = solution[: len(matrix)]
    return float(np.linalg.eigvalsh(matrix + np.diag(shifts - shifts.mean()))[-k:].sum())
