"""Closed forms on a grid of budgets, errors on several attributes, and what one and more reports reveal."""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .. import longitudinal
from ..auditing import epsilon_lower_bound
from ..frequency_oracles import SupportRates
from . import method
from .data import DOMAIN_SIZES
from .method import Protocol

GRID_EPSILONS = (np.arange(1, 11) / 2).tolist()
GRID_ALPHAS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]  # above, L-OUE and L-SOUE cannot be calibrated everywhere
CURVE_DOMAINS = (2, 4, 8)
LEAKAGE_DOMAINS = [*range(2, 21), 30, 40, 50, 60, 80, 100, 200, 360]
CROSSOVER_BUDGETS = (4.0, 0.6)  # eps_inf and alpha
GAIN_BUDGETS = (4.0, 2.0)  # eps_inf and eps_1
RIVALS = ["L-SUE", "L-OUE"]
METHODS = ["ALLOMFREE", "L-OSUE", "L-SOUE", *RIVALS]


# Accuracy gains on Nursery, in percent: Tables 3 (alpha = 0.3) and 4 (0.6), for eps_inf = 0.5, 1, ..., 4.
REPORTED_SAVINGS = {
    (0.3, "L-SUE"): [13.51, 12.36, 19.95, 17.18, 20.70, 28.69, 36.19, 41.24],
    (0.3, "L-OUE"): [20.63, 17.75, 25.86, 33.24, 35.40, 42.98, 54.02, 57.16],
    (0.6, "L-SUE"): [17.82, 14.99, 15.88, 27.52, 39.59, 40.64, 44.39, 42.24],
    (0.6, "L-OUE"): [38.84, 38.97, 41.05, 54.69, 60.96, 65.32, 68.73, 71.13],
}


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    privacy_rng, simulation_rng = rng.spawn(2)
    variances = pd.DataFrame(variance_rows(params))
    crossovers = pd.DataFrame(crossover_rows(params))
    leakage = pd.DataFrame(leakage_rows(params))
    errors = pd.DataFrame(error_rows(data, params, privacy_rng, simulation_rng))
    savings = pd.DataFrame(saving_rows(errors))
    gains = pd.DataFrame(gain_rows(data["five"], params, privacy_rng, simulation_rng))
    audits = pd.DataFrame(audit_rows(params, privacy_rng))
    return Outcome(
        metrics={
            "chain_margin": chain_margin(variances, "L-SUE" if params.symmetric_first else "L-OSUE"),
            "lgrr_last_k": at_budgets(crossovers, *CROSSOVER_BUDGETS).last_k.item(),
            "first_report_excess": (leakage.loss - leakage.epsilon_first).max(),
            "variance_ratio": (errors.mse / errors.predicted).mean(),
            **gain_metrics(gains),
            "gain_gm_min": smallest_mean_gain(errors),
            **saving_metrics(savings),
            "proved_excess_max": (audits.proved - audits.guarantee).max(),
            "proved_over_eq16_max": (audits.proved - audits.eq16).max(),
        },
        tables={
            "variances": variances,
            "crossovers": crossovers,
            "leakage": leakage,
            "errors": errors,
            "savings": savings,
            "gains": gains,
            "audits": audits,
        },
    )


def at_budgets(table: pd.DataFrame, epsilon: float, alpha: float) -> pd.DataFrame:
    return table[np.isclose(table.epsilon, epsilon) & np.isclose(table.alpha, alpha)]


# --- Protocols --------------------------------------------------------------------------------------------


def make_l_grr(domain_size: int, epsilon: float, first: float, params: Params) -> method.DoubleGrr:
    protocol = (method.exact_l_grr if params.exact_l_grr else method.l_grr)(domain_size, epsilon, first)
    return protocol if params.second_round else protocol._replace(epsilon_second=math.inf)


def make_protocol(name: str, domain_size: int, epsilon: float, first: float, params: Params) -> Protocol:
    if name == "ALLOMFREE" and params.adaptive:
        return method.adaptive_protocol(domain_size, epsilon, first)
    return method.double_unary("L-OSUE" if name == "ALLOMFREE" else name, domain_size, epsilon, first)


def make_server(protocol: Protocol, params: Params) -> SupportRates:
    return protocol.chain.rates if params.two_round_server else protocol.chain.first


# --- Closed forms -----------------------------------------------------------------------------------------


def variance_rows(params: Params) -> Iterator[dict[str, float | str]]:
    """n times the variance at frequency 0 (Eq. 11)."""
    for epsilon, alpha in product(GRID_EPSILONS, GRID_ALPHAS):
        first = alpha * epsilon
        chains = {name: chain(epsilon, first) for name, chain in method.UNARY_CHAINS.items()}
        chains |= {f"L-GRR, k = {k}": make_l_grr(k, epsilon, first, params).chain for k in CURVE_DOMAINS}
        for name, chain in chains.items():
            yield {"epsilon": epsilon, "alpha": alpha, "method": name, "variance": float(chain.rates.variance())}


