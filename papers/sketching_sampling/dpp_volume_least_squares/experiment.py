"""Identities of DPP and volume samples, and the error and stability of least squares under three laws of the points."""

from collections.abc import Mapping
from itertools import product
from math import ceil, log
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from ..row_sampling import orthonormal_basis
from .method import (
    bias_scores,
    block_gram_eigenvalues,
    christoffel_probabilities,
    error_ratios,
    independent_samples,
    inverse_gram_traces,
    least_squares,
    repeated_dpp_samples,
    volume_samples,
    weighted_rows,
)

MEASURES = ("legendre", "hermite")
TARGETS = ("rational", "gaussian", "kink")
INDEPENDENT, VOLUME, REPEATED = "i.i.d.", "volume", "repeated DPP"
QUANTILES = {"low": 0.05, "median": 0.5, "high": 0.95}


class Space(NamedTuple):
    """V_m in L^2(mu): Q, the targets and masses on the nodes, and nu_m."""

    basis: np.ndarray
    targets: np.ndarray
    masses: np.ndarray
    christoffel: np.ndarray

    @property
    def m(self) -> int:
        return self.basis.shape[1]


def _space(data: Mapping[str, np.ndarray], measure: str, m: int) -> Space:
    masses = data[f"{measure}_masses"]
    root = np.sqrt(masses)[:, None]
    basis = orthonormal_basis(root * data[f"{measure}_polynomials"][:, :m])
    return Space(basis, root * data[f"{measure}_targets"], masses, christoffel_probabilities(basis))


def _dpp(space: Space, repetitions: int, n_draws: int, params: Params, rng: np.random.Generator) -> np.ndarray:
    if params.dpp == "independent":
        return independent_samples(space.christoffel, repetitions * space.m, n_draws, rng)
    return repeated_dpp_samples(space.basis, repetitions, n_draws, rng)


def _weighting(space: Space, base: np.ndarray, params: Params) -> np.ndarray:
    """The probabilities that the weights w_i = mu_i / p_i refer to: those of the base measure, if nothing is broken."""
    return {"base": base, "christoffel": space.christoffel, "none": space.masses}[params.weights]


