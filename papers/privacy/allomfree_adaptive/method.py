"""ALLOMFREE (Arcolezi, Couchot, Al Bouna and Xiao 2022): one sampled attribute, and for it the better of two chains.

A user draws one of d attributes once and for all, memoises a response to its value with budget eps_inf, and randomises
the memo at every report, such that one report reveals eps_1. The chain is L-GRR or L-OSUE, whichever has the smaller
variance at frequency 0 in the attribute's domain. Equation numbers are those of arXiv:2111.04636v3.

Chains and their calibration are in ``longitudinal``. Estimates are neither clipped nor scaled unless ``clipped``
is applied. All randomness here protects users, and comes from the generator that is given. E(x) stands for e^x.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from .. import longitudinal
from ..frequency_oracles import SupportRates, count_items, unary_support_counts
from ..longitudinal import Chain, MemoTable

UNARY_CHAINS = {
    "L-SUE": longitudinal.l_sue,
    "L-OUE": longitudinal.l_oue,
    "L-OSUE": longitudinal.l_osue,
    "L-SOUE": longitudinal.l_soue,
}


# --- Protocols for one attribute --------------------------------------------------------------------------


class DoubleGrr(NamedTuple):
    """L-GRR: a report is a value. An infinite second budget stands for no second round."""

    domain_size: int
    epsilon_inf: float
    epsilon_second: float

    @property
    def chain(self) -> Chain:
        return longitudinal.grr_chain(self.domain_size, self.epsilon_inf, self.epsilon_second)

    def support_counts(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """N_v of one collection, shape (domain_size,): how many of the reports are v."""
        table = longitudinal.memo_table(values[:, None], self.domain_size, memoise=False)  # no memo is used twice
        return count_items(self._reports(table, rng), self.domain_size)

    def supports(self, table: MemoTable, rng: np.random.Generator) -> np.ndarray:
        """Boolean (n_users, n_collections, domain_size): is the report v?"""
        return self._reports(table, rng)[..., None] == np.arange(self.domain_size)

    def _reports(self, table: MemoTable, rng: np.random.Generator) -> np.ndarray:
        return longitudinal.grr_chain_reports(table, self.domain_size, self.epsilon_inf, self.epsilon_second, rng)


class DoubleUnary(NamedTuple):
    """L-SUE, L-OUE, L-OSUE and L-SOUE: a report is a bit for each value."""

    domain_size: int
    chain: Chain

    def support_counts(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """N_v of one collection, shape (domain_size,): how many reports have bit v set.

        All bits of all users are independent, and so the sums of the memos, and given these the sums of the reports,
        are drawn in one go.
        """
        first, second = self.chain
        memos = unary_support_counts(values, self.domain_size, first, rng)
        return rng.binomial(memos, second.true) + rng.binomial(values.size - memos, second.false)

    def supports(self, table: MemoTable, rng: np.random.Generator) -> np.ndarray:
        """Boolean (n_users, n_collections, domain_size): is bit v of the report set?"""
        memos = longitudinal.unary_memos(table, self.domain_size, self.chain.first, rng)
        return longitudinal.unary_chain_reports(table, memos, self.chain.second, rng)


Protocol = DoubleGrr | DoubleUnary


def l_grr(domain_size: int, epsilon_inf: float, epsilon_first: float) -> DoubleGrr:
    """L-GRR with the second round of Eq. 13, which is GRR at a budget that does not depend on the domain."""
    return DoubleGrr(domain_size, epsilon_inf, longitudinal.second_round_epsilon(epsilon_inf, epsilon_first))


def exact_l_grr(domain_size: int, epsilon_inf: float, epsilon_first: float) -> DoubleGrr:
    """L-GRR whose first report reveals eps_1 in any domain; not in the paper.

    Eq. 12 leaves out that a wrong memo can be followed by another wrong value, and so Eq. 13 adds more noise than
    eps_1 asks for, unless there are two values only.
    """

    def excess(epsilon_second: float) -> float:
        chain = longitudinal.grr_chain(domain_size, epsilon_inf, epsilon_second)
        return longitudinal.grr_chain_epsilon(domain_size, chain) - epsilon_first

    return DoubleGrr(domain_size, epsilon_inf, float(brentq(excess, 1e-9, 100, xtol=1e-13)))


def double_unary(name: str, domain_size: int, epsilon_inf: float, epsilon_first: float) -> DoubleUnary:
    return DoubleUnary(domain_size, UNARY_CHAINS[name](epsilon_inf, epsilon_first))


def adaptive_protocol(domain_size: int, epsilon_inf: float, epsilon_first: float) -> Protocol:
    """L-GRR unless its variance at frequency 0 (Eq. 11) exceeds that of L-OSUE (Alg. 1, lines 4 to 9)."""
    direct = l_grr(domain_size, epsilon_inf, epsilon_first)
    unary = double_unary("L-OSUE", domain_size, epsilon_inf, epsilon_first)
    return direct if direct.chain.rates.variance() <= unary.chain.rates.variance() else unary


def largest_domain(make: Callable[[int], DoubleGrr], threshold: float) -> int:
    """The largest k for which the protocol ``make(k)`` has a variance below ``threshold`` (1 if there is none).

    The variance grows with k, so that it is enough to bisect.
    """

    def wins(domain_size: int) -> bool:
        return make(domain_size).chain.rates.variance() < threshold

    low, high = 1, 2
    while wins(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wins(middle) else (low, middle)
    return low


# --- Several attributes -----------------------------------------------------------------------------------


def sample_attributes(users: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Smp: the values of those users who drew attribute j, for each j (Alg. 1, line 2)."""
    n_users, n_attributes = users.shape
    drawn = rng.integers(n_attributes, size=n_users, dtype=np.int16)
    by_attribute = np.argsort(drawn, kind="stable")
    ends = np.bincount(drawn, minlength=n_attributes).cumsum()
    return np.split(users[by_attribute, drawn[by_attribute]], ends[:-1])


