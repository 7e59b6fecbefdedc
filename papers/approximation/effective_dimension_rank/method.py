"""Rank of the features of random ReLU networks, exactly, next to what is stated of it (arXiv 2507.07675).

A network without biases maps inputs H_0 = X (m, d) to H_l = act(H_{l-1} W_l), of shape (m, n); its effective
dimension at depth l is the rank of H_l. The paper states that its mean over Gaussian weights is m (1 - rho^l)
up to O(e^{-c m}), with rho = 1 - 2/pi.

The singular values of deep layers spread over many orders of magnitude, and a cut-off among them decides what
rank is seen. So inputs and weights are put on a grid, where they are integers up to scale, and the features
are followed modulo a prime: no cut-off is left. Only the signs of the preactivations come from floating
point; it would take a preactivation within a rounding error of zero to get one wrong.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numba
import numpy as np

from ..random_relu_networks import gaussian_weights, leaky_relu, orthogonal_weights, preactivations

RHO = 1 - 2 / math.pi
GRID = 1000
PRIME = 2**31 - 1


# --- What is stated ---------------------------------------------------------------------------------------


def stated_rank_fraction(depth: np.ndarray) -> np.ndarray:
    """E rank H_l / m = 1 - rho^l, without the O(e^{-c m})."""
    return 1 - RHO ** np.asarray(depth, float)


def stated_revival_depths(max_depth: float) -> np.ndarray:
    """The depths (k + 1/2) pi / log(1/rho) below ``max_depth``, k = 0, 1, ..., of the local maxima."""
    spacing = math.pi / math.log(1 / RHO)
    return np.arange(spacing / 2, max_depth, spacing)


# --- Networks ---------------------------------------------------------------------------------------------


def on_grid(values: np.ndarray) -> np.ndarray:
    """Rounded to multiples of 1/GRID."""
    return np.rint(values * GRID) / GRID


def draw_weights(
    kind: str,
    n_networks: int,
    widths: Sequence[int],
    rng: np.random.Generator,
    correlation: float = 0.0,
) -> list[np.ndarray]:
    """Weights on the grid, (n_networks, fan_in, fan_out) for each layer between ``widths`` d, n, n, ..., n.

    Parameters
    ----------
    kind : {"gaussian", "orthogonal"}
        Gaussian weights are N(0, 2/fan_in); orthogonal ones need equal widths.
    correlation : float in [0, 1)
        Of the Gaussian weights of any two units of a layer, from a vector that all of them share. The theorem
        needs 0.

    Raises
    ------
    ValueError
        If the kind is unknown, or orthogonal weights are asked for between different widths.
    """
    layers = []
    for fan_in, fan_out in pairwise(widths):
        if kind == "gaussian":
            own = gaussian_weights(n_networks, fan_in, fan_out, rng)
            shared = gaussian_weights(n_networks, fan_in, 1, rng)
            weights = math.sqrt(1 - correlation) * own + math.sqrt(correlation) * shared
        elif kind == "orthogonal" and fan_in == fan_out:
            weights = orthogonal_weights(n_networks, fan_in, rng)
        else:
            raise ValueError(f"no {kind} weights from {fan_in} to {fan_out} units")
        layers.append(on_grid(weights))
    return layers


def features(inputs: np.ndarray, weights: Sequence[np.ndarray], slope: float = 0.0) -> np.ndarray:
    """H_1, H_2, ... of networks of constant width n in floating point, as an array (n_networks, layers, m, n)."""
    return np.stack([leaky_relu(pre, slope) for pre in preactivations(inputs, weights, slope=slope)], axis=1)


def active_units(inputs: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
    """Number (n_networks, layers) of ReLU units that are not zero on all inputs: no rank exceeds it."""
    return np.stack([(pre > 0).any(axis=-2).sum(axis=-1) for pre in preactivations(inputs, weights)], axis=1)


# --- Exact rank -------------------------------------------------------------------------------------------


def feature_ranks(inputs: np.ndarray, weights: Sequence[np.ndarray], slope: float = 0.0) -> np.ndarray:
    """Rank of H_1, H_2, ... for every network.

    Parameters
    ----------
    inputs : array (m, d)
    weights : arrays (n_networks, fan_in, fan_out)
        One for each layer. Inputs and weights are multiples of 1/GRID.
    slope : float
        Negative slope of the activation: a fraction with a denominator up to 1000.

    Returns
    -------
    array (n_networks, layers) of int
        The rank modulo ``PRIME`` of the features, scaled to integers. It never exceeds the rank, and falls
        short of it with a probability of order m/PRIME.

    Raises
    ------
    ValueError
        If a sum of products could exceed 2^53, where float64 stops being exact on integers.
    """
    fraction = Fraction(slope).limit_denominator(1000)
    slope_residue = fraction.numerator * pow(fraction.denominator, -1, PRIME) % PRIME
    residues = np.rint(inputs * GRID) % PRIME
    ranks = []
    for weight, pre in zip(weights, preactivations(inputs, weights, slope=slope), strict=True):
        integers = np.rint(weight * GRID)
        if np.abs(integers).sum(axis=-2).max() * PRIME > 2**53:
            raise ValueError("weights too large, or layer too wide, for exact products in float64")
        products = (residues @ integers).astype(np.int64) % PRIME
        activated = np.where(pre > 0, products, products * slope_residue % PRIME)
        ranks.append(ranks_modulo_prime(activated))
        residues = activated.astype(float)
    return np.stack(ranks, axis=1)


@numba.njit(cache=True)
def ranks_modulo_prime(matrices: np.ndarray) -> np.ndarray:
    """Ranks (batch,) over the field of ``PRIME`` elements, of int64 matrices (batch, rows, columns).

    Gaussian elimination; the entries must lie in [0, PRIME).
    """
    n_matrices, n_rows, n_columns = matrices.shape
    ranks = np.zeros(n_matrices, np.int64)
    for index in range(n_matrices):
        matrix = matrices[index].copy()
        rank = 0
        for column in range(n_columns):
            pivot = rank
            while pivot < n_rows and matrix[pivot, column] == 0:
                pivot += 1
            if pivot == n_rows:
                continue
            for j in range(column, n_columns):
                matrix[rank, j], matrix[pivot, j] = matrix[pivot, j], matrix[rank, j]
            inverse = inverse_modulo_prime(matrix[rank, column])
            for i in range(rank + 1, n_rows):
                factor = PRIME - matrix[i, column] * inverse % PRIME
                for j in range(column, n_columns):
                    # Modulo 2^31 - 1, bits 31 and up count like the lowest ones; this leaves a sum below 2 PRIME.
                    total = matrix[i, j] + factor * matrix[rank, j]
                    total = (total & PRIME) + (total >> 31)
                    matrix[i, j] = total - PRIME if total >= PRIME else total
            rank += 1
            if rank == n_rows:
                break
        ranks[index] = rank
    return ranks


@numba.njit(cache=True)
def inverse_modulo_prime(value: int) -> int:
    """value^(PRIME - 2), which is the inverse by Fermat's little theorem."""
    result, power, exponent = 1, value, PRIME - 2
    while exponent:
        if exponent & 1:
            result = result * power % PRIME
        power = power * power % PRIME
        exponent >>= 1
    return result