def chain_margin(variances: pd.DataFrame, best: str) -> float:
    """The smallest ratio, over budgets and other unary chains, of their variance to that of the best."""
    table = variances.pivot(index=["epsilon", "alpha"], columns="method", values="variance")[[*method.UNARY_CHAINS]]
    return float(table.drop(columns=best).div(table[best], axis=0).min(axis=None))


def crossover_rows(params: Params) -> Iterator[dict[str, float]]:
    """The largest domain on which L-GRR beats L-OSUE; also with the exact calibration of L-GRR."""
    for epsilon, alpha in product(GRID_EPSILONS, GRID_ALPHAS):
        first = alpha * epsilon
        rival = float(method.double_unary("L-OSUE", 2, epsilon, first).chain.rates.variance())

        published = partial(make_l_grr, epsilon=epsilon, first=first, params=params)
        exact = partial(method.exact_l_grr, epsilon_inf=epsilon, epsilon_first=first)
        yield {
            "epsilon": epsilon,
            "alpha": alpha,
            "last_k": method.largest_domain(published, rival),
            "last_k_exact": method.largest_domain(exact, rival),
        }


def leakage_rows(params: Params) -> Iterator[dict[str, float]]:
    """The exact loss of the first report of L-GRR, and what the slack costs."""
    for epsilon, alpha, k in product(params.epsilons, GRID_ALPHAS, LEAKAGE_DOMAINS):
        first = alpha * epsilon
        chain = make_l_grr(k, epsilon, first, params).chain
        exact = method.exact_l_grr(k, epsilon, first).chain
        yield {
            "domain_size": k,
            "epsilon": epsilon,
            "alpha": alpha,
            "epsilon_first": first,
            "loss": longitudinal.grr_chain_epsilon(k, chain),
            "variance_over_exact": float(chain.rates.variance() / exact.rates.variance()),
        }


# --- Errors -----------------------------------------------------------------------------------------------


def histograms(users: np.ndarray, domain_sizes: tuple[int, ...]) -> list[np.ndarray]:
    return [np.bincount(column, minlength=k) / len(users) for column, k in zip(users.T, domain_sizes, strict=True)]


def error_rows(
    data: dict[str, np.ndarray], params: Params, privacy_rng: np.random.Generator, sampling_rng: np.random.Generator
) -> Iterator[dict[str, float | str]]:
    """Mean squared errors under Smp, averaged over values, then over attributes, then over repetitions."""
    for (name, users), epsilon, alpha in product(data.items(), params.epsilons, params.alphas):
        sizes, truths = DOMAIN_SIZES[name], histograms(users, DOMAIN_SIZES[name])
        n_repetitions = params.nursery_repetitions if name == "nursery" else params.n_repetitions
        protocols = {m: [make_protocol(m, k, epsilon, alpha * epsilon, params) for k in sizes] for m in METHODS}
        errors = np.array(
            [
                [squared_errors(groups, protocols[m], truths, params, privacy_rng) for m in METHODS]
                for groups in (method.sample_attributes(users, sampling_rng) for _ in range(n_repetitions))
            ]
        ).mean(axis=0)
        for m, (mse, mse_clipped) in zip(METHODS, errors, strict=True):
            predicted = [
                method.sampling_variance(truth, p.chain.rates, len(sizes)).mean()
                for p, truth in zip(protocols[m], truths, strict=True)
            ]
            yield {
                "data": name,
                "method": m,
                "epsilon": epsilon,
                "alpha": alpha,
                "mse": float(mse),
                "mse_clipped": float(mse_clipped),
                "predicted": float(np.mean(predicted)) / len(users),
            }


