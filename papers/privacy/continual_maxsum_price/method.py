"""Private maxima of running sums, released once or at every step (arXiv 2112.00828).

A stream is x_t in {0, 1}^d for t = 1..T; neighbouring streams differ in one x_t. The running sums are
sum_{s<=t} x_s, MaxSum_t is the largest of them and SumSelect_t the coordinate that attains it. Replacing one
record moves MaxSum by at most 1, and the vector of sums by at most sqrt(d).

Budgets are rho-zCDP, for the whole stream. The error of a continual release is its largest over time.
"""

import math

import numpy as np

from ..gaussian_mechanism import zcdp_sigma
from ..tree_mechanism import gaussian_node_sigma, n_levels, prefix_noise


def batch_maximum(maximum: float, rho: float, rng: np.random.Generator, n_runs: int) -> np.ndarray:
    """MaxSum_T, once, plus noise for rho; independent runs, shape (n_runs,)."""
    return maximum + rng.normal(0.0, zcdp_sigma(rho), n_runs)


# --- Recomputing at the end of every block ----------------------------------------------------------------


def block_maximum(
    maxima: np.ndarray, period: int, rho: float, rng: np.random.Generator, pay_for_releases: bool = True
) -> np.ndarray:
    """MaxSum recomputed at steps r, 2r, ..., held in between, and 0 before the first.

    Parameters
    ----------
    maxima : ndarray, shape (n_steps,)
        MaxSum_1, ..., MaxSum_T.
    period : int
        r, fixed in advance: it must not depend on the data.
    pay_for_releases : bool
        Whether the floor(T/r) releases share rho, as they must for the stream to be protected.

    Returns
    -------
    ndarray, shape (n_steps,)
    """
    released = maxima[period - 1 :: period]
    sigma = zcdp_sigma(rho, n_releases=released.size if pay_for_releases else 1)
    return hold(released + rng.normal(0.0, sigma, released.size), period, maxima.size, before=0.0)


def block_selection(
    sums: np.ndarray, period: int, rho: float, rng: np.random.Generator, pay_for_releases: bool = True
) -> np.ndarray:
    """SumSelect recomputed at steps r, 2r, ... by the exponential mechanism, and coordinate 0 before the first.

    A choice with probabilities proportional to exp(epsilon * sum / 2), drawn as the largest of sum plus Gumbel
    noise of scale 2/epsilon, is epsilon^2/8-zCDP (its privacy loss has range epsilon; Cesar and Rogers 2021).

    Parameters
    ----------
    sums : ndarray, shape (n_steps, n_coordinates)
        The running sums.

    Returns
    -------
    ndarray, shape (n_steps,), of coordinates
    """
    released = sums[period - 1 :: period]
    epsilon = math.sqrt(8 * rho / (len(released) if pay_for_releases else 1))
    choices = (released + rng.gumbel(0.0, 2 / epsilon, released.shape)).argmax(axis=1)
    return hold(choices, period, len(sums), before=0)


def hold(released: np.ndarray, period: int, n_steps: int, before: float) -> np.ndarray:
    """The value last released at each of the steps, shape (n_steps,); ``before`` until the first release."""
    levels = np.concatenate([[before], released]).astype(released.dtype)
    return np.repeat(levels, period)[1 : n_steps + 1]


def candidate_periods(n_steps: int, n_candidates: int = 25) -> np.ndarray:
    """Periods from 1 to T in geometric progression, rounded, without repetition."""
    return np.unique(np.round(np.geomspace(1, n_steps, n_candidates)).astype(int))


def selection_gap(sums: np.ndarray, maxima: np.ndarray, choices: np.ndarray) -> float:
    """How far the sum of the chosen coordinate ever lies below the largest."""
    return float((maxima - sums[np.arange(len(sums)), choices]).max())


# --- Tree counters on every coordinate --------------------------------------------------------------------


def tree_noise(
    n_steps: int,
    n_coordinates: int,
    rho: float,
    rng: np.random.Generator,
    every: int = 1,
    joint_sensitivity: bool = True,
    pay_by_level: bool = True,
) -> np.ndarray:
    """Noise of the tree counters' sums at steps ``every``, 2 ``every``, ...: shape (n_steps/every, n_coordinates).

    Steps that are multiples of a power of two see only the nodes of at least that length, which form a tree
    themselves: their noise has the law that it has in the whole tree.

    Parameters
    ----------
    every : int
        A power of two.
    joint_sensitivity : bool
        Whether the noise covers a record that flips all coordinates at once (sqrt(d)), as it must, or one.
    pay_by_level : bool
        Whether a record pays for the m = floor(log2 T) + 1 nodes that hold it, or for a release at every step.
    """
    sensitivity = math.sqrt(n_coordinates) if joint_sensitivity else 1.0
    sigma = gaussian_node_sigma(n_steps, rho, sensitivity)
    if not pay_by_level:
        sigma *= math.sqrt(n_steps / n_levels(n_steps))
    return prefix_noise(n_steps // every, n_coordinates, sigma, rng)


def tree_maximum(sums: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The largest noisy sum at each step; both arrays (n_steps, n_coordinates)."""
    return (sums + noise).max(axis=1)


# --- Streams on which they do worst -----------------------------------------------------------------------


def rising_maxima(n_steps: int) -> np.ndarray:
    """MaxSum of a stream of ones (in one coordinate or all): it rises at every step, which no held value does."""
    return np.arange(1.0, n_steps + 1)


def overtaking_sums(n_steps: int, n_coordinates: int) -> np.ndarray:
    """Running sums (n_steps, n_coordinates) where the two halves of the coordinates keep overtaking each other.

    One half rises while the other rests, by turns: the lead swings between T/9 and -T/9, at one a step. (Were
    it T/8, the lead would change at the very steps at which a period that is a power of two recomputes.)
    """
    lead = n_steps // 9
    first_rises = (np.arange(n_steps) + lead) // (2 * lead) % 2 == 0
    halves = np.cumsum(np.stack([first_rises, ~first_rises], axis=1), axis=0)
    return halves[:, np.arange(n_coordinates) * 2 // n_coordinates]
