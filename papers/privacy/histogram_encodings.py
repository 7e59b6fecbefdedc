"""Histogram encodings: the one-hot vector of the value, each entry with Laplace(2/epsilon) noise.

Two protocols read the same report (Wang et al. 2017, Section 4.1). Summation (SHE) adds the vectors up, with a
variance of 8/epsilon^2 per user. Thresholding (THE) turns them into bits, "above theta", and goes on as with a unary
encoding. Thresholds lie in [1/2, 1], where the best ones are; ``values`` is an integer array with entries in
[0, domain_size).
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from .frequency_oracles import SupportRates


def histogram_reports(values: np.ndarray, domain_size: int, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """Noisy one-hot vectors, shape (n_users, domain_size); the L1 sensitivity is 2."""
    reports = rng.laplace(scale=2 / epsilon, size=(len(values), domain_size))
    reports[np.arange(len(values)), values] += 1
    return reports


def summation_variance(epsilon: float) -> float:
    """Variance of the mean report times the number of users, 8/epsilon^2."""
    return 8 / epsilon**2


def summation_attack_success(domain_size: int, epsilon: float) -> float:
    """Probability that the largest entry is the user's, integral of f(y-1) F(y)^(k-1) dy.

    The largest entry is a most likely value. All entries above 1 are equally likely, but guessing the largest of them
    succeeds as often as guessing any: the excess over 1 is exponential with the same mean in all of them.
    """
    scale = 2 / epsilon

    def density(y: float) -> float:
        below = 0.5 * math.exp(y / scale) if y < 0 else 1 - 0.5 * math.exp(-y / scale)
        return 0.5 / scale * math.exp(-abs(y - 1) / scale) * below ** (domain_size - 1)

    far = 40 * scale
    return sum(quad(density, low, high, limit=200)[0] for low, high in ((-far, 0), (0, 1), (1, 1 + far)))


def threshold_rates(threshold: float, epsilon: float) -> SupportRates:
    """p* = 1 - e^(epsilon(theta-1)/2)/2, q* = e^(-epsilon theta/2)/2 for a threshold theta.

    Raises
    ------
    ValueError
        If the threshold is not in [0, 1], where these are the tails of the Laplace law.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"a threshold must be in [0, 1], got {threshold}")
    true = 1 - 0.5 * math.exp(epsilon * (threshold - 1) / 2)
    return SupportRates(true, 0.5 * math.exp(-epsilon * threshold / 2))


def optimal_threshold(epsilon: float) -> float:
    """The threshold in [1/2, 1] with the least variance at frequency 0."""
    search = minimize_scalar(
        lambda theta: threshold_rates(theta, epsilon).variance(), bounds=(0.5, 1), method="bounded"
    )
    return float(search.x)


def threshold_bits(reports: np.ndarray, threshold: float) -> np.ndarray:
    """Boolean, shaped like the reports; a bit supports its value with the rates of ``threshold_rates``."""
    return reports > threshold
