import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import brentq

from papers.combinatorial.conic_solver import solve
from papers.combinatorial.spectral_cone_projection import canonical_forms as forms
from papers.combinatorial.spectral_cone_projection import method, optimality
from papers.combinatorial.spectral_cone_projection import reference_projections as reference
from papers.combinatorial.spectral_cone_projection.data import negative_laplacian
from papers.combinatorial.spectral_cone_projection.vector_projections import (
    project_log_cone,
    project_nuclear_cone,
    project_sum_largest_cone,
)
from papers.combinatorial.symmetric_vectors import to_matrix, to_vector, vector_length

ORDER, K, SHAPE = 5, 2, (5, 3)
PROJECTIONS = {
    "logdet": (lambda point: method.project_logdet(point, ORDER), 2 + vector_length(ORDER)),
    "sum_largest": (lambda point: method.project_sum_largest(point, ORDER, K), 1 + vector_length(ORDER)),
    "nuclear": (lambda point: method.project_nuclear(point, SHAPE), 1 + SHAPE[0] * SHAPE[1]),
}
VIOLATIONS = {
    "logdet": lambda point, projected: optimality.logdet_violation(point, projected, ORDER),
    "sum_largest": lambda point, projected: optimality.sum_largest_violation(point, projected, ORDER, K),
    "nuclear": lambda point, projected: optimality.nuclear_violation(point, projected, SHAPE),
}


