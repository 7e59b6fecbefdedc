"""Convergence on matrices, bounds of convolutions, the smaller grid, the gradient, and a regularised network."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from litmus.outcome import Outcome
from litmus.params import Params
from litmus.timing import median_seconds

from . import convolution, method
from .method import gram_iterates, iterations_to, power_iterates
from .network import Bound, accuracy, initial_network, train

N_GRAM, N_POWER, N_STARTS = 12, 1000, 5
TOLERANCE = 1e-6  # relative error up to which iterations are counted
ORDER_WINDOW, ROUNDING = (1e-9, 1e-3), 1e-13  # errors from which the order is read; what rounding may spoil
CLAIMED_CHANNELS = 32  # kernels of the authors' size, 64 channels, are reported beside the claims
GRID_CHANNELS = 16
GRADIENT_STEPS = range(N_GRAM + 1)
NET_CHANNELS, NET_WIDTH, SIDE = (1, 8, 16, 16), 3, 8  # the network on digits of 8 x 8 pixels


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All parts; the kernels that training ends with join the table of bounds."""
    convergence, matrix_metrics = converge(data, params, rng)
    networks, trained, training_metrics = train_networks(data, params, rng)
    bounds, kernel_metrics = bound_kernels(data, trained, params, rng)
    grid = coarse_grids(data, params)
    gradients, gradient_cosine = follow_gradients(data, params)
    metrics = {
        **matrix_metrics,
        **kernel_metrics,
        **training_metrics,
        "bound_slack": min(matrix_metrics["matrix_slack"], kernel_metrics["kernel_slack"]),
        "grid_bound_slack": (grid.bound / grid.norm - 1).min(),
        "gradient_cosine": gradient_cosine,
    }
    timing = time_methods(data["matrix_0"], rng)
    tables = {
        "convergence": convergence,
        "bounds": bounds,
        "grid": grid,
        "gradients": gradients,
        "networks": networks,
        "timing": timing,
    }
    return Outcome(metrics, tables)


# --- Matrices ---------------------------------------------------------------------------------------------------------


def all_matrices(data: dict[str, np.ndarray], params: Params) -> dict[str, np.ndarray]:
    """Every matrix of the scale under a name that is unique."""
    gaussian = {f"{rows} x {columns} ({i})": data[f"matrix_{i}"] for i, (rows, columns) in enumerate(params.matrices)}
    return gaussian | {f"ratio {ratio}": data[f"gap_{i}"] for i, ratio in enumerate(params.gap_ratios)}


def iterates(blocks: np.ndarray, n_iterations: int, params: Params, rng: np.random.Generator) -> np.ndarray:
    """Estimates (n_iterations + 1,) of the norm of all blocks, by the method or what a control puts in its place."""
    if params.estimator == "power":
        return power_from_random(blocks, n_iterations + 1, 1, rng)[:, 0]
    return gram_iterates(blocks, n_iterations, params.scaling).max(axis=1)


def power_from_random(blocks: np.ndarray, n_iterations: int, n_starts: int, rng: np.random.Generator) -> np.ndarray:
    start = rng.standard_normal((len(blocks), blocks.shape[2], n_starts))
    return power_iterates(blocks, start, n_iterations)


