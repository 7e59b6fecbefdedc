"""Errors of sketched products at equal storage: sparse and dense pairs, the bound, a join to regress on, attention."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..row_sampling import squared_row_norms
from ..sketches import count_sketch, sign_sketch
from .method import (
    RowSketch,
    estimate_product,
    priority_sketch,
    regress_on_sample,
    rows_within,
    threshold_probabilities,
    threshold_sketch,
    words_per_row,
)

LINEAR = {"JL": sign_sketch, "CountSketch": count_sketch}
JL, COUNT = LINEAR
THRESHOLD, PRIORITY, UNIFORM, INDEPENDENT = "threshold", "priority", "uniform", "independent hashes"
JOINED = "joined sample"
SAMPLERS = (THRESHOLD, PRIORITY, UNIFORM, INDEPENDENT)
Draw = Callable[[np.random.Generator], tuple[RowSketch, RowSketch]]


class Pair:
    """A and B of one kind, the squared norms of their rows, and A^T B."""

    def __init__(self, data: Mapping[str, np.ndarray], kind: str, n_columns: tuple[int, int]) -> None:
        sites = [data[f"{kind}__a"], data[f"{kind}__b"]]
        columns = [data.get(f"{kind}__columns_{site}", data.get(f"{kind}__columns")) for site in "ab"]
        self.a, self.b = (
            _sparse(values, np.minimum(where, width - 1), width)
            for values, where, width in zip(sites, columns, n_columns, strict=True)
        )
        self.weights = [squared_row_norms(values) for values in sites]
        self.n_nonzeros = sites[0].shape[1]
        self.product = (self.a.T @ self.b).toarray()
        dense = self.n_nonzeros == n_columns[0] > 1
        self.operands = (self.a.toarray(), self.b.toarray()) if dense else (self.a, self.b)  # what sketches are fast on
        self.scale = np.sqrt(np.prod([weights.sum() for weights in self.weights]))  # ||A||_F ||B||_F

    def squared_error(self, estimate: np.ndarray) -> float:
        """||W - A^T B||_F^2 / (||A||_F ||B||_F)^2."""
        return float(np.sum((estimate - self.product) ** 2) / self.scale**2)


def _sparse(values: np.ndarray, columns: np.ndarray, width: int) -> csr_array:
    starts = np.arange(0, values.size + 1, values.shape[1])
    parts = (values.ravel(), columns.ravel().astype(np.int32), starts)
    matrix = csr_array(parts, shape=(len(values), width), copy=True)  # as the next line overwrites them
    matrix.eliminate_zeros()
    return matrix


def _shared(sampler: str, params: Params) -> bool:
    return sampler != INDEPENDENT and params.hashes == "shared"


def _sampler(sampler: str, pair: Pair, k: int, params: Params, adaptive: bool = True) -> Draw:
    """Draws of both sketches of k rows, from hashes that the sites share, or not."""
    weights = pair.weights
    if sampler == UNIFORM or params.importances == "uniform":
        weights = [(site > 0).astype(float) for site in weights]
    probabilities = [threshold_probabilities(site, k, adaptive) for site in weights]

    def draw(rng: np.random.Generator) -> tuple[RowSketch, RowSketch]:
        first = rng.random(len(weights[0]))
        hashes = (first, first if _shared(sampler, params) else rng.random(len(first)))
        matrices = (pair.a, pair.b)
        if sampler == PRIORITY:
            return tuple(priority_sketch(*x, k, h) for *x, h in zip(matrices, weights, hashes, strict=True))
        return tuple(threshold_sketch(*x) for x in zip(matrices, probabilities, hashes, strict=True))

    return draw


def _row_words(pair: Pair, width: int, params: Params) -> int:
    return words_per_row(pair.n_nonzeros if params.rows_stored == "sparse" else width, width)


def _linear_product(sketch: str, pair: Pair, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    s = LINEAR[sketch](n_rows, len(pair.weights[0]), rng)
    first, second = pair.operands
    return (s @ first).T @ (s @ second)


def _errors(
    pair: Pair, width: int, sketches: tuple[str, ...], jl_rows: list[int], params: Params, rng: np.random.Generator
) -> list[dict]:
    """Root mean square error over draws of each sketch at the storage of each number of rows of JL; that of W = 0."""
    records, trivial = [], np.sqrt(pair.squared_error(np.zeros_like(pair.product)))
    for linear_rows, sketch in product(jl_rows, sketches):
        storage, n_rows = linear_rows * width, linear_rows
        if sketch in LINEAR:
            estimates = (_linear_product(sketch, pair, n_rows, rng) for _ in range(params.n_linear_draws))
        else:
            n_rows = rows_within(storage, _row_words(pair, width, params))
            draw, shared = _sampler(sketch, pair, n_rows, params), _shared(sketch, params)
            estimates = (estimate_product(*draw(rng), shared) for _ in range(params.n_draws))
        error = np.sqrt(np.mean([pair.squared_error(estimate) for estimate in estimates]))
        sizes = dict(storage=storage, linear_rows=linear_rows, n_rows=n_rows)
        records.append(dict(sketch=sketch, **sizes, error=error, trivial=trivial))
    return records


def _bounds(pairs: Mapping[str, Pair], width: int, params: Params, rng: np.random.Generator) -> list[dict]:
    """Second moment of the error over its bound: 2 / k for threshold sampling with c = k, 2 / (k - 1) for priority."""
    records = []
    ends = (min(params.jl_rows), max(params.jl_rows))
    for (kind, pair), n_rows, sampler in product(pairs.items(), ends, (THRESHOLD, PRIORITY)):
        k = rows_within(n_rows * width, words_per_row(pair.n_nonzeros, width))
        draw, shared = _sampler(sampler, pair, k, params, adaptive=False), _shared(sampler, params)
        errors = [pair.squared_error(estimate_product(*draw(rng), shared)) for _ in range(params.n_draws)]
        bound = 2 / (k if sampler == THRESHOLD else k - 1)
        records.append(dict(kind=kind, sampler=sampler, n_rows=k, ratio=np.mean(errors) / bound))
    return records


def _regression(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> list[dict]:
    """Mean squared difference on fresh rows to the predictions of the regression on the exact join.

    Both sketches estimate A^T b and take the same Gram matrix: A^T A of the site with the features, scaled to the
    number of shared keys. The join of two samples can also be regressed on directly.
    """
    d = params.n_features
    pair = Pair(data, "join", (d, 1))
    in_both = (pair.weights[0] > 0) & (pair.weights[1] > 0)
    gram = (pair.a.T @ pair.a).toarray() * in_both.sum() / np.count_nonzero(pair.weights[0])
    joined, responses = pair.a[in_both].toarray(), pair.b[in_both].toarray()[:, 0]
    exact = np.linalg.lstsq(joined, responses)[0]
    test = _sparse(data["join__test_a"], data["join__test_columns"], d)

    def excess(coefficients: np.ndarray) -> float:
        return float(np.mean((test @ (coefficients - exact)) ** 2))

    records = []
    for n_rows in params.join_jl_rows:
        storage = n_rows * (d + 1)  # of both sites
        k = rows_within(storage, _row_words(pair, d, params) + words_per_row(1, 1))
        draw, shared = _sampler(PRIORITY, pair, k, params), _shared(PRIORITY, params)
        errors: dict[str, list[float]] = {COUNT: [], PRIORITY: [], JOINED: []}
        for _ in range(params.n_join_draws):
            cross = _linear_product(COUNT, pair, n_rows, rng)
            errors[COUNT].append(excess(np.linalg.solve(gram, cross[:, 0])))
            sketches = draw(rng)
            cross = estimate_product(*sketches, shared)
            errors[PRIORITY].append(excess(np.linalg.solve(gram, cross[:, 0])))
            errors[JOINED].append(excess(regress_on_sample(*sketches, shared)))
        records += [
            dict(sketch=name, storage=storage, excess=np.mean(values), trivial=excess(np.zeros(d)))
            for name, values in errors.items()
        ]
    return records


def _gain(table: pd.DataFrame, column: str, worse: str, better: str) -> float:
    """Geometric mean over storages of the ratio of `column` of two sketches."""
    wide = table.pivot(index="storage", columns="sketch", values=column)
    return float(np.exp(np.mean(np.log(wide[worse] / wide[better]))))


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Error curves of sparse, dense and attention pairs, errors over overlap, the bound, and the regression."""
    d = params.n_columns
    names = {name.split("__")[0] for name in data} - {"join", "attention"}
    pairs = {kind: Pair(data, kind, (d, d)) for kind in sorted(names)}
    sketches = (*LINEAR, *SAMPLERS)
    main = [(s, 0.5) for s in params.sparse_nonzeros] + [(d, 1.0)]
    curves = {
        s: pd.DataFrame(_errors(pairs[f"s{s}_o{100 * o:.0f}"], d, sketches, params.jl_rows, params, rng)).assign(
            overlap=o
        )
        for s, o in main
    }
    middle = params.jl_rows[len(params.jl_rows) // 2]
    overlaps = [
        dict(overlap=o, **record)
        for o in params.overlaps
        for record in _errors(pairs[f"s{params.overlap_nonzeros}_o{100 * o:.0f}"], d, sketches, [middle], params, rng)
    ]
    attention = Pair(data, "attention", (params.n_tokens, params.n_tokens))
    attention_errors = _errors(attention, params.n_tokens, (COUNT, PRIORITY), params.jl_rows, params, rng)
    tables = {
        "errors": pd.concat([table.assign(n_nonzeros=s) for s, table in curves.items()], ignore_index=True),
        "overlaps": pd.DataFrame(overlaps),
        "attention": pd.DataFrame(attention_errors),
        "bounds": pd.DataFrame(_bounds(pairs, d, params, rng)),
        "regression": pd.DataFrame(_regression(data, params, rng)),
    }
    slopes = [
        log_log_slope(rows.storage, rows.error).value
        for rows in (table[table.sketch == THRESHOLD] for table in curves.values())
    ]
    sparse = curves[params.overlap_nonzeros]
    smallest = sparse[sparse.storage == sparse.storage.min()]
    metrics = {f"error_gain_s{s}": _gain(curves[s], "error", COUNT, THRESHOLD) for s in params.sparse_nonzeros}
    metrics |= {
        "dense_error_ratio": _gain(curves[d], "error", COUNT, THRESHOLD),
        "priority_over_threshold_error": _gain(sparse, "error", PRIORITY, THRESHOLD),
        "bound_ratio": float(tables["bounds"].ratio.max()),
        "storage_exponent": float(np.mean(slopes)),
        "coordination_gain": _gain(smallest, "error", INDEPENDENT, THRESHOLD),
        "attention_squared_error_ratio": _gain(tables["attention"], "error", COUNT, PRIORITY) ** 2,
        "regression_excess_ratio": _gain(tables["regression"], "excess", COUNT, PRIORITY),
    }
    return Outcome(metrics, tables)
