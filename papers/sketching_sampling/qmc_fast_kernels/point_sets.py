"""Randomised low-discrepancy points: lattices, digital nets of any order, and Halton points.

A coordinate of a net is a uint64 that holds its first 53 binary digits, the first one on top; 53 is what a float64
in [0, 1) can hold. Net and lattice points come in radical-inverse (natural) order.
"""

import numpy as np

from ..fast_transforms import bit_reversal

DIGITS = 53
PRIMES = (2, 3, 5, 7, 11, 13)

# Degree s, inner coefficients a and first direction numbers of the primitive polynomials of Joe and Kuo (2008,
# new-joe-kuo-6), for the dimensions after the first.
JOE_KUO = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
)

# The first components of exod2_base2_m20_CKN (Cools, Kuo and Nuyens, 2006), good for every n = 2^m up to 2^20.
LATTICE_VECTOR = (1, 182667, 469891, 498753, 110745, 446247)


def to_unit_interval(digits: np.ndarray) -> np.ndarray:
    """The numbers in [0, 1) with these binary digits; exact."""
    return digits * 2.0**-DIGITS


# --- Digital nets in base 2 -------------------------------------------------------------------------------------------


def sobol_columns(dimension: int, n_columns: int) -> np.ndarray:
    """Columns of the generating matrices of Sobol' points, shape (dimension, n_columns), each as its digits.

    Raises
    ------
    ValueError
        If direction numbers for so many dimensions are not at hand.
    """
    if not 1 <= dimension <= len(JOE_KUO) + 1:
        raise ValueError(f"expected a dimension in 1..{len(JOE_KUO) + 1}, found {dimension}")
    numerators = [[1] * n_columns]  # m_k, column k being m_k 2^-k, k = 1, 2, ...
    for degree, coefficients, first in JOE_KUO[: dimension - 1]:
        m = list(first)
        for k in range(degree, n_columns):
            new = m[k - degree] ^ (m[k - degree] << degree)
            for i in range(1, degree):
                if coefficients >> (degree - 1 - i) & 1:
                    new ^= m[k - i] << i
            m.append(new)
        numerators.append(m[:n_columns])
    shifts = DIGITS - 1 - np.arange(n_columns, dtype=np.uint64)
    return np.array(numerators, dtype=np.uint64) << shifts.astype(np.uint64)


def net_points(columns: np.ndarray) -> np.ndarray:
    """Points of a net, shape (..., 2^m, d): point i is the xor of the columns, (..., d, m), at the ones of i."""
    points = np.zeros((*columns.shape[:-2], 1, columns.shape[-2]), dtype=np.uint64)
    for k in range(columns.shape[-1]):
        points = np.concatenate([points, points ^ columns[..., None, :, k]], axis=-2)
    return points


def digital_shift(points: np.ndarray, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Points (n, d), or one set a replicate (R, n, d), all xor'ed with one random shift a replicate: (R, n, d)."""
    shifts = rng.integers(1 << DIGITS, size=(n_replicates, 1, points.shape[-1]), dtype=np.uint64)
    return points ^ shifts


def linear_matrix_scramble(columns: np.ndarray, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Columns (d, m) times a random lower-triangular binary matrix with unit diagonal: (R, d, m). To be shifted."""
    dimension, m = columns.shape
    scrambled = np.zeros((n_replicates, dimension, m), dtype=np.uint64)
    for digit in range(m):  # the columns have no digits below the m-th
        place = np.uint64(DIGITS - 1 - digit)
        below = rng.integers(1 << int(place), size=(n_replicates, dimension, 1), dtype=np.uint64)
        scrambled ^= (columns >> place & np.uint64(1)) * (below | np.uint64(1) << place)
    return scrambled


def nested_uniform_scramble(points: np.ndarray, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Owen's scrambling: a digit is flipped by a random bit of its own for every value of the digits before it.

    Parameters
    ----------
    points : array of shape (2^m, d)
        In every coordinate the first m digits must tell the points apart, as in Sobol' nets; so all later digits
        become random.

    Returns
    -------
    array of shape (n_replicates, 2^m, d)

    Raises
    ------
    ValueError
        If two points share the first m digits of a coordinate.
    """
    n, dimension = points.shape
    m = n.bit_length() - 1
    leading = np.sort((points >> np.uint64(DIGITS - m)).astype(np.int64), axis=0)
    if not np.array_equal(leading, np.repeat(np.arange(n)[:, None], dimension, axis=1)):
        raise ValueError("expected one point in each of the n dyadic intervals of a coordinate")
    flips = rng.integers(1 << (DIGITS - m), size=(n_replicates, n, dimension), dtype=np.uint64)
    for digit in range(m):
        before = (points >> np.uint64(DIGITS - digit)).astype(np.int64)
        bits = rng.integers(2, size=(n_replicates, dimension, 1 << digit), dtype=np.uint64)
        flips |= bits[:, np.arange(dimension), before] << np.uint64(DIGITS - 1 - digit)
    return points ^ flips


def interlace(points: np.ndarray, order: int) -> np.ndarray:
    """Points (..., d) of a higher-order net: the digits of each `order` components, (..., order d), in turn."""
    components = points.reshape(*points.shape[:-1], -1, order)
    interlaced = np.zeros(components.shape[:-1], dtype=np.uint64)
    for position in range(DIGITS):
        digit, component = divmod(position, order)
        bit = components[..., component] >> np.uint64(DIGITS - 1 - digit) & np.uint64(1)
        interlaced |= bit << np.uint64(DIGITS - 1 - position)
    return interlaced


# --- Lattices and Halton points ---------------------------------------------------------------------------------------


def lattice_points(m: int, dimension: int) -> np.ndarray:
    """The 2^m points v(i) z mod 1 of a rank-1 lattice, shape (2^m, d), v the radical inverse in base 2."""
    n = 1 << m
    return bit_reversal(n)[:, None] * np.array(LATTICE_VECTOR[:dimension]) % n / n


def random_shift(points: np.ndarray, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Points (n, d) moved by one uniform vector a replicate, modulo 1: (R, n, d)."""
    return (points + rng.random((n_replicates, 1, points.shape[-1]))) % 1.0


def tent(points: np.ndarray) -> np.ndarray:
    """The baker's (tent) transformation, after which a lattice integrates functions that are not periodic well."""
    return 1 - np.abs(2 * points - 1)


def halton_points(n: int, dimension: int, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
    """Halton points with a random permutation for every digit, shape (R, n, d), in the first d primes as bases."""
    points = np.zeros((n_replicates, n, dimension))
    for axis, base in enumerate(PRIMES[:dimension]):
        remaining, place = np.arange(n), 1.0 / base
        while place > 2.0**-DIGITS:
            permutations = rng.permuted(np.tile(np.arange(base), (n_replicates, 1)), axis=1)
            points[:, :, axis] += permutations[:, remaining % base] * place
            remaining, place = remaining // base, place / base
    return points
