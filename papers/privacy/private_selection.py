"""Selection under pure differential privacy: the exponential mechanism and AboveThreshold (sparse vector).

Both are epsilon-DP for scores and queries that move by at most ``sensitivity`` between neighbouring data sets, however
many candidates or queries below the threshold there are (Dwork and Roth 2014, Theorems 3.10 and 3.23).
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike


def exponential_mechanism(
    utilities: ArrayLike, epsilon: float, rng: np.random.Generator, sensitivity: float = 1.0
) -> np.ndarray:
    """Candidates drawn with probability proportional to exp(epsilon * utility / (2 * sensitivity)).

    The largest of these exponents plus Gumbel noise has this law.

    Parameters
    ----------
    utilities : array_like, shape (..., n_candidates)
        One independent draw for each leading index.

    Returns
    -------
    ndarray of int, shape (...)
    """
    exponents = np.asarray(utilities) * (_positive(epsilon) / (2 * sensitivity))
    return (exponents + rng.gumbel(size=exponents.shape)).argmax(axis=-1)


def above_threshold(
    queries: ArrayLike, threshold: ArrayLike, epsilon: float, rng: np.random.Generator, sensitivity: float = 1.0
) -> np.ndarray:
    """Index of the first query that is seen above the threshold, n_queries where none is.

    Queries get Laplace noise of scale 4/epsilon and the threshold, once, of scale 2/epsilon (times the sensitivity).

    Parameters
    ----------
    queries : array_like, shape (..., n_queries)
        One independent run for each leading index.

    Returns
    -------
    ndarray of int, shape (...)
    """
    queries = np.asarray(queries, dtype=float)
    unit = sensitivity / _positive(epsilon)
    noisy_threshold = threshold + rng.laplace(0.0, 2 * unit, queries.shape[:-1])
    is_above = queries + rng.laplace(0.0, 4 * unit, queries.shape) > noisy_threshold[..., None]
    return np.where(is_above.any(axis=-1), is_above.argmax(axis=-1), queries.shape[-1])


def above_threshold_on_ramps(
    n_flat: np.ndarray, n_queries: np.ndarray, threshold: float, epsilon: float, rng: np.random.Generator
) -> np.ndarray:
    """``above_threshold`` on queries 0, ..., 0, 1, 2, 3, ... with ``n_flat`` zeros: the same law, without their noises.

    Given the noisy threshold, the queries cross it independently, so that the first crossing is where the sum of
    -ln P(query i stays below) exceeds a standard exponential variable. Over the zeros this is one division.

    Parameters
    ----------
    n_flat, n_queries : ndarray of int, shape (n_runs,)
        Zeros at the start, and queries in all.

    Returns
    -------
    ndarray of int, shape (n_runs,)
        Index of the first query above, n_queries where there is none.
    """
    noisy_thresholds = threshold + rng.laplace(0.0, 2 / _positive(epsilon), n_flat.shape)
    return _cross_ramps(n_flat, n_queries, noisy_thresholds, rng.exponential(size=n_flat.shape), 4 / epsilon)


@njit(cache=True)
def _cross_ramps(
    n_flat: np.ndarray, n_queries: np.ndarray, thresholds: np.ndarray, levels: np.ndarray, scale: float
) -> np.ndarray:
    indices = n_queries.copy()
    for run in range(indices.size):
        level, hazard = levels[run], _crossing_hazard(thresholds[run], scale)
        if n_flat[run] * hazard >= level:
            indices[run] = min(int(np.ceil(level / hazard)) - 1, n_queries[run])
            continue
        level -= n_flat[run] * hazard
        for index in range(n_flat[run], n_queries[run]):
            level -= _crossing_hazard(thresholds[run] - (index - n_flat[run] + 1), scale)
            if level <= 0:
                indices[run] = index
                break
    return indices


@njit(cache=True)
def _crossing_hazard(gap: float, scale: float) -> float:
    """-ln P(Laplace noise of this scale is at most the gap)."""
    if gap >= 0:
        return -np.log1p(-0.5 * np.exp(-gap / scale))
    return np.log(2.0) - gap / scale


def _positive(epsilon: float) -> float:
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    return epsilon
