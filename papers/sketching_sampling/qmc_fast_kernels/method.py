"""Kernels that match lattices and digital nets, and their Gram matrices in n log n time.

The Gram matrix of a shift-invariant kernel on a lattice, or of a digitally shift-invariant one on a digital net, is
a group's convolution: its first column says it all, and a Fourier or Walsh-Hadamard transform diagonalises it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ..fast_transforms import fourier_bit_reversed, inverse_fourier_bit_reversed, walsh_hadamard
from .point_sets import DIGITS, to_unit_interval

# --- Kernels ----------------------------------------------------------------------------------------------------------


def bernoulli_kernel(x: np.ndarray, order: int) -> np.ndarray:
    """(-1)^(a+1) (2 pi)^(2a) / (2a)! B_2a(x) = 2 sum_{k >= 1} k^(-2a) cos(2 pi k x) for a = 1, 2, 3 and 0 <= x <= 1.

    The Bernoulli polynomials are written in u = x (1 - x), where no digits cancel.

    Raises
    ------
    ValueError
        If the order a is not 1, 2 or 3.
    """
    u = x * (1 - x)
    if order == 1:
        return (2 * np.pi) ** 2 / 2 * (1 / 6 - u)
    if order == 2:
        return (2 * np.pi) ** 4 / 24 * (1 / 30 - u * u)
    if order == 3:
        return (2 * np.pi) ** 6 / 720 * (1 / 42 - u * u * (1 / 2 + u))
    raise ValueError(f"expected an order in 1..3, found {order}")


def walsh_kernel(digits: np.ndarray, order: int) -> np.ndarray:
    """sum_{k >= 1} 2^(-mu_a(k)) wal_k(x) for a = 2, 3, 4, in closed form (the paper's higher-order kernels).

    mu_a(k) is the sum of the a largest positions of the ones of k (Dick's weight; the lowest bit has position 1).

    Parameters
    ----------
    digits : uint64 array
        The binary digits of x in [0, 1), as in `point_sets`.

    Raises
    ------
    ValueError
        If the order a is not 2, 3 or 4.
    """
    x = to_unit_interval(digits)
    beta = np.where(x > 0, 1 - np.frexp(x)[1], 0)  # -floor(log2 x), 0 at 0
    t = np.where(x > 0, np.ldexp(1.0, -beta), 0.0)  # t_nu = 2^(-nu beta), 0 at 0, is t to the nu
    if order == 2:
        return -beta * x + 5 / 2 * (1 - t) - 1
    if order == 3:
        return (beta * x - 5 * (1 - t)) * x + 43 / 18 * (1 - t * t) - 1
    if order == 4:
        single_bits = sum((1.0 - 2.0 * (digits >> np.uint64(DIGITS - 1 - a) & np.uint64(1))) / 8**a for a in range(18))
        cubic = ((-2 / 3 * beta * x + 5 * (1 - t)) * x - 43 / 9 * (1 - t * t)) * x
        return cubic + 701 / 294 * (1 - t * t * t) + beta * (single_bits / 48 - 1 / 42) - 1
    raise ValueError(f"expected an order in 2..4, found {order}")


def walsh_series(x: np.ndarray, y: np.ndarray, order: int) -> np.ndarray:
    """sum_{k >= 1} 2^(-mu_a(k)) wal_k(x) wal_k(y) from the definition, digit by digit of k, from low to high.

    `sums[r]` is the sum over the k with the bits so far when r ones are still to be counted: either the next bit is
    zero, or it is a one that is counted and leaves r - 1. Its digits beyond those of x and y go on being zero.
    """
    sums = [np.ones(x.shape) for _ in range(order + 1)]
    for position in range(1, 2 * DIGITS + 1):
        place = np.uint64(DIGITS - position) if position <= DIGITS else np.uint64(63)  # bit 63 is zero
        sign = 1.0 - 2.0 * ((x ^ y) >> place & np.uint64(1))
        for r in range(order, 0, -1):
            sums[r] = sums[r] + sign * sums[r - 1] * 0.5**position
        sums[0] = sums[0] * (1 + sign)
    return sums[order] - 1


# --- Gram matrices ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FastGram:
    """A Gram matrix K = V diag(eigenvalues) V^-1, known by its eigenvalues and the two transforms V^-1 and V."""

    eigenvalues: np.ndarray
    transform: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]

    def product(self, vector: np.ndarray) -> np.ndarray:
        """K y for y of shape (n,), real."""
        return self.inverse(self.transform(vector) * self.eigenvalues).real

    def solve(self, vector: np.ndarray, nugget: float) -> np.ndarray:
        """(K + nugget I)^-1 y for y of shape (n,), real."""
        return self.inverse(self.transform(vector) / (self.eigenvalues + nugget)).real


def net_gram(first_column: np.ndarray) -> FastGram:
    """Gram matrix of a digitally shift-invariant kernel on a digitally shifted net, from k(x_i, x_0), shape (n,)."""
    n = len(first_column)
    return FastGram(walsh_hadamard(first_column), walsh_hadamard, lambda spectrum: walsh_hadamard(spectrum) / n)


def lattice_gram(first_column: np.ndarray) -> FastGram:
    """Gram matrix of a shift-invariant kernel on a shifted lattice in radical-inverse order, from k(x_i, x_0)."""
    eigenvalues = fourier_bit_reversed(first_column).real  # a symmetric kernel has real eigenvalues
    return FastGram(eigenvalues, fourier_bit_reversed, inverse_fourier_bit_reversed)


@dataclass(frozen=True)
class DenseGram:
    """The same operations on the whole matrix: the reference and the baseline."""

    matrix: np.ndarray

    def product(self, vector: np.ndarray) -> np.ndarray:
        """K y."""
        return self.matrix @ vector

    def solve(self, vector: np.ndarray, nugget: float) -> np.ndarray:
        """(K + nugget I)^-1 y by a Cholesky factorisation, with no work on the n^2 entries but one copy."""
        shifted = self.matrix.copy(order="F")
        shifted.flat[:: len(vector) + 1] += nugget
        factor = cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
        return cho_solve(factor, vector, check_finite=False)


# --- Integrands of mean zero on the unit cube -------------------------------------------------------------------------


def smooth_line(x: np.ndarray) -> np.ndarray:
    """x e^x - 1, d = 1."""
    return x[..., 0] * np.exp(x[..., 0]) - 1


def smooth_square(x: np.ndarray) -> np.ndarray:
    """x_2 e^(x_1 x_2) / (e - 2) - 1, d = 2."""
    return x[..., 1] * np.exp(x[..., 0] * x[..., 1]) / (np.e - 2) - 1


def g_function(x: np.ndarray) -> np.ndarray:
    """prod_j (|4 x_j - 2| + a_j) / (1 + a_j) - 1 with a_j = (j - 2) / 2, any d: kinks across the middles."""
    a = (np.arange(1, x.shape[-1] + 1) - 2) / 2
    return np.prod((np.abs(4 * x - 2) + a) / (1 + a), axis=-1) - 1
