"""Least squares from a sketch, with an error that is small in every coordinate.

The guarantee on x' = argmin ||S A x - S b||, against x* = argmin ||A x - b||, is

    ||x' - x*||_inf <= (epsilon / sqrt(d)) ||A x* - b|| ||A^+||        with probability 1 - delta,

smaller by sqrt(d) than what a subspace embedding promises for ||x' - x*||_2. `scaled_error` is the epsilon that a
solution achieves: with m = c d rows of a dense sketch it stays about constant in d.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.sparse import csr_array

from ..fast_transforms import walsh_hadamard
from ..sketches import Matrix

SINGULAR = 1e-7  # ratio of Cholesky pivots below which a sketch has lost a column


class Problem(NamedTuple):
    """A regression and what the guarantee is about.

    `augmented` is [A b], shape (n, d + 1), dense or sparse; `solution` is x*, `residual` is ||A x* - b|| and
    `inverse_norm` is ||A^+||.
    """

    augmented: Matrix
    solution: np.ndarray
    residual: float
    inverse_norm: float


def problem(design: np.ndarray, target: np.ndarray) -> Problem:
    """Solve min ||A x - b|| exactly, by QR; `design` is of shape (n, d) and full column rank."""
    basis, triangle = np.linalg.qr(design)
    solution = solve_triangular(triangle, basis.T @ target)
    inverse_norm = 1 / np.linalg.svd(triangle, compute_uv=False)[-1]
    residual = np.linalg.norm(design @ solution - target)
    return Problem(np.column_stack([design, target]), solution, residual, inverse_norm)


def hard_problem(n: int, d: int, n_spikes: int) -> Problem:
    """A = [I; 0] and b = k^-1/2 on the k rows after the first d: x* = 0, ||A x* - b|| = 1 and ||A^+|| = 1.

    Coordinate j of x' is about <S e_j, S b>. Where S has s non-zeros in a column, one of e_j that meets one of the k
    columns of b costs 1 / (s sqrt(k)), however large d is, and `spikes_for_collisions` makes some meet.

    Raises
    ------
    ValueError
        If the spikes do not fit, that is d + k > n.
    """
    if d + n_spikes > n:
        raise ValueError(f"expected d + n_spikes <= {n}, found {d} + {n_spikes}")
    values = np.concatenate([np.ones(d), np.full(n_spikes, n_spikes**-0.5)])
    columns = np.minimum(np.arange(d + n_spikes), d)
    augmented = csr_array((values, (np.arange(d + n_spikes), columns)), shape=(n, d + 1))
    return Problem(augmented, np.zeros(d), 1.0, 1.0)


def spikes_for_collisions(n_collisions: float, nonzeros: int, rows_per_column: int) -> int:
    """The least k for which the d columns meet the spikes `n_collisions` times in expectation, that is s^2 k d / m.

    `rows_per_column` is m / d.
    """
    return int(np.ceil(n_collisions * rows_per_column / nonzeros**2))


def walsh_columns(n: int, d: int) -> np.ndarray:
    """The Walsh functions 1, ..., d as columns of length n: without random signs H would make each a single spike."""
    spikes = np.zeros((n, d))
    spikes[np.arange(1, d + 1), np.arange(d)] = 1
    return walsh_hadamard(spikes)


def solve_sketched(sketched: np.ndarray) -> np.ndarray:
    """x' = argmin ||S A x - S b|| from S [A b] of shape (m, d + 1), by the normal equations.

    Infinite in every coordinate if S A has (to rounding) lost rank, as then x' is not determined.
    """
    gram = sketched.T @ sketched
    try:
        factor = np.linalg.cholesky(gram[:-1, :-1])
    except np.linalg.LinAlgError:
        return np.full(len(gram) - 1, np.inf)
    pivots = np.diag(factor)
    if pivots.min() <= SINGULAR * pivots.max():
        return np.full(len(gram) - 1, np.inf)
    return cho_solve((factor, True), gram[:-1, -1])


def scaled_error(solution: np.ndarray, exact: Problem) -> float:
    """The epsilon of the guarantee: sqrt(d) ||x' - x*||_inf / (||A x* - b|| ||A^+||)."""
    largest = np.abs(solution - exact.solution).max()
    return float(np.sqrt(len(solution)) * largest / (exact.residual * exact.inverse_norm))
