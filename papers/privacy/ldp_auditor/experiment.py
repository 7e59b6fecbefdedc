"""What the audit sees of protocols, of a faulty client, of hashing alone, and of many reports."""

import math

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .. import auditing
from .. import frequency_oracles as oracles
from .. import local_hashing as hashing
from . import method

DIRECT_EPSILONS = (1.0, 2.0, 4.0)  # where the tightness of direct encoding is judged
PREDICTED_EPSILONS = (1.0, 2.0)  # where attacks are compared with their closed forms
FAULT_EPSILON = 0.25  # where the fault of the unary client must show


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Four audits; the first of ``params.domain_sizes`` gets all budgets, the others ``params.domain_epsilon``."""
    client_rng, attack_rng = rng.spawn(2)
    auditor = Auditor(data, params, client_rng, attack_rng)
    audits = audit_protocols(auditor, params)
    faults = audit_unary_clients(auditor, params)
    hashed = audit_hashing_alone(auditor, params)
    repeated = audit_repeated_reports(auditor, params)
    return Outcome(
        metrics={
            **protocol_metrics(audits, params.domain_sizes[0]),
            "max_violation": max((audits.bound - audits.epsilon).max(), (repeated.bound - repeated.composed).max()),
            "bug_excess": (faults.bound - faults.epsilon)[faults.epsilon == FAULT_EPSILON].min(),
            "hash_only_ratio": (hashed.estimate / np.log(hashed.n_cells)).mean(),
        },
        tables={"audits": audits, "unary_clients": faults, "hashing_alone": hashed, "repeated": repeated},
    )


class Auditor:
    """Turns a mechanism, or the counts of an attack, into the numbers of one audit."""

    def __init__(
        self,
        data: dict[str, np.ndarray],
        params: Params,
        client_rng: np.random.Generator,
        attack_rng: np.random.Generator,
    ) -> None:
        self.data, self.client_rng, self.attack_rng = data, client_rng, attack_rng
        self.alpha, self.wrong_ends, self.one_input = params.alpha, params.wrong_ends, params.one_input
        self.shared_key = hashing.draw_hashes(1, client_rng)[0] if params.shared_hash else None

    def inputs(self, domain_size: int) -> np.ndarray:
        return self.data[f"inputs_{domain_size}"]

    def audit(self, mechanism: method.Mechanism, domain_size: int, n_trials: int) -> dict[str, float]:
        counts = method.play_audit(mechanism, self.inputs(domain_size), n_trials, self.client_rng, self.attack_rng)
        if self.one_input:
            counts = counts[0], n_trials - counts[0]
        return {
            "domain_size": domain_size,
            "bound": self.bound(*counts, n_trials, mechanism.delta),
            "estimate": float(auditing.log_rate_ratio(*counts)),
            "predicted": method.predicted_log_ratio(mechanism.success, domain_size),
        }

    def bound(self, true_positives: int, false_positives: int, n_trials: int, delta: float = 0.0) -> float:
        low, high = auditing.epsilon_interval(true_positives, false_positives, n_trials, self.alpha, delta)
        return float(high if self.wrong_ends else low)


# --- Protocols --------------------------------------------------------------------------------------------


def audit_protocols(auditor: Auditor, params: Params) -> pd.DataFrame:
    main, *others = params.domain_sizes
    settings = [(main, epsilon) for epsilon in params.epsilons] + [(k, params.domain_epsilon) for k in others]
    rows = []
    for domain_size, epsilon in settings:
        mechanisms = {
            **method.pure_mechanisms(domain_size, epsilon, auditor.shared_key),
            **method.approximate_mechanisms(domain_size, epsilon, params.delta),
        }
        for name, mechanism in mechanisms.items():
            audit = auditor.audit(mechanism, domain_size, params.n_trials)
            rows.append({"mechanism": name, "pure": mechanism.delta == 0, "epsilon": epsilon, **audit})
    return pd.DataFrame(rows)


def protocol_metrics(audits: pd.DataFrame, domain_size: int) -> dict[str, float]:
    main = audits[audits.domain_size == domain_size]
    direct = main[(main.mechanism == "GRR") & main.epsilon.isin(DIRECT_EPSILONS)]
    predicted = main[main.pure & main.epsilon.isin(PREDICTED_EPSILONS)]
    return {
        "grr_tightness": (direct.bound / direct.epsilon).mean(),
        "closed_form_gap": (predicted.estimate - predicted.predicted).abs().max(),
    }


# --- The faulty library -----------------------------------------------------------------------------------


def audit_unary_clients(auditor: Auditor, params: Params) -> pd.DataFrame:
    """Both unary encodings with the client of the faulty library, and the loss that it really has."""
    domain_size = params.domain_sizes[0]
    rows = []
    for epsilon in params.fault_epsilons:
        for encoding, rates in (("SUE", oracles.sue_rates(epsilon)), ("OUE", oracles.oue_rates(epsilon))):
            if params.faulty_client:
                mechanism = method.faulty_unary_mechanism(domain_size, rates)
                loss = method.unary_privacy_loss(method.faulty_unary_rates(rates))
            else:
                mechanism, loss = method.unary_mechanism(domain_size, rates), epsilon
            audit = auditor.audit(mechanism, domain_size, params.n_trials)
            rows.append({"encoding": encoding, "epsilon": epsilon, "loss": loss, **audit})
    return pd.DataFrame(rows)


# --- Hashing alone ----------------------------------------------------------------------------------------


def audit_hashing_alone(auditor: Auditor, params: Params) -> pd.DataFrame:
    domain_size = params.hashed_domain_size
    rows = []
    for n_cells in params.hash_cells:
        mechanism = method.hashing_mechanism(domain_size, n_cells, math.inf, auditor.shared_key)
        rows.append({"n_cells": n_cells, **auditor.audit(mechanism, domain_size, params.n_hash_trials)})
    return pd.DataFrame(rows)


# --- Many reports of one user -----------------------------------------------------------------------------


def audit_repeated_reports(auditor: Auditor, params: Params) -> pd.DataFrame:
    domain_size, epsilon, n_trials = params.tracked_domain_size, params.tracked_epsilon, params.n_tracked_users
    ceiling = float(auditing.epsilon_ceiling(n_trials, params.alpha))
    rows: list[dict[str, float | str]] = []
    for name, client in method.repeated_support_clients(domain_size, epsilon).items():
        counts = method.play_longitudinal_audit(
            client,
            auditor.inputs(domain_size),
            domain_size,
            params.report_numbers,
            n_trials,
            auditor.client_rng,
            auditor.attack_rng,
        )
        rows += [
            {
                "mechanism": name,
                "domain_size": domain_size,
                "n_reports": n_reports,
                "bound": auditor.bound(*counts[n_reports], n_trials),
                "composed": n_reports * epsilon,
                "ceiling": ceiling,
            }
            for n_reports in params.report_numbers
        ]
    return pd.DataFrame(rows)
