"""LOLOHA: longitudinal local hashing (Arcolezi, Pinzón, Palamidessi and Gambs, EDBT 2023), and its rivals.

A user hashes values to g cells with one own function, keeps a randomised response for each cell (the memo), and
randomises it again at every report. There are only g memos to keep, whatever the domain, and so all reports together
reveal at most g eps_inf; with one memo per value that bound is k eps_inf.

``values`` is an integer array (n_users, n_collections) with entries in [0, domain_size); estimates have shape
(n_collections, domain_size) and are neither clipped nor scaled. All randomness here protects users, and comes from
the generator that is given. E(x) stands for e^x.
"""

import math
from typing import NamedTuple

import numpy as np

from .. import local_hashing as hashing
from .. import longitudinal
from ..frequency_oracles import SupportRates, count_items, sue_rates, unary_reports
from ..longitudinal import Chain, MemoTable

BILOLOHA_CELLS = 2


# --- LOLOHA -----------------------------------------------------------------------------------------------


def optimal_cells_real(epsilon_inf: float, alpha: float) -> float:
    """g*, the real number of cells with the least approximate variance at eps_1 = alpha eps_inf (OLOLOHA)."""
    a, b = math.exp(epsilon_inf), math.exp(alpha * epsilon_inf)
    root = math.sqrt(a**4 - 14 * a**2 - 12 * a**2 * b**2 + 12 * a * b + 12 * a**3 * b + 1)
    return (root - a**2 + 6 * a - 6 * b + 1) / (6 * (a - b))


def ololoha_cells(epsilon_inf: float, alpha: float) -> int:
    """The number of cells of OLOLOHA, max(2, round(g*))."""
    return max(2, round(optimal_cells_real(epsilon_inf, alpha)))


class Loloha(NamedTuple):
    """The protocol with g cells; an infinite second budget stands for no second round.

    ``chain`` acts on cells. On values, the first round supports a wrong value with probability 1/g over the choice of
    the hash, so that a server that counts cells with ``chain`` alone is biased.
    """

    n_cells: int
    epsilon_inf: float
    epsilon_second: float

    @property
    def chain(self) -> Chain:
        return longitudinal.grr_chain(self.n_cells, self.epsilon_inf, self.epsilon_second)

    @property
    def rates(self) -> SupportRates:
        """Rates of both rounds on values: q1' = 1/g in place of q1 (the server)."""
        first, second = self.chain
        return Chain(SupportRates(first.true, 1 / self.n_cells), second).rates

    def memos(self, values: np.ndarray, keys: np.ndarray, memoise: bool = True) -> MemoTable:
        """The memo of a report belongs to the cell of the value."""
        cells = hashing.hash_values(keys[:, None], values, self.n_cells)
        return longitudinal.memo_table(cells, self.n_cells, memoise)

    def reports(self, table: MemoTable, rng: np.random.Generator) -> np.ndarray:
        """Cells (n_users, n_collections) that the users send (the client)."""
        return longitudinal.grr_chain_reports(table, self.n_cells, self.epsilon_inf, self.epsilon_second, rng)

    def support_counts(
        self, values: np.ndarray, domain_size: int, rng: np.random.Generator, memoise: bool = True
    ) -> np.ndarray:
        """C_v of each collection (n_collections, domain_size): how many reports are the user's cell of v."""
        keys = hashing.draw_hashes(len(values), rng)
        reports = self.reports(self.memos(values, keys, memoise), rng)
        return np.array(
            [hashing.local_hashing_support_counts(keys, cells, domain_size, self.n_cells) for cells in reports.T]
        )


def loloha(n_cells: int, epsilon_inf: float, epsilon_first: float) -> Loloha:
    """LOLOHA with the paper's second budget."""
    return Loloha(n_cells, epsilon_inf, longitudinal.second_round_epsilon(epsilon_inf, epsilon_first))


def loloha_variance(n_cells: int, epsilon_inf: float, epsilon_first: float) -> float:
    """Approximate variance times the number of users, s(1-s)/((p1-q1')(p2-q2))^2 at frequency 0."""
    return float(loloha(n_cells, epsilon_inf, epsilon_first).rates.variance())


# --- Chains with a memo per value -------------------------------------------------------------------------


def unary_chain_estimates(
    values: np.ndarray, domain_size: int, chain: Chain, rng: np.random.Generator, memoise: bool = True
) -> np.ndarray:
    """RAPPOR and L-OSUE: k bits, memoised for each value."""
    table = longitudinal.memo_table(values, domain_size, memoise)
    memos = longitudinal.unary_memos(table, domain_size, chain.first, rng)
    counts = longitudinal.unary_support_counts(table, memos, chain.second, rng)
    return chain.rates.estimate(counts, len(values))


def grr_chain_estimates(
    values: np.ndarray,
    domain_size: int,
    epsilon_inf: float,
    epsilon_first: float,
    rng: np.random.Generator,
    memoise: bool = True,
) -> np.ndarray:
    """L-GRR: a value, memoised for each value."""
    epsilon_second = longitudinal.second_round_epsilon(epsilon_inf, epsilon_first)
    table = longitudinal.memo_table(values, domain_size, memoise)
    reports = longitudinal.grr_chain_reports(table, domain_size, epsilon_inf, epsilon_second, rng)
    counts = np.array([count_items(column, domain_size) for column in reports.T])
    return longitudinal.grr_chain(domain_size, epsilon_inf, epsilon_second).rates.estimate(counts, len(values))


