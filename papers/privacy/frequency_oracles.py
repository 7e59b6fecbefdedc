"""Frequency oracles of local differential privacy: histograms of k values from randomised reports.

All protocols here are *pure*: a report supports a set of values, the user's own value with probability p*
and any other fixed value with probability q*. Whatever the encoding, the server counts supports C_v over n
users and inverts the two rates, which gives one estimator and one variance formula for all of them (Wang et
al. 2017, "Locally Differentially Private Protocols for Frequency Estimation").

========================  =====================  ==========================================================
protocol                  a report is            reference
========================  =====================  ==========================================================
GRR                       one value              generalised randomised response (Kairouz et al. 2016)
SubsetSelection (SS)      w of the k values      Ye and Barg 2017; Wang et al. 2016
OUE, SUE                  k bits                 Wang et al. 2017; SUE is the basic one-time RAPPOR (2014)
PGR                       one projective point   ProjectiveGeometryResponse (Feldman et al. 2022)
========================  =====================  ==========================================================

Each protocol has its rates, a client (``*_reports``), and the success of the Bayes-optimal reconstruction
attack: an adversary who sees one report, knows the protocol, and guesses the value under a uniform prior.
In all of them the likelihood takes two levels, so that the best guess is any supported value.

Throughout, ``values`` is an integer array (n_users,) with entries in [0, domain_size), and E stands for
e^epsilon.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import njit


class SupportRates(NamedTuple):
    """p* and q*: the probabilities that a report supports the user's value, and some other fixed value."""

    true: float
    false: float

    def estimate(self, support_counts: np.ndarray, n_users: int) -> np.ndarray:
        """Unbiased frequencies (C_v/n - q*)/(p* - q*), shaped like the counts; neither clipped nor scaled."""
        return (support_counts / n_users - self.false) / (self.true - self.false)

    def variance(self, frequency: float | np.ndarray = 0.0) -> float | np.ndarray:
        """Variance of ``estimate`` times the number of users, for a value of the given frequency.

        The usual figure of merit is the variance at frequency 0, q*(1-q*)/(p*-q*)^2.
        """
        gap = self.true - self.false
        return (self.false * (1 - self.false) + frequency * gap * (1 - self.true - self.false)) / gap**2


# --- Generalised randomised response ----------------------------------------------------------------------


def grr_rates(domain_size: int, epsilon: float) -> SupportRates:
    """p* = E/(E+k-1), q* = 1/(E+k-1)."""
    total = math.exp(epsilon) + domain_size - 1
    return SupportRates(math.exp(epsilon) / total, 1 / total)