def _identities(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> dict[str, float]:
    """Means over many draws, divided by what they should be."""
    interpolation, traces, scores = [], {"christoffel": [], "mixture": []}, []
    for measure, m in product(MEASURES, params.identity_features):
        space = _space(data, measure, m)
        n_draws = params.n_identity_draws
        dpp = _dpp(space, 1, n_draws, params, rng)
        weighting = _weighting(space, space.christoffel, params)
        if m == min(params.identity_features):
            fits = least_squares(space.basis, space.targets, weighting, dpp)
            interpolation.append(error_ratios(space.basis, space.targets, fits).mean() / (m + 1))

        bases = {"christoffel": space.christoffel, "mixture": (space.christoffel + space.masses) / 2}
        for (name, base), multiple in product(bases.items(), (3, 4)):
            n = multiple * m
            samples = volume_samples(dpp, independent_samples(base, n - m, n_draws, rng), rng)
            found = inverse_gram_traces(weighted_rows(space.basis, _weighting(space, base, params), samples))
            traces[name].append(found.mean() / (n * m / (n - m + 1)))

        samples = volume_samples(dpp, independent_samples(space.christoffel, m, n_draws, rng), rng)
        fits = least_squares(space.basis, space.targets, weighting, samples)
        scores.append(bias_scores(space.basis, space.targets, fits).ravel())
    return {
        "dpp_ratio_over_m_plus_1": np.mean(interpolation),
        "volume_trace_ratio": np.mean(traces["christoffel"]),
        "general_volume_trace_ratio": np.mean(traces["mixture"]),
        "volume_bias_score": np.sqrt(np.mean(np.concatenate(scores) ** 2)),
    }


def _errors(
    space: Space, draws: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[list[dict], float]:
    """Quantiles of the error ratio for each law, number of points and target; and a mean under volume sampling.

    The mean is that at n of order m log(m), of the worst target.
    """
    m, weighting = space.m, _weighting(space, space.christoffel, params)

    def ratios(samples: np.ndarray) -> np.ndarray:
        return error_ratios(space.basis, space.targets, least_squares(space.basis, space.targets, weighting, samples))

    records = []
    for multiple, (law, points) in product(params.error_multiples, draws.items()):
        values = np.quantile(ratios(points[:, : multiple * m]), list(QUANTILES.values()), axis=0, method="inverted_cdf")
        records += [
            dict(law=law, multiple=multiple, target=target, **dict(zip(QUANTILES, column, strict=True)))
            for target, column in zip(TARGETS, values.T, strict=True)
        ]
    n = max(m, ceil(params.volume_factor * m * log(m)))
    rest = independent_samples(space.christoffel, n - m, params.n_draws, rng)
    samples = volume_samples(draws[REPEATED][:, :m], rest, rng)
    return records, float(ratios(samples).mean(axis=0).max())


def _draw_all(space: Space, params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Samples of the three laws, of which the first n points are used: m times the largest multiple.

    The laws share points where they can, which pairs the comparison. Volume samples begin with the points of the DPP,
    as the fit to all n points does not depend on their order.
    """
    independent = independent_samples(space.christoffel, params.max_multiple * space.m, params.n_draws, rng)
    repeated = _dpp(space, params.max_repetitions, params.n_draws, params, rng)
    volume = np.concatenate([repeated[:, : space.m], independent[:, space.m :]], axis=1)
    return {INDEPENDENT: independent, VOLUME: volume, REPEATED: repeated}


def _stability(space: Space, draws: Mapping[str, np.ndarray], params: Params) -> list[dict]:
    """Median of the smallest eigenvalue of G for n = m, 2m, 3m, ... points."""
    weighting = _weighting(space, space.christoffel, params)
    return [
        dict(law=law, multiple=multiple, median=median)
        for law, points in draws.items()
        for multiple, median in enumerate(
            np.median(block_gram_eigenvalues(weighted_rows(space.basis, weighting, points)), axis=0), start=1
        )
    ]


def _points_ratio(stability: pd.DataFrame) -> float:
    """Points that i.i.d. needs for a median eigenvalue of 1/2 over those of repeated DPPs, at the largest m.

    Of the worse measure. What is not reached counts against repeated DPPs: the most points tried for i.i.d., infinity
    for repeated DPPs.
    """
    part = stability[stability.m == stability.m.max()]

    def needed(measure: str, law: str, otherwise: float) -> float:
        rows = part[(part.measure == measure) & (part.law == law)]
        return min(rows.multiple[rows["median"] >= 0.5], default=otherwise)

    most = part.multiple[part.law == INDEPENDENT].max()
    return min(needed(x, INDEPENDENT, otherwise=most) / needed(x, REPEATED, otherwise=np.inf) for x in MEASURES)


def _excess_ratio(errors: pd.DataFrame) -> float:
    """Median excess error of i.i.d. over that of repeated DPPs at n = 2m, worst over measure, m >= 10 and target."""
    part = errors[(errors.multiple == 2) & (errors.m >= 10)]
    excess = part.pivot(index=["measure", "m", "target"], columns="law", values="median") - 1
    return float((excess[INDEPENDENT] / excess[REPEATED]).min())


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Closed forms, error ratios against n / m, smallest eigenvalues against n / m, and example points."""
    metrics = _identities(data, params, rng)
    errors, stability, examples, means = [], [], [], []
    for measure, m in product(MEASURES, params.n_features):
        space = _space(data, measure, m)
        draws = _draw_all(space, params, rng)
        records, mean = _errors(space, draws, params, rng)
        means.append(mean)
        errors += [dict(measure=measure, m=m, **record) for record in records]
        stability += [dict(measure=measure, m=m, **record) for record in _stability(space, draws, params)]
        if m == 10:
            nodes = data[f"{measure}_nodes"]
            examples += [
                dict(measure=measure, law=law, draw=draw, x=x)
                for law, points in draws.items()
                for draw in range(5)
                for x in nodes[points[draw, : 2 * m]]
            ]
    tables = {
        "errors": pd.DataFrame(errors),
        "stability": pd.DataFrame(stability),
        "examples": pd.DataFrame(examples),
    }
    metrics |= {
        "volume_mean_ratio_at_m_log_m": max(means),
        "excess_ratio": _excess_ratio(tables["errors"]),
        "points_ratio": _points_ratio(tables["stability"]),
    }
    return Outcome(metrics, tables)
