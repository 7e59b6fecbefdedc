"""Does a weighted sum of layer errors predict a quantised model's loss, and do HIGGS and dynamic bits gain by it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from papers.substrates.tiny_lm.evaluate import PairedLoss
from papers.substrates.tiny_lm.model import MATRICES, load

from ..bit_allocation import allocate, allocate_exhaustively, allocate_greedily
from ..gaussian_grids import gaussian_distortion, gaussian_quantiles, lloyd_max, planar_grid
from ..scalar_quantisers import nf4, nf4_bits, relative_squared_error, round_to_nearest, round_to_nearest_bits
from .method import gaussian_error, higgs, higgs_bits, layer_weight, slope_through_origin, variance_explained

Matrices = dict[str, np.ndarray]
Quantiser = Callable[[np.ndarray], np.ndarray]

ALLOCATORS = {"dynamic_programming": allocate, "greedy": allocate_greedily}
GRIDS = {"lloyd_max": lloyd_max, "quantiles": gaussian_quantiles}
GROUP = 64
OPTIONS = (4, 8, 16, 32)  # grid sizes between which dynamic HIGGS chooses: 2 to 5 bits
TWO_BITS = 4  # levels
COMPARED_BITS, SCALE_BITS = 3.25, 16 / GROUP  # per weight: of an index, and of its share of a scale
RANDOM_SCHEMES = ("noise", "higgs", "higgs_part")


def run(data: Mapping[str, np.ndarray], params: Any, rng: np.random.Generator) -> Outcome:
    grid_metrics, matrix_errors = grid_part(data, params, rng)
    allocation_gap = allocation_part(data, params)

    model = load()
    weights = {name: matrix.detach().double().numpy() for name, matrix in model.matrices().items()}
    text, other_text = PairedLoss(model, data["windows"]), PairedLoss(model, data["other_windows"])
    alpha, disagreement = estimate_layer_weights(weights, text, params, rng)
    linearity, configurations = linearity_part(weights, alpha, text, params, rng)
    # on other text: what chose the bits must not also judge them
    dynamic_gain, bits = bits_part(weights, alpha, other_text, params, rng)

    layers = pd.DataFrame(
        [
            {"block": int(name.split(".")[1]), "matrix": name.split(".", 2)[2].removesuffix(".weight"), "alpha": value}
            for name, value in alpha.items()
        ]
    )
    metrics = grid_metrics | linearity
    metrics |= {"allocation_gap": allocation_gap, "dynamic_gain": dynamic_gain, "alpha_disagreement": disagreement}
    tables = {"configurations": configurations, "layers": layers, "bits": bits, "matrix_errors": matrix_errors}
    return Outcome(metrics, tables)


def grid_part(
    data: Mapping[str, np.ndarray], params: Any, rng: np.random.Generator
) -> tuple[dict[str, float], pd.DataFrame]:
    """Distortion of the 16-level grid, and HIGGS against NF4, both at 4.25 bits, on matrices of known distribution."""
    grid = GRIDS[params.grid](16)
    rows = []
    for name in ("gaussian", "student_t", "laplace"):
        matrix = data[name]
        errors = {"higgs": higgs(matrix, grid, GROUP, rng, params.rotated), "nf4": nf4(matrix, GROUP)}
        rows.append({"matrix": name} | {key: relative_squared_error(q, matrix) for key, q in errors.items()})
    table = pd.DataFrame(rows)
    ratio = (table["higgs"] / table["nf4"]).set_axis(table["matrix"])
    metrics = {
        "grid_mse_16": gaussian_distortion(grid),
        "heavy_tail_gain": ratio["student_t"],
        "laplace_gain": ratio["laplace"],
        "gaussian_gain": ratio["gaussian"],
    }
    return metrics, table


def allocation_part(data: Mapping[str, np.ndarray], params: Any) -> float:
    """How far the allocator's objective is above the best one found by trying all, at worst."""
    chosen_by = ALLOCATORS[params.allocator]
    gaps = []
    for loss, cost, budget in zip(data["instance_loss"], data["instance_cost"], data["instance_budget"], strict=True):
        layers = np.arange(len(loss))
        best = loss[layers, allocate_exhaustively(loss, cost, budget)].sum()
        gaps.append(loss[layers, chosen_by(loss, cost, budget)].sum() / best - 1)
    return max(gaps)


def estimate_layer_weights(
    weights: Matrices, text: PairedLoss, params: Any, rng: np.random.Generator
) -> tuple[dict[str, float], float]:
    """alpha_l of every matrix, from noise alone: no quantised model takes part.

    The second value says how much alpha_l depends on the noise level: largest over smallest estimate, minus one, at
    worst over the three layers that matter most.
    """
    estimates = {}
    for name, weight in weights.items():
        increase = partial(_increase_with, text, name)
        by_draw = layer_weight(weight, increase, params.alpha_noise_levels, params.alpha_draws, rng)
        estimates[name] = by_draw.mean(axis=1)
    alpha = {name: float(levels.mean()) for name, levels in estimates.items()}
    largest = sorted(alpha, key=alpha.__getitem__)[-3:]
    disagreement = max(np.ptp(estimates[name]) / estimates[name].min() for name in largest)
    if params.layer_weights == "reversed":  # each layer gets the weight of its opposite
        alpha = dict(zip(alpha, reversed(alpha.values()), strict=True))
    return alpha, disagreement


def _increase_with(text: PairedLoss, name: str, matrix: np.ndarray) -> float:
    return text.increase({name: matrix})


