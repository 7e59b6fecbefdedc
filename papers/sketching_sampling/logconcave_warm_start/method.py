"""Gaussian annealing from a cold start, its warmness on the cube in closed form, and log-Sobolev constants on the line.

The cube is [-sqrt(3), sqrt(3)]^d, so that its uniform law is isotropic. pi_s ~ exp(-|x|^2 / (2 s)) on it is a product
law; in formulas we write precision = 1 / s, which is 0 for the uniform law.
"""

from math import ceil, inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import cumulative_trapezoid
from scipy.optimize import brentq
from scipy.special import dawsn, erf

from .in_and_out import Body, in_and_out, truncated_gaussian

HALF_WIDTH = sqrt(3)
FOURTH_MOMENT = HALF_WIDTH**4 / 5  # of a coordinate under the uniform law; the second one is 1


def annealing_variances(dimension: int, power: float) -> np.ndarray:
    """s_0 = 1/d, s_1, ..., infinity: s grows by the factor 1 + d^-power until it has reached d, then jumps.

    Power 1/2 keeps R_2 of neighbours bounded, power 1 also R_infinity.
    """
    variances = [1 / dimension]
    while variances[-1] < dimension:
        variances.append(variances[-1] * (1 + dimension**-power))
    return np.array([*variances, inf])


class Annealed(NamedTuple):
    """Final states of shape (n_chains, d), totals over the chains, and E|x|^2 / d when each phase begins."""

    states: np.ndarray
    queries: int
    steps: int
    failures: int
    mean_squares: np.ndarray


def anneal(
    body: Body,
    variances: np.ndarray,
    n_chains: int,
    step_constant: float,
    phase_time: float,
    final_time: float,
    max_trials: int,
    rng: np.random.Generator,
) -> Annealed:
    """Chains that follow pi_s through the schedule by In-and-Out with step h = step_constant / d^2.

    The start is an exact sample of the first law by rejection. A phase takes phase_time min(s, 1) / h steps, as the
    Poincare constant of pi_s is of order min(s, 1) in isotropic position; the last, uniform one final_time / h.
    """
    step = step_constant / body.dimension**2
    states, queries = truncated_gaussian(body, variances[0], n_chains, rng)
    steps, failures, mean_squares = 0, 0, []
    for s in variances[1:]:
        mean_squares.append(np.mean(states**2))
        n_steps = ceil((final_time if s == inf else phase_time * min(s, 1)) / step)
        states, asked, failed = in_and_out(body, states, s, step, n_steps, max_trials, rng)
        queries, steps, failures = queries + asked, steps + n_chains * n_steps, failures + failed
    return Annealed(states, queries, steps, failures, np.array(mean_squares))


def log_partition(precision: ArrayLike) -> np.ndarray:
    """log of the integral of exp(-precision x^2 / 2) over [-sqrt(3), sqrt(3)]; precisions of either sign."""
    precision = np.asarray(precision, dtype=float)
    size = np.where(precision == 0, 1.0, np.abs(precision))
    z = HALF_WIDTH * np.sqrt(size / 2)
    narrow = np.log(erf(z))
    wide = z**2 + np.log(2 / sqrt(np.pi) * dawsn(z))  # log erfi
    value = np.log(2 * np.pi / size) / 2 + np.where(precision > 0, narrow, wide)
    return np.where(precision == 0, np.log(2 * HALF_WIDTH), value)


def renyi_2(dimension: int, precision: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """R_2(mu || pi) = log of the integral of mu^2 / pi, for mu with `precision` and pi with `reference` on the cube."""
    precision, reference = np.asarray(precision), np.asarray(reference)
    tilted = log_partition(2 * precision - reference)
    return dimension * (tilted + log_partition(reference) - 2 * log_partition(precision))


def renyi_infinity(dimension: int, precision: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """R_infinity(mu || pi) = sup log(mu / pi), for mu with the larger precision: the supremum is at the origin."""
    return dimension * (log_partition(reference) - log_partition(precision))


def mean_square(precision: float) -> float:
    """E x^2 of a coordinate of pi_s: decreasing in the precision, 1 at 0."""
    if abs(precision) < 1e-4:
        return 1 - 0.4 * precision  # 0.8, the variance of x^2, over 2: below the formula loses digits
    edge = np.exp(-precision * HALF_WIDTH**2 / 2 - log_partition(precision))
    return float((1 - 2 * HALF_WIDTH * edge) / precision)


def fitted_precision(second_moment: float) -> float:
    """The precision of the law pi_s with this E x^2: the maximum likelihood fit to chains.

    Raises
    ------
    ValueError
        If the moment is not between 0 and almost that of the end points.
    """
    if not 0 < second_moment < HALF_WIDTH**2 - 0.01:
        raise ValueError(f"expected a second moment of the interval, found {second_moment}")
    return brentq(lambda precision: mean_square(precision) - second_moment, -1e3, 1 / second_moment)


def bobkov_goetze(x: np.ndarray, log_density: np.ndarray, constant: float = np.e**2) -> float:
    """The functional B that gives the log-Sobolev constant of a law on an interval up to universal factors.

    B = sup_{x > m} mu([x, end]) log(1 + constant / mu([x, end])) int_m^x 1 / p, m the median, or the same on the left
    if that is larger. For Ent(f^2) <= C E f'^2, C is at most 4 B; with 1/2 for the constant it is at least B (Barthe
    and Roberto).

    Parameters
    ----------
    x, log_density : arrays of shape (n,)
        A fine grid over the interval, and the logarithm of the density up to a constant.
    """
    density = np.exp(log_density - log_density.max())
    density /= np.trapezoid(density, x)

    def right(x: np.ndarray, density: np.ndarray) -> float:
        tail = -cumulative_trapezoid(density[::-1], x[::-1], initial=0)[::-1]
        upper = tail <= 0.5 + 1e-9
        tail = tail[upper]
        resistance = cumulative_trapezoid(1 / density[upper], x[upper], initial=0)
        return float(np.max(tail[:-1] * np.log1p(constant / tail[:-1]) * resistance[:-1]))

    return max(right(x, density), right(-x[::-1], density[::-1]))


class LaplaceLaw(NamedTuple):
    """Scales of p(x) ~ exp(-|x|) on [-D/2, D/2]: D, the standard deviation and the functional B."""

    diameter: float
    deviation: float
    functional: float


def truncated_laplace(diameter: float, n_nodes: int = 40001) -> LaplaceLaw:
    """exp(-|x|) on [-D/2, D/2], the law whose log-Sobolev constant exceeds its variance the more the longer it is."""
    x = np.linspace(-diameter / 2, diameter / 2, n_nodes)
    density = np.exp(-np.abs(x))
    variance = np.trapezoid(x**2 * density, x) / np.trapezoid(density, x)
    return LaplaceLaw(diameter, sqrt(variance), bobkov_goetze(x, -np.abs(x)))