# --- Other notions of dimension, from singular values -----------------------------------------------------


def numerical_rank(singular_values: np.ndarray, cutoff: float) -> np.ndarray:
    """Number of singular values, along the last axis, above ``cutoff`` times the largest one."""
    return (singular_values > cutoff * singular_values.max(axis=-1, keepdims=True)).sum(axis=-1)


def participation_ratio(singular_values: np.ndarray) -> np.ndarray:
    """(sum s^2)^2 / sum s^4 along the last axis; 0 where all are 0."""
    energy = singular_values**2
    return _quotient(energy.sum(axis=-1) ** 2, (energy**2).sum(axis=-1))


def entropy_rank(singular_values: np.ndarray) -> np.ndarray:
    """exp(-sum p log p) with p = s^2 / sum s^2, along the last axis; 0 where all are 0."""
    energy = singular_values**2
    total = energy.sum(axis=-1)
    share = _quotient(energy, np.broadcast_to(total[..., None], energy.shape))
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=-1)
    return np.where(total > 0, np.exp(entropy), 0.0)


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(np.shape(numerator)), where=denominator > 0)


# --- What becomes of the rank with depth ------------------------------------------------------------------


def deficit_ratio(ranks: np.ndarray, m: int, n_layers: int = 5) -> float:
    """Factor by which the deficit m - E rank H_l changes per layer over the first layers; rho, as stated.

    A ratio of sums over the layers, which small deficits do not upset; 0 if there is no deficit at all.

    Parameters
    ----------
    ranks : array (n_networks, layers)
    """
    deficits = m - ranks[:, :n_layers].mean(axis=0)
    before = deficits[:-1].sum()
    return float(deficits[1:].sum() / before) if before > 0 else 0.0


def revival_peaks(ranks: np.ndarray, n_errors: float = 2.0) -> int:
    """Number of interior depths at which the mean of ``ranks`` (n_networks, layers) has a local maximum.

    The mean must fall to both neighbours by more than ``n_errors`` standard errors, taken over networks, of the
    change.
    """
    changes = np.diff(ranks, axis=1)
    means = changes.mean(axis=0)
    errors = n_errors * changes.std(axis=0, ddof=1) / math.sqrt(len(ranks))
    rises, falls = means > errors, means < -errors
    return int((rises[:-1] & falls[1:]).sum())
