"""Correlation with the top eigenvector on streams with and without heavy rows, in random and in sorted order."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from .method import (
    better_direction,
    block_count,
    block_power,
    correlations,
    frobenius_squared,
    heavy_instance,
    light_instance,
    oja,
    oja_ratio_needed,
    orthogonal_instance,
    top_eigenpair,
)

STORED, UNSTORED, OJA = "heavy rows stored", "none stored", "Oja"


def _instances(data: Mapping[str, np.ndarray], params: Params) -> Iterator[tuple[str, int, int, np.ndarray]]:
    """Kind, d, R and rows of every stream."""
    for d, ratios in params.streams:
        normals = data[f"normals_{d}"].astype(np.float32)
        light = normals / np.float32(np.sqrt(len(normals)))
        for ratio in ratios:
            yield "heavy", d, ratio, heavy_instance(light, data[f"signs_{d}"], ratio, params.pieces)
            yield "orthogonal", d, ratio, orthogonal_instance(light, data[f"signs_{d}"], ratio, params.pieces)
            yield "light", d, ratio, light_instance(light, ratio)


def _sorted_by(rows: np.ndarray, column: int) -> np.ndarray:
    """Indices by decreasing size of the entry in `column`."""
    return np.argsort(-np.abs(rows[:, column]), kind="stable")


def _compare(
    rows: np.ndarray, top: np.ndarray, n_shuffles: int, params: Params, rng: np.random.Generator
) -> list[dict]:
    """Final correlation of every method in every shuffle; the methods share orders and starts."""
    n_rows, d = rows.shape
    n_blocks = block_count(d, params.block_factor)
    cut = params.heavy_cut * frobenius_squared(rows) / d
    records = []
    for shuffle in range(n_shuffles):
        order = rng.permutation(n_rows) if params.order == "random" else _sorted_by(rows, 0)
        start = rng.standard_normal(d)
        stored = block_power(rows, order, start, n_blocks, cut if params.keep_heavy else np.inf)
        unstored = block_power(rows, order, start, n_blocks, np.inf)
        found = {
            (STORED, 0.0): better_direction(stored) if params.compare_directions else stored.iterates[-1],
            (UNSTORED, 0.0): unstored.iterates[-1],
        }
        vectors = oja(rows, order, start, params.rates)
        found |= {(OJA, float(rate)): vector for rate, vector in zip(params.rates, vectors, strict=True)}
        records += [
            dict(shuffle=shuffle, method=method, rate=rate, correlation=float(correlations(vector, top)))
            for (method, rate), vector in found.items()
        ]
    return records


def _progress(rows: np.ndarray, top: np.ndarray, params: Params, rng: np.random.Generator) -> list[dict]:
    """Correlation after every block, on the rows as shuffled and as sorted by an adversary."""
    n_rows, d = rows.shape
    n_blocks = block_count(d, params.block_factor)
    cut = params.heavy_cut * frobenius_squared(rows) / d
    records = []
    for shuffle in range(params.light_shuffles):
        start = rng.standard_normal(d)
        orders = {"random": rng.permutation(n_rows), "sorted": _sorted_by(rows, params.sort_column)}
        for name, order in orders.items():
            found = correlations(block_power(rows, order, start, n_blocks, cut).iterates, top)
            records += [
                dict(order=name, shuffle=shuffle, share_read=(block + 1) / n_blocks, correlation=float(value))
                for block, value in enumerate(found)
            ]
    return records


def _medians(runs: pd.DataFrame) -> pd.DataFrame:
    """Median over shuffles of every method on every stream; Oja at its best rate, which is chosen by the outcome."""
    by_rate = runs.groupby(["kind", "d", "ratio", "method", "rate"], as_index=False).correlation.median()
    best = by_rate.groupby(["kind", "d", "ratio", "method"]).correlation.idxmax()
    return by_rate.loc[best].reset_index(drop=True)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Run all methods on all streams, then the block power iterates in two orders."""
    shuffle_rng, progress_rng = rng.spawn(2)
    runs, gaps, progress = [], [], []
    for kind, d, ratio, rows in _instances(data, params):
        top, gap = top_eigenpair(rows)
        stream = dict(kind=kind, d=d, ratio=ratio)
        gaps.append(stream | dict(gap=gap, predicted=oja_ratio_needed(d)))
        n_shuffles = params.light_shuffles if kind == "light" else params.heavy_shuffles
        runs += [stream | record for record in _compare(rows, top, n_shuffles, params, shuffle_rng)]
        if kind == "light" and ratio == params.sorted_ratio:
            progress += [dict(d=d) | record for record in _progress(rows, top, params, progress_rng)]
    tables = {"runs": pd.DataFrame(runs), "gaps": pd.DataFrame(gaps), "progress": pd.DataFrame(progress)}
    tables["medians"] = medians = _medians(tables["runs"])

    def select(method: str, ratios: list[int]) -> pd.Series:
        """Medians of a method on all streams with heavy rows."""
        return medians.correlation[(medians.kind != "light") & (medians.method == method) & medians.ratio.isin(ratios)]

    losses = medians[(medians.kind == "light") & (medians.method == STORED)]
    losses = losses.assign(loss=1 - losses.correlation)
    all_ratios = losses[losses.d == params.streams[0][0]]
    final = tables["progress"][tables["progress"].share_read == 1]
    sorted_medians = final[final.order == "sorted"].groupby("d").correlation.median()
    metrics = {
        "block_heavy": select(STORED, [2, 3]).min(),
        "oja_heavy": select(OJA, [2]).max(),
        "oja_large_gap": select(OJA, [8]).min(),
        "no_store": select(UNSTORED, [2]).max(),
        "sorted_corr": sorted_medians.max(),
        "loss_scaled": (losses.loss * np.sqrt(losses.ratio)).max(),
        "loss_exponent": log_log_slope(all_ratios.ratio, all_ratios.loss).value,
    }
    return Outcome({name: float(value) for name, value in metrics.items()}, tables)
