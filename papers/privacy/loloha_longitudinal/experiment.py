"""Errors, spent budgets, the choice of g, what dBitFlipPM shows, and what an attacker proves about LOLOHA."""

import math
from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .. import local_hashing as hashing
from .. import longitudinal
from ..auditing import epsilon_lower_bound
from . import method
from .data import SKEWED_DOMAIN_SIZE, SYN_DOMAIN_SIZE

GRID_EPSILONS = np.arange(2, 21) / 4
GRID_ALPHAS = np.arange(10, 61, 5) / 100
GRID_CELLS = range(2, 81)  # among which the best g is looked for
LEAKAGE_CELLS = range(2, 41)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    privacy_rng, attack_rng = rng.spawn(2)
    streams = {
        "syn": (data["syn"][: params.n_users, : params.n_collections], SYN_DOMAIN_SIZE),
        "skewed": (data["skewed"], SKEWED_DOMAIN_SIZE),
    }
    errors = pd.DataFrame(error_rows(streams, params, privacy_rng))
    budgets = pd.DataFrame(budget_rows(data["syn"], params, privacy_rng))
    cells = pd.DataFrame(cell_rows(params))
    audits = pd.DataFrame(audit_rows(params, privacy_rng, attack_rng))
    tracking = pd.DataFrame(tracking_rows(data["syn"][: params.tracked_users], params, privacy_rng))
    ours = errors[errors.method.isin(["BiLOLOHA", "OLOLOHA"])]
    spent = budgets[budgets.epsilon == params.epsilons[0]].groupby("method").budget.mean()
    return Outcome(
        metrics={
            "variance_ratio": (ours.mse / ours.predicted).mean(),
            "budget_ratio": spent["RAPPOR"] / spent["BiLOLOHA"],
            "ololoha_over_losue": cells.ololoha_over_losue.max(),
            "optg_loss": cells.loss.max(),
            "first_report_excess": cells.first_report_excess.max(),
            "proved_excess_max": (audits.proved - audits.guarantee).max(),
        },
        tables={"errors": errors, "budgets": budgets, "cells": cells, "audits": audits, "tracking": tracking},
    )


def make_loloha(n_cells: int, epsilon_inf: float, alpha: float, params: Params) -> method.Loloha:
    protocol = method.loloha(n_cells, epsilon_inf, alpha * epsilon_inf)
    return protocol if params.second_round else protocol._replace(epsilon_second=math.inf)


def chosen_cells(epsilon_inf: float, alpha: float, params: Params) -> int:
    if params.one_round_cells:
        return hashing.optimal_cells(epsilon_inf)
    return method.ololoha_cells(epsilon_inf, alpha)


# --- Errors -----------------------------------------------------------------------------------------------


def error_rows(
    streams: dict[str, tuple[np.ndarray, int]], params: Params, rng: np.random.Generator
) -> Iterator[dict[str, float | str]]:
    """Mean squared errors over the domain and over time, with the closed form of the raw estimates."""
    for (name, (values, domain_size)), epsilon, alpha in product(streams.items(), params.epsilons, params.alphas):
        truth = np.array([np.bincount(column, minlength=domain_size) / len(values) for column in values.T])
        for protocol, estimates, variance in estimate_all(values, domain_size, truth, epsilon, alpha, params, rng):
            yield {
                "data": name,
                "method": protocol,
                "epsilon": epsilon,
                "alpha": alpha,
                "mse": float(((estimates - truth) ** 2).mean()),
                "mse_clipped": float(((method.clipped(estimates) - truth) ** 2).mean()),
                "predicted": float(np.mean(variance)) / len(values),
            }


