"""Are the spectral projections right, are they cheap, and do they make the solver faster?"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.timing import median_seconds

from ..conic_solver import Check, ConicProgram, Solution, solve
from ..symmetric_vectors import to_vector
from . import canonical_forms as forms
from . import method, optimality
from . import reference_projections as reference
from .vector_projections import project_log_cone, project_nuclear_cone, project_sum_largest_cone

CHECKED_ORDER, CHECKED_K = 4, 2  # matrices small enough for the interior-point solver
CLEAR_PAIR = 0.25  # CPU seconds above which one timing of a pair of solves is enough


class Decompositions(NamedTuple):
    """Eigenvalues of symmetric matrices, singular values of rectangular ones."""

    symmetric: Callable
    rectangular: Callable


def _rows_as_eigenvectors(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = np.linalg.eigh(matrix)
    return values, vectors.T


def _rows_as_singular_vectors(matrix: np.ndarray, full_matrices: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    left, values, right = np.linalg.svd(matrix, full_matrices)
    return left.T, values, right.T


DECOMPOSITIONS = {
    "columns": Decompositions(np.linalg.eigh, np.linalg.svd),
    "rows": Decompositions(_rows_as_eigenvectors, _rows_as_singular_vectors),
}
LOG_PROJECTIONS = {"compiled": project_log_cone, "general": reference.general_log_cone}


def _random_symmetric(order: int, rng: np.random.Generator) -> np.ndarray:
    matrix = rng.normal(size=(order, order))
    return (matrix + matrix.T) / np.sqrt(2 * order)


def check_projections(params, decompositions: Decompositions, rng: np.random.Generator) -> tuple[float, float]:
    """Largest violation of Moreau's conditions, and largest distance to the interior-point solver's projection."""
    violations, errors = [], []
    for order, k, count, compare in (
        (params.moreau_order, params.moreau_order // 3, params.n_moreau_points, False),
        (CHECKED_ORDER, CHECKED_K, params.n_conic_points, True),
    ):
        shape = order, order
        for _ in range(count):
            # The shift visits the cone, its polar and every face between them.
            symmetric = to_vector(_random_symmetric(order, rng) + 2 * rng.normal() * np.eye(order))
            logdet_point = np.concatenate([2 * rng.normal(size=2), symmetric])
            largest_point = np.concatenate([2 * rng.normal(size=1), symmetric])
            nuclear_point = rng.normal(size=1 + order * order)
            logdet = method.project_logdet(logdet_point, order, decompositions.symmetric)
            largest = method.project_sum_largest(largest_point, order, k, decompositions.symmetric)
            nuclear = method.project_nuclear(nuclear_point, shape, decompositions.rectangular)
            violations.append(optimality.logdet_violation(logdet_point, logdet, order))
            violations.append(optimality.sum_largest_violation(largest_point, largest, order, k))
            violations.append(optimality.nuclear_violation(nuclear_point, nuclear, shape))
            if compare:
                errors.append(np.linalg.norm(logdet - reference.lifted_logdet(logdet_point, order)))
                errors.append(np.linalg.norm(largest - reference.lifted_sum_largest(largest_point, order, k)))
                errors.append(np.linalg.norm(nuclear - reference.lifted_nuclear(nuclear_point, shape)))
    return max(violations), float(max(errors))


def time_projections(orders: list[int], log_projection: Callable, rng: np.random.Generator) -> pd.DataFrame:
    """CPU seconds of a decomposition and of the vector projection that follows it, per cone and order."""
    rows = []
    for order in orders:
        k = order // 10
        symmetric, rectangular = _random_symmetric(order, rng), rng.normal(size=(order, order))
        values, singular = np.linalg.eigvalsh(symmetric), np.linalg.svd(rectangular, compute_uv=False)
        pairs = {  # points outside the cones and their polars, where there is something to compute
            "log-determinant": (
                partial(np.linalg.eigh, symmetric),
                partial(log_projection, 0.0, 1.0, values),
            ),
            "nuclear norm": (
                partial(np.linalg.svd, rectangular),
                partial(project_nuclear_cone, 0.3 * singular.sum(), singular),
            ),
            "sum of largest": (
                partial(np.linalg.eigh, symmetric),
                partial(project_sum_largest_cone, 0.3 * values[-k:].sum(), values, k),
            ),
        }
        for cone, (decomposition, projection) in pairs.items():
            for part, function in (("decomposition", decomposition), ("vector projection", projection)):
                function()
                rows.append((cone, order, part, median_seconds(function, 9)))
    return pd.DataFrame(rows, columns=["cone", "order", "part", "cpu_seconds"])


class Instance(NamedTuple):
    """One problem in two forms, and the objective recomputed from the unknowns that the forms share."""

    family: str
    order: int
    number: int
    spectral: ConicProgram
    standard: ConicProgram
    value: Callable[[np.ndarray], float]


def instances(data, params, decompositions: Decompositions) -> Iterator[Instance]:
    """The problems of the data, design first."""
    symmetric, rectangular = decompositions
    for n in params.design_sizes:
        vectors = data[f"design_{n}"]
        spectral = forms.spectral_design(vectors, method.logdet_cone(n, symmetric))
        yield Instance(
            "design",
            n,
            0,
            spectral,
            forms.standard_design(vectors),
            partial(forms.design_value, vectors=vectors),
        )
    for n in params.pca_sizes:
        observed, budget = data[f"pca_{n}"], float(data[f"pca_budget_{n}"])
        spectral = forms.spectral_pca(observed, budget, method.nuclear_cone(observed.shape, rectangular))
        value = partial(forms.pca_value, shape=observed.shape)
        yield Instance("robust_pca", n, 0, spectral, forms.standard_pca(observed, budget), value)
    graphs = (
        ("planted", params.planted_sizes, params.planted_parts),
        ("sparse", params.sparse_sizes, params.sparse_parts),
    )
    for kind, sizes, k in graphs:
        for n in sizes:
            for number, matrix in enumerate(data[f"{kind}_{n}"]):
                spectral = forms.spectral_partition(matrix, k, method.sum_largest_cone(n, k, symmetric))
                standard = forms.standard_partition(matrix, k)
                value = partial(forms.partition_value, matrix=matrix, k=k)
                yield Instance(f"{kind}_partition", n, number, spectral, standard, value)


def _compile(instance: Instance) -> None:
    """Run both forms for a moment, so that no timing contains a compilation."""
    for program in (instance.spectral, instance.standard):
        solve(program, max_iterations=2)


def _timed(solutions: list[Solution], tolerance: float) -> Check:
    """The test that met the tolerance, with the median time over runs; the last test where none did."""
    checks = [solution.first_within(tolerance) or solution.checks[-1] for solution in solutions]
    return checks[0]._replace(cpu_seconds=float(np.median([check.cpu_seconds for check in checks])))


def compare_forms(instance: Instance, tolerances: list[float], max_iterations: int) -> tuple[list[tuple], float]:
    """Rows of the table of solves, and the relative difference of the two objectives at the tightest tolerance.

    The forms are solved in turn, so that a slow spell of the machine meets both.
    """
    _compile(instance)
    run = partial(solve, tolerance=min(tolerances), max_iterations=max_iterations)
    spectral, standard, seconds = [], [], 0.0
    while len(spectral) < 3 and seconds < CLEAR_PAIR:
        spectral.append(run(instance.spectral))
        standard.append(run(instance.standard))
        seconds += spectral[-1].checks[-1].cpu_seconds + standard[-1].checks[-1].cpu_seconds
    rows = []
    for form, solutions in (("spectral", spectral), ("standard", standard)):
        for tolerance in tolerances:
            check = _timed(solutions, tolerance)
            solved = check.error <= tolerance
            rows.append((*instance[:3], form, tolerance, check.iteration, solved, check.cpu_seconds))
    one, other = instance.value(spectral[0].x), instance.value(standard[0].x)
    return rows, abs(one - other) / max(1.0, abs(other))


def run(data, params, rng: np.random.Generator) -> Outcome:
    """Accuracy and cost of the projections, then both forms of every instance in the same solver."""
    decompositions = DECOMPOSITIONS[params.eigenvectors]
    moreau_residual, conic_solver_error = check_projections(params, decompositions, rng)
    projections = time_projections(params.timing_orders, LOG_PROJECTIONS[params.log_projection], rng)

    rows, differences = [], []
    for instance in instances(data, params, decompositions):
        if params.form == "standard":
            instance = instance._replace(spectral=instance.standard)
        new_rows, difference = compare_forms(instance, params.tolerances, params.max_iterations)
        rows += new_rows
        differences.append(difference)
    columns = ["family", "order", "instance", "form", "tolerance", "iterations", "solved", "cpu_seconds"]
    solves = pd.DataFrame(rows, columns=columns)

    wide = solves.pivot(index=["family", "order", "instance", "tolerance"], columns="form")
    total = wide["cpu_seconds"]["standard"] / wide["cpu_seconds"]["spectral"]
    per_iteration = total * wide["iterations"]["spectral"] / wide["iterations"]["standard"]
    parts = projections.pivot(index=["cone", "order"], columns="part", values="cpu_seconds")
    share = (parts["vector projection"] / parts["decomposition"]).xs(max(params.timing_orders), level="order")
    metrics = {
        "conic_solver_error": conic_solver_error,
        "moreau_residual": moreau_residual,
        "vector_share": share.max(),
        "max_total_speedup": total.max(),
        "min_total_speedup": total.min(),
        "median_total_speedup": total.median(),
        "median_iteration_speedup": per_iteration.median(),
        "objective_agreement": max(differences),
        "unsolved_runs": int((~solves["solved"]).sum()),
    }
    for family, speedups in total.groupby(level="family"):
        metrics[f"max_speedup_{family}"] = speedups.max()
    return Outcome(metrics, {"solves": solves, "projections": projections})
