"""LDP protocols tuned for attack and variance at once (Arcolezi and Gambs 2025).

A frequency oracle has one free parameter, usually chosen for the least variance (MSE, per user, at frequency 0). The
adaptive protocols choose it by a grid search for the least

    J = w_a ASR + (1 - w_a) MSE,

where ASR is the success rate of an attacker who sees one report of a user with a uniform value and guesses a uniform
member of the report's support, or of [k] if the support is empty.

======  ===============================  =========================  ========
family  parameter                        standard                   adaptive
======  ===============================  =========================  ========
SS      subset size w                    max(1, round(k/(E+1)))     ASS
UE      p*, the rate of a true bit       1/2 (OUE)                  AUE
LH      cells g of the hash              round(E)+1 (OLH)           ALH
THE     threshold theta of the noise     least variance, [1/2, 1]   ATHE
======  ===============================  =========================  ========

k is ``domain_size`` and E stands for e^epsilon.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from .. import frequency_oracles as oracles
from .. import histogram_encodings as histogram
from .. import local_hashing as hashing
from ..frequency_oracles import SupportRates

N_GRID = 100  # values of p* and of theta that the paper tries
LARGEST_TRUE_RATE = 0.999999  # and the last of its p*
LARGEST_LOG_FLOAT = np.log(np.finfo(float).max)


class Family(NamedTuple):
    """Protocols that differ in one parameter. The functions take arrays of parameters.

    ``modelled_attack`` is the ASR in the paper's objective, ``attack`` the exact one; they differ for LH only.
    """

    standard_name: str
    adaptive_name: str
    standard: Callable[[int, float], float]
    candidates: Callable[[int, float], np.ndarray]
    rates: Callable[[Any, int, float], SupportRates]
    modelled_attack: Callable[[Any, int, SupportRates], Any]
    attack: Callable[[Any, int, SupportRates], Any]


class Tuned(NamedTuple):
    """A protocol with its parameter, exact attack success, the paper's formula for it, and variance per user."""

    parameter: float
    attack_success: float
    modelled_success: float
    variance: float


# --- Rates and attacks ------------------------------------------------------------------------------------


def subset_rates(sizes: Any, domain_size: int, epsilon: float) -> SupportRates:
    """``frequency_oracles.subset_selection_rates`` for an array of subset sizes."""
    inside, outside = sizes * np.exp(epsilon), domain_size - sizes
    total = inside + outside
    return SupportRates(inside / total, (inside * (sizes - 1) + outside * sizes) / (total * (domain_size - 1)))


def threshold_rates(thresholds: Any, domain_size: int, epsilon: float) -> SupportRates:
    """``histogram_encodings.threshold_rates`` for an array of thresholds."""
    return SupportRates(1 - 0.5 * np.exp(epsilon * (thresholds - 1) / 2), 0.5 * np.exp(-epsilon * thresholds / 2))


def subset_attack(sizes: Any, domain_size: int, rates: SupportRates) -> Any:
    """p*/w: the support never is empty."""
    return rates.true / sizes


def unary_attack(parameter: Any, domain_size: int, rates: SupportRates) -> Any:
    """The closed sum for bits, whatever sets them (UE and THE); it neither over- nor underflows."""
    return oracles.unary_attack_success(domain_size, rates)


def hashing_attack(n_cells: Any, domain_size: int, rates: SupportRates) -> Any:
    """Exact for hashes that are independent uniform draws."""
    return hashing.local_hashing_attack_success(domain_size, rates)


def hashing_attack_model(n_cells: Any, domain_size: int, rates: SupportRates) -> Any:
    """The paper's formula p*/max(k/g, 1), as if each cell held exactly k/g values, and at least the user's."""
    return rates.true / np.maximum(domain_size / n_cells, 1)


def mean_support_attack(domain_size: int, rates: SupportRates) -> Any:
    """p* over the mean size 1+(k-1)q* of a support with the user's value: too low, as 1/size is convex."""
    return rates.true / (1 + (domain_size - 1) * rates.false)


def overflowing_attack(domain_size: int, rates: SupportRates) -> np.ndarray:
    """The unary attack as the published code sums it for THE and ATHE, without terms whose binomial overflows.

    Those are the terms p* binom(k-1, m-1) q*^(m-1) (1-q*)^(k-m) / m with a binomial above 1.8e308, for supports of
    m values. They exist for k > 1030 and can hold nearly all of the probability. Rates of any shape.
    """
    sizes = np.arange(1, domain_size + 1)
    log_binomial = gammaln(domain_size) - gammaln(sizes) - gammaln(domain_size - sizes + 1)
    sizes, log_binomial = (column[log_binomial < LARGEST_LOG_FLOAT] for column in (sizes, log_binomial))
    true, false = (np.asarray(rate)[..., None] for rate in rates)
    log_law = log_binomial + (sizes - 1) * np.log(false) + (domain_size - sizes) * np.log1p(-false)
    blind = (1 - true[..., 0]) * (1 - false[..., 0]) ** (domain_size - 1) / domain_size
    return blind + (true * np.exp(log_law) / sizes).sum(axis=-1)