def linearity_part(
    weights: Matrices, alpha: dict[str, float], text: PairedLoss, params: Any, rng: np.random.Generator
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measured against predicted loss increase: every quantiser on all matrices, and HIGGS on some of them."""
    rows = []

    def compare(scheme: str, size: float, quantise: Quantiser, part: str = "") -> None:
        """One row, averaged over random rotations (or noise draws); `part` picks matrices by name."""
        draws = []
        for _ in range(params.rotations if scheme in RANDOM_SCHEMES else 1):
            quantised = {name: quantise(weight) for name, weight in weights.items() if part in name}
            predicted = sum(alpha[name] * relative_squared_error(q, weights[name]) for name, q in quantised.items())
            draws.append((predicted, text.increase(quantised)))
        predicted, measured = np.mean(draws, axis=0)
        rows.append({"scheme": scheme, "size": size, "predicted": predicted, "measured": measured})

    for level in params.noise_levels:
        compare("noise", level, lambda w, t=level: w + gaussian_error(w, t, rng))
    for bits in params.round_bits:
        compare("round_to_nearest", bits, lambda w, b=bits: round_to_nearest(w, b, GROUP))
    compare("nf4", 16, lambda w: nf4(w, GROUP))
    for n in (TWO_BITS, *params.fitted_sizes):
        compare("higgs", n, lambda w, n=n: higgs(w, lloyd_max(n), GROUP, rng))
    for part in (*dict.fromkeys(name.rsplit(".", 3)[0] for name in weights), *MATRICES):
        compare("higgs_part", 8, lambda w: higgs(w, lloyd_max(8), GROUP, rng), part + ".")

    table = pd.DataFrame(rows)
    beyond = (table["scheme"] == "higgs") & (table["size"] == TWO_BITS)
    table["fitted"] = ~beyond  # two bits are outside the theorem's range: shown, not fitted
    predicted, measured = table.loc[table["fitted"], ["predicted", "measured"]].to_numpy().T
    slope = slope_through_origin(predicted, measured)
    metrics = {
        "linearity_slope": slope,
        "linearity_r2": variance_explained(slope * predicted, measured),
        "prediction_r2": variance_explained(predicted, measured),
        "breakdown_ratio": (table["measured"] / table["predicted"])[beyond].item(),
    }
    return metrics, table


def bits_part(
    weights: Matrices, alpha: dict[str, float], text: PairedLoss, params: Any, rng: np.random.Generator
) -> tuple[float, pd.DataFrame]:
    """Loss increase against bits per weight: uniform quantisers, and HIGGS with bits dealt out by the knapsack.

    The first value returned is the dynamic deal's increase over that of random deals of 3 and 4 bits, same budget.
    """
    rows = []

    def measure(scheme: str, bits: float, *quantised: Matrices) -> None:
        """One row, averaged over versions of the quantised model that differ in their rotations."""
        measured = np.mean([text.increase(version) for version in quantised])
        rows.append({"scheme": scheme, "bits": bits, "measured": measured})

    def on_all(quantise: Quantiser) -> Matrices:
        return {name: quantise(weight) for name, weight in weights.items()}

    for bits in params.round_bits:
        stored = round_to_nearest_bits(bits, GROUP)
        measure("round_to_nearest", stored, on_all(lambda w, b=bits: round_to_nearest(w, b, GROUP)))
    measure("nf4", nf4_bits(GROUP), on_all(lambda w: nf4(w, GROUP)))
    for n in params.planar_sizes:
        grid = planar_grid(n)
        measure("higgs_planar", higgs_bits(grid, GROUP), on_all(lambda w, grid=grid: higgs(w, grid, GROUP, rng)))
    versions = [
        [on_all(lambda w, n=n: higgs(w, lloyd_max(n), GROUP, rng)) for n in OPTIONS]
        for _ in range(params.dealt_rotations)
    ]
    for n, *option in zip(OPTIONS, *versions, strict=True):
        measure("higgs", higgs_bits(lloyd_max(n), GROUP), *option)

    def dealt(chosen: np.ndarray) -> list[Matrices]:
        return [{name: options[j][name] for name, j in zip(weights, chosen, strict=True)} for options in versions]

    sizes = np.array([weight.size for weight in weights.values()])
    unit = np.gcd.reduce(sizes)
    error = np.array(
        [[relative_squared_error(option[name], weight) for option in versions[0]] for name, weight in weights.items()]
    )
    loss = np.array(list(alpha.values()))[:, None] * error
    cost = np.outer(sizes // unit, np.log2(OPTIONS)).astype(int)
    for bits in params.budgets:
        chosen = allocate(loss, cost, int(bits * sizes.sum() // unit))
        measure("dynamic", bits + SCALE_BITS, *dealt(chosen))
    for _ in range(params.random_deals):
        chosen = np.full(len(sizes), OPTIONS.index(8))
        chosen[random_share(sizes, COMPARED_BITS - 3, rng)] = OPTIONS.index(16)
        measure("random", COMPARED_BITS + SCALE_BITS, *dealt(chosen))

    table = pd.DataFrame(rows)
    compared = table[table["bits"] == COMPARED_BITS + SCALE_BITS].groupby("scheme")["measured"].mean()
    return compared["dynamic"] / compared["random"], table


def random_share(sizes: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Random layers that together hold exactly `fraction` of all weights."""
    target = fraction * sizes.sum()
    while True:
        order = rng.permutation(len(sizes))
        filled = np.cumsum(sizes[order])
        if (hit := np.flatnonzero(filled == target)).size:
            return order[: hit[0] + 1]
