"""The solver against Clarabel and POT, its blocks against general minimisers, the interval against its two ends."""

import cvxpy as cp
import numpy as np
import ot
import pytest
from scipy.optimize import minimize

from papers.optimal_transport.son_class_transport import data, method, rivals

LABELS = np.repeat(np.arange(3), 4)


@pytest.fixture(scope="module")
def clouds():
    """Three separated classes of four points."""
    return data.separated_classes(3, 4, 0.3, np.random.default_rng(0))


@pytest.fixture(scope="module")
def cost(clouds):
    return method.squared_distances(*clouds)


def objective(plan, cost, lam, row_weights, column_weights):
    return (cost * plan).sum() + lam * method.penalty(plan, row_weights, column_weights)


def clarabel(cost, lam, row_weights, column_weights):
    n, q = cost.shape
    plan = cp.Variable((n, q), nonneg=True)
    terms = [row_weights[i, j] * cp.norm(plan[i] - plan[j]) for i in range(n) for j in range(i) if row_weights[i, j]]
    terms += [
        column_weights[k, m] * cp.norm(plan[:, k] - plan[:, m])
        for k in range(q)
        for m in range(k)
        if column_weights[k, m]
    ]
    marginals = [cp.sum(plan, axis=1) == 1 / n, cp.sum(plan, axis=0) == 1 / q]
    problem = cp.Problem(cp.Minimize(cp.sum(cp.multiply(cost, plan)) + lam * sum(terms)), marginals)
    problem.solve(solver=cp.CLARABEL)
    return plan.value


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("amount", [0.3, 1.0, 4.0])
def test_shrink_minimises_its_objective(amount, squared):
    values = np.array([1.0, -2.0, 0.5])

    def proximal_objective(w):
        size = np.linalg.norm(w)
        return amount * (size**2 / 2 if squared else size) + ((w - values) ** 2).sum() / 2

    found = method.shrink(values, np.array(amount), squared)
    best = minimize(proximal_objective, values / 2, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    np.testing.assert_allclose(found, best, atol=1e-5)


def test_simplex_projection_equals_cvxpy():
    rng = np.random.default_rng(1)
    values, totals = 2 * rng.standard_normal((3, 6)), np.array([0.5, 1.0, 7.0])
    found = method.project_simplex(values, totals)
    for row, total, projection in zip(values, totals, found, strict=True):
        w = cp.Variable(6, nonneg=True)
        cp.Problem(cp.Minimize(cp.sum_squares(w - row)), [cp.sum(w) == total]).solve(solver=cp.CLARABEL)
        np.testing.assert_allclose(projection, w.value, atol=1e-5)


def test_solver_equals_clarabel_without_labels(cost):
    weights, lam = method.all_pairs(12), 0.08
    assert lam < method.recovery_interval(cost, LABELS, LABELS)[0]  # not the block plan
    plan = method.solve(cost, np.array([0.5, lam]), weights, weights, 1500)[1]
    reference = clarabel(cost, lam, weights, weights)
    assert objective(plan, cost, lam, weights, weights) == pytest.approx(
        objective(reference, cost, lam, weights, weights), rel=1e-4
    )
    np.testing.assert_allclose(plan, reference, atol=1e-4)
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 12, atol=1e-5)


def test_solver_equals_clarabel_with_uneven_weights_and_shape():
    rng = np.random.default_rng(2)
    cost, rows, columns = rng.random((4, 6)), rng.random((4, 4)), rng.random((6, 6))
    rows, columns = rows + rows.T, columns + columns.T
    plan = method.solve(cost, np.array([0.05]), rows, columns, 3000)[0]
    reference = clarabel(cost, 0.05, rows, columns)
    np.testing.assert_allclose(plan, reference, atol=1e-5)
    assert np.ptp(reference) > 0.01  # not the product plan


def test_without_penalty_it_is_optimal_transport(cost):
    weights = method.all_pairs(12)
    plan = method.solve(cost, np.array([0.0]), weights, weights, 3000, step=0.005)[0]
    assert (cost * plan).sum() == pytest.approx(ot.emd2([], [], cost), rel=1e-5)


