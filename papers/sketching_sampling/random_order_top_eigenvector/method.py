"""Top eigenvector of A^T A in one pass over the rows of A: block power iterations that keep heavy rows, and Oja's rule.

A stream is an array of rows, shape (n_rows, d), and an order, the indices of the rows as they arrive. All methods know
||A||_F^2 beforehand, and start from a given vector of length d. R is the gap parameter, sigma_1^2 / sigma_2^2.
"""

from collections.abc import Sequence
from math import ceil, log
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.linalg import eigh
from scipy.optimize import brentq


def heavy_instance(light: np.ndarray, signs: np.ndarray, ratio: int, pieces: int = 1) -> np.ndarray:
    """Light rows and R = `ratio` rows +-e_1, each cut into `pieces` rows of squared norm 1 / pieces.

    Parameters
    ----------
    light : array of shape (n_light, d)
        Rows of covariance I / n_light, so that their second moment is near I.
    signs : array of shape (at least ratio * pieces,)
    """
    heavy = np.zeros((ratio * pieces, light.shape[1]), dtype=light.dtype)
    heavy[:, 0] = signs[: len(heavy)] / np.sqrt(pieces)
    return np.concatenate([light, heavy])


def orthogonal_instance(light: np.ndarray, signs: np.ndarray, ratio: int, pieces: int = 1) -> np.ndarray:
    """The heavy instance with light rows orthogonal to e_1, which is then v_1 and known from heavy rows only."""
    rest = light.copy()
    rest[:, 0] = 0
    return heavy_instance(rest, signs, ratio, pieces)


def light_instance(light: np.ndarray, ratio: int) -> np.ndarray:
    """The light rows with the first column scaled by sqrt(R): the same direction, carried by all rows alike."""
    rows = light.copy()
    rows[:, 0] *= np.sqrt(ratio)
    return rows