def converge(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Relative errors of every iterate of both methods; iterations are counted on the matrices of the first size."""
    tables, slacks, orders, ratios = [], [], [], []
    n_iterations = N_POWER if params.estimator == "power" else N_GRAM
    for name, matrix in all_matrices(data, params).items():
        norm = method.spectral_norm(matrix[None])
        errors = iterates(matrix[None], n_iterations, params, rng) / norm - 1
        slacks.append(errors.min())
        orders.append(orders_of_convergence(errors))
        tables.append(error_curve(name, "Gram", errors))
        if list(matrix.shape) == params.matrices[0]:
            power_errors = power_from_random(matrix[None], N_POWER, N_STARTS, rng) / norm - 1
            n_power = 1 + np.median(iterations_to(power_errors, TOLERANCE))  # the first iterate took one iteration
            ratios.append(min(n_power, N_POWER) / iterations_to(errors, TOLERANCE))
            tables.append(error_curve(name, "power", power_errors[:, 0]))
    metrics = {
        "matrix_slack": min(slacks),
        "superlinear_order": np.median(found) if (found := np.concatenate(orders)).size else math.nan,
        "iteration_ratio": np.mean(ratios),
        "iteration_ratio_min": min(ratios),
    }
    return pd.concat(tables, ignore_index=True), metrics


def orders_of_convergence(errors: np.ndarray) -> np.ndarray:
    """log e_{t+1} / log e_t for the errors e_t in ORDER_WINDOW whose successor is not yet rounding."""
    now, after = np.abs(errors[:-1]), np.abs(errors[1:])
    usable = (now > ORDER_WINDOW[0]) & (now < ORDER_WINDOW[1]) & (after > ROUNDING)
    return np.log(after[usable]) / np.log(now[usable])


def error_curve(matrix: str, algorithm: str, errors: np.ndarray) -> pd.DataFrame:
    """Gram iterate 0 is there before any iteration, the first power iterate after one."""
    first = 0 if algorithm == "Gram" else 1
    iterations = np.arange(first, first + len(errors))
    shown = (iterations <= N_GRAM) | (iterations % 10 == 0)
    curve = pd.DataFrame({"matrix": matrix, "algorithm": algorithm, "iteration": iterations, "error": errors})
    return curve[shown & np.isfinite(errors)]


def follow_gradients(data: dict[str, np.ndarray], params: Params) -> tuple[pd.DataFrame, float]:
    """Cosine of the bound's gradient and u_1 v_1' after every number of steps, and the least of them at the last."""
    rows, last = [], []
    for name, matrix in all_matrices(data, params).items():
        left, _, right = np.linalg.svd(matrix, full_matrices=False)
        limit = np.outer(left[:, 0], right[0])

        def cosine(n_iterations: int, matrix: np.ndarray = matrix, limit: np.ndarray = limit) -> float:
            gradient = method.gram_gradient(matrix, n_iterations)
            return float(np.vdot(gradient, limit) / np.linalg.norm(gradient))

        last.append(cosine(params.gradient_iterations))
        if name.startswith("ratio"):
            rows += [{"matrix": name, "iteration": t, "cosine": cosine(t)} for t in GRADIENT_STEPS]
    return pd.DataFrame(rows), min(last)


def time_methods(matrix: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """CPU seconds and relative error on one matrix; the singular value decomposition is the reference of both."""
    blocks = matrix[None]
    norm = method.spectral_norm(blocks)
    start = rng.standard_normal((1, matrix.shape[1], 1))
    runs: list[tuple[str, int, Callable[[], float]]] = [
        ("SVD", 0, lambda: method.spectral_norm(blocks)),
        *(("Gram", n, lambda n=n: gram_iterates(blocks, n)[-1, 0]) for n in (2, 4, 6, 8, 10)),
        *(("power", n, lambda n=n: power_iterates(blocks, start, n)[-1, 0]) for n in (10, 30, 100, 300)),
    ]
    return pd.DataFrame(
        [
            {
                "algorithm": algorithm,
                "iterations": n_iterations,
                "seconds": median_seconds(function),
                "error": abs(function() / norm - 1),
            }
            for algorithm, n_iterations, function in runs
        ]
    )


# --- Convolutions -----------------------------------------------------------------------------------------------------


def bound_kernels(
    data: dict[str, np.ndarray], trained: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Relative error of each bound on each kernel, the Gaussian ones and those of the trained networks."""
    cases = [
        ("Gaussian", f"{channels} channels, {width} x {width}, side {side}", data[f"kernel_{i}"], side)
        for i, (channels, width, side) in enumerate(params.kernels)
    ]
    cases += [("trained", name, kernel, SIDE) for name, kernel in trained.items()]
    rows, slacks = [], []
    for origin, name, kernel, side in cases:
        blocks = convolution.fourier_blocks(kernel, side)
        norm = method.spectral_norm(blocks)
        slacks.append(iterates(blocks, N_GRAM, params, rng).min() / norm - 1)
        values = {
            "Gram": iterates(blocks, params.conv_iterations, params, rng)[-1],
            "reshape": convolution.reshape_bound(kernel)[0],
            "sampled Frobenius": convolution.sampled_frobenius_bound(kernel),
            "power, 10": power_from_random(blocks, 10, 1, rng)[-1, 0],
            "power, 100": power_from_random(blocks, 100, 1, rng)[-1, 0],
        }
        rows += [
            {"origin": origin, "kernel": name, "channels": len(kernel), "bound": bound, "error": value / norm - 1}
            for bound, value in values.items()
        ]
    table = pd.DataFrame(rows)
    errors = table.pivot(index=["origin", "channels", "kernel"], columns="bound", values="error")
    small = errors[errors.index.get_level_values("channels") <= CLAIMED_CHANNELS]
    excess = (1 + errors["reshape"]) / (1 + errors["Gram"]) - 1
    metrics = {
        "kernel_slack": min(slacks),
        "conv_error": small["Gram"]["Gaussian"].abs().max(),
        "conv_error_all_kernels": errors["Gram"]["Gaussian"].abs().max(),
        "conv_error_trained": errors["Gram"]["trained"].abs().max(),
        "reshape_excess": excess["Gaussian"].min(),
        "reshape_excess_trained": excess["trained"].min(),
    }
    return table, metrics


def coarse_grids(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """The bound from a grid of every smaller side, for the Gaussian kernels and for those that are hardest to bound."""
    cases = [
        (f"{channels} channels, {width} x {width}", data[f"kernel_{i}"], side)
        for i, (channels, width, side) in enumerate(params.kernels)
        if channels <= GRID_CHANNELS
    ]
    cases += [(f"hardest, {width} x {width}", convolution.interpolating_kernel(width), 16) for width in (3, 5, 7)]
    rows = []
    for name, kernel, side in cases:
        norm, width = convolution.convolution_norm(kernel, side), kernel.shape[-1]
        for coarse in range(width, side):
            factor = convolution.grid_factor(width, coarse, params.grid_dimensions)
            bound = factor * convolution.convolution_norm(kernel, coarse)
            rows.append({"kernel": name, "side": coarse, "bound": bound, "norm": norm})
    return pd.DataFrame(rows)


# --- Training ---------------------------------------------------------------------------------------------------------


def train_networks(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, np.ndarray], dict[str, float]]:
    """The same network from the same start on the same batches, with each regulariser; all its kernels.

    Returns
    -------
    table, kernels by name, metrics
    """
    x_train, x_test = (torch.from_numpy(data[name]).reshape(-1, 1, SIDE, SIDE) for name in ("x_train", "x_test"))
    y_train, y_test = torch.from_numpy(data["y_train"]), torch.from_numpy(data["y_test"])
    regularisers: dict[str, Bound | None] = {
        "none": None,
        "Gram": lambda kernel: convolution.gram_bound(kernel, SIDE, params.conv_iterations),
        "reshape": convolution.reshape_bound,
    }
    seed = int(rng.integers(2**63))
    rows, kernels = [], {}
    for name, bound in regularisers.items():
        same = np.random.default_rng(seed)
        network = initial_network(NET_CHANNELS, NET_WIDTH, SIDE, same)
        train(network, x_train, y_train, params.n_epochs, same, bound, params.penalty)
        arrays = network.kernel_arrays()
        norms = [convolution.convolution_norm(kernel, SIDE) for kernel in arrays]
        rows.append(
            {
                "regulariser": name,
                "accuracy": accuracy(network, x_test, y_test),
                "convolutions": math.prod(norms),
                "lipschitz": math.prod(norms) * np.linalg.norm(network.head.detach().numpy(), 2),
            }
        )
        kernels |= {f"{name}, layer {i}": kernel for i, kernel in enumerate(arrays, 1)}
    table = pd.DataFrame(rows)
    result = table.set_index("regulariser")
    metrics = {
        "lipschitz_ratio": result.lipschitz["Gram"] / result.lipschitz["none"],
        "lipschitz_ratio_to_reshape": result.lipschitz["Gram"] / result.lipschitz["reshape"],
        "accuracy_change": result.accuracy["Gram"] - result.accuracy["none"],
        "accuracy_change_reshape": result.accuracy["reshape"] - result.accuracy["none"],
    }
    return table, kernels, metrics
