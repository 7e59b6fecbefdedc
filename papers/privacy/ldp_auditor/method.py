"""LDP-Auditor: the privacy loss of a local randomiser as an attack sees it (Arcolezi and Gambs, PoPETs 2024).

An audit runs a client many times on v1 and on v2, lets an attack guess the value from each report, and counts how
often the guess is v1. What these two counts prove is the business of ``papers.privacy.auditing``.

The client and the attack draw from generators of their own: the first protects the user, the second is the
adversary's. ``values`` is an integer array (n_users,) with entries in [0, domain_size), and reports are whatever
the client returns.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import quad
from scipy.special import ndtr

from .. import frequency_oracles as oracles
from .. import gaussian_mechanism as gaussian
from .. import histogram_encodings as histogram
from .. import local_hashing as hashing
from ..frequency_oracles import SupportRates

BLOCK = 20_000  # users simulated at a time, to bound the memory
ONE_HOT_DISTANCE = math.sqrt(2)  # Euclidean distance of two one-hot vectors

Client = Callable[[np.ndarray, np.random.Generator], Any]
Attack = Callable[[Any, np.random.Generator], np.ndarray]


class Mechanism(NamedTuple):
    """A local randomiser and an attack on it.

    ``success`` is the probability that the guess is right, in closed form; it is the check of an audit, never
    its source. ``delta`` is that of the guarantee, 0 for pure LDP.
    """

    client: Client
    attack: Attack
    success: float
    delta: float = 0.0


# --- The attacks ------------------------------------------------------------------------------------------


def guess_supported(supports: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A uniform member of each row's support, or a uniform value where the support is empty.

    Parameters
    ----------
    supports : ndarray of bool, shape (n_users, domain_size)

    Returns
    -------
    ndarray of int, shape (n_users,)
    """
    n_users, domain_size = supports.shape
    sizes = np.count_nonzero(supports, axis=1)
    members = np.flatnonzero(supports) % domain_size  # row after row
    picks = np.cumsum(sizes) - sizes + (rng.random(n_users) * sizes).astype(np.int64)
    guesses = rng.integers(domain_size, size=n_users)
    guesses[sizes > 0] = members[picks[sizes > 0]]
    return guesses