def grr_reports(values: np.ndarray, domain_size: int, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """One value per user, shape (n_users,): the true one with probability p*, else a uniform other one."""
    kept = rng.random(values.size) < grr_rates(domain_size, epsilon).true
    shift = rng.integers(1, domain_size, values.size)
    return np.where(kept, values, (values + shift) % domain_size)


def grr_attack_success(domain_size: int, epsilon: float) -> float:
    """The best guess is the report itself."""
    return grr_rates(domain_size, epsilon).true


# --- SubsetSelection --------------------------------------------------------------------------------------


def subset_size(domain_size: int, epsilon: float) -> int:
    """The usual subset size w = max(1, round(k/(E+1))), close to the minimiser of the variance."""
    return max(1, round(domain_size / (math.exp(epsilon) + 1)))


def subset_selection_rates(domain_size: int, epsilon: float, size: int | None = None) -> SupportRates:
    """p* = wE/(wE+k-w), q* = (p*(w-1) + (1-p*)w)/(k-1) for subsets of w values.

    Raises
    ------
    ValueError
        If the subset size w (by default ``subset_size``) is not in [1, domain_size).
    """
    size = subset_size(domain_size, epsilon) if size is None else size
    if not 1 <= size < domain_size:
        raise ValueError(f"a subset of {domain_size} values must hold 1 to {domain_size - 1} of them, not {size}")
    inside, outside = size * math.exp(epsilon), domain_size - size
    true = inside / (inside + outside)
    return SupportRates(true, (inside * (size - 1) + outside * size) / ((inside + outside) * (domain_size - 1)))


def subset_selection_reports(
    values: np.ndarray, domain_size: int, epsilon: float, rng: np.random.Generator, size: int | None = None
) -> np.ndarray:
    """One subset of w distinct values per user, shape (n_users, w), in no particular order.

    With probability p* the user's value and w-1 others, else w others; the others are drawn without
    replacement.
    """
    size = subset_size(domain_size, epsilon) if size is None else size
    rates = subset_selection_rates(domain_size, epsilon, size)
    kept = rng.random(values.size) < rates.true
    return _draw_subsets(np.asarray(values), kept, rng.random((values.size, size)), domain_size)


@njit(cache=True)
def _draw_subsets(values, kept, uniforms, domain_size):
    """Fisher-Yates, stopped after w swaps: no user pays for the whole domain, and any start order will do."""
    subsets = np.empty(uniforms.shape, np.int64)
    n_users, size = uniforms.shape
    n_others = domain_size - 1
    deck = np.arange(n_others)  # card c stands for value c below the user's own value and for c + 1 above it
    for user in range(n_users):
        n_drawn = size
        if kept[user]:
            n_drawn = size - 1
            subsets[user, n_drawn] = values[user]
        for slot in range(n_drawn):
            pick = slot + int(uniforms[user, slot] * (n_others - slot))
            deck[slot], deck[pick] = deck[pick], deck[slot]
            subsets[user, slot] = deck[slot] + (deck[slot] >= values[user])
    return subsets


def count_items(reports: np.ndarray, domain_size: int) -> np.ndarray:
    """Support counts (domain_size,) of reports that list values: of GRR (n,) or SubsetSelection (n, w)."""
    return np.bincount(reports.ravel(), minlength=domain_size)


def guess_from_subsets(subsets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The attacker's guess (n_users,): a uniform member of each subset."""
    return subsets[np.arange(len(subsets)), rng.integers(subsets.shape[1], size=len(subsets))]


def subset_selection_attack_success(domain_size: int, epsilon: float, size: int | None = None) -> float:
    """p*/w = E/(wE+k-w): the value is in the subset, and the guess picks it."""
    size = subset_size(domain_size, epsilon) if size is None else size
    return subset_selection_rates(domain_size, epsilon, size).true / size


def subset_bits(domain_size: int, size: int) -> float:
    """Bits needed to name one of the binom(k, w) subsets; the entropy of a report of a uniform user."""
    return math.log2(math.comb(domain_size, size))


# --- Unary encodings --------------------------------------------------------------------------------------


def unary_rates(epsilon: float, true: float) -> SupportRates:
    """The rates of a unary encoding with the given p*: q* = p*/(E(1-p*)+p*) spends the whole budget."""
    return SupportRates(true, true / (math.exp(epsilon) * (1 - true) + true))


def oue_rates(epsilon: float) -> SupportRates:
    """Optimised (asymmetric) unary encoding: p* = 1/2, q* = 1/(E+1)."""
    return unary_rates(epsilon, 0.5)


def sue_rates(epsilon: float) -> SupportRates:
    """Symmetric unary encoding: p* = 1 - q* = e^(epsilon/2)/(e^(epsilon/2)+1)."""
    return unary_rates(epsilon, 1 / (1 + math.exp(-epsilon / 2)))


def unary_reports(values: np.ndarray, domain_size: int, rates: SupportRates, rng: np.random.Generator) -> np.ndarray:
    """Independent bits (n_users, domain_size), set with probability p* at the user's value, else with q*."""
    bits = rng.random((values.size, domain_size)) < rates.false
    bits[np.arange(values.size), values] = rng.random(values.size) < rates.true
    return bits


def unary_support_counts(
    values: np.ndarray, domain_size: int, rates: SupportRates, rng: np.random.Generator
) -> np.ndarray:
    """Column sums (domain_size,) of ``unary_reports``, drawn from their law, two binomials a value."""
    holders = np.bincount(values, minlength=domain_size)
    return rng.binomial(holders, rates.true) + rng.binomial(values.size - holders, rates.false)


def guess_from_bits(bits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The attacker's guess (n_users,): a uniform set bit, or a uniform value where no bit is set."""
    keys = rng.random(bits.shape)
    return np.where(bits, keys, keys - 1).argmax(axis=1)


def unary_attack_success(domain_size: int, rates: SupportRates) -> float:
    """(1-p*)(1-q*)^(k-1)/k + p*(1-(1-q*)^k)/(kq*).

    First term: no bit is set and the guess is blind. Second: p* times the mean of 1/(1 + number of other
    set bits).
    """
    blind = (1 - rates.true) * (1 - rates.false) ** (domain_size - 1)
    seen = rates.true * (1 - (1 - rates.false) ** domain_size) / rates.false
    return (blind + seen) / domain_size


# --- ProjectiveGeometryResponse ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ProjectiveSpace:
    """The projective space in t coordinates over the field with a prime number q (the order) of elements.

    Value x is the x-th point, and its report supports it if the two are orthogonal; so S_x is a hyperplane.
    """

    order: int
    n_coordinates: int

    @property
    def n_points(self) -> int:
        """K = (q^t-1)/(q-1)."""
        return (self.order**self.n_coordinates - 1) // (self.order - 1)

    @property
    def hyperplane_size(self) -> int:
        """c_set = (q^(t-1)-1)/(q-1), the number of points orthogonal to a given one."""
        return (self.order ** (self.n_coordinates - 1) - 1) // (self.order - 1)

    @property
    def intersection_size(self) -> int:
        """c_int = (q^(t-2)-1)/(q-1), the number of points orthogonal to two given ones."""
        return (self.order ** (self.n_coordinates - 2) - 1) // (self.order - 1)

    @cached_property
    def incidence(self) -> np.ndarray:
        """Boolean (n_points, n_points): are the two points orthogonal?"""
        vectors = np.indices((self.order,) * self.n_coordinates).reshape(self.n_coordinates, -1).T[1:]
        leading = vectors[np.arange(len(vectors)), (vectors != 0).argmax(axis=1)]
        points = vectors[leading == 1]  # one vector for each line through the origin
        return points @ points.T % self.order == 0


def projective_space(domain_size: int, epsilon: float) -> ProjectiveSpace:
    """The prime order nearest to E+1 and the fewest coordinates that give at least ``domain_size`` points."""
    target = math.exp(epsilon) + 1
    primes = primes_below(2 * math.ceil(target) + 1)
    order = int(primes[np.abs(primes - target).argmin()])
    n_coordinates = 2
    while ProjectiveSpace(order, n_coordinates).n_points < domain_size:
        n_coordinates += 1
    return ProjectiveSpace(order, n_coordinates)


def projective_rates(space: ProjectiveSpace, epsilon: float) -> SupportRates:
    """p* = E c_set/Z and q* = (E c_int + c_set - c_int)/Z with Z = E c_set + K - c_set."""
    odds, on, both = math.exp(epsilon), space.hyperplane_size, space.intersection_size
    total = odds * on + space.n_points - on
    return SupportRates(odds * on / total, (odds * both + on - both) / total)


def projective_reports(
    values: np.ndarray, space: ProjectiveSpace, epsilon: float, rng: np.random.Generator
) -> np.ndarray:
    """One point per user, shape (n_users,): with probability p* uniform in S_x, else uniform outside it."""
    on = space.hyperplane_size
    on_then_off = np.argsort(~space.incidence, axis=1, kind="stable")
    kept = rng.random(values.size) < projective_rates(space, epsilon).true
    position = np.where(kept, rng.integers(on, size=values.size), rng.integers(on, space.n_points, values.size))
    return on_then_off[values, position]


def projective_support_counts(reports: np.ndarray, space: ProjectiveSpace, domain_size: int) -> np.ndarray:
    """C_x = number of reports orthogonal to point x, shape (domain_size,)."""
    return space.incidence[:domain_size] @ np.bincount(reports, minlength=space.n_points)


def projective_attack_success(space: ProjectiveSpace, domain_size: int, epsilon: float) -> float:
    """(1/k) sum_u max_x P(u|x) over the first k points x; E/Z if the domain fills the space (k = K)."""
    odds = math.exp(epsilon)
    total = odds * space.hyperplane_size + space.n_points - space.hyperplane_size
    n_revealing = int(space.incidence[:domain_size].any(axis=0).sum())
    return (odds * n_revealing + space.n_points - n_revealing) / (total * domain_size)


def primes_below(limit: int) -> np.ndarray:
    """All primes smaller than ``limit``, ascending (sieve of Eratosthenes)."""
    is_prime = np.ones(max(limit, 2), bool)
    is_prime[:2] = False
    for factor in range(2, math.isqrt(len(is_prime)) + 1):
        if is_prime[factor]:
            is_prime[factor * factor :: factor] = False
    return np.flatnonzero(is_prime)
