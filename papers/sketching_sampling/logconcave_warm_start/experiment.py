"""Warmness of neighbouring laws, annealed chains under two schedules, and log-Sobolev constants of long laws."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from .in_and_out import Body
from .method import (
    FOURTH_MOMENT,
    HALF_WIDTH,
    anneal,
    annealing_variances,
    fitted_precision,
    renyi_2,
    renyi_infinity,
    truncated_laplace,
)

NEW, OLD = "new", "old"


def _powers(params: Params) -> dict[str, float]:
    return {NEW: params.new_power, OLD: 1.0}


def _divergences(params: Params) -> pd.DataFrame:
    """The largest R_2 and R_infinity of neighbours along each schedule."""
    records = []
    for schedule, power in _powers(params).items():
        for d in params.closed_form_dimensions:
            precisions = 1 / annealing_variances(d, power)
            pairs = d, precisions[:-1], precisions[1:]
            for order, divergence in (("R2", renyi_2), ("Rinf", renyi_infinity)):
                records.append(dict(schedule=schedule, dimension=d, order=order, worst=divergence(*pairs).max()))
    return pd.DataFrame(records)


def _chains(
    data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Per dimension and schedule: cost and quality; and in the largest dimension the law of a coordinate."""
    records, histogram = [], []
    edges = np.linspace(-HALF_WIDTH, HALF_WIDTH, params.n_bins + 1)
    for d, n_chains in zip(params.dimensions, params.n_chains, strict=True):
        body = Body(data[f"normals_{d}"], HALF_WIDTH)
        for schedule, power in _powers(params).items():
            variances = annealing_variances(d, power)
            times = dict(phase_time=params.phase_time, final_time=params.final_time)
            run = anneal(
                body, variances, n_chains, params.step_constant, **times, max_trials=params.max_trials, rng=rng
            )
            precisions = np.array([fitted_precision(moment) for moment in run.mean_squares])
            coordinates = run.states @ body.normals.T
            records.append(
                dict(
                    dimension=d,
                    schedule=schedule,
                    n_phases=len(variances) - 1,
                    queries=run.queries / n_chains,
                    queries_per_step=run.queries / run.steps,
                    failure_rate=run.failures / run.steps,
                    worst_start=renyi_2(d, precisions, 1 / variances[1:]).max(),
                    moment_error=abs(np.mean(coordinates**4) / FOURTH_MOMENT - 1),
                )
            )
            if d == max(params.dimensions):
                density = np.histogram(coordinates, edges, density=True)[0]
                centres = (edges[:-1] + edges[1:]) / 2
                histogram += [
                    dict(dimension=d, schedule=schedule, x=x, density=height)
                    for x, height in zip(centres, density, strict=True)
                ]
    return pd.DataFrame(records), pd.DataFrame(histogram)


def _log_sobolev(params: Params) -> pd.DataFrame:
    return pd.DataFrame([truncated_laplace(diameter)._asdict() for diameter in params.diameters])


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Exponents in the dimension, distances to the targets and the spread of B over its prediction."""
    divergences = _divergences(params)
    chains, histogram = _chains(data, params, rng)
    laws = _log_sobolev(params)

    new = divergences[divergences.schedule == NEW].pivot(index="dimension", columns="order", values="worst")
    queries = chains.pivot(index="dimension", columns="schedule", values="queries")
    exponents = {schedule: log_log_slope(queries.index, queries[schedule]).value for schedule in (NEW, OLD)}
    power = params.diameter_power
    ratios = laws.functional / (laws.diameter**power * laws.deviation ** (2 - power))
    metrics = {
        "renyi2_max": new["R2"].max(),
        "rinf_exponent": log_log_slope(new.index, new["Rinf"]).value,
        "chain_renyi2_max": chains.worst_start[chains.schedule == NEW].max(),
        "query_exponent_new": exponents[NEW],
        "query_exponent_old": exponents[OLD],
        "exponent_gap": exponents[OLD] - exponents[NEW],
        "moment_error": chains.moment_error.max(),
        "lsi_ratio_spread": ratios.max() / ratios.min(),
    }
    tables = {"divergences": divergences, "chains": chains, "histogram": histogram, "log_sobolev": laws}
    return Outcome({name: float(value) for name, value in metrics.items()}, tables)
