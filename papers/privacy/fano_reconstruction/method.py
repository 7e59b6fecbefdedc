"""Fano-type bounds on the reconstruction of a secret, the channels they are tried on, and rival bounds.

A secret X, uniform on M values, is sent through a private channel with output laws P_x; a guess from the output Y
is right with probability s. A guess made from any other law Q, which does not depend on X, is right with
probability 1/M. To check the guess is to process the data, and so for every order a >= 1

    d_a(s || 1/M) <= 1/(a-1) log mean_x exp((a-1) D_a(P_x || Q)) <= max_x D_a(P_x || Q)

with d_a the Renyi divergence of two coins. Three choices give three bounds on s:

===============  =======================================================  ======================================
bound            right side                                               what it needs
===============  =======================================================  ======================================
Renyi-Fano       max_x D_a(P_x || Q), the best order a                    a Renyi-DP accountant
Shannon-Fano     mutual information I(X; Y), a = 1                        the channel, or draws from it
Sibson-Fano      Sibson's information I_a: the best Q, in closed form     the whole channel
===============  =======================================================  ======================================

All information is in nats.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import log_ndtr, logsumexp, rel_entr

# Orders at which the Renyi-Fano bound is evaluated; it is their minimum.
ORDERS = np.array([1.0001, *(1 + np.geomspace(0.01, 199, 80))])

# Bisections of an interval of length below one until it has the width of a rounding error.
N_BISECTIONS = 55

# Rows of a Monte-Carlo batch times the number of values: 32 MB of doubles.
BATCH_ENTRIES = 4_000_000


# --- From divergence to success ---------------------------------------------------------------------------


def bernoulli_divergence(success: ArrayLike, baseline: ArrayLike, order: ArrayLike) -> np.ndarray:
    """d_a(s || t), the Renyi divergence of two coins, in logarithms so that no power overflows.

    Arguments broadcast: ``success`` in [0, 1], ``baseline`` in (0, 1), ``order`` > 0; order 1 is Kullback-Leibler.
    """
    s, t, a = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (success, baseline, order)))
    with np.errstate(divide="ignore", invalid="ignore"):  # log(0) = -inf is meant; order 1 is replaced below
        right = a * np.log(s) + (1 - a) * np.log(t)
        wrong = a * np.log1p(-s) + (1 - a) * np.log1p(-t)
        renyi = np.logaddexp(right, wrong) / (a - 1)
    return np.where(a == 1, rel_entr(s, t) + rel_entr(1 - s, 1 - t), renyi)


def largest_success(divergence: ArrayLike, order: ArrayLike, n_values: int) -> np.ndarray:
    """The largest s with d_a(s || 1/M) <= divergence: how often a guess can be right at this divergence.

    d_a grows in s from 0 at 1/M to log M at 1. Bisection returns the upper end of its last interval, to err on
    the safe side. The arguments broadcast.

    Raises
    ------
    ValueError
        If a divergence is negative or there are fewer than two values.
    """
    divergence, order = np.broadcast_arrays(np.asarray(divergence, dtype=float), np.asarray(order, dtype=float))
    if (divergence < 0).any() or n_values < 2:
        raise ValueError("divergences must not be negative, and a secret has at least two values")
    low, high = np.full(divergence.shape, 1 / n_values), np.ones(divergence.shape)
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        allowed = bernoulli_divergence(middle, 1 / n_values, order) <= divergence
        low, high = np.where(allowed, middle, low), np.where(allowed, high, middle)
    return high


def renyi_fano(divergences: np.ndarray, n_values: int) -> tuple[float, float]:
    """The least bound over ``ORDERS``, given the divergence at each of them, and the order that gives it."""
    bounds = largest_success(divergences, ORDERS, n_values)
    best = int(bounds.argmin())
    return float(bounds[best]), float(ORDERS[best])


def shannon_fano(information: float, n_values: int) -> float:
    """The bound from the mutual information of secret and output."""
    return float(largest_success(information, 1.0, n_values))


def half_success_divergence(n_values: int) -> float:
    """The rate r at which the Renyi-Fano bound is 1/2 for D_a = r a, as Gaussian noise has it.

    The bound is at least 1/2 if d_a(1/2 || 1/M) <= r a at every order, that is from the largest ratio on.
    """
    return float((bernoulli_divergence(0.5, 1 / n_values, ORDERS) / ORDERS).max())


# --- Rival bounds -----------------------------------------------------------------------------------------


def posterior_bound(epsilon: float, n_values: int, delta: float = 0.0) -> float:
    """s <= (e^eps + (M-1) delta)/(e^eps + M - 1) if replacing the secret is (eps, delta)-indistinguishable.

    From P_x(right) <= e^eps P_x'(guess is x) + delta, averaged over all pairs of different values.
    """
    blind = (n_values - 1) * np.exp(-epsilon)
    return float((1 + blind * delta) / (1 + blind))


def removal_bound(epsilon: float, n_values: int, delta: float = 0.0) -> float:
    """s <= e^eps/M + delta if removing the record that holds the secret is (eps, delta)-indistinguishable."""
    return float(min(np.exp(epsilon) / n_values + delta, 1.0))


def advantage_bound(epsilon: float, n_values: int) -> float:
    """The success at which the rescaled advantage is e^eps - 1 (Yeom et al. 2018), or one."""
    return float(1 / n_values + (1 - 1 / n_values) * min(np.expm1(epsilon), 1.0))


# --- Any finite channel -----------------------------------------------------------------------------------


def map_success(channel: np.ndarray) -> float:
    """Success of the best guess, (1/M) sum_y max_x P_x(y), of a channel (M, outputs) with laws as rows."""
    return float(channel.max(axis=0).sum() / len(channel))


def mutual_information(channel: np.ndarray) -> float:
    """I(X; Y) of a channel (M, outputs) at a uniform secret."""
    return float(rel_entr(channel, channel.mean(axis=0)).sum() / len(channel))


def renyi_information(channel: np.ndarray, order: float, reference: np.ndarray) -> float:
    """1/(a-1) log mean_x exp((a-1) D_a(P_x || Q)) at order a > 1 for a positive reference law Q (outputs,)."""
    with np.errstate(divide="ignore"):
        powers = order * np.log(channel) + (1 - order) * np.log(reference)
    return float((logsumexp(powers) - np.log(len(channel))) / (order - 1))


def sibson_information(channel: np.ndarray, order: float) -> float:
    """The least ``renyi_information`` over Q, a/(a-1) log sum_y ((1/M) sum_x P_x(y)^a)^(1/a); I(X; Y) at order 1."""
    if order == 1:
        return mutual_information(channel)
    with np.errstate(divide="ignore"):
        means = logsumexp(order * np.log(channel), axis=0) - np.log(len(channel))
    return float(order / (order - 1) * logsumexp(means / order))


# --- Randomised response ----------------------------------------------------------------------------------


def keep_probability(epsilon: float, n_values: int) -> float:
    """Chance e^eps/(e^eps + M - 1) that randomised response reports the truth."""
    return float(1 / (1 + (n_values - 1) * np.exp(-epsilon)))


def response_channel(keep: float, n_values: int) -> np.ndarray:
    """(M, M): the truth with probability ``keep``, else any other value."""
    channel = np.full((n_values, n_values), (1 - keep) / (n_values - 1))
    np.fill_diagonal(channel, keep)
    return channel


def responses(secrets: np.ndarray, keep: float, n_values: int, rng: np.random.Generator) -> np.ndarray:
    """One response to each secret, in the shape of the secrets."""
    lies = (secrets + rng.integers(1, n_values, secrets.shape)) % n_values
    return np.where(rng.random(secrets.shape) < keep, secrets, lies)


def response_rdp(epsilon: float, n_values: int) -> np.ndarray:
    """D_a(P_x || P_x') of randomised response at ``ORDERS``, the same for all pairs x, x'."""
    log_keep = np.log(keep_probability(epsilon, n_values))
    log_lie = log_keep - epsilon
    swapped = np.logaddexp(ORDERS * log_keep + (1 - ORDERS) * log_lie, ORDERS * log_lie + (1 - ORDERS) * log_keep)
    if n_values == 2:
        return swapped / (ORDERS - 1)
    return np.logaddexp(swapped, np.log(n_values - 2) + log_lie) / (ORDERS - 1)


# --- Gaussian noise on a one-hot vector -------------------------------------------------------------------


def gaussian_map_success(sigma: float, n_values: int) -> float:
    """Chance that coordinate X of e_X + sigma g is the largest, the integral of phi(z - 1/sigma) Phi(z)^(M-1)."""
    z, step = np.linspace(-10, 10, 4001, retstep=True)
    log_density = -(z**2) / 2 - np.log(2 * np.pi) / 2
    # The integrand vanishes at both ends, where the trapezoidal sum converges faster than any power of the step.
    return float(np.exp(log_density + (n_values - 1) * log_ndtr(z + 1 / sigma)).sum() * step)


def gaussian_half_success(n_values: int) -> float:
    """1/sigma^2 at which the best guess succeeds half of the time; needs more than two values."""
    return float(brentq(lambda x: gaussian_map_success(x**-0.5, n_values) - 0.5, 1e-8, 100.0))


def gaussian_information(sigma: float, n_values: int, n_draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """I = log M + E log softmax_X(Y/sigma^2) by Monte Carlo, and its standard error.

    By symmetry the secret is the first value in every draw.
    """
    batch = max(BATCH_ENTRIES // n_values, 1)
    log_posteriors = []
    for start in range(0, n_draws, batch):
        scores = rng.standard_normal((min(batch, n_draws - start), n_values))
        scores[:, 0] += 1 / sigma
        scores /= sigma
        log_posteriors.append(scores[:, 0] - _log_sum_exp(scores))
    return information_estimate(np.concatenate(log_posteriors), n_values)


def information_estimate(log_posteriors: np.ndarray, n_values: int) -> tuple[float, float]:
    """Mutual information and standard error from draws (n,) of the log-posterior of the true value."""
    return float(np.log(n_values) + log_posteriors.mean()), float(log_posteriors.std() / len(log_posteriors) ** 0.5)


def _log_sum_exp(scores: np.ndarray) -> np.ndarray:
    """Over the last axis; leaner than SciPy's, which is made for signs and weights as well."""
    largest = scores.max(axis=-1, keepdims=True)
    return np.log(np.exp(scores - largest).sum(axis=-1)) + largest[..., 0]
