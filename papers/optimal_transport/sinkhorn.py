"""Entropic optimal transport between many pairs of histograms at once, in the log domain.

The regularised cost of (x, y) is the least <C, P> + epsilon KL(P | x y^T) over the plans P from x to y.
"""

from typing import NamedTuple

import numpy as np

LOG_RANGE = 600.0  # exp(-LOG_RANGE) is still a normal double, with room to spare


class Transport(NamedTuple):
    """Costs (S,) and potentials (S, n), (S, m) of S pairs, and the largest error of a marginal, in L1."""

    cost: np.ndarray
    first_potential: np.ndarray
    second_potential: np.ndarray
    marginal_error: float


def grid_costs(side: int) -> np.ndarray:
    """Squared distances (side^2, side^2) between the cells of a square grid of spacing 1, row by row."""
    cells = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), axis=-1).reshape(-1, 2)
    return ((cells[:, None] - cells[None]) ** 2).sum(axis=-1).astype(float)


def log_kernel_product(exponents: np.ndarray, cost: np.ndarray, epsilon: float) -> np.ndarray:
    """log sum_j exp(a_sj - C_ij / epsilon), of shape (S, n), for exponents a (S, m) and costs (n, m).

    A matrix product with the kernel after the maximum of each row is taken out. No sum can underflow, as the term of
    the maximum is at least exp(-max C / epsilon); where that is too small for a double, terms are summed one by one.
    """
    largest = exponents.max(axis=1, keepdims=True)
    if cost.max() <= LOG_RANGE * epsilon:
        return largest + np.log(np.exp(exponents - largest) @ np.exp(-cost / epsilon).T)
    terms = exponents[:, None] - cost / epsilon
    largest = terms.max(axis=2)
    return largest + np.log(np.exp(terms - largest[..., None]).sum(axis=2))


def sinkhorn(
    first: np.ndarray,
    second: np.ndarray,
    cost: np.ndarray,
    epsilon: float,
    n_iterations: int = 1000,
    tolerance: float = 1e-9,
    start: np.ndarray | None = None,
) -> Transport:
    """Sinkhorn's iterations on the dual potentials, all pairs at once.

    Parameters
    ----------
    first, second : arrays (S, n), (S, m)
        Histograms; zeros are allowed.
    cost : array (n, m)
        Nonnegative.
    epsilon : float
        Regularisation, in units of the cost.
    n_iterations : int
        At most; iterations stop when every marginal is within `tolerance` in L1.
    start : array (S, m), optional
        Second potential to start from.

    Raises
    ------
    ValueError
        If a row is not a histogram.
    """
    for histograms in (first, second):
        if (histograms < 0).any() or np.abs(histograms.sum(axis=1) - 1).max() > 1e-6:
            raise ValueError("expected rows that are nonnegative and sum to one")
    with np.errstate(divide="ignore"):
        log_first, log_second = np.log(first), np.log(second)
    second_potential = np.zeros_like(second) if start is None else start
    error = np.inf
    for _ in range(n_iterations):
        first_potential = -epsilon * log_kernel_product(log_second + second_potential / epsilon, cost, epsilon)
        # The plan has its first marginal now; the sum over rows tells how far the second one is off.
        updated = -epsilon * log_kernel_product(log_first + first_potential / epsilon, cost.T, epsilon)
        marginal = np.where(second > 0, second * np.exp((second_potential - updated) / epsilon), 0)
        error = float(np.abs(marginal - second).sum(axis=1).max())
        second_potential = updated
        if error <= tolerance:
            break
    value = (first * first_potential).sum(axis=1) + (second * second_potential).sum(axis=1)
    return Transport(value, first_potential, second_potential, error)