def top_eigenpair(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """v_1 of A^T A and the gap sigma_1^2 / sigma_2^2, by a dense eigendecomposition."""
    exact = rows.astype(float)
    d = rows.shape[1]
    values, vectors = eigh(exact.T @ exact, subset_by_index=(d - 2, d - 1))
    return vectors[:, 1], float(values[1] / values[0])


def frobenius_squared(rows: np.ndarray) -> float:
    """||A||_F^2, in double precision."""
    return float(np.einsum("ij,ij->", rows, rows, dtype=float))


def correlations(vectors: np.ndarray, top: np.ndarray) -> np.ndarray:
    """<v, v_1>^2 of vectors of any length, shape (..., d); in [0, 1]."""
    return (vectors @ top) ** 2 / np.sum(vectors**2, axis=-1)


def block_count(d: int, factor: float) -> int:
    """t = ceil(factor * log d), at least 1."""
    return max(1, ceil(factor * log(d)))


@njit(cache=True, fastmath=True)
def _read_block(rows, arrivals, v, cut):
    """Sum of b (b.v) over the light rows b, and the indices of the heavy rows; every row is touched once."""
    d = rows.shape[1]
    accumulator = np.zeros(d)
    heavy = np.empty(len(arrivals), dtype=np.int64)
    n_heavy = 0
    for i in arrivals:
        squared_norm, product = 0.0, 0.0
        for j in range(d):
            squared_norm += rows[i, j] * rows[i, j]
            product += rows[i, j] * v[j]
        if squared_norm >= cut:
            heavy[n_heavy] = i
            n_heavy += 1
        else:
            for j in range(d):
                accumulator[j] += rows[i, j] * product
    return accumulator, heavy[:n_heavy]


class Pass(NamedTuple):
    """What a pass of the block power method leaves.

    Attributes
    ----------
    iterates : array of shape (n_blocks, d)
        v of unit length at the end of every block.
    growth : float
        Length of the last v before it was normalised, an estimate of sigma_1^2.
    stored : array of shape (n_heavy, d)
        The heavy rows in order of arrival; the space is (n_heavy + 2) d numbers.
    """

    iterates: np.ndarray
    growth: float
    stored: np.ndarray


def block_power(rows: np.ndarray, order: np.ndarray, start: np.ndarray, n_blocks: int, cut: float) -> Pass:
    """Block power method: one power step per block of the stream, all heavy rows so far take part in every step.

    Parameters
    ----------
    n_blocks : int
        t, the number of consecutive blocks.
    cut : float
        Rows of at least this squared norm are heavy; infinite to store none.
    """
    v = start / np.linalg.norm(start)
    stored = np.empty((0, len(start)))
    iterates, growth = np.empty((n_blocks, len(start))), 1.0
    for step, arrivals in enumerate(np.array_split(order, n_blocks)):
        accumulator, heavy = _read_block(rows, arrivals, v, cut)
        stored = np.concatenate([stored, rows[heavy].astype(float)])
        # A block holds 1/t of the light rows, the list all heavy rows so far.
        v = n_blocks * accumulator + stored.T @ (stored @ v)
        growth = float(np.linalg.norm(v))
        v /= growth
        iterates[step] = v
    return Pass(iterates, growth, stored)


def better_direction(result: Pass) -> np.ndarray:
    """The last iterate, or the top right singular vector of the heavy rows H if sigma_1(H)^2 exceeds the growth.

    Heavy rows that come late meet an iterate that has lost their direction: if no light row has a share in it, for
    good. Their own singular vector has not.
    """
    if len(result.stored):
        _, values, right = np.linalg.svd(result.stored, full_matrices=False)
        if values[0] ** 2 > result.growth:
            return right[0]
    return result.iterates[-1]


@njit(cache=True, fastmath=True)
def _oja_pass(rows, order, rates, vectors):
    """v <- v + eta a (a.v) in place for all rates at once, so that the rows are read once."""
    n_rates, d = vectors.shape
    for step, i in enumerate(order):
        for k in range(n_rates):
            product = 0.0
            for j in range(d):
                product += rows[i, j] * vectors[k, j]
            product *= rates[k]
            for j in range(d):
                vectors[k, j] += rows[i, j] * product
        if step % 16 == 0:  # the rule is linear in v: lengths matter to avoid overflow only
            for k in range(n_rates):
                vectors[k] /= np.sqrt(np.sum(vectors[k] ** 2))


def oja(rows: np.ndarray, order: np.ndarray, start: np.ndarray, rates: Sequence[float]) -> np.ndarray:
    """Oja's rule as Price and Xun use it, with fixed learning rates.

    Parameters
    ----------
    rates : sequence of n_rates floats
        eta, for rows scaled such that ||A||_F^2 = d: then the mean eigenvalue of A^T A is 1.

    Returns
    -------
    array of shape (n_rates, d)
        A unit vector for every rate.
    """
    scale = rows.shape[1] / frobenius_squared(rows)
    vectors = np.tile(start / np.linalg.norm(start), (len(rates), 1))
    _oja_pass(rows, order, scale * np.asarray(rates, dtype=float), vectors)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def oja_advantage(ratio: float, rate: np.ndarray | float) -> np.ndarray | float:
    """R log(1 + eta) - eta: how much more e_1 grows, in logarithms, than a direction of the noise.

    R unit rows along e_1 multiply that coordinate by (1 + eta)^R; many light rows of mass 1 in every other direction
    multiply these by e^eta. Light rows with a share in e_1 multiply it too: then the deduction falls away.
    """
    return ratio * np.log1p(rate) - rate


def oja_ratio_needed(d: int) -> float:
    """The R at which the advantage of the best rate, eta = R - 1, makes up for a random start: (1/2) log d.

    The left side is R log R - R + 1, so R grows like log d / (2 log log d).
    """
    return float(brentq(lambda ratio: oja_advantage(ratio, ratio - 1) - log(d) / 2, 1, 2 + log(d)))
