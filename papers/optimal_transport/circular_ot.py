"""Quadratic optimal transport between samples of equal size on the circle R/Z, of circumference one.

A sample stands for the measure with weight 1/n on each of its n points in [0, 1). Sorted and continued by
y_{j+n} = y_j + 1, two samples are coupled by x_i -> y_{i+k} for some integer k; the best k solves the problem
(Delon, Salomon and Sobolevski, "Fast transport optimization for Monge costs on the circle", 2010).
"""

from collections.abc import Callable

import numpy as np

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def circular_ot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance COT_2 of one sample to each of several, by bisection on the shift k of the coupling.

    The cost C(k) = sum_i (x_i - y_{i+k})^2 is convex in k. Its increment needs one scalar product: the squares of y
    telescope, so that C(k+1) - C(k) = 2 y_k + 1 - 2 sum_i x_i (y_{i+k+1} - y_{i+k}).

    Parameters
    ----------
    x : array (n,)
        Sorted, in [0, 1).
    y : array (n_others, n)
        Sorted along the last axis, in [0, 1).

    Returns
    -------
    array (n_others,)
    """
    n = x.size
    rows = np.arange(len(y))
    lifted = np.concatenate([y - 1, y, y + 1], axis=1)  # y_k is in column n + k
    gaps = np.diff(lifted, axis=1)
    gap_windows = np.lib.stride_tricks.sliding_window_view(gaps, n, axis=1)
    low, high = np.full(len(y), -n), np.full(len(y), n)  # C increases at high, not at low - 1
    while (low < high).any():
        middle = np.minimum((low + high) // 2, n - 1)
        increment = 2 * lifted[rows, n + middle] + 1 - 2 * gap_windows[rows, n + middle] @ x
        low, high = np.where(increment < 0, middle + 1, low), np.where(increment < 0, high, middle)
    windows = np.lib.stride_tricks.sliding_window_view(lifted, n, axis=1)
    return np.sqrt(((windows[rows, n + low] - x) ** 2).mean(axis=1))


def circular_ot_by_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """As `circular_ot`, from the costs of all shifts at once: they are a circular cross-correlation, by FFT."""
    n = x.size
    shifts = np.arange(n)
    correlation = np.fft.irfft(np.conj(np.fft.rfft(x)) * np.fft.rfft(y), n)  # of x_i and y_{(i+k) mod n}
    passed_zero = np.append(0, np.cumsum(x[::-1])[:-1])  # sum of the x_i with i + k >= n
    sums = y.sum(axis=1, keepdims=True) + shifts
    squares = (y**2).sum(axis=1, keepdims=True) + np.cumsum(2 * y + 1, axis=1) - (2 * y + 1)
    costs = x @ x + squares - 2 * (correlation + passed_zero)
    excess = sums - x.sum()  # m turns back change the cost by n m^2 - 2 m excess
    turns = np.round(excess / n)
    best = (costs + n * turns**2 - 2 * turns * excess).min(axis=1)
    return np.sqrt(np.maximum(best, 0) / n)


def cut_ot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance W_2 on the interval [0, 1), the circle cut at 0, of a sorted sample to each of several."""
    return np.sqrt(((y - x) ** 2).mean(axis=-1))


def pairwise(distance: Distance, measures: np.ndarray) -> np.ndarray:
    """Symmetric matrix (K, K) of the distances of K measures, one call of ``distance(x, others)`` a row."""
    matrix = np.zeros((len(measures), len(measures)))
    for row in range(len(measures) - 1):
        matrix[row, row + 1 :] = distance(measures[row], measures[row + 1 :])
    return matrix + matrix.T
