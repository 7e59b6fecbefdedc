"""Fast against dense Gram algebra, closed forms against Walsh series, and integration errors of every point set."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params
from litmus.timing import median_ratio, median_seconds

from . import point_sets as ps
from .method import (
    DenseGram,
    bernoulli_kernel,
    g_function,
    lattice_gram,
    net_gram,
    smooth_line,
    smooth_square,
    walsh_kernel,
    walsh_series,
)

LATTICE, NET = "lattice", "net"
ORDERS = {LATTICE: (1, 2, 3), NET: (2, 3, 4)}
FAST = {LATTICE: lattice_gram, NET: net_gram}
WEIGHTS = (1.0, 1 / 4, 1 / 9)  # gamma_j = 1 / j^2
INTEGRANDS = {"smooth, d = 1": (smooth_line, 1), "smooth, d = 2": (smooth_square, 2), "G, d = 3": (g_function, 3)}
PointSet = Callable[[int, int, int, np.random.Generator], np.ndarray]


# --- Gram matrices ----------------------------------------------------------------------------------------------------


def _digit_difference(x: np.ndarray, y: np.ndarray, params: Params) -> np.ndarray:
    """Digits of x xor y; without `xor` those of x - y modulo 1."""
    return x ^ y if params.xor else x - y & np.uint64((1 << ps.DIGITS) - 1)


def _kernel_points(kind: str, m: int, params: Params, rng: np.random.Generator) -> np.ndarray:
    """One randomised set of 2^m points in three dimensions; nets as digits."""
    if kind == LATTICE:
        points = ps.lattice_points(m, 3)
        if params.lattice_order == "linear":
            points = points[ps.bit_reversal(len(points))]
        return ps.random_shift(points, 1, rng)[0]
    scramble = {"shift": ps.digital_shift, "nested": ps.nested_uniform_scramble}[params.kernel_net]
    return scramble(ps.net_points(ps.sobol_columns(3, m)), 1, rng)[0]


def _kernel(kind: str, x: np.ndarray, y: np.ndarray, order: int, params: Params) -> np.ndarray:
    """The product kernel between points (..., 3), a coordinate at a time to save memory."""
    product = 1.0
    for axis, weight in enumerate(WEIGHTS):
        if kind == LATTICE:
            difference = x[..., axis] - y[..., axis]
            factor = bernoulli_kernel(difference - np.floor(difference), order)
        else:
            factor = walsh_kernel(_digit_difference(x[..., axis], y[..., axis], params), order)
        product = product * (1 + weight * factor)
    return product


def _first_column(kind: str, points: np.ndarray, order: int, params: Params) -> np.ndarray:
    return _kernel(kind, points, points[0], order, params)


def _matrix(kind: str, points: np.ndarray, order: int, params: Params) -> np.ndarray:
    return _kernel(kind, points[:, None, :], points[None, :, :], order, params)


def _gram_errors(vector: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Relative errors, in the largest entry, of the fast product and of the fast solution put into the dense system."""
    y = vector[: 1 << params.gram_log2_size]
    records = []
    for kind, orders in ORDERS.items():
        points = _kernel_points(kind, params.gram_log2_size, params, rng)
        for order in orders:
            fast = FAST[kind](_first_column(kind, points, order, params))
            dense = DenseGram(_matrix(kind, points, order, params))
            exact = dense.product(y)
            solution = fast.solve(y, params.nugget)
            residual = dense.product(solution) + params.nugget * solution - y
            records.append(
                dict(points=kind, order=order,
                     product_error=np.abs(fast.product(y) - exact).max() / np.abs(exact).max(),
                     solve_residual=np.abs(residual).max() / np.abs(y).max())
            )  # fmt: skip
    return pd.DataFrame(records)


