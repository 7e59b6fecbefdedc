"""l_p sensitivities of rows, sampling by them, and the distortion of a sample over the whole column space."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..row_sampling import squared_row_norms


class Sensitivities(NamedTuple):
    """Sensitivities of the rows, shape (n_rows,), and directions that attain them, (n_rows, n_columns)."""

    values: np.ndarray
    directions: np.ndarray


def lp_sensitivities(basis: np.ndarray, p: float, n_steps: int = 15, floor: float = 1e-9) -> Sensitivities:
    """Sensitivities s_i = max_x |a_i^T x|^p / ||A x||_p^p = 1 / min {||A x||_p^p : a_i^T x = 1}, of all rows at once.

    The convex problems are solved by iteratively reweighted least squares from the leverage solution, with steps
    damped by 1 / (p - 1) for p > 2. Whatever the number of steps, s_i is at most the true value, since the best
    feasible x is kept.

    Parameters
    ----------
    basis : array of shape (n_rows, n_columns)
        Orthonormal basis of the column space: sensitivities depend on the space only.
    p : float
        At least 1.
    n_steps : int
        Reweighted solves per row.
    floor : float
        Smallest weight, relative to the largest.

    Raises
    ------
    ValueError
        If p < 1.
    """
    _check_exponent(p)
    products = _outer_products(basis)
    x = basis / squared_row_norms(basis)[:, None]
    best, directions = np.full(len(basis), np.inf), x.copy()
    for _ in range(n_steps + 1):
        residual = np.abs(x @ basis.T)
        cost = _power(residual, p).sum(axis=1)
        better = cost < best
        best[better], directions[better] = cost[better], x[better]
        moment = _moments(_irls_weights(residual, p, floor), products)
        new = np.linalg.solve(moment, basis[:, :, None])[:, :, 0]
        new /= np.einsum("ij,ij->i", new, basis)[:, None]
        x += _damping(p) * (new - x)
    return Sensitivities(1 / best, directions)


def root_leverage_scores(basis: np.ndarray, p: float) -> np.ndarray:
    """Root leverage scores tau_i^(p/2), shape (n_rows,), from an orthonormal basis."""
    return squared_row_norms(basis) ** (p / 2)


def sample_weights(probabilities: np.ndarray, uniforms: np.ndarray, p: float, norm_exponent: float) -> np.ndarray:
    """Weights c of draws such that ||S A x||_p^p = sum_i c_i |a_i^T x|^p; zero for the rows left out.

    Parameters
    ----------
    probabilities : array of shape (n_rows,)
        Row i is kept with probability p_i, independently of the others,
    uniforms : array of shape (n_draws, n_rows)
        namely if its uniform number is below p_i.
    norm_exponent : float
        A kept row is scaled by p_i^(-1 / norm_exponent): unbiased if it is p.
    """
    kept = uniforms < probabilities
    return np.where(kept, np.maximum(probabilities, 1e-300) ** (-p / norm_exponent), 0)


def distortions(
    basis: np.ndarray,
    weights: np.ndarray,
    p: float,
    candidates: np.ndarray,
    n_starts: int = 6,
    n_finalists: int = 2,
    n_steps: tuple[int, int] = (5, 20),
) -> np.ndarray:
    """Distortion sup_x | ||S A x||_p^p / ||A x||_p^p - 1 | of each draw, shape (n_draws,), by local search.

    The largest and the smallest ratio are searched for separately, each from the best candidates and from extreme
    eigenvectors of the l_2 problem; after a few steps only the best go on. The value is a lower bound. A rank-deficient
    sample has distortion at least 1.

    Parameters
    ----------
    basis : array of shape (n_rows, n_columns)
        Orthonormal basis of the column space of A.
    weights : array of shape (n_draws, n_rows)
        Weights c_i of `sample_weights`.
    candidates : array of shape (n_candidates, n_columns)
        Directions to start from; good ones are those that attain the sensitivities.
    n_starts : int
        Candidates, and as many eigenvectors, used for each of the two searches.
    n_finalists, n_steps : int, pair of int
        How many go on, and the steps before and after.

    Raises
    ------
    ValueError
        If p < 1.
    """
    _check_exponent(p)
    products = _outer_products(basis)
    values = _power(np.abs(candidates @ basis.T), p)
    ratios = weights @ values.T / values.sum(axis=1)
    order = np.argsort(ratios, axis=1)
    eigenvectors = np.linalg.eigh(_moments(weights, products))[1].swapaxes(1, 2)
    result = np.abs(ratios - 1).max(axis=1)
    ones = np.ones_like(weights)
    # The smallest ratio is the largest of the inverse ratio. A little weight on the rows left out keeps M regular.
    padded = weights + 1e-9
    searches = ((slice(-n_starts, None), padded, ones), (slice(n_starts), ones, padded))
    for extreme, numerator, denominator in searches:
        x = np.concatenate([candidates[order[:, extreme]], eigenvectors[:, extreme]], axis=1)
        for steps in n_steps:
            x = _ascend(x, numerator, denominator, basis, products, p, steps)
            values = _power(np.abs(x @ basis.T), p)
            ratio = np.matmul(values, weights[:, :, None])[:, :, 0] / values.sum(axis=2)
            result = np.maximum(result, np.abs(ratio - 1).max(axis=1))
            best = np.argsort(-np.abs(ratio - 1), axis=1)[:, :n_finalists, None]
            x = np.take_along_axis(x, best, axis=1)
    return result


def _ascend(
    x: np.ndarray,
    numerator: np.ndarray,
    denominator: np.ndarray,
    basis: np.ndarray,
    products: np.ndarray,
    p: float,
    n_steps: int,
) -> np.ndarray:
    """Steps that increase sum_i u_i |q_i^T x|^p / sum_i v_i |q_i^T x|^p, for x of shape (n_draws, n_starts, n_columns).

    A step maximises the linearised numerator over the quadratic majoriser of the denominator: x <- M^-1 g, under which
    the ratio cannot fall for p <= 2 (but for the floor, which smooths the kinks of p = 1).
    """
    for _ in range(n_steps):
        y = x @ basis.T
        irls = _irls_weights(np.abs(y), p, floor=1e-3)
        gradient = (irls * y * numerator[:, None]) @ basis
        moment = _moments(irls * denominator[:, None], products)
        new = np.linalg.solve(moment, gradient[..., None])[..., 0]
        x = _unit(x) + _damping(p) * (_unit(new) - _unit(x))
    return x


class RowsNeeded(NamedTuple):
    """Expected number of rows at which the distortion crosses the target, and the (m, distortion) tried."""

    rows: float
    tried: list[tuple[float, float]]


def rows_needed(
    distortion: Callable[[float], float], fewest: float, most: float, target: float = 0.5, n_bisections: int = 5
) -> RowsNeeded:
    """Bisection in log m for the m at which the (falling) distortion crosses `target`; interpolates at the end.

    Parameters
    ----------
    distortion : callable
        Distortion as a function of the expected number of rows m.
    fewest, most : float
        Bracket: the distortion is taken to be 1 with `fewest` (the number of columns) and 0 with `most` (all rows).
    """
    low, high = (np.log(fewest), 1.0), (np.log(most), 0.0)
    tried = []
    for _ in range(n_bisections):
        middle = (low[0] + high[0]) / 2
        found = distortion(float(np.exp(middle)))
        tried.append((float(np.exp(middle)), found))
        low, high = ((middle, found), high) if found > target else (low, (middle, found))
    share = (low[1] - target) / (low[1] - high[1])
    return RowsNeeded(float(np.exp(low[0] + share * (high[0] - low[0]))), tried)


def _outer_products(basis: np.ndarray) -> np.ndarray:
    """The matrices q_i q_i^T, shape (n_rows, n_columns^2)."""
    return (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)


def _moments(weights: np.ndarray, products: np.ndarray) -> np.ndarray:
    """sum_i w_i q_i q_i^T for weights of shape (..., n_rows): shape (..., n_columns, n_columns), by one product."""
    d = int(np.sqrt(products.shape[1]))
    return (weights.reshape(-1, weights.shape[-1]) @ products).reshape(*weights.shape[:-1], d, d)


def _irls_weights(residual: np.ndarray, p: float, floor: float) -> np.ndarray:
    """|r|^(p-2), scaled to the largest residual of each problem, kept away from infinity (p < 2) or zero (p > 2)."""
    residual = residual / residual.max(axis=-1, keepdims=True)
    if p < 2:
        return np.maximum(residual, floor) ** (p - 2)
    return np.maximum(residual ** (p - 2), floor)


def _power(residual: np.ndarray, p: float) -> np.ndarray:
    return residual if p == 1 else residual**p


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _damping(p: float) -> float:
    return 1.0 if p <= 2 else 1 / (p - 1)


def _check_exponent(p: float) -> None:
    if not p >= 1:
        raise ValueError(f"expected p >= 1, found {p}")
