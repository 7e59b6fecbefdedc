"""Quantisers without calibration data that other methods are measured against: round-to-nearest and NF4.

Both cut the rows of a matrix into groups that share a scale, and return the dequantised matrix.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

_SCALE_BITS = 16


def round_to_nearest(weight: np.ndarray, bits: int, group: int | None = None) -> np.ndarray:
    """Asymmetric round-to-nearest: 2^bits evenly spaced levels from the least to the largest entry of a group.

    Parameters
    ----------
    weight : ndarray, shape (rows, columns)
    bits : int
    group : int, optional
        Entries of a row that share scale and offset; the whole row when omitted. Must divide the columns.
    """
    groups = row_groups(weight, group or weight.shape[1])
    low = groups.min(axis=-1, keepdims=True)
    step = (groups.max(axis=-1, keepdims=True) - low) / (2**bits - 1)
    step = np.where(step > 0, step, 1.0)  # a constant group
    return (low + step * np.round((groups - low) / step)).reshape(weight.shape)


def round_to_nearest_bits(bits: int, group: int) -> float:
    """Storage of `round_to_nearest` in bits per weight, 16-bit scales and offsets included."""
    return bits + 2 * _SCALE_BITS / group


def nf4_levels() -> np.ndarray:
    """The 16 levels of the NormalFloat data type, ascending in [-1, 1].

    Quantiles of N(0, 1), seven below zero, zero itself and eight above (QLoRA, arXiv:2305.14314, section 3; the
    outermost probability is the mean of 1 - 1/32 and 1 - 1/30), divided by the largest.
    """
    outermost = 0.5 * ((1 - 1 / 32) + (1 - 1 / 30))
    positive = ndtri(np.linspace(outermost, 0.5, 9)[:-1])
    negative = -ndtri(np.linspace(outermost, 0.5, 8)[:-1])
    levels = np.sort(np.concatenate([positive, [0.0], negative]))
    return levels / np.abs(levels).max()


def nf4(weight: np.ndarray, group: int = 64) -> np.ndarray:
    """NormalFloat-4: entries divided by their group's largest magnitude, rounded to `nf4_levels`."""
    groups = row_groups(weight, group)
    scale = np.abs(groups).max(axis=-1, keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    levels = nf4_levels()
    return (scale * levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, groups / scale)]).reshape(weight.shape)


def nf4_bits(group: int = 64) -> float:
    """Storage of `nf4` in bits per weight, 16-bit scales included."""
    return 4 + _SCALE_BITS / group


def row_groups(weight: np.ndarray, group: int) -> np.ndarray:
    """Rows cut into groups: (rows, columns / group, group)."""
    rows, columns = weight.shape
    if columns % group:
        raise ValueError(f"groups of {group} do not divide rows of {columns}")
    return weight.reshape(rows, columns // group, group)


def relative_squared_error(quantised: np.ndarray, weight: np.ndarray) -> float:
    """||Q - W||_F^2 / ||W||_F^2."""
    return float(np.sum((quantised - weight) ** 2) / np.sum(weight**2))