# --- The families -----------------------------------------------------------------------------------------

FAMILIES = {
    "SS": Family(
        "SS",
        "ASS",
        oracles.subset_size,
        lambda k, epsilon: np.arange(1, k - 1),
        subset_rates,
        subset_attack,
        subset_attack,
    ),
    "UE": Family(
        "OUE",
        "AUE",
        lambda k, epsilon: 0.5,
        lambda k, epsilon: np.linspace(0.5, LARGEST_TRUE_RATE, N_GRID),
        lambda true, k, epsilon: oracles.unary_rates(epsilon, true),
        unary_attack,
        unary_attack,
    ),
    "LH": Family(
        "OLH",
        "ALH",
        lambda k, epsilon: hashing.optimal_cells(epsilon),
        lambda k, epsilon: np.arange(2, max(k, hashing.optimal_cells(epsilon)) + 1),
        lambda n_cells, k, epsilon: hashing.local_hashing_rates(n_cells, epsilon),
        hashing_attack_model,
        hashing_attack,
    ),
    "THE": Family(
        "THE",
        "ATHE",
        lambda k, epsilon: histogram.optimal_threshold(epsilon),
        lambda k, epsilon: np.linspace(0.5, 1, N_GRID),
        threshold_rates,
        unary_attack,
        unary_attack,
    ),
}


def protocol(family: Family, parameter: float, domain_size: int, epsilon: float) -> Tuned:
    """The family's member with the given parameter."""
    rates = family.rates(parameter, domain_size, epsilon)
    return Tuned(
        parameter,
        float(family.attack(parameter, domain_size, rates)),
        float(family.modelled_attack(parameter, domain_size, rates)),
        float(rates.variance()),
    )


def standard_protocol(family: Family, domain_size: int, epsilon: float) -> Tuned:
    return protocol(family, family.standard(domain_size, epsilon), domain_size, epsilon)


def objective(
    family: Family,
    parameters: Any,
    domain_size: int,
    epsilon: float,
    attack_weight: float = 0.5,
    score_support: bool = False,
) -> Any:
    """J = w_a ASR + (1 - w_a) MSE, with the MSE of a single user (n = 1) as in the paper.

    Parameters
    ----------
    score_support : bool
        Score the attack by p*, the chance that the report supports the value, as if the guess then could not miss.
    """
    rates = family.rates(parameters, domain_size, epsilon)
    attack = rates.true if score_support else family.modelled_attack(parameters, domain_size, rates)
    return attack_weight * attack + (1 - attack_weight) * rates.variance()


def adaptive_protocol(
    family: Family, domain_size: int, epsilon: float, attack_weight: float = 0.5, score_support: bool = False
) -> Tuned:
    """The first minimiser of ``objective`` on the family's grid.

    Raises
    ------
    ValueError
        If the attack's weight is not in [0, 1].
    """
    if not 0 <= attack_weight <= 1:
        raise ValueError(f"the weight of the attack must be in [0, 1], got {attack_weight}")
    candidates = family.candidates(domain_size, epsilon)
    scores = objective(family, candidates, domain_size, epsilon, attack_weight, score_support)
    return protocol(family, candidates[scores.argmin()].item(), domain_size, epsilon)


# --- Attacks played out -----------------------------------------------------------------------------------


def attacked_share(
    family: str,
    parameter: float,
    values: np.ndarray,
    domain_size: int,
    epsilon: float,
    privacy_rng: np.random.Generator,
    attack_rng: np.random.Generator,
) -> float:
    """Share of users whose value the attacker guesses from a report of the family's client.

    Parameters
    ----------
    family : str
        A key of ``FAMILIES``, or "GRR", which has no parameter.
    values : ndarray of int, shape (n_users,)
    """
    k = domain_size
    block = max(1, 5_000_000 // k)  # bounds the memory
    n_hits = 0
    for users in np.split(values, np.arange(block, values.size, block)):
        if family == "GRR":
            guesses = oracles.grr_reports(users, k, epsilon, privacy_rng)
        elif family == "SS":
            reports = oracles.subset_selection_reports(users, k, epsilon, privacy_rng, int(parameter))
            guesses = oracles.guess_from_subsets(reports, attack_rng)
        else:
            guesses = oracles.guess_from_bits(_supports(family, parameter, users, k, epsilon, privacy_rng), attack_rng)
        n_hits += np.count_nonzero(guesses == users)
    return n_hits / values.size


def _supports(
    family: str, parameter: float, values: np.ndarray, domain_size: int, epsilon: float, rng: np.random.Generator
) -> np.ndarray:
    """What each report supports, boolean (n_users, domain_size)."""
    if family == "UE":
        return oracles.unary_reports(values, domain_size, oracles.unary_rates(epsilon, parameter), rng)
    if family == "THE":
        return histogram.threshold_bits(histogram.histogram_reports(values, domain_size, epsilon, rng), parameter)
    keys = hashing.draw_hashes(values.size, rng)
    cells = hashing.local_hashing_reports(values, keys, int(parameter), epsilon, rng)
    return hashing.supported_values(keys, cells, domain_size, int(parameter))
