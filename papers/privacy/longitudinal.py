"""Memoised reports of a value that changes: two randomisations in a chain, of which users keep the first.

A user who reports again and again draws a first response once for each input and keeps it (the memo); every report
randomises the memo afresh. The memo bounds what all reports of one input reveal, by eps_inf; the second round makes
a single report reveal less, eps_1, and hides when the memo changes (RAPPOR, Erlingsson et al. 2014). The chains are
those of Arcolezi et al. 2022, "Improving the Utility of Locally Differentially Private Protocols for Longitudinal and
Multidimensional Frequency Estimates".

=======  ==================  ==================  ==============================================
chain    first round         second round        calibration to eps_1
=======  ==================  ==================  ==============================================
L-GRR    GRR at eps_inf      GRR at eps_irr      closed form, exact for two values only
L-SUE    SUE at eps_inf      symmetric bits      root of the first-report equation (RAPPOR)
L-OSUE   OUE at eps_inf      symmetric bits      same; also in closed form
L-OUE    OUE at eps_inf      bits with p2 = 1/2  same
L-SOUE   SUE at eps_inf      bits with p2 = 1/2  same
=======  ==================  ==================  ==============================================

Both rounds together support values like one round with other rates (``Chain.rates``), so that the estimator and the
variance of ``frequency_oracles`` serve them too. Here E(x) stands for e^x.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from .frequency_oracles import SupportRates, grr_rates, grr_reports, oue_rates, sue_rates, unary_reports

NO_SECOND_ROUND = SupportRates(1.0, 0.0)


class Chain(NamedTuple):
    """(p1, q1) of the memo and (p2, q2) of a report given the memo; in a unary chain, of every bit."""

    first: SupportRates
    second: SupportRates

    @property
    def rates(self) -> SupportRates:
        """p1 p2 + (1-p1) q2 and q1 p2 + (1-q1) q2: how often a report supports the true and another value."""
        p2, q2 = self.second
        return SupportRates(*(rate * p2 + (1 - rate) * q2 for rate in self.first))


class MemoTable(NamedTuple):
    """Which memo is behind which report.

    Attributes
    ----------
    inputs, users : ndarray of int, shape (n_entries,)
        What each memo is a response to, and whose it is.
    entries : ndarray of int, shape (n_users, n_collections)
        Index of the memo behind each report.
    """

    inputs: np.ndarray
    users: np.ndarray
    entries: np.ndarray

    def entries_per_user(self) -> np.ndarray:
        """Shape (n_users,); times eps_inf, the budget that the user has spent."""
        return np.bincount(self.users, minlength=len(self.entries))


def memo_table(streams: np.ndarray, n_inputs: int, memoise: bool = True) -> MemoTable:
    """One entry for each distinct input of each user; without memoisation, one for each report.

    Parameters
    ----------
    streams : ndarray of int, shape (n_users, n_collections)
        Inputs in [0, n_inputs) in order of time.
    """
    n_users, n_collections = streams.shape
    if not memoise:
        users = np.repeat(np.arange(n_users), n_collections)
        return MemoTable(streams.ravel(), users, np.arange(streams.size).reshape(streams.shape))
    codes = np.arange(n_users)[:, None] * n_inputs + streams
    distinct, entries = np.unique(codes, return_inverse=True)
    return MemoTable(distinct % n_inputs, distinct // n_inputs, entries.reshape(streams.shape))


# --- Generalised randomised response, twice ---------------------------------------------------------------


def second_round_epsilon(epsilon_inf: float, epsilon_first: float) -> float:
    """eps_irr = ln[(E(eps_inf + eps_1) - 1)/(E(eps_inf) - E(eps_1))].

    Raises
    ------
    ValueError
        Unless 0 < eps_1 < eps_inf.
    """
    if not 0 < epsilon_first < epsilon_inf:
        raise ValueError(f"the first report must get less than the memo: 0 < {epsilon_first} < {epsilon_inf} is false")
    numerator = math.expm1(epsilon_inf + epsilon_first)
    return math.log(numerator / (math.exp(epsilon_inf) - math.exp(epsilon_first)))


def grr_chain(domain_size: int, epsilon_inf: float, epsilon_second: float) -> Chain:
    """GRR at eps_inf, then at ``epsilon_second``; infinity stands for no second round."""
    second = NO_SECOND_ROUND if math.isinf(epsilon_second) else grr_rates(domain_size, epsilon_second)
    return Chain(grr_rates(domain_size, epsilon_inf), second)


def grr_chain_epsilon(domain_size: int, chain: Chain) -> float:
    """What one report reveals, ln[(p1 p2 + (k-1) q1 q2)/(p1 q2 + q1 p2 + (k-2) q1 q2)]."""
    (p1, q1), (p2, q2) = chain
    same = p1 * p2 + (domain_size - 1) * q1 * q2
    return math.log(same / (p1 * q2 + q1 * p2 + (domain_size - 2) * q1 * q2))


def grr_chain_reports(
    table: MemoTable, domain_size: int, epsilon_inf: float, epsilon_second: float, rng: np.random.Generator
) -> np.ndarray:
    """Reports (n_users, n_collections) of one value each."""
    memos = grr_reports(table.inputs, domain_size, epsilon_inf, rng)[table.entries]
    if math.isinf(epsilon_second):
        return memos
    return grr_reports(memos.ravel(), domain_size, epsilon_second, rng).reshape(memos.shape)


# --- Unary encodings, twice -------------------------------------------------------------------------------


def unary_epsilon(rates: SupportRates) -> float:
    """What a unary encoding with independent bits reveals, ln[p(1-q)/(q(1-p))]."""
    return math.log(rates.true * (1 - rates.false) / (rates.false * (1 - rates.true)))


def unary_chain(first: SupportRates, epsilon_first: float, second: Callable[[float], SupportRates]) -> Chain:
    """The chain whose single report reveals eps_1.

    Parameters
    ----------
    second : callable
        Rates of the second round for a strength in (0, 1), at 0 pure noise: ``symmetric_bits`` or ``half_bits``.

    Raises
    ------
    ValueError
        If no strength gives eps_1: it must be positive, and below what the memo with the strongest round reveals.
    """
    strength = brentq(
        lambda t: unary_epsilon(Chain(first, second(t)).rates) - epsilon_first, 1e-9, 1 - 1e-12, xtol=1e-15, rtol=1e-14
    )
    return Chain(first, second(float(strength)))


def symmetric_bits(strength: float) -> SupportRates:
    """p2 = 1 - q2."""
    return SupportRates((1 + strength) / 2, (1 - strength) / 2)


def half_bits(strength: float) -> SupportRates:
    """p2 = 1/2."""
    return SupportRates(0.5, (1 - strength) / 2)


def l_sue(epsilon_inf: float, epsilon_first: float) -> Chain:
    """Symmetric twice: RAPPOR."""
    return unary_chain(sue_rates(epsilon_inf), epsilon_first, symmetric_bits)


def l_osue(epsilon_inf: float, epsilon_first: float) -> Chain:
    """Optimised, then symmetric."""
    return unary_chain(oue_rates(epsilon_inf), epsilon_first, symmetric_bits)


def l_oue(epsilon_inf: float, epsilon_first: float) -> Chain:
    """Optimised twice."""
    return unary_chain(oue_rates(epsilon_inf), epsilon_first, half_bits)


def l_soue(epsilon_inf: float, epsilon_first: float) -> Chain:
    """Symmetric, then optimised."""
    return unary_chain(sue_rates(epsilon_inf), epsilon_first, half_bits)


def unary_memos(table: MemoTable, domain_size: int, first: SupportRates, rng: np.random.Generator) -> np.ndarray:
    """First responses (n_entries, domain_size), boolean."""
    return unary_reports(table.inputs, domain_size, first, rng)


def unary_support_counts(
    table: MemoTable, memos: np.ndarray, second: SupportRates, rng: np.random.Generator
) -> np.ndarray:
    """Column sums (n_collections, domain_size) of the reports.

    Given the memos, the bits of the second round are independent, and so a sum is drawn in one go, as two binomials.
    """
    sums = np.array([np.count_nonzero(memos[entries], axis=0) for entries in table.entries.T])
    return rng.binomial(sums, second.true) + rng.binomial(len(table.entries) - sums, second.false)


def unary_chain_reports(
    table: MemoTable, memos: np.ndarray, second: SupportRates, rng: np.random.Generator
) -> np.ndarray:
    """The reports themselves, boolean (n_users, n_collections, domain_size)."""
    bits = memos[table.entries]
    return rng.random(bits.shape) < np.where(bits, second.true, second.false)
