"""Fast Walsh-Hadamard and Fourier transforms of length 2^m along an axis, in n log n time and without any matrix.

Every stage is the same perfect shuffle: one bit of the index is transformed and moves from one end of the index to
the other. After m stages all bits are back, so the Walsh-Hadamard transform needs no reordering, and the Fourier
transform reads bit-reversed input (or writes bit-reversed output) for free.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np


def _log2(n: int) -> int:
    if n < 1 or n & (n - 1):
        raise ValueError(f"expected a length that is a power of 2, found {n}")
    return n.bit_length() - 1


def _along(axis: int, values: np.ndarray, transform: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Apply `transform`, which may overwrite its (n, n_columns) array, to a copy, along one axis."""
    moved = np.moveaxis(values, axis, 0)
    n = 1 << _log2(len(moved))  # raises if it is not a power of 2
    columns = np.array(moved, order="C").reshape(n, moved[0].size)
    return np.moveaxis(transform(columns).reshape(moved.shape), 0, axis)


def _walsh_hadamard(source: np.ndarray) -> np.ndarray:
    half, target = len(source) // 2, np.empty_like(source)
    for _ in range(_log2(len(source))):
        np.add(source[:half], source[half:], out=target[0::2])
        np.subtract(source[:half], source[half:], out=target[1::2])
        source, target = target, source
    return source


def walsh_hadamard(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """H x along an axis, with the symmetric matrix H[i, j] = (-1)^popcount(i & j): natural (Sylvester) order.

    Not normalised: applied twice it multiplies by n, and H / sqrt(n) is orthogonal.

    Parameters
    ----------
    values : array
        Real or complex; integers become float64. It is not changed.
    axis : int
        The axis to transform, of a length n that is a power of 2.

    Returns
    -------
    array of the shape of `values`

    Raises
    ------
    ValueError
        If n is not a power of 2.
    """
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.inexact):
        values = values.astype(float)
    return _along(axis, values, _walsh_hadamard)


@lru_cache(maxsize=4)
def _roots_of_unity(n: int) -> np.ndarray:
    roots = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    roots.flags.writeable = False  # it is shared between calls
    return roots


def _fourier(source: np.ndarray) -> np.ndarray:
    n, n_columns = source.shape
    half, roots, target = n // 2, _roots_of_unity(n), np.empty_like(source)
    for stage in range(_log2(n)):
        n_roots = 1 << stage  # the frequency bits known so far lead the index and choose the root
        split = (n_roots, half // n_roots, n_columns)
        odd = source[1::2].reshape(split) * roots[:: half // n_roots, None, None]
        odd = odd.reshape(half, n_columns)
        np.add(source[0::2], odd, out=target[:half])
        np.subtract(source[0::2], odd, out=target[half:])
        source, target = target, source
    return source


def _inverse_fourier(source: np.ndarray) -> np.ndarray:
    """The stages of `_fourier`, undone from the last to the first."""
    n, n_columns = source.shape
    half, roots, target = n // 2, _roots_of_unity(n).conj(), np.empty_like(source)
    for stage in reversed(range(_log2(n))):
        n_roots = 1 << stage
        split = (n_roots, half // n_roots, n_columns)
        np.add(source[:half], source[half:], out=target[0::2])
        odd = (source[:half] - source[half:]).reshape(split) * roots[:: half // n_roots, None, None]
        target[1::2] = odd.reshape(half, n_columns)
        source, target = target, source
    return source / n


def fourier_bit_reversed(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Discrete Fourier transform of values in bit-reversed order (FFTBR), frequencies in natural order.

    With r the bit reversal, this is ``numpy.fft.fft(values[r])``, without reordering anything.

    Parameters
    ----------
    values : array
        Real or complex; entry i belongs to the time whose bits are those of i in reverse.
    axis : int
        The axis to transform, of a length n that is a power of 2.

    Returns
    -------
    complex array of the shape of `values`

    Raises
    ------
    ValueError
        If n is not a power of 2.
    """
    return _along(axis, np.asarray(values, dtype=complex), _fourier)


def inverse_fourier_bit_reversed(frequencies: np.ndarray, axis: int = 0) -> np.ndarray:
    """The inverse of `fourier_bit_reversed` (IFFTBR): natural order in, bit-reversed order out."""
    return _along(axis, np.asarray(frequencies, dtype=complex), _inverse_fourier)


def bit_reversal(n: int) -> np.ndarray:
    """The permutation r of 0..n-1 that reverses the log2(n) bits of an index; it is its own inverse."""
    order = np.zeros(1, dtype=np.int64)
    for _ in range(_log2(n)):
        order = np.concatenate([2 * order, 2 * order + 1])
    return order
