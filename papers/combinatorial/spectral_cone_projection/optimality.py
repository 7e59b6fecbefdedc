"""How far a point is from being a projection, without computing one.

By Moreau, p is the projection of x on a closed convex cone K exactly if p is in K, p - x is in the dual cone K* and
the two are orthogonal. Each function returns the worst of the three violations, relative to the norm of x, from the
matrices themselves.
"""

import numpy as np

from ..symmetric_vectors import to_matrix

ROUNDING = 1e-14  # an eigenvalue this much smaller than the largest is not told from zero


def logdet_violation(point: np.ndarray, projected: np.ndarray, order: int) -> float:
    """For cl{(t, v, X): v > 0, -v log det(X / v) <= t}, vectors of shape (2 + n (n + 1) / 2,).

    Its dual cone is cl{(s, w, Z): s > 0, w >= s (-n - log det(Z / s))}: the same cone at (w + n s, s, Z).
    """
    s, w, *_ = difference = projected - point
    primal = _distance_to_logdet(projected[0], projected[1], to_matrix(projected[2:], order))
    dual = _distance_to_logdet(w + order * s, s, to_matrix(difference[2:], order))
    return _worst(point, projected, primal, dual)


def _distance_to_logdet(t: float, v: float, matrix: np.ndarray) -> float:
    """Upper bound of the distance: to the face v = 0, t >= 0, X >= 0, or by raising t or the smallest eigenvalue."""
    values = np.linalg.eigvalsh(matrix)
    to_face = float(np.linalg.norm([v, min(t, 0.0), *np.minimum(values, 0.0)]))
    if v <= 0:
        return to_face
    raised = np.maximum(values, ROUNDING * np.abs(values).max())
    gap = max(-v * np.log(raised / v).sum() - t, 0.0)
    climb = min(gap, raised[0] * np.expm1(min(gap / v, 100.0)))
    return min(to_face, float(np.linalg.norm(raised - values) + climb))


def sum_largest_violation(point: np.ndarray, projected: np.ndarray, order: int, k: int) -> float:
    """For {(t, X): sum of the k largest eigenvalues <= t}; the dual cone is {(s, Z): 0 <= -Z <= s I, -tr Z = k s}."""
    difference = projected - point
    values = np.linalg.eigvalsh(to_matrix(projected[1:], order))
    weights = -np.linalg.eigvalsh(to_matrix(difference[1:], order))
    s = difference[0]
    primal = values[-k:].sum() - projected[0]
    dual = max(-weights.min(), weights.max() - s, abs(weights.sum() - k * s))
    return _worst(point, projected, primal, dual)


def nuclear_violation(point: np.ndarray, projected: np.ndarray, shape: tuple[int, int]) -> float:
    """For {(t, X): sum of singular values <= t}; the dual cone is {(s, Z): largest singular value <= s}."""
    difference = projected - point
    primal = np.linalg.norm(projected[1:].reshape(shape), "nuc") - projected[0]
    dual = np.linalg.norm(difference[1:].reshape(shape), 2) - difference[0]
    return _worst(point, projected, primal, dual)


def _worst(point: np.ndarray, projected: np.ndarray, primal: float, dual: float) -> float:
    size = float(np.linalg.norm(point))
    return max(float(primal), float(dual), abs(float(projected @ (projected - point))) / size, 0.0) / size
