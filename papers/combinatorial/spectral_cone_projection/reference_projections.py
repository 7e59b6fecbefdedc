"""The same projections by an interior-point solver (Clarabel), which knows only standard cones."""

import clarabel
import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from ..symmetric_vectors import to_matrix, to_vector

ACCURACY = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}


def lifted_logdet(point: np.ndarray, order: int) -> np.ndarray:
    """Projection of (t, v, X) on cl{v > 0, -v log det(X / v) <= t}: 2n semidefinite, n exponential."""
    t, v, heights = cp.Variable(), cp.Variable(), cp.Variable(order)
    matrix, factor = cp.Variable((order, order), symmetric=True), cp.Variable((order, order))
    pivots = cp.diag(factor)
    constraints = [
        cp.upper_tri(factor) == 0,
        cp.bmat([[matrix, factor], [factor.T, cp.diag(pivots)]]) >> 0,
        cp.constraints.ExpCone(heights, v * np.ones(order), pivots),
        -cp.sum(heights) <= t,
    ]
    target = to_matrix(point[2:], order)
    distance = cp.square(t - point[0]) + cp.square(v - point[1]) + cp.sum_squares(matrix - target)
    _solve(distance, constraints)
    return np.concatenate([[t.value, v.value], to_vector(matrix.value)])


def lifted_sum_largest(point: np.ndarray, order: int, k: int) -> np.ndarray:
    """Projection of (t, X) on {sum of the k largest eigenvalues <= t}."""
    t, matrix = cp.Variable(), cp.Variable((order, order), symmetric=True)
    distance = cp.square(t - point[0]) + cp.sum_squares(matrix - to_matrix(point[1:], order))
    _solve(distance, [cp.lambda_sum_largest(matrix, k) <= t])
    return np.concatenate([[t.value], to_vector(matrix.value)])


def lifted_nuclear(point: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Projection of (t, X) on {sum of singular values <= t}."""
    t, matrix = cp.Variable(), cp.Variable(shape)
    distance = cp.square(t - point[0]) + cp.sum_squares(matrix - point[1:].reshape(shape))
    _solve(distance, [cp.normNuc(matrix) <= t])
    return np.concatenate([[t.value], matrix.value.ravel()])


def _solve(distance: cp.Expression, constraints: list[cp.Constraint]) -> None:
    cp.Problem(cp.Minimize(distance), constraints).solve(solver=cp.CLARABEL, **ACCURACY)


def general_log_cone(t: float, v: float, x: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Projection on the vector cone cl{v > 0, -v sum log(x_i / v) <= t} as a program with n exponential cones."""
    n = x.size
    eye, zero, one = sp.eye_array(n), np.zeros((n, 1)), np.ones((n, 1))
    triples = sp.block_array([[zero, zero, 0 * eye, eye], [zero, one, 0 * eye, 0 * eye], [zero, zero, eye, 0 * eye]])
    by_triple = np.arange(3 * n).reshape(3, n).T.ravel()
    epigraph = sp.coo_array(np.concatenate([[1.0, 0.0], np.zeros(n), np.ones(n)])[None])
    rows = -sp.vstack([epigraph, triples.tocsr()[by_triple]], format="csc")
    quadratic = sp.diags_array(np.concatenate([np.ones(2 + n), np.zeros(n)]), format="csc")
    linear = np.concatenate([[-t, -v], -x, np.zeros(n)])
    cones = [clarabel.NonnegativeConeT(1)] + [clarabel.ExponentialConeT()] * n
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    bounds = np.zeros(3 * n + 1)
    solution = clarabel.DefaultSolver(
        sp.csc_matrix(quadratic), linear, sp.csc_matrix(rows), bounds, cones, settings
    ).solve()
    solved = np.array(solution.x)
    return solved[0], solved[1], solved[2 : 2 + n]
