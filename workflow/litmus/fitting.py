"""Straight lines through measurements: slopes with confidence intervals."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Slope(NamedTuple):
    """A least-squares slope, its confidence interval and the intercept."""

    value: float
    low: float
    high: float
    intercept: float


def slope(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Slope:
    """Ordinary least squares of `y` on `x`, both of shape (n,), with a Student-t confidence interval.

    With two points the interval is infinite.

    Raises
    ------
    ValueError
        If the shapes differ, fewer than two points are given, or a value is not finite.
    """
    horizontal, vertical = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if horizontal.shape != vertical.shape or horizontal.ndim != 1 or horizontal.size < 2:
        raise ValueError(f"expected two vectors of one length >= 2, found {horizontal.shape} and {vertical.shape}")
    if not (np.isfinite(horizontal).all() and np.isfinite(vertical).all()):
        raise ValueError("expected finite values")
    centred = horizontal - horizontal.mean()
    variation = centred @ centred
    if variation == 0:
        raise ValueError("expected at least two different x")
    value = float(centred @ vertical / variation)
    intercept = float(vertical.mean() - value * horizontal.mean())
    freedom = horizontal.size - 2
    if freedom == 0:
        return Slope(value, -np.inf, np.inf, intercept)
    from scipy.stats import t  # here, not above: it costs half a second to import

    residual = vertical - intercept - value * horizontal
    half_width = float(t.ppf((1 + confidence) / 2, freedom) * np.sqrt(residual @ residual / freedom / variation))
    return Slope(value, value - half_width, value + half_width, intercept)


def log_log_slope(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Slope:
    """The exponent b of y ~ x^b by least squares on logarithms; `x` and `y` must be positive."""
    horizontal, vertical = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if (horizontal <= 0).any() or (vertical <= 0).any():
        raise ValueError("expected positive values")
    return slope(np.log(horizontal), np.log(vertical), confidence)