def random_points(cone: str, count: int, seed: int = 0) -> np.ndarray:
    """Points in, outside and opposite the cone: eigenvalues of one sign now and then."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, PROJECTIONS[cone][1]))
    if cone != "nuclear":
        shift = to_vector(np.eye(ORDER))
        points[:, -shift.size :] += rng.normal(scale=3, size=(count, 1)) * shift
    return points


@pytest.mark.parametrize("cone", PROJECTIONS)
def test_moreau_conditions_hold_at_every_point(cone):
    project, _ = PROJECTIONS[cone]
    for point in random_points(cone, 200):
        assert VIOLATIONS[cone](point, project(point)) < 1e-11


@pytest.mark.parametrize("cone", PROJECTIONS)
def test_moreau_conditions_tell_wrong_projections(cone):
    project, _ = PROJECTIONS[cone]
    outside = [point for point in random_points(cone, 60) if np.linalg.norm(project(point) - point) > 0.05]
    outside = [point for point in outside if np.linalg.norm(project(point)) > 0.05]
    assert len(outside) > 20
    for point in outside:
        projected = project(point)
        assert VIOLATIONS[cone](point, 1.01 * projected) > 1e-8
        assert VIOLATIONS[cone](point, projected + 0.01 * (point - projected)) > 1e-6


@pytest.mark.parametrize("cone", PROJECTIONS)
def test_projection_is_idempotent_and_non_expansive(cone):
    project, _ = PROJECTIONS[cone]
    points = random_points(cone, 200, seed=1)
    for first, second in zip(points, np.roll(points, 1, axis=0), strict=True):
        one, other = project(first), project(second)
        np.testing.assert_allclose(project(one), one, atol=1e-9)
        assert np.linalg.norm(one - other) <= np.linalg.norm(first - second) + 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_theorem_against_lifted_forms(seed):
    logdet, largest, nuclear = (random_points(cone, 1, seed)[0] for cone in ("logdet", "sum_largest", "nuclear"))
    close = {"atol": 1e-4}
    np.testing.assert_allclose(method.project_logdet(logdet, ORDER), reference.lifted_logdet(logdet, ORDER), **close)
    np.testing.assert_allclose(
        method.project_sum_largest(largest, ORDER, K),
        reference.lifted_sum_largest(largest, ORDER, K),
        **close,
    )
    np.testing.assert_allclose(
        method.project_nuclear(nuclear, SHAPE), reference.lifted_nuclear(nuclear, SHAPE), **close
    )


def test_log_cone_of_one_number_is_the_exponential_cone():
    rng = np.random.default_rng(0)
    target, found = cp.Parameter(3), cp.Variable(3)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(found - target)), [cp.constraints.ExpCone(*found)])
    for _ in range(15):
        t, v, x = 2 * rng.normal(size=3)
        target.value = np.array([-t, v, x])
        problem.solve(solver=cp.CLARABEL)
        new_t, new_v, new_x = project_log_cone(t, v, np.array([x]))
        np.testing.assert_allclose([-new_t, new_v, new_x[0]], found.value, atol=1e-4)


@pytest.mark.parametrize("n", [2, 30])
def test_log_cone_against_an_interior_point_solver(n):
    rng = np.random.default_rng(n)
    for _ in range(10):
        t, v, x = rng.normal(), rng.normal(), rng.normal(size=n)
        ours, theirs = project_log_cone(t, v, x), reference.general_log_cone(t, v, x)
        np.testing.assert_allclose(
            np.concatenate([ours[:2], ours[2]]), np.concatenate([theirs[:2], theirs[2]]), atol=1e-4
        )


def test_log_cone_over_many_magnitudes():
    """The optimality conditions in scaled form; a lost digit in a cancellation would show."""
    rng = np.random.default_rng(3)
    for _ in range(2000):
        n = int(rng.integers(1, 6))
        scale = np.exp(rng.normal(scale=4, size=n + 2))
        t, v, *x = rng.normal(size=n + 2) * scale
        new_t, new_v, new_x = project_log_cone(t, v, np.array(x))
        point, projected = np.array([t, v, *x]), np.array([new_t, new_v, *new_x])
        size = np.linalg.norm(point)
        assert abs(projected @ (projected - point)) <= 1e-12 * size**2
        if new_v > 0:
            assert -new_v * np.log(new_x / new_v).sum() - new_t <= 1e-11 * size


def test_log_cone_faces():
    x = np.array([-1.0, 2.0])
    assert project_log_cone(1.0, -3.0, x)[:2] == (1.0, 0.0)
    np.testing.assert_array_equal(project_log_cone(1.0, -3.0, x)[2], [0.0, 2.0])
    inside = project_log_cone(5.0, 1.0, np.array([1.0, 2.0]))
    assert inside[:2] == (5.0, 1.0)
    polar = project_log_cone(-1.0, -10.0, np.array([-1.0, -2.0]))
    assert polar[:2] == (0.0, 0.0)
    assert not polar[2].any()


def test_sum_of_all_entries_is_a_half_space():
    x, t = np.array([1.0, -2.0, 4.0]), 0.5
    new_t, new_x = project_sum_largest_cone(t, x, 3)
    shift = (x.sum() - t) / 4
    assert new_t == pytest.approx(t + shift)
    np.testing.assert_allclose(new_x, x - shift)


def test_largest_entry_is_the_epigraph_of_the_maximum():
    rng = np.random.default_rng(1)
    for _ in range(50):
        x, t = rng.normal(size=6), rng.normal() - 1
        new_t, new_x = project_sum_largest_cone(t, x, 1)
        level = brentq(lambda value, t=t, x=x: np.maximum(x - value, 0).sum() - (value - t), min(t, -9), 9)
        level = max(level, t)
        assert new_t == pytest.approx(level)
        np.testing.assert_allclose(new_x, np.minimum(x, level), atol=1e-10)


def test_sum_largest_with_ties():
    """Four equal entries, k = 2: the level and t meet where 2 level = t* and 4 (1 - level) = 2 (t* - t)."""
    new_t, new_x = project_sum_largest_cone(0.0, np.ones(4), 2)
    np.testing.assert_allclose(new_x, 0.5)
    assert new_t == pytest.approx(1.0)


def test_nuclear_cone_is_a_soft_threshold():
    new_t, new_s = project_nuclear_cone(1.0, np.array([3.0, 1.0, 0.1]))
    np.testing.assert_allclose(new_s, [2.0, 0.0, 0.0])  # theta = (3 - 1) / 2, and 3 + 1 - 1 = 3 theta gives the same
    assert new_t == pytest.approx(2.0)
    assert project_nuclear_cone(-3.0, np.array([3.0, 1.0]))[0] == 0.0


def test_exponential_cones_are_projected_triple_by_triple():
    points = np.random.default_rng(2).normal(size=(4, 3))
    projected = method.exponential_cones(4).project(points.ravel()).reshape(4, 3)
    for point, found in zip(points, projected, strict=True):
        t, v, x = project_log_cone(point[0], point[1], point[2:])
        np.testing.assert_array_equal(found, [t, v, x[0]])


def both_values(spectral, standard, value) -> tuple[float, float]:
    return tuple(value(solve(program, tolerance=1e-7).x) for program in (spectral, standard))


def test_design_agrees_with_cvxpy():
    vectors = np.random.default_rng(0).normal(size=(12, 4))
    weights = cp.Variable(12, nonneg=True)
    information = sum(weights[i] * np.outer(a, a) for i, a in enumerate(vectors)) / 12
    expected = cp.Problem(cp.Minimize(-cp.log_det(information)), [cp.sum(weights) == 12]).solve(solver=cp.CLARABEL)
    spectral = forms.spectral_design(vectors, method.logdet_cone(4))
    found = both_values(spectral, forms.standard_design(vectors), lambda x: forms.design_value(x, vectors))
    assert found == pytest.approx((expected, expected), abs=1e-3)


def test_robust_pca_agrees_with_cvxpy():
    rng = np.random.default_rng(1)
    observed = np.outer(rng.normal(size=6), rng.normal(size=4))
    observed[2, 1] += 5
    low_rank = cp.Variable(observed.shape)
    bound = cp.sum(cp.abs(observed - low_rank)) <= 5
    expected = cp.Problem(cp.Minimize(cp.normNuc(low_rank)), [bound]).solve(solver=cp.CLARABEL)
    spectral = forms.spectral_pca(observed, 5.0, method.nuclear_cone(observed.shape))
    standard = forms.standard_pca(observed, 5.0)
    found = both_values(spectral, standard, lambda x: forms.pca_value(x, observed.shape))
    assert found == pytest.approx((expected, expected), abs=1e-3)


def test_partition_agrees_with_cvxpy_and_bounds_the_best_cut():
    rng = np.random.default_rng(2)
    matrix = negative_laplacian(np.full((6, 6), 0.6), rng)
    shifts = cp.Variable(6)
    objective = cp.lambda_sum_largest(matrix + cp.diag(shifts), 2)
    expected = cp.Problem(cp.Minimize(objective), [cp.sum(shifts) == 0]).solve(solver=cp.CLARABEL)
    spectral = forms.spectral_partition(matrix, 2, method.sum_largest_cone(6, 2))
    value = lambda x: forms.partition_value(x, matrix, 2)  # noqa: E731
    found = both_values(spectral, forms.standard_partition(matrix, 2), value)
    assert found == pytest.approx((expected, expected), abs=1e-3)
    halves = [np.array(bits) for bits in np.ndindex(*[2] * 6) if sum(bits) == 3]
    best_cut = min(-side @ matrix @ side for side in halves)
    assert -6 / (2 * 2) * found[0] <= best_cut + 1e-6


def test_standard_forms_are_no_denser_than_they_need_to_be():
    """Their own entries are linear in the number of unknowns that lifting adds; the data enter once."""
    n = 8
    vectors = np.random.default_rng(0).normal(size=(3 * n, n))
    spectral, standard = forms.spectral_design(vectors, method.logdet_cone(n)), forms.standard_design(vectors)
    lifted = vector_length(n)
    assert standard.A.nnz <= spectral.A.nnz + lifted + 3 * n
    observed = np.ones((n, n))
    spectral, standard = (
        forms.spectral_pca(observed, 1.0, method.nuclear_cone((n, n))),
        forms.standard_pca(observed, 1.0),
    )
    assert standard.A.nnz <= spectral.A.nnz + 2 * lifted
    matrix = np.eye(n)
    spectral = forms.spectral_partition(matrix, 2, method.sum_largest_cone(n, 2))
    assert forms.standard_partition(matrix, 2).A.nnz <= spectral.A.nnz + 2 * lifted + n


def test_matrix_of_a_projection_shares_its_eigenvectors():
    point = random_points("logdet", 1, seed=5)[0]
    matrix, projected = to_matrix(point[2:], ORDER), to_matrix(method.project_logdet(point, ORDER)[2:], ORDER)
    np.testing.assert_allclose(matrix @ projected, projected @ matrix, atol=1e-12)