def squared_errors(
    groups: list[np.ndarray],
    protocols: list[Protocol],
    truths: list[np.ndarray],
    params: Params,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Averaged over attributes, of the raw and of the clipped estimates."""
    raw, clipped = 0.0, 0.0
    for values, protocol, truth in zip(groups, protocols, truths, strict=True):
        estimates = method.estimate(values, protocol, rng, make_server(protocol, params))
        raw += float(((estimates - truth) ** 2).mean()) / len(truths)
        clipped += float(((method.clipped(estimates) - truth) ** 2).mean()) / len(truths)
    return raw, clipped


def smallest_mean_gain(errors: pd.DataFrame) -> float:
    """Geometric mean over budgets of a rival's error over that of ALLOMFREE; least over populations and rivals."""
    mse = errors.pivot(index=["data", "epsilon", "alpha"], columns="method", values="mse")
    log_gain = np.log(mse[RIVALS].div(mse["ALLOMFREE"], axis=0))
    return float(np.exp(log_gain.groupby("data").mean().min(axis=None)))


def saving_rows(errors: pd.DataFrame) -> Iterator[dict[str, float | str]]:
    """Eq. 17 on Nursery, with clipped estimates as in the authors' code: the share of a rival's error that is saved."""
    nursery = errors[errors.data == "nursery"]
    for (epsilon, alpha), rows in nursery.groupby(["epsilon", "alpha"]):
        mse = rows.set_index("method").mse_clipped
        for rival in RIVALS:
            yield {
                "epsilon": epsilon,
                "alpha": alpha,
                "rival": rival,
                "saving": 1 - mse["ALLOMFREE"] / mse[rival],
                "reported": REPORTED_SAVINGS[alpha, rival][round(2 * epsilon) - 1] / 100,
            }


def saving_metrics(savings: pd.DataFrame) -> dict[str, float]:
    """Means over eps_inf, named like ``nursery_saving_lsue_alpha06``."""
    means = savings.groupby(["rival", "alpha"]).saving.mean()
    return {
        f"nursery_saving_{rival.replace('-', '').lower()}_alpha{round(10 * alpha):02d}": float(mean)
        for (rival, alpha), mean in means.items()
    }


# --- One setting, with split budgets ----------------------------------------------------------------------


def gain_rows(
    users: np.ndarray, params: Params, privacy_rng: np.random.Generator, sampling_rng: np.random.Generator
) -> Iterator[dict[str, float | str]]:
    """Errors on five attributes at one pair of budgets: sampled users with whole budgets, all users with shares."""
    epsilon, first = GAIN_BUDGETS
    sizes, d = DOMAIN_SIZES["five"], len(DOMAIN_SIZES["five"])
    truths = histograms(users, sizes)
    smp_share = 1 if params.whole_budget else d
    for solution, share, names in (("Smp", smp_share, ["ALLOMFREE", *RIVALS]), ("Spl", d, RIVALS)):
        protocols = {m: [make_protocol(m, k, epsilon / share, first / share, params) for k in sizes] for m in names}
        total = dict.fromkeys(names, 0.0)
        for _ in range(params.n_gain_repetitions):
            groups = method.sample_attributes(users, sampling_rng) if solution == "Smp" else list(users.T)
            for m in names:
                total[m] += squared_errors(groups, protocols[m], truths, params, privacy_rng)[0]
        for m in names:
            yield {"solution": solution, "method": m, "mse": total[m] / params.n_gain_repetitions}


def gain_metrics(gains: pd.DataFrame) -> dict[str, float]:
    mse = gains.set_index(["solution", "method"]).mse
    return {
        "gain_over_lsue": mse["Smp", "L-SUE"] / mse["Smp", "ALLOMFREE"],
        "gain_over_loue": mse["Smp", "L-OUE"] / mse["Smp", "ALLOMFREE"],
        "splitting_penalty": mse["Spl", "L-SUE"] / mse["Smp", "L-SUE"],
    }


# --- Audits -----------------------------------------------------------------------------------------------


def audit_rows(params: Params, rng: np.random.Generator) -> Iterator[dict[str, float | str]]:
    """Reports of one of two values, held throughout, against an attacker who tells the two apart."""
    epsilon, first = params.audit_epsilon, params.audit_alpha * params.audit_epsilon
    second = longitudinal.second_round_epsilon(epsilon, first)
    unary = method.double_unary("L-OSUE", 2, epsilon, first)  # the bits of further values reveal nothing
    if not params.second_round:
        unary = unary._replace(chain=unary.chain._replace(second=longitudinal.NO_SECOND_ROUND))
    last = max(params.report_numbers)
    for name, protocol in (("L-GRR", make_l_grr(2, epsilon, first, params)), ("L-OSUE", unary)):
        sent = [
            protocol.supports(longitudinal.memo_table(np.full((params.n_trials, last), value), 2, params.memoise), rng)
            for value in (0, 1)
        ]
        for n_reports in params.report_numbers:
            true, false = (int(method.names_first_value(supports[:, :n_reports]).sum()) for supports in sent)
            yield {
                "method": name,
                "n_reports": n_reports,
                "proved": float(epsilon_lower_bound(true, false, params.n_trials)),
                "guarantee": min(epsilon, n_reports * first),
                "exact": float(method.loss_after_reports(epsilon, second, n_reports)),
                "eq16": float(method.loss_after_reports(epsilon, first, n_reports)),
            }
