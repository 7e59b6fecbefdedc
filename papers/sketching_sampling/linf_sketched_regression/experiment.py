"""Coordinate-wise errors of sketched regressions against the dimension, the sparsity and the rows of the sketch."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..sketches import HadamardSketch, Sketch, gaussian_sketch, hadamard_sketch, sign_sketch, sparse_sketch
from .method import Problem, hard_problem, problem, scaled_error, solve_sketched, spikes_for_collisions, walsh_columns

Draw = Callable[[int, int, np.random.Generator], Sketch]

SRHT, GAUSSIAN, SIGNS, SPARSE = "SRHT", "Gaussian", "random signs", "sparse"
HARD, FEATURES, HEAVY, WALSH = "identity", "Gaussian", "heavy rows", "Walsh functions"
SPARSITIES = (1, 2, 4, 8, 16)
HEAVY_WEIGHT = 100.0


class Case(NamedTuple):
    """A sketch and the problem that it is tried on; `nonzeros` per column is 0 for dense sketches."""

    sketch: str
    draw: Draw
    nonzeros: int
    instance: str
    exact: Problem


def _unsigned(n_rows: int, n: int, rng: np.random.Generator) -> HadamardSketch:
    return HadamardSketch(np.ones(n), hadamard_sketch(n_rows, n, rng).rows)


def _srht(params: Params) -> Draw:
    draws = {"srht": hadamard_sketch, "unsigned": _unsigned, "sparse": partial(sparse_sketch, nonzeros=2)}
    return draws[params.dense_sketch]


def _problems(data: Mapping[str, np.ndarray], d: int, params: Params) -> dict[str, Problem]:
    """Problems with incoherent, coherent and structured features, all of the form b = A x + noise."""
    n = params.n_per_column * d
    features = data["features"][:n, :d]
    heavy = np.argsort(np.argsort(data["ranks"][:n])) < 2 * d
    designs = {
        FEATURES: features,
        HEAVY: features * np.where(heavy, HEAVY_WEIGHT, 1.0)[:, None],
        WALSH: walsh_columns(n, d),
    }
    coefficients, noise = data["coefficients"][:d], data["noise"][:n]
    return {name: problem(design, design @ coefficients + noise) for name, design in designs.items()}


def _hard(d: int, nonzeros: int, params: Params) -> Problem:
    """The hard problem for s non-zeros per column, with no more spikes than there is room for below I."""
    n = params.n_per_column * d
    n_spikes = spikes_for_collisions(params.n_collisions, nonzeros, params.m_per_column)
    return hard_problem(n, d, min(n_spikes, n - d))


def _cases(data: Mapping[str, np.ndarray], d: int, params: Params) -> list[Case]:
    hard = _hard(d, 2, params)
    problems = {HARD: hard} | _problems(data, d, params)
    cases = [Case(SRHT, _srht(params), 0, instance, exact) for instance, exact in problems.items()]
    # Rows in which all of [A b] is zero meet columns of S that do not matter: dense ones need not be drawn.
    dense_hard = hard._replace(augmented=hard.augmented[np.unique(hard.augmented.nonzero()[0])])
    cases += [
        Case(name, draw, 0, HARD, dense_hard) for name, draw in ((GAUSSIAN, gaussian_sketch), (SIGNS, sign_sketch))
    ]
    for s in SPARSITIES:
        cases.append(Case(SPARSE, partial(sparse_sketch, nonzeros=s), s, HARD, _hard(d, s, params)))
    return cases


def _sketched(draw: Draw, n_rows: int, exact: Problem, params: Params, rng: np.random.Generator) -> np.ndarray:
    """S [A b], in one go."""
    sketched = draw(n_rows, exact.augmented.shape[0], rng) @ exact.augmented
    if not params.one_sketch:
        sketched[:, -1] = (draw(n_rows, exact.augmented.shape[0], rng) @ exact.augmented)[:, -1]
    return sketched


def _errors(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> tuple[list[dict], list[dict]]:
    """Medians of the scaled error of every case and d; error vectors of two sketches at the largest d.

    The smaller d is, the more draws: max(d) / d times as many, as the largest of few coordinates varies more.
    """
    records, coordinates = [], []
    for d in params.n_columns:
        n_draws = params.n_draws * max(params.n_columns) // d
        for case in _cases(data, d, params):
            errors = np.empty(n_draws)
            for k in range(n_draws):
                solution = solve_sketched(_sketched(case.draw, params.m_per_column * d, case.exact, params, rng))
                errors[k] = scaled_error(solution, case.exact)
            key = dict(sketch=case.sketch, nonzeros=case.nonzeros, instance=case.instance)
            records.append(dict(**key, d=d, median=np.median(errors)))
            if d == max(params.n_columns) and case.instance == HARD and (case.sketch == SRHT or case.nonzeros == 2):
                coordinates += [
                    dict(sketch=case.sketch, coordinate=j, error=np.sqrt(d) * value) for j, value in enumerate(solution)
                ]
    return records, coordinates


def _row_errors(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> list[dict]:
    """Scaled errors of the SRHT against its number of rows m, Gaussian features with d = rate_columns.

    The rows are drawn independently, so the first m of a sketch are, up to scale, a sketch of m rows.
    """
    d = params.rate_columns
    features = data["features"][:, :d]
    exact = problem(features, features @ data["coefficients"][:d] + data["noise"])
    sizes = [ratio * d for ratio in params.rate_ratios]
    records = []
    for _ in range(params.n_rate_draws):
        sketched = _sketched(_srht(params), max(sizes), exact, params, rng)
        records += [dict(m=m, error=scaled_error(solve_sketched(sketched[:m]), exact)) for m in sizes]
    table = pd.DataFrame(records).groupby("m", as_index=False)["error"].median()
    return [dict(d=d, m=int(m), error=error) for m, error in zip(table.m, table.error, strict=True)]


def _inner_product_quantile(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> float:
    """The 99.9 percent quantile of sqrt(m) |<S g, S h> - <g, h>| for fixed unit g and h; the worst of three pairs.

    Two unit coordinates, two flat vectors (the same one) and two random directions.
    """
    n, m = params.embedding_size, params.embedding_rows
    flat = np.full(n, n**-0.5)
    left = np.column_stack([np.eye(n)[0], flat, data["pair"][0]])
    right = np.column_stack([np.eye(n)[1], flat, data["pair"][1]])
    draw, both = _srht(params), np.concatenate([left, right], axis=1)
    errors = np.empty((params.n_embedding_draws, 3))
    for k in range(len(errors)):
        sketched = draw(m, n, rng) @ both
        errors[k] = np.sum(sketched[:, :3] * sketched[:, 3:], axis=0) - np.sum(left * right, axis=0)
    return float(np.sqrt(m) * np.quantile(np.abs(errors), 0.999, axis=0).max())


def _slope(x: pd.Series, errors: pd.Series) -> float:
    """Log-log slope; infinite if an error is."""
    return log_log_slope(x, errors).value if np.isfinite(errors).all() else np.inf


def _metrics(errors: pd.DataFrame, rates: pd.DataFrame, params: Params) -> dict[str, float]:
    srht = errors[errors.sketch == SRHT]
    sparse = {s: part for s, part in errors[errors.sketch == SPARSE].groupby("nonzeros")}
    log_n = np.log(params.n_per_column * srht.d)
    hard = errors[(errors.d == errors.d.max()) & (errors.instance == HARD)].set_index(["sketch", "nonzeros"])["median"]
    return {
        "slope_s2": _slope(sparse[2].d, sparse[2]["median"]),
        "slope_s4": _slope(sparse[4].d, sparse[4]["median"]),
        "slope_srht": max(_slope(part.d, part["median"]) for _, part in srht.groupby("instance")),
        "srht_level": float((srht["median"] * np.sqrt(params.m_per_column / log_n)).max()),
        "sparse_over_srht": hard[SPARSE, 2] / hard[SRHT, 0],
        "rows_slope": _slope(rates.m, rates.error),
    }


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Errors of all sketches against d and m, their growth, and the inner products that a dense sketch keeps."""
    errors, coordinates = (pd.DataFrame(records) for records in _errors(data, params, rng))
    rates = pd.DataFrame(_row_errors(data, params, rng))
    metrics = _metrics(errors, rates, params)
    metrics["inner_product_quantile"] = _inner_product_quantile(data, params, rng)
    return Outcome(metrics, {"errors": errors, "rates": rates, "coordinates": coordinates})