def estimate_all(
    values: np.ndarray,
    domain_size: int,
    truth: np.ndarray,
    epsilon: float,
    alpha: float,
    params: Params,
    rng: np.random.Generator,
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, estimates and n times the variance of the seven methods."""
    k, first = domain_size, alpha * epsilon
    for name, n_cells in (("BiLOLOHA", method.BILOLOHA_CELLS), ("OLOLOHA", chosen_cells(epsilon, alpha, params))):
        protocol = make_loloha(n_cells, epsilon, alpha, params)
        counts = protocol.support_counts(values, k, rng, params.memoise)
        server = protocol.rates if params.hash_collisions else protocol.chain.rates
        yield name, server.estimate(counts, len(values)), protocol.rates.variance(truth)
    unary = {"RAPPOR": longitudinal.l_sue(epsilon, first), "L-OSUE": longitudinal.l_osue(epsilon, first)}
    for name, chain in unary.items():
        estimates = method.unary_chain_estimates(values, k, chain, rng, params.memoise)
        yield name, estimates, chain.rates.variance(truth)
    estimates = method.grr_chain_estimates(values, k, epsilon, first, rng, params.memoise)
    chain = longitudinal.grr_chain(k, epsilon, longitudinal.second_round_epsilon(epsilon, first))
    yield "L-GRR", estimates, chain.rates.variance(truth)
    for name, n_bits in (("1BitFlipPM", 1), ("bBitFlipPM", k)):
        estimates = method.bit_flip_estimates(values, k, n_bits, epsilon, rng, params.memoise)
        yield name, estimates, method.bit_flip_variance(k, n_bits, epsilon, truth)


# --- Spent budgets ----------------------------------------------------------------------------------------


def budget_rows(values: np.ndarray, params: Params, rng: np.random.Generator) -> Iterator[dict[str, float | str]]:
    """eps_inf times the mean number of memos; RAPPOR stands for all chains with a memo per value."""
    keys = hashing.draw_hashes(len(values), rng)
    one_bit = method.sample_buckets(len(values), SYN_DOMAIN_SIZE, 1, rng)
    fixed = {
        "RAPPOR": longitudinal.memo_table(values, SYN_DOMAIN_SIZE, params.memoise),
        "1BitFlipPM": method.bit_flip_memos(values, one_bit, SYN_DOMAIN_SIZE, params.memoise),
    }
    cells = {n: make_loloha(n, 1.0, 0.5, params).memos(values, keys, params.memoise) for n in needed_cells(params)}
    for epsilon, alpha in product(params.epsilons, params.alphas):
        ours = {"BiLOLOHA": cells[method.BILOLOHA_CELLS], "OLOLOHA": cells[chosen_cells(epsilon, alpha, params)]}
        for name, table in (fixed | ours).items():
            mean = float(table.entries_per_user().mean())
            yield {"method": name, "epsilon": epsilon, "alpha": alpha, "memos": mean, "budget": epsilon * mean}


def needed_cells(params: Params) -> set[int]:
    chosen = {chosen_cells(epsilon, alpha, params) for epsilon, alpha in product(params.epsilons, params.alphas)}
    return chosen | {method.BILOLOHA_CELLS}


# --- Closed forms on a grid of budgets --------------------------------------------------------------------


def cell_rows(params: Params) -> Iterator[dict[str, float]]:
    """The chosen number of cells, what it costs, and what a first report reveals beyond its budget."""
    for epsilon, alpha in product(GRID_EPSILONS.tolist(), GRID_ALPHAS.tolist()):
        first = alpha * epsilon
        variances = {n_cells: method.loloha_variance(n_cells, epsilon, first) for n_cells in GRID_CELLS}
        chosen = chosen_cells(epsilon, alpha, params)
        variance = method.loloha_variance(chosen, epsilon, first)
        rival = longitudinal.l_osue(epsilon, first).rates.variance()
        chains = {n: make_loloha(n, epsilon, alpha, params).chain for n in LEAKAGE_CELLS}
        yield {
            "epsilon": epsilon,
            "alpha": alpha,
            "cells_real": method.optimal_cells_real(epsilon, alpha),
            "cells": chosen,
            "cells_best": min(variances, key=variances.__getitem__),
            "loss": variance / min(variances.values()),
            "ololoha_over_losue": variance / rival,
            "biloloha_over_losue": variances[method.BILOLOHA_CELLS] / rival,
            "first_report_excess": max(longitudinal.grr_chain_epsilon(n, chain) for n, chain in chains.items()) - first,
        }


# --- Attacks ----------------------------------------------------------------------------------------------


def audit_rows(
    params: Params, privacy_rng: np.random.Generator, attack_rng: np.random.Generator
) -> Iterator[dict[str, float | str]]:
    """BiLOLOHA against an attacker who knows the hash and tells two neighbouring streams apart.

    A user holds one of two values throughout, or alternates between them and starts with one of the two. Guaranteed
    are eps_1 for one report, and eps_inf for each cell that the streams visit.
    """
    pair, epsilon, alpha = np.array([0, SYN_DOMAIN_SIZE - 1]), params.audit_epsilon, params.alphas[0]
    protocol = make_loloha(method.BILOLOHA_CELLS, epsilon, alpha, params)
    for name, period in (("constant", 1), ("alternating", 2)):
        steps = np.arange(max(params.report_numbers)) % period
        keys = method.separating_keys(pair, params.n_trials, protocol.n_cells, privacy_rng)
        streams = [np.broadcast_to(pair[(steps + start) % 2], (params.n_trials, len(steps))) for start in (0, 1)]
        expected = hashing.hash_values(keys[:, None], streams[0], protocol.n_cells)
        sent = [protocol.reports(protocol.memos(s, keys, params.memoise), privacy_rng) for s in streams]
        for n_reports in params.report_numbers:
            true, false = (
                int(method.names_first_stream(s[:, :n_reports], expected[:, :n_reports], period, attack_rng).sum())
                for s in sent
            )
            yield {
                "stream": name,
                "n_reports": n_reports,
                "proved": float(epsilon_lower_bound(true, false, params.n_trials)),
                "guarantee": alpha * epsilon if n_reports == 1 else period * epsilon,
            }


def tracking_rows(values: np.ndarray, params: Params, rng: np.random.Generator) -> Iterator[dict[str, float]]:
    """What dBitFlipPM shows of the changes, by the number of bits."""
    for epsilon, n_bits in product(params.epsilons, params.bit_numbers):
        sampled = method.sample_buckets(len(values), SYN_DOMAIN_SIZE, n_bits, rng)
        table = method.bit_flip_memos(values, sampled, SYN_DOMAIN_SIZE, params.memoise)
        responses = method.bit_flip_responses(table, n_bits, epsilon, rng)
        tracked, visible = method.visible_changes(table, responses, values)
        yield {"epsilon": epsilon, "n_bits": n_bits, "tracked": tracked, "visible": visible}