# --- dBitFlipPM (Ding, Kulkarni and Yekhanin 2017), a bucket for each value --------------------------------


def sample_buckets(n_users: int, domain_size: int, n_bits: int, rng: np.random.Generator) -> np.ndarray:
    """The d buckets (n_users, n_bits) that each user reports on, drawn once and for all."""
    if n_bits == domain_size:
        return np.tile(np.arange(domain_size), (n_users, 1))
    if n_bits == 1:
        return rng.integers(domain_size, size=(n_users, 1))
    return rng.random((n_users, domain_size)).argsort(axis=1)[:, :n_bits]


def bit_flip_memos(values: np.ndarray, sampled: np.ndarray, domain_size: int, memoise: bool = True) -> MemoTable:
    """One memo for each pattern of the sampled bits: input j if bucket j of the sample holds the value, d if none."""
    n_users, n_bits = sampled.shape
    users = np.arange(n_users)[:, None]
    position = np.full((n_users, domain_size), n_bits)
    position[users, sampled] = np.arange(n_bits)
    return longitudinal.memo_table(position[users, values], n_bits + 1, memoise)


def bit_flip_responses(table: MemoTable, n_bits: int, epsilon: float, rng: np.random.Generator) -> np.ndarray:
    """Memos (n_entries, n_bits), boolean: SUE on the sampled bits; there is no second round."""
    return unary_reports(table.inputs, n_bits + 1, sue_rates(epsilon), rng)[:, :n_bits]


def bit_flip_estimates(
    values: np.ndarray, domain_size: int, n_bits: int, epsilon: float, rng: np.random.Generator, memoise: bool = True
) -> np.ndarray:
    """(k/(n d)) sum over the users who sampled v of (bit - q)/(p - q)."""
    sampled = sample_buckets(len(values), domain_size, n_bits, rng)
    table = bit_flip_memos(values, sampled, domain_size, memoise)
    debiased = sue_rates(epsilon).estimate(bit_flip_responses(table, n_bits, epsilon, rng), 1)
    if n_bits == domain_size:
        sums = np.array([debiased[entries].sum(axis=0) for entries in table.entries.T])
    else:
        sums = np.array(
            [
                np.bincount(sampled.ravel(), debiased[entries].ravel(), minlength=domain_size)
                for entries in table.entries.T
            ]
        )
    return sums * domain_size / (len(values) * n_bits)


def bit_flip_variance(domain_size: int, n_bits: int, epsilon: float, frequency: np.ndarray) -> np.ndarray:
    """Variance of ``bit_flip_estimates`` times the number of users, (k/d)(V_f + f) - f, with V_f that of SUE."""
    share = domain_size / n_bits
    return share * (sue_rates(epsilon).variance(frequency) + frequency) - frequency


def visible_changes(table: MemoTable, responses: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """What a server learns from memos that are sent as they are.

    Returns
    -------
    tracked : float
        Share of users whose distinct values all have distinct responses, so that every change shows.
    visible : float
        Share of the changes of value at which the response changes.
    """
    _, labels = np.unique(np.packbits(responses, axis=1), axis=0, return_inverse=True)
    sent = labels.reshape(-1)[table.entries]
    n_labels = int(labels.max()) + 1
    n_responses = longitudinal.memo_table(sent, n_labels).entries_per_user()
    n_values = longitudinal.memo_table(values, int(values.max()) + 1).entries_per_user()
    changed = values[:, 1:] != values[:, :-1]
    return float((n_responses == n_values).mean()), float((sent[:, 1:] != sent[:, :-1])[changed].mean())


# --- What an attacker proves ------------------------------------------------------------------------------


def separating_keys(values: np.ndarray, n_users: int, n_cells: int, rng: np.random.Generator) -> np.ndarray:
    """Keys (n_users,) of hashes that put two values into different cells; under any other there is nothing to find."""
    keys = hashing.draw_hashes(4 * n_users + 100, rng)  # at least half of them will do
    first, second = hashing.hash_values(keys[:, None], values, n_cells).T
    return keys[first != second][:n_users]


def names_first_stream(
    reports: np.ndarray, cells: np.ndarray, period: int, attack_rng: np.random.Generator
) -> np.ndarray:
    """Does the attacker take the reports for those of a user who moved through ``cells``?

    The cells repeat with the given period, so that reports of one phase share a memo. The attacker says yes if in each
    phase most reports are the cell expected; ties are broken by a coin.

    Parameters
    ----------
    reports, cells : ndarray of int, shape (n_users, n_collections)

    Returns
    -------
    ndarray of bool, shape (n_users,)
    """
    agrees = reports == cells
    answer = np.ones(len(reports), bool)
    for phase in range(min(period, reports.shape[1])):
        margin = 2 * agrees[:, phase::period].mean(axis=1) - 1
        answer &= margin + (attack_rng.random(len(reports)) - 0.5) * 1e-9 > 0
    return answer


# --- After the estimate -----------------------------------------------------------------------------------


def clipped(estimates: np.ndarray) -> np.ndarray:
    """Negative frequencies set to 0 and the rest scaled to 1, as in the paper's experiments."""
    positive = estimates.clip(0)
    return positive / positive.sum(axis=-1, keepdims=True)
