"""The von Mises-Fisher law on the unit sphere of R^d, of density C_d(kappa) exp(kappa m . theta), and its moments.

SciPy's `vonmises_fisher` samples by rejection, which has no derivative in the concentration; here the cosine of the
angle to the mean direction is drawn by inverting its distribution function, which has one.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ive

N_ANGLES = 600  # of the grid on which the distribution function of the angle is tabulated


class Slices(NamedTuple):
    """Directions (n, d), their cosines (n,) with the mean direction and the derivatives (n,) of these in kappa."""

    directions: np.ndarray
    cosines: np.ndarray
    cosine_slopes: np.ndarray


def mean_resultant(kappa: float, dimension: int) -> float:
    """A_d(kappa), the length of the mean: a quotient of Bessel functions."""
    return float(ive(dimension / 2, kappa) / ive(dimension / 2 - 1, kappa))


def kl_to_uniform(kappa: float, dimension: int) -> float:
    """KL(vMF(m, kappa) || uniform) = kappa A_d(kappa) + log C_d(kappa) - log C_d(0), in nats; kappa > 0."""
    order = dimension / 2 - 1
    log_bessel = np.log(ive(order, kappa)) + kappa
    log_constant_ratio = order * np.log(kappa / 2) - gammaln(dimension / 2) - log_bessel
    return float(kappa * mean_resultant(kappa, dimension) + log_constant_ratio)


def kl_slope(kappa: float, dimension: int) -> float:
    """The derivative of `kl_to_uniform` in kappa: kappa A_d'(kappa)."""
    resultant = mean_resultant(kappa, dimension)
    return kappa * (1 - resultant**2) - (dimension - 1) * resultant


def second_moment(mean: np.ndarray, kappa: float) -> np.ndarray:
    """E[theta theta^T] of shape (d, d), for a unit vector `mean` and kappa > 0."""
    d = mean.size
    across = mean_resultant(kappa, d) / kappa
    return across * np.eye(d) + (1 - d * across) * np.outer(mean, mean)


def quantile_of_cosine(levels: np.ndarray, kappa: float, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosine w with P(m . theta <= w) = level, and dw/dkappa, each of the shape of `levels` in (0, 1).

    The grid is uniform in the angle, where the density exp(kappa cos) sin^(d-2) stays bounded in any dimension and is
    resolved at concentrations at which a grid in the cosine is too coarse. The derivative is -(dF/dkappa) / density.
    """
    angles = np.linspace(np.pi, 0, N_ANGLES)  # so that cosines ascend
    cosines = np.cos(angles)
    density = np.exp(kappa * (cosines - 1)) * np.sin(angles) ** (dimension - 2)
    mass = cumulative(density)
    density, distribution = density / mass[-1], mass / mass[-1]
    tilted = cumulative(density * cosines)
    distribution_slope = tilted - distribution * tilted[-1]
    # In the far tails the density underflows; no level falls there.
    angle_slope = np.divide(distribution_slope, density, out=np.zeros(N_ANGLES), where=density > 1e-200)
    position = np.interp(levels, distribution, angles)
    slope = np.interp(position, angles[::-1], (-angle_slope * np.sin(angles) * (np.pi / (N_ANGLES - 1)))[::-1])
    return np.cos(position), slope


def cumulative(values: np.ndarray) -> np.ndarray:
    """Cumulative trapezoidal sums on a grid of unit step, from zero."""
    return np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)])


def sample(mean: np.ndarray, kappa: float, n: int, rng: np.random.Generator) -> Slices:
    """Draw theta = w m + sqrt(1 - w^2) v, with v uniform among the unit vectors orthogonal to the unit vector m."""
    cosines, slopes = quantile_of_cosine(rng.random(n), kappa, mean.size)
    across = rng.standard_normal((n, mean.size))
    across -= np.outer(across @ mean, mean)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return Slices(np.outer(cosines, mean) + np.sqrt(1 - cosines**2)[:, None] * across, cosines, slopes)
