"""Rows needed for distortion 1/2 against the number of columns, and total sensitivities."""

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..row_sampling import capped_probabilities, orthonormal_basis, squared_row_norms
from .method import distortions, lp_sensitivities, root_leverage_scores, rows_needed, sample_weights

SENSITIVITY, ROOT_LEVERAGE, UNIFORM = "sensitivity", "root leverage", "uniform"


class Space(NamedTuple):
    """A column space with the scores of its rows under the l_p norm, and directions that attain the sensitivities."""

    basis: np.ndarray
    p: float
    scores: dict[str, np.ndarray]
    directions: np.ndarray


def _space(design: np.ndarray, p: float, params: Params) -> Space:
    """The scores called sensitivities are the sensitivities, if nothing is broken."""
    basis = orthonormal_basis(design)
    found = lp_sensitivities(basis, p)
    leverage, uniform = squared_row_norms(basis), np.ones(len(basis))
    sensitivities = {
        "sensitivity": found.values,
        "unpowered": found.values ** (1 / p),
        "leverage": leverage,
        "uniform": uniform,
    }[params.scores]
    scores = {SENSITIVITY: sensitivities, ROOT_LEVERAGE: root_leverage_scores(basis, p), UNIFORM: uniform}
    return Space(basis, p, scores, found.directions)


def _rows_needed(
    space: Space, sampler: str, params: Params, rng: np.random.Generator
) -> tuple[float, list[tuple[float, float]]]:
    """Rows at which the median distortion is 1/2; every sample size uses the same uniform numbers."""
    n_rows, d = space.basis.shape
    uniforms = rng.random((max(1, params.draw_budget // d), n_rows))
    norm_exponent = {"norm": space.p, "l2": 2.0}[params.scaling]

    def median_distortion(n_samples: float) -> float:
        probabilities = capped_probabilities(space.scores[sampler], n_samples)
        weights = sample_weights(probabilities, uniforms, space.p, norm_exponent)
        return float(np.median(distortions(space.basis, weights, space.p, space.directions)))

    return rows_needed(median_distortion, fewest=d, most=n_rows)


def _out_of_range(totals: pd.DataFrame) -> float:
    """Largest factor by which a total sensitivity leaves the interval from d to d^(p/2); at most 1 if none does."""
    ends = totals.d, totals.d ** (totals.p / 2)
    lower, upper = np.minimum(*ends), np.maximum(*ends)
    return float(np.maximum(totals.total / upper, lower / totals.total).max())


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Exponents of the rows needed for p = 1 and p = 4, the gain over uniform sampling, and total sensitivities."""
    low, high = params.low_exponent, params.high_exponent
    families = ("gauss", "heavy", "planted")
    cells = [*product(families, (low, params.middle_exponent, high)), ("stack", high)]
    spaces = {
        (family, p, d): _space(data[f"{family}_{d}"], p, params) for (family, p), d in product(cells, params.n_columns)
    }
    totals = pd.DataFrame(
        [
            dict(family=family, p=float(p), d=d, total=space.scores[SENSITIVITY].sum())
            for (family, p, d), space in spaces.items()
            if family in families  # the total of the stack is d by construction
        ]
    )

    runs = [*product(("gauss", "heavy"), (low,), (SENSITIVITY, ROOT_LEVERAGE)), ("heavy", low, UNIFORM)]
    runs.append((params.structured, high, SENSITIVITY))
    rows, curves = [], []
    for (family, p, sampler), d in product(runs, params.n_columns):
        needed, tried = _rows_needed(spaces[family, p, d], sampler, params, rng)
        cell = dict(family=family, p=float(p), sampler=sampler, d=d)
        rows.append(cell | dict(rows=needed))
        curves += [cell | dict(rows=m, distortion=distortion) for m, distortion in tried]
    table = pd.DataFrame(rows).set_index(["family", "p", "sampler", "d"]).sort_index().rows

    def exponent(family: str, p: float, sampler: str) -> float:
        part = table[family, p, sampler]
        return log_log_slope(part.index, part).value

    gain = table["heavy", low, UNIFORM] / table["heavy", low, SENSITIVITY]
    even = totals[(totals.family == "gauss") & (totals.p == low)]
    metrics = {
        "exponent_p1_sensitivity": np.mean([exponent(family, low, SENSITIVITY) for family in ("gauss", "heavy")]),
        "exponent_p1_root_leverage": np.mean([exponent(family, low, ROOT_LEVERAGE) for family in ("gauss", "heavy")]),
        "exponent_p4_structured": exponent(params.structured, high, SENSITIVITY),
        "uniform_over_sensitivity_rows": np.exp(np.log(gain).mean()),
        "total_over_sqrt_d": (even.total / np.sqrt(even.d)).mean(),
        "total_out_of_range": _out_of_range(totals),
    }
    return Outcome(metrics, {"rows": pd.DataFrame(rows), "totals": totals, "curves": pd.DataFrame(curves)})
