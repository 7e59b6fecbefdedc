"""Random rotations that make the entries of a matrix look Gaussian: random signs, then a Hadamard matrix.

Rotating leaves every sum of squares as it is, so an error in the rotated entries is the same error in the original.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import hadamard


def random_signs(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Independent signs, +1.0 or -1.0."""
    return rng.choice([-1.0, 1.0], size=shape)


def rotate(groups: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Flip signs, then multiply by the orthonormal Hadamard matrix along the last axis.

    Parameters
    ----------
    groups : ndarray, shape (..., g)
        g must be a power of two.
    signs : ndarray, broadcastable to ``groups``
    """
    return (groups * signs) @ _orthonormal(groups.shape[-1])


def rotate_back(rotated: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """The inverse of `rotate`."""
    return (rotated @ _orthonormal(rotated.shape[-1])) * signs  # the matrix is symmetric: its own inverse


def _orthonormal(g: int) -> np.ndarray:
    if g < 1 or g & (g - 1):
        raise ValueError(f"a Hadamard rotation needs a power of two, not a group of {g}")
    return hadamard(g) / np.sqrt(g)
