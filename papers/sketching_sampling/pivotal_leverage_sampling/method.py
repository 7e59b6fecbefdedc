"""Pivotal sampling of rows along a spatial binary tree, and the reweighted regression on the sample.

A pivotal sample is a tournament: two rows fight, one of them is decided (taken or dropped), the other goes on. Who
meets whom is free, and sets which rows repel each other: neighbours should meet early.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.polynomial.legendre import legvander
from scipy.linalg.lapack import dposv, dpotrf


def total_degree_legendre(points: np.ndarray, degree: int) -> np.ndarray:
    """Products of Legendre polynomials of total degree at most `degree`.

    Parameters
    ----------
    points : array of shape (n_points, n_coordinates)
        Coordinates in [-1, 1].

    Returns
    -------
    array of shape (n_points, binomial(degree + n_coordinates, n_coordinates))
    """
    n_points, n_coordinates = points.shape
    features = np.ones((n_points, 1))
    degrees = np.zeros(1, dtype=int)
    for axis in range(n_coordinates):
        one_axis = legvander(points[:, axis], degree)
        total = (degrees[:, None] + np.arange(degree + 1)).ravel()
        kept = total <= degree
        features = (features[:, :, None] * one_axis[:, None, :]).reshape(n_points, -1)[:, kept]
        degrees = total[kept]
    return features


class Tournament(NamedTuple):
    """Who fights whom: n rows in seats, and n - 1 fights between the rows that sit in two seats.

    The loser of a fight is decided; the survivor sits in the left seat.
    """

    rows: np.ndarray
    left: np.ndarray
    right: np.ndarray


def tree_tournament(rows: np.ndarray) -> Tournament:
    """Bottom-up fights along the binary tree that halves `rows` again and again (Alg. 2)."""
    n = len(rows)
    starts, ends = np.array([0]), np.array([n])
    left, right = [], []
    while (ends - starts).max(initial=0) > 1:
        starts, ends = starts[ends - starts > 1], ends[ends - starts > 1]
        middles = starts + (ends - starts) // 2
        left.append(starts)
        right.append(middles)
        starts, ends = np.concatenate([starts, middles]), np.concatenate([middles, ends])
    deepest_first = [np.concatenate(level[::-1]) if level else np.empty(0, dtype=int) for level in (left, right)]
    return Tournament(rows, *deepest_first)


def sequential_tournament(rows: np.ndarray) -> Tournament:
    """The survivor meets the next row, in the order of `rows`."""
    challengers = np.arange(1, len(rows))
    return Tournament(rows, np.zeros_like(challengers), challengers)


def _halve(points: np.ndarray, direction_of: Callable[[int, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Order of the points in which every node of the halving tree is a contiguous run.

    `direction_of(level, points, starts)` gives the directions along which the nodes of a level (runs of the ordered
    `points` that begin at `starts`) are sorted before they are halved.
    """
    order = np.arange(len(points))
    starts, sizes = np.array([0]), np.array([len(points)])
    level = 0
    while sizes.max() > 2:  # sorting a pair would only swap its sides
        node = np.repeat(np.arange(len(starts)), sizes)
        directions = direction_of(level, points[order], starts)
        heights = np.einsum("ij,ij->i", points[order], directions[node])
        order = order[np.lexsort((heights, node))]
        starts = np.stack([starts, starts + sizes // 2], axis=1).ravel()
        sizes = np.stack([sizes // 2, sizes - sizes // 2], axis=1).ravel()
        starts, sizes = starts[sizes > 0], sizes[sizes > 0]
        level += 1
    return order


def coordinate_order(points: np.ndarray) -> np.ndarray:
    """Leaves of the tree that halves the points at the median of a coordinate, the coordinates in turn (Alg. 2)."""
    axes = np.eye(points.shape[1])
    return _halve(points, lambda level, ordered, starts: np.tile(axes[level % len(axes)], (len(starts), 1)))


def principal_axis_order(points: np.ndarray) -> np.ndarray:
    """Leaves of the tree that halves the points of every node along their leading principal axis (Alg. 2)."""

    def directions(level: int, ordered: np.ndarray, starts: np.ndarray) -> np.ndarray:
        sizes = np.diff(np.append(starts, len(ordered)))
        centred = ordered - np.repeat(np.add.reduceat(ordered, starts) / sizes[:, None], sizes, axis=0)
        covariances = np.add.reduceat(centred[:, :, None] * centred[:, None, :], starts)
        return np.linalg.eigh(covariances).eigenvectors[:, :, -1]

    return _halve(points, directions)


@njit(cache=True)
def _play(probabilities, left, right, uniforms):
    n = probabilities.size
    holder = np.arange(n)  # who sits in a seat,
    mass = probabilities.copy()  # and with what probability
    taken = np.zeros(n, dtype=np.bool_)
    for fight in range(n - 1):
        a, b = left[fight], right[fight]
        total = mass[a] + mass[b]
        if total < 1.0:  # one row is dropped, the other inherits its probability
            if uniforms[fight] * total >= mass[a]:
                holder[a] = holder[b]
            mass[a] = total
        else:  # one row is taken, the other keeps the rest
            if uniforms[fight] * (2.0 - total) < 1.0 - mass[b]:
                taken[holder[a]] = True
                holder[a] = holder[b]
            else:
                taken[holder[b]] = True
            mass[a] = total - 1.0
    if uniforms[n - 1] < mass[0]:
        taken[holder[0]] = True
    return taken


def pivotal_sample(probabilities: np.ndarray, tournament: Tournament, rng: np.random.Generator) -> np.ndarray:
    """Indices of a pivotal sample: row i is in it with probability p_i, and its size is sum p_i rounded up or down.

    Parameters
    ----------
    probabilities : array of shape (n_rows,)
        Inclusion probabilities in [0, 1].
    tournament : Tournament
        The rows with p_i < 1 and who fights whom; rows with p_i = 1 may be left out, they are always taken.
    """
    taken = probabilities >= 1
    rows = tournament.rows
    if len(rows):
        taken[rows] = _play(probabilities[rows], tournament.left, tournament.right, rng.random(len(rows)))
    return np.flatnonzero(taken)


def reweighted_least_squares(
    features: np.ndarray, labels: np.ndarray, sample: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """argmin_x sum_{i in S} (a_i^T x - b_i)^2 / p_i, of least norm if S has fewer rows than columns.

    Parameters
    ----------
    features : array of shape (n_rows, n_columns)
        An orthonormal basis: in other coordinates the normal equations used here would lose digits.
    labels : array of shape (n_rows, n_targets)
        Only the labels of the sample are read.
    sample : array of indices
    probabilities : array of shape (n_rows,)

    Returns
    -------
    array of shape (n_columns, n_targets)
    """
    weights = 1 / np.sqrt(probabilities[sample])[:, None]
    rows, right = features[sample] * weights, labels[sample] * weights
    if len(rows) >= rows.shape[1]:
        _, solution, failed = dposv(rows.T @ rows, rows.T @ right)
        if not failed:
            return solution
    return np.linalg.lstsq(rows, right)[0]


def best_fit(basis: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients x* of shape (n_columns, n_targets) of the fit to all labels, and its ||Q x* - b||^2."""
    coefficients = basis.T @ labels
    return coefficients, np.sum((basis @ coefficients - labels) ** 2, axis=0)


def relative_error(coefficients: np.ndarray, best: np.ndarray, optimum: np.ndarray) -> np.ndarray:
    """||Q x - b||^2 / min_x ||Q x - b||^2 of every target; by Pythagoras, as the columns of Q are orthonormal."""
    return 1 + np.sum((coefficients - best) ** 2, axis=0) / optimum


def is_well_conditioned(basis: np.ndarray, sample: np.ndarray, probabilities: np.ndarray) -> bool:
    """Whether lambda_min(sum_{i in S} q_i q_i^T / p_i) > 1/2: no squared norm is halved."""
    rows = basis[sample] / np.sqrt(probabilities[sample])[:, None]
    shifted = rows.T @ rows - 0.5 * np.eye(basis.shape[1])
    return dpotrf(shifted)[1] == 0  # a Cholesky factor exists exactly if the matrix is positive definite


def samples_needed(sizes: np.ndarray, errors: np.ndarray, threshold: float) -> float:
    """Sample size at which the relative error falls to `threshold` and stays below, 1 < threshold.

    Between two sizes log(error - 1) is interpolated linearly in log(size). If even the largest size is not enough,
    that size is returned, and if all are, the smallest: a bound in place of a guess.
    """
    above = np.flatnonzero(errors > threshold)
    if len(above) == 0:
        return float(sizes[0])
    last = above[-1]
    if last == len(sizes) - 1:
        return float(sizes[-1])
    excess = np.log(errors[[last + 1, last]] - 1)
    return float(np.exp(np.interp(np.log(threshold - 1), excess, np.log(sizes[[last + 1, last]]))))