def estimate(
    values: np.ndarray, protocol: Protocol, rng: np.random.Generator, server: SupportRates | None = None
) -> np.ndarray:
    """Unbiased frequencies (domain_size,) from one collection; Eq. 9 in terms of the rates of both rounds.

    Parameters
    ----------
    server : SupportRates, optional
        The rates that the server inverts; those of the chain by default.
    """
    server = protocol.chain.rates if server is None else server
    return server.estimate(protocol.support_counts(values, rng), values.size)


def sampling_variance(frequencies: np.ndarray, rates: SupportRates, n_attributes: int) -> np.ndarray:
    """n times the variance under Smp, d V_f + (d-1) f(1-f): noise on the users who drew the attribute, and the draw."""
    noise = rates.variance(frequencies)
    return n_attributes * noise + (n_attributes - 1) * frequencies * (1 - frequencies)


def clipped(estimates: np.ndarray) -> np.ndarray:
    """Negative frequencies set to 0 and the rest scaled to 1, as in the authors' experiments."""
    positive = estimates.clip(0)
    total = positive.sum(axis=-1, keepdims=True)
    return np.divide(positive, total, out=np.zeros_like(positive), where=total > 0)


# --- What reports reveal ----------------------------------------------------------------------------------


def loss_after_reports(epsilon_inf: float, epsilon_second: float, n_reports: int | np.ndarray) -> float | np.ndarray:
    """ln[(E(eps_inf + t eps_2) + 1)/(E(eps_inf) + E(t eps_2))], the form of Eq. 16.

    With the budget of the second round, ln p2/q2, this is the exact loss of t reports of one memo, in L-GRR on two
    values and in L-OSUE on any number. Eq. 16 has eps_1 in its place.
    """
    rounds = n_reports * epsilon_second
    return np.logaddexp(epsilon_inf + rounds, 0) - np.logaddexp(epsilon_inf, rounds)


def names_first_value(supports: np.ndarray) -> np.ndarray:
    """The attacker takes the user for a holder of value 0, not of value 1, if most reports support 0 and few support 1.

    Parameters
    ----------
    supports : ndarray of bool, shape (n_users, n_reports, domain_size)
        An odd number of reports leaves no ties.

    Returns
    -------
    ndarray of bool, shape (n_users,)
    """
    shares = supports.mean(axis=1)
    return (shares[:, 0] > 0.5) & (shares[:, 1] < 0.5)