def guess_largest(noisy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The value of the largest noisy entry; noise from a density leaves no ties to break."""
    return noisy.argmax(axis=1)


def guess_most_supported(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The value that most reports of the user support, ties at random."""
    return guess_supported(counts == counts.max(axis=1, keepdims=True), rng)


# --- The mechanisms ---------------------------------------------------------------------------------------


def pure_mechanisms(domain_size: int, epsilon: float, shared_key: np.uint64 | None = None) -> dict[str, Mechanism]:
    """The paper's eight pure protocols, all epsilon-LDP.

    Parameters
    ----------
    shared_key : uint64, optional
        One hash for all reports of BLH and OLH, in place of a fresh one for each.
    """
    k = domain_size
    unary = {"SUE": oracles.sue_rates(epsilon), "OUE": oracles.oue_rates(epsilon)}
    cells = {"BLH": hashing.BINARY_CELLS, "OLH": hashing.optimal_cells(epsilon)}
    return {
        "GRR": Mechanism(
            lambda values, rng: oracles.grr_reports(values, k, epsilon, rng),
            lambda reports, rng: reports,
            oracles.grr_attack_success(k, epsilon),
        ),
        "SS": Mechanism(
            lambda values, rng: oracles.subset_selection_reports(values, k, epsilon, rng),
            oracles.guess_from_subsets,
            oracles.subset_selection_attack_success(k, epsilon),
        ),
        **{name: unary_mechanism(k, rates) for name, rates in unary.items()},
        "THE": threshold_mechanism(k, epsilon),
        "SHE": Mechanism(
            lambda values, rng: histogram.histogram_reports(values, k, epsilon, rng),
            guess_largest,
            histogram.summation_attack_success(k, epsilon),
        ),
        **{name: hashing_mechanism(k, n_cells, epsilon, shared_key) for name, n_cells in cells.items()},
    }


def approximate_mechanisms(domain_size: int, epsilon: float, delta: float) -> dict[str, Mechanism]:
    """One-hot vectors with Gaussian noise, (epsilon, delta)-LDP: classical (GM) and analytic (AGM) calibration."""
    sigmas = {
        "GM": gaussian.classical_gaussian_sigma(epsilon, delta, ONE_HOT_DISTANCE),
        "AGM": gaussian.gaussian_sigma(epsilon, delta, ONE_HOT_DISTANCE),
    }
    return {name: gaussian_mechanism(domain_size, sigma, delta) for name, sigma in sigmas.items()}


def unary_mechanism(domain_size: int, rates: SupportRates) -> Mechanism:
    return Mechanism(
        lambda values, rng: oracles.unary_reports(values, domain_size, rates, rng),
        guess_supported,
        oracles.unary_attack_success(domain_size, rates),
    )


def threshold_mechanism(domain_size: int, epsilon: float) -> Mechanism:
    threshold = histogram.optimal_threshold(epsilon)
    return Mechanism(
        lambda values, rng: histogram.histogram_reports(values, domain_size, epsilon, rng),
        lambda reports, rng: guess_supported(histogram.threshold_bits(reports, threshold), rng),
        oracles.unary_attack_success(domain_size, histogram.threshold_rates(threshold, epsilon)),
    )


def hashing_mechanism(domain_size: int, n_cells: int, epsilon: float, shared_key: np.uint64 | None = None) -> Mechanism:
    """Local hashing; an infinite epsilon leaves the cell as it is, which is hashing alone (case study on LHO)."""

    def client(values: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if shared_key is None:
            keys = hashing.draw_hashes(len(values), rng)
        else:
            keys = np.full(len(values), shared_key)
        if math.isinf(epsilon):
            return keys, hashing.hash_values(keys, values, n_cells)
        return keys, hashing.local_hashing_reports(values, keys, n_cells, epsilon, rng)

    def attack(reports: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        return guess_supported(hashing.supported_values(*reports, domain_size, n_cells), rng)

    alone = SupportRates(1.0, 1 / n_cells)
    rates = alone if math.isinf(epsilon) else hashing.local_hashing_rates(n_cells, epsilon)
    return Mechanism(client, attack, hashing.local_hashing_attack_success(domain_size, rates))


def gaussian_mechanism(domain_size: int, sigma: float, delta: float) -> Mechanism:
    def client(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        reports = rng.normal(scale=sigma, size=(len(values), domain_size))
        reports[np.arange(len(values)), values] += 1
        return reports

    return Mechanism(client, guess_largest, gaussian_attack_success(domain_size, sigma), delta)


def gaussian_attack_success(domain_size: int, sigma: float) -> float:
    """Probability that the largest entry is the user's, E[Phi(Z + 1/sigma)^(k-1)] for a standard normal Z."""

    def density(z: float) -> float:
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * ndtr(z + 1 / sigma) ** (domain_size - 1)

    return quad(density, -12, 12, points=[0], limit=200)[0]


# --- The faulty library -----------------------------------------------------------------------------------


def faulty_unary_reports(
    values: np.ndarray, domain_size: int, rates: SupportRates, rng: np.random.Generator
) -> np.ndarray:
    """The bits that pure-ldp sent before version 1.2.0 (its issue 11), shape (n_users, domain_size).

    All bits are drawn with probability q*, and the user's own is then set with probability p* and otherwise
    left as it was, where it should be cleared.
    """
    bits = rng.random((len(values), domain_size)) < rates.false
    bits[np.arange(len(values)), values] |= rng.random(len(values)) < rates.true
    return bits


def faulty_unary_rates(rates: SupportRates) -> SupportRates:
    """The rates of the faulty client: the user's bit is set with probability p* + (1-p*)q*."""
    return SupportRates(rates.true + (1 - rates.true) * rates.false, rates.false)


def faulty_unary_mechanism(domain_size: int, rates: SupportRates) -> Mechanism:
    return Mechanism(
        lambda values, rng: faulty_unary_reports(values, domain_size, rates, rng),
        guess_supported,
        oracles.unary_attack_success(domain_size, faulty_unary_rates(rates)),
    )


def unary_privacy_loss(rates: SupportRates) -> float:
    """The least epsilon of a unary encoding with p* > q*, ln(p*(1-q*)/((1-p*)q*))."""
    return math.log(rates.true * (1 - rates.false) / ((1 - rates.true) * rates.false))


# --- The audit --------------------------------------------------------------------------------------------


def play_audit(
    mechanism: Mechanism,
    inputs: np.ndarray,
    n_trials: int,
    client_rng: np.random.Generator,
    attack_rng: np.random.Generator,
) -> tuple[int, int]:
    """How often the attack guesses v1 in ``n_trials`` runs on v1 and in as many on v2: (TP, FP) of Alg. 1.

    Parameters
    ----------
    inputs : ndarray of int, shape (2,)
        v1 and v2.
    """
    target = inputs[0]
    hits = [0, 0]
    for which, value in enumerate(inputs):
        for start in range(0, n_trials, BLOCK):
            values = np.full(min(BLOCK, n_trials - start), value)
            guesses = mechanism.attack(mechanism.client(values, client_rng), attack_rng)
            hits[which] += np.count_nonzero(guesses == target)
    return hits[0], hits[1]


def predicted_log_ratio(success: float, domain_size: int) -> float:
    """ln(TPR/FPR) of an attack that always names a value and treats the wrong ones alike.

    Then the false positive rate is (1-TPR)/(k-1), by symmetry between the k-1 values other than v2.
    """
    return math.log(success * (domain_size - 1) / (1 - success))


# --- Many reports of one user -----------------------------------------------------------------------------


def repeated_support_clients(domain_size: int, epsilon: float) -> dict[str, Client]:
    """Clients whose report is returned as its supports, boolean (n_users, domain_size)."""
    rates, n_cells = oracles.oue_rates(epsilon), hashing.optimal_cells(epsilon)

    def direct(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return oracles.grr_reports(values, domain_size, epsilon, rng)[:, None] == np.arange(domain_size)

    def unary(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return oracles.unary_reports(values, domain_size, rates, rng)

    def hashed(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        keys = hashing.draw_hashes(len(values), rng)
        cells = hashing.local_hashing_reports(values, keys, n_cells, epsilon, rng)
        return hashing.supported_values(keys, cells, domain_size, n_cells)

    return {"GRR": direct, "OUE": unary, "OLH": hashed}


def play_longitudinal_audit(
    client: Client,
    inputs: np.ndarray,
    domain_size: int,
    report_numbers: list[int],
    n_trials: int,
    client_rng: np.random.Generator,
    attack_rng: np.random.Generator,
) -> dict[int, tuple[int, int]]:
    """(TP, FP) after each of the given numbers of independent reports of the same value.

    The attack names the value supported most often so far, ties at random. The audits share the users: the one
    after 25 reports sees the first five of them again.
    """
    hits = {n_reports: [0, 0] for n_reports in report_numbers}
    for which, value in enumerate(inputs):
        values = np.full(n_trials, value)
        counts = np.zeros((n_trials, domain_size), dtype=np.int64)
        for n_reports in range(1, max(report_numbers) + 1):
            counts += client(values, client_rng)
            if n_reports in hits:
                hits[n_reports][which] = np.count_nonzero(guess_most_supported(counts, attack_rng) == inputs[0])
    return {n_reports: (true, false) for n_reports, (true, false) in hits.items()}