def test_squared_norms_are_quadratic_transport(cost):
    # sum over pairs of |P_i. - P_j.|^2 is n |P|^2 - |1/q|^2, and so for columns
    weights, squared_at, lam = method.all_pairs(12), 0.05, 0.5
    plan = method.solve(cost, np.array([lam]), weights, weights, 3000, squared_at)[0]
    reference = ot.smooth.smooth_ot_dual(*rivals.uniform(cost), cost, 2 * 12 * lam / squared_at)
    np.testing.assert_allclose(plan, reference, atol=1e-5)


def test_penalty_by_loops(cost):
    weights = method.same_class(LABELS)
    expected = sum(
        np.linalg.norm(cost[i] - cost[j]) + np.linalg.norm(cost[:, i] - cost[:, j])
        for i in range(12)
        for j in range(i)
        if LABELS[i] == LABELS[j]
    )
    assert method.penalty(cost, weights, weights) == pytest.approx(expected)


def test_recovers_inside_the_interval_and_not_beyond_the_edge(cost):
    weights = method.all_pairs(12)
    low, high, edge = method.recovery_interval(cost, LABELS, LABELS)
    assert 0 < low < high < edge
    ideal = method.ideal_plan(LABELS, LABELS)
    errors = method.block_error(
        method.solve(cost, np.array([low / 4, low, high, 1.05 * edge]), weights, weights, 1000), ideal
    )
    assert errors[1:3].max() < 1e-6
    assert min(errors[0], errors[3]) > 1e-3


def test_edge_is_where_class_wise_plans_start_to_win(cost):
    # independent of the derivation: compare objectives of P* and of P* with a little mass turned around each cycle
    weights, ideal = method.all_pairs(12), method.ideal_plan(LABELS, LABELS)
    edge = method.recovery_interval(cost, LABELS, LABELS)[2]
    cycles = [(1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1)]
    turned = [(1 - 1e-4) * ideal + 1e-4 * method.ideal_plan(LABELS, np.array(c)[LABELS]) for c in cycles]
    for factor, wins in ((0.99, False), (1.01, True)):
        values = [objective(plan, cost, factor * edge, weights, weights) for plan in turned]
        assert (min(values) < objective(ideal, cost, factor * edge, weights, weights)) == wins


def test_interval_does_not_depend_on_the_order_of_points(cost):
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(12), rng.permutation(12)
    shuffled = method.recovery_interval(cost[np.ix_(rows, columns)], LABELS[rows], LABELS[columns])
    np.testing.assert_allclose(shuffled, method.recovery_interval(cost, LABELS, LABELS))


def test_least_cycle_mean():
    weights = np.array([[9.0, 5, 1], [1, 9, 4], [6, 2, 9]])
    assert method.least_cycle_mean(weights) == pytest.approx(4 / 3)  # 0 -> 2 -> 1 -> 0, before the pairs' 3


def test_classes_are_matched_by_their_mean_costs(clouds):
    source, target = clouds
    renamed = (LABELS + 1) % 3
    cost = method.squared_distances(source, target)
    np.testing.assert_array_equal(method.match_classes(cost, LABELS, renamed), LABELS)


def test_ideal_plan_is_uniform_on_blocks_with_uniform_marginals():
    plan = method.ideal_plan(LABELS, LABELS[::-1])
    np.testing.assert_allclose(plan.sum(axis=0), 1 / 12)
    np.testing.assert_allclose(plan[plan > 0], 1 / (3 * 4**2))
    assert plan[0, 11] > 0


@pytest.mark.parametrize("rival", (rivals.WITHOUT_LABELS | rivals.WITH_LABELS).values())
def test_rivals_are_plans(rival):
    clouds = data.separated_classes(2, 3, 0.3, np.random.default_rng(4))
    plans = rivals.usable_plans(rival, *clouds, method.squared_distances(*clouds), np.repeat([0, 1], 3))
    assert len(plans)
    assert plans.min() >= 0
    assert np.median(np.abs(plans.sum(axis=2) - 1 / 6).max(axis=1)) < 1e-6