def _timings(vector: np.ndarray, params: Params, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """CPU seconds of products and solves by size; growth exponent and gain over Cholesky from calls in turn.

    Kernel values are given. A solve includes the factorisation: the transform of the first column, or Cholesky's.
    """
    small, large = params.timed_log2_sizes
    m = params.solve_log2_size

    def tasks(method: str, kind: str, size: int) -> dict[str, Callable[[], np.ndarray]]:
        entries, build = {"fast": (_first_column, FAST[kind]), "dense": (_matrix, DenseGram)}[method]
        values = entries(kind, _kernel_points(kind, size, params, rng), 2, params)
        y = vector[: 1 << size]
        return {"product": partial(build(values).product, y), "solve": lambda: build(values).solve(y, params.nugget)}

    def seconds(method: str, size: int, operations: dict[str, Callable[[], np.ndarray]]) -> list[dict]:
        return [
            dict(method=method, operation=operation, n=1 << size, seconds=median_seconds(task, 3))
            for operation, task in operations.items()
        ]

    dense = {size: tasks("dense", LATTICE, size) for size in range(8, m + 1)}
    records = [record for size in dense for record in seconds("dense", size, dense[size])]
    exponents, gains = [], []
    for kind in ORDERS:
        claimed = partial(tasks, params.timed_gram, kind)
        ratio = median_ratio(claimed(large)["product"], claimed(small)["product"], 15)
        exponents.append(np.log2(ratio) / (large - small))
        gains.append(median_ratio(dense[m]["solve"], claimed(m)["solve"], 3))
        for size in range(8, large + 1, 2):
            records += seconds(kind, size, tasks("fast", kind, size))
    return pd.DataFrame(records), {"fast_exponent": max(exponents), "solve_gain": min(gains)}


# --- Integration ------------------------------------------------------------------------------------------------------


def _scrambled_net(order: int, params: Params) -> PointSet:
    """Nested uniform scrambling of `order` d components, then interlaced."""
    scramble = ps.nested_uniform_scramble if params.nested else ps.digital_shift

    def points(m: int, dimension: int, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
        components = scramble(ps.net_points(ps.sobol_columns(order * dimension, m)), n_replicates, rng)
        return ps.to_unit_interval(ps.interlace(components, order) if params.interlace else components[..., ::order])

    return points


def _point_sets(params: Params) -> dict[str, PointSet]:
    """Every randomised point set: (m, d, R, rng) -> array of shape (R, 2^m, d)."""

    def lattice(m: int, dimension: int, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
        return ps.tent(ps.random_shift(ps.lattice_points(m, dimension), n_replicates, rng))

    def shifted(m: int, dimension: int, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
        points = ps.net_points(ps.sobol_columns(dimension, m))
        if params.shift_each_point:
            points = np.tile(points, (n_replicates, 1, 1)).reshape(-1, 1, dimension)
            return ps.to_unit_interval(ps.digital_shift(points, len(points), rng)).reshape(n_replicates, -1, dimension)
        return ps.to_unit_interval(ps.digital_shift(points, n_replicates, rng))

    def matrix_scrambled(m: int, dimension: int, n_replicates: int, rng: np.random.Generator) -> np.ndarray:
        columns = ps.linear_matrix_scramble(ps.sobol_columns(dimension, m), n_replicates, rng)
        return ps.to_unit_interval(ps.digital_shift(ps.net_points(columns), n_replicates, rng))

    return {
        "iid": lambda m, dimension, n_replicates, rng: rng.random((n_replicates, 1 << m, dimension)),
        "Halton": lambda m, dimension, n_replicates, rng: ps.halton_points(1 << m, dimension, n_replicates, rng),
        "lattice": lattice,
        "net, shift": shifted,
        "net, LMS": matrix_scrambled,
        "net, NUS": _scrambled_net(1, params),
        "order 2, NUS": _scrambled_net(2, params),
        "order 3, NUS": _scrambled_net(3, params),
    }


def _integration_errors(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Root mean squared error of the sample mean, over independent randomisations."""
    records = []
    for integrand, (function, dimension) in INTEGRANDS.items():
        for name, points in _point_sets(params).items():
            for m in range(3, params.log2_largest + 1):
                means = function(points(m, dimension, params.n_replicates, rng)).mean(axis=1)
                rmse = np.sqrt(np.mean(means**2))
                records.append(dict(integrand=integrand, points=name, n=1 << m, rmse=rmse))
    return pd.DataFrame(records)


def _examples(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """256 points of four sets in the unit square."""
    sets = _point_sets(params) | {"lattice": lambda m, d, r, rng: ps.random_shift(ps.lattice_points(m, d), r, rng)}
    frames = []
    for name in ("iid", "lattice", "net, NUS", "order 2, NUS"):
        points = sets[name](8, 2, 1, rng)[0]
        frames.append(pd.DataFrame({"points": name, "x": points[:, 0], "y": points[:, 1]}))
    return pd.concat(frames, ignore_index=True)


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Measure errors, costs and convergence rates."""
    timing_rng, rng = rng.spawn(2)
    gram = _gram_errors(data["vector"], params, rng)
    timings, costs = _timings(data["vector"], params, timing_rng)
    errors = _integration_errors(params, rng)

    difference = _digit_difference(data["x"], data["y"], params)
    series = [np.abs(walsh_kernel(difference, a) - walsh_series(data["x"], data["y"], a)).max() for a in ORDERS[NET]]
    worst = gram.groupby("points").product_error.max()
    slopes = {key: log_log_slope(part.n, part.rmse).value for key, part in errors.groupby(["integrand", "points"])}
    line, square, _ = ({name: slopes[integrand, name] for name in _point_sets(params)} for integrand in INTEGRANDS)
    at_largest = errors[errors.n == errors.n.max()].pivot(index="integrand", columns="points", values="rmse")
    randomised = at_largest.drop(columns="iid")
    metrics = {
        "product_error_net": worst[NET],
        "product_error_lattice": worst[LATTICE],
        "solve_residual": gram.solve_residual.max(),
        "walsh_series_error": max(series),
        **costs,
        "slope_iid": line["iid"],
        "slope_shift": line["net, shift"],
        "slope_nus": max(line["net, NUS"], square["net, NUS"]),  # in d = 1 any jittered strata do as well
        "slope_order_2": line["order 2, NUS"],
        "slope_order_3": line["order 3, NUS"],
        "least_gain_over_iid": randomised.rdiv(at_largest["iid"], axis=0).min(axis=None),
    }
    return Outcome(metrics, {"errors": errors, "timings": timings, "gram": gram, "examples": _examples(params, rng)})
