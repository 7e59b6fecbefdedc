"""Standard against adaptive protocols on the paper's grid, and attackers played out."""

from itertools import product

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .. import frequency_oracles as oracles
from .. import histogram_encodings as histogram
from .. import local_hashing as hashing
from . import method
from .method import FAMILIES

CHECKED = ("GRR", "SS", "UE", "THE")  # families whose formula is to match the attack; LH is judged separately
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All but ``attacks`` is analytic and the same for every seed."""
    pairs = compare_pairs(params)
    attacks = play_attacks(data, params, rng)
    overflow = compare_sums(params)
    return Outcome(
        metrics={
            "asr_reduction_log10": np.log10(pairs.attack_ratio.max()),
            "asr_min_ratio": pairs.attack_ratio.min(),
            "ass_asr_cap": pairs.adaptive_attack[pairs.family == "SS"].max(),
            "mse_increase_log10": np.log10(pairs.variance_ratio.max()),
            "asr_formula_error": attacks.error[attacks.family.isin(CHECKED)].max(),
            "hashing_formula_error_exact": attacks.error[attacks.family == "LH"].max(),
            "hashing_formula_error_paper": attacks.model_error[attacks.family == "LH"].max(),
            "overflowing_over_blind_guess_min": (overflow.overflowing * overflow.domain_size).min(),
        },
        tables={
            "pairs": pairs,
            "frontier": trace_frontier(params),
            "weights": sweep_weights(params),
            "attacks": attacks,
            "overflow": overflow,
        },
    )


def adaptive(family: method.Family, domain_size: int, epsilon: float, params: Params) -> method.Tuned:
    return method.adaptive_protocol(family, domain_size, epsilon, params.attack_weight, params.score_support)


def compare_pairs(params: Params) -> pd.DataFrame:
    """The four pairs over domains and budgets; ratios above one are a gain in attack success, a loss in variance."""
    rows = []
    for domain_size, epsilon, (name, family) in product(params.domain_sizes, params.epsilons, FAMILIES.items()):
        usual = method.standard_protocol(family, domain_size, epsilon)
        tuned = adaptive(family, domain_size, epsilon, params)
        rows.append(
            {
                "family": name,
                "domain_size": domain_size,
                "epsilon": epsilon,
                "standard_parameter": float(usual.parameter),
                "adaptive_parameter": float(tuned.parameter),
                "standard_attack": usual.attack_success,
                "adaptive_attack": tuned.attack_success,
                "attack_ratio": usual.attack_success / tuned.attack_success,
                "variance_ratio": tuned.variance / usual.variance,
            }
        )
    return pd.DataFrame(rows)


def trace_frontier(params: Params) -> pd.DataFrame:
    """Attack success and variance of twelve protocols along the budget, for one domain."""
    k = params.frontier_domain_size
    rows = []
    for epsilon in params.epsilons:
        sue = oracles.sue_rates(epsilon)
        binary = hashing.local_hashing_rates(hashing.BINARY_CELLS, epsilon)
        points = {
            "GRR": (oracles.grr_attack_success(k, epsilon), oracles.grr_rates(k, epsilon).variance()),
            "SUE": (oracles.unary_attack_success(k, sue), sue.variance()),
            "BLH": (hashing.local_hashing_attack_success(k, binary), binary.variance()),
            "SHE": (histogram.summation_attack_success(k, epsilon), histogram.summation_variance(epsilon)),
        }
        for family in FAMILIES.values():
            usual, tuned = method.standard_protocol(family, k, epsilon), adaptive(family, k, epsilon, params)
            points[family.standard_name] = usual.attack_success, usual.variance
            points[family.adaptive_name] = tuned.attack_success, tuned.variance
        rows += [
            {"protocol": name, "epsilon": epsilon, "domain_size": k, "attack_success": attack, "variance": variance}
            for name, (attack, variance) in points.items()
        ]
    return pd.DataFrame(rows)


def sweep_weights(params: Params) -> pd.DataFrame:
    """The adaptive protocols as the weight of the attack goes from nothing to nearly all."""
    k, epsilon = params.frontier_domain_size, params.weight_epsilon
    rows = []
    for weight, family in product(WEIGHTS, FAMILIES.values()):
        tuned = method.adaptive_protocol(family, k, epsilon, weight)
        rows.append(
            {
                "protocol": family.adaptive_name,
                "weight": weight,
                "epsilon": epsilon,
                "attack_success": tuned.attack_success,
                "variance": tuned.variance,
            }
        )
    return pd.DataFrame(rows)


def play_attacks(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Real reports and a real attacker against the closed forms."""
    privacy_rng, attack_rng = rng.spawn(2)
    rows = []
    for k, epsilon in product(params.attacked_domain_sizes, params.attacked_epsilons):
        grr = oracles.grr_attack_success(k, epsilon)
        players = [("GRR", "GRR", 0.0, grr, grr)]
        for name, family in FAMILIES.items():
            for label, tuned in (
                (family.standard_name, method.standard_protocol(family, k, epsilon)),
                (family.adaptive_name, adaptive(family, k, epsilon, params)),
            ):
                closed = tuned.attack_success
                if params.mean_support and name in ("UE", "THE"):
                    closed = method.mean_support_attack(k, family.rates(tuned.parameter, k, epsilon))
                players.append((name, label, tuned.parameter, closed, tuned.modelled_success))
        for name, label, parameter, closed, modelled in players:
            share = method.attacked_share(name, parameter, data[f"values_{k}"], k, epsilon, privacy_rng, attack_rng)
            rows.append(
                {
                    "family": name,
                    "protocol": label,
                    "domain_size": k,
                    "epsilon": epsilon,
                    "simulated": share,
                    "closed": closed,
                    "modelled": modelled,
                    "error": abs(share / closed - 1),
                    "model_error": abs(share / modelled - 1),
                }
            )
    return pd.DataFrame(rows)


def compare_sums(params: Params) -> pd.DataFrame:
    """THE and ATHE on the largest domain, by the closed sum and by the one that drops overflowing terms.

    The overflowing ATHE is tuned with the overflowing sum, as the published code does.
    """
    family, k, weight = FAMILIES["THE"], max(params.domain_sizes), params.attack_weight
    rows = []
    for epsilon in params.epsilons:
        usual = method.standard_protocol(family, k, epsilon)
        rates = family.rates(family.candidates(k, epsilon), k, epsilon)
        attacks = method.overflowing_attack(k, rates)
        rows.append(
            {
                "domain_size": k,
                "epsilon": epsilon,
                "closed": usual.attack_success,
                "closed_adaptive": adaptive(family, k, epsilon, params).attack_success,
                "overflowing": method.overflowing_attack(k, family.rates(usual.parameter, k, epsilon)).item(),
                "overflowing_adaptive": attacks[(weight * attacks + (1 - weight) * rates.variance()).argmin()],
            }
        )
    return pd.DataFrame(rows)
