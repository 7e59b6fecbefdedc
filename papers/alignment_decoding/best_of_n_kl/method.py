"""The best-of-n policy: its law, its divergence from the base, and estimators of that divergence (arXiv 2401.01879).

A base policy is an array (..., M) of probabilities whose outcomes stand in the order of increasing reward, all
rewards distinct; outcomes of probability 0 are padding. F is its cumulative distribution, F^- the one that excludes
the outcome itself. Divergences are in nats.
"""

import numpy as np


def log_cumulative(base: np.ndarray) -> np.ndarray:
    """log F, shape (..., M), accurate also where F is close to one."""
    head = np.cumsum(base, axis=-1)
    tail = np.cumsum(base[..., ::-1], axis=-1)[..., ::-1] - base
    with np.errstate(divide="ignore"):
        return np.where(head < 0.5, np.log(head), np.log1p(-np.minimum(tail, head)))


def log_best_of_n(base: np.ndarray, n: int) -> np.ndarray:
    """log pi_n = log(F^n - F^-^n), shape (..., M), without cancellation: F^-/F = 1 - p/F."""
    log_f = log_cumulative(base)
    with np.errstate(divide="ignore"):
        share = np.minimum(base / np.exp(log_f), 1.0)
        return n * log_f + np.log(-np.expm1(n * np.log1p(-share)))


def divergence(base: np.ndarray, n: int) -> np.ndarray:
    """Exact KL(pi_n || p), shape (...)."""
    log_policy = log_best_of_n(base, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.exp(log_policy) * (log_policy - np.log(base))
    return np.where(base > 0, terms, 0.0).sum(axis=-1)


def formula(n: int) -> float:
    """The popular expression log n - (n-1)/n."""
    return float(np.log(n) - (n - 1) / n)


def asymptotic_formula(n: int) -> float:
    """log n - 1, which the expression approaches from above."""
    return float(np.log(n) - 1)


def estimator(probability: np.ndarray, n: int) -> np.ndarray:
    """The paper's estimate of the divergence from the probability e = p(y) of one winner y.

    (1-e)^n [log n + (n-1) log(1-e) - (n-1)/n] + (1 - (1-e)^n) log((1 - (1-e)^n)/e), which is the exact divergence
    for a best outcome of mass e above a continuum. It is `formula` at e = 0 and zero at e = 1.

    Parameters
    ----------
    probability : array, any shape, in [0, 1]

    Returns
    -------
    array of that shape
    """
    e = np.asarray(probability, dtype=float)
    inside = np.clip(e, 1e-300, 1 - 1e-16)
    log_none = n * np.log1p(-inside)  # log (1-e)^n: none of n draws is the outcome
    some = -np.expm1(log_none)
    below = np.exp(log_none) * (np.log(n) + (n - 1) * np.log1p(-inside) - (n - 1) / n)
    estimate = below + some * np.log(some / inside)
    return np.where(e >= 1, 0.0, np.where(e <= 0, formula(n), estimate))


def expected_estimate(base: np.ndarray, n: int) -> np.ndarray:
    """Mean of `estimator` over winners y ~ pi_n, shape (...)."""
    return (np.exp(log_best_of_n(base, n)) * estimator(base, n)).sum(axis=-1)


def win_rate(base: np.ndarray, n: int, tie: float = 0.5) -> np.ndarray:
    """Probability that a draw of best-of-n beats one of the base, a tie counting `tie`: sum pi_n (F - (1-tie) p)."""
    wins = np.exp(log_cumulative(base)) - (1 - tie) * base
    return (np.exp(log_best_of_n(base, n)) * wins).sum(axis=-1)


def draw_rounds(base: np.ndarray, n: int, n_rounds: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Play best-of-n: `n_rounds` rounds of n draws from a base (M,).

    Returns
    -------
    draws : integer array (n_rounds, n)
    winners : integer array (n_rounds,)
        The outcome of highest reward in each round.
    """
    uniform = rng.random((n_rounds, n))
    draws = np.minimum(np.searchsorted(np.cumsum(base), uniform, side="right"), base.size - 1)
    return draws, draws.max(axis=1)


def plug_in_estimate(winners: np.ndarray, base: np.ndarray, n: int) -> float:
    """Mean of log(pi_n/p) over winners: unbiased, needs the exact policy."""
    return float((log_best_of_n(base, n) - np.log(base))[winners].mean())


def empirical_estimate(winners: np.ndarray, draws: np.ndarray, n_outcomes: int) -> float:
    """Divergence of the winners' from the draws' empirical frequencies."""
    policy = np.bincount(winners, minlength=n_outcomes) / winners.size
    base = np.bincount(draws.ravel(), minlength=n_outcomes) / draws.size
    seen = policy > 0  # winners are among the draws, so the base has seen them too
    return float((policy[seen] * np.log(policy[seen] / base[seen])).sum())
