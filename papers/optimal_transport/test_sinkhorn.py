"""Sinkhorn's iterations against POT's, a linear programme and the closed form of the kernel product."""

import numpy as np
import ot
import pytest

from papers.optimal_transport.sinkhorn import grid_costs, log_kernel_product, sinkhorn


@pytest.fixture(scope="module")
def histograms():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(9), size=4), rng.dirichlet(np.ones(9), size=4)


def test_grid_costs_are_squared_distances_of_cells():
    cells = np.array([(i, j) for i in range(3) for j in range(3)], dtype=float)
    np.testing.assert_allclose(grid_costs(3), ot.dist(cells, cells))


@pytest.mark.parametrize("epsilon", [1.0, 1e-3])  # with and without room for a matrix product
def test_kernel_product_equals_the_sum_of_exponentials(epsilon):
    exponents = np.random.default_rng(1).normal(size=(3, 4))
    cost = grid_costs(2)
    terms = exponents[:, None] - cost / epsilon
    expected = np.logaddexp.reduce(terms, axis=2)
    np.testing.assert_allclose(log_kernel_product(exponents, cost, epsilon), expected, rtol=1e-12)


@pytest.mark.parametrize("epsilon", [0.2, 2.0])
def test_cost_and_plan_equal_pot(histograms, epsilon):
    cost = grid_costs(3)
    result = sinkhorn(*histograms, cost, epsilon, n_iterations=5000, tolerance=1e-10)
    assert result.marginal_error <= 1e-10
    for s, (x, y) in enumerate(zip(*histograms, strict=True)):
        plan = ot.sinkhorn(x, y, cost, epsilon, method="sinkhorn_log", numItermax=20_000, stopThr=1e-11)
        value = (plan * cost).sum() + epsilon * (plan * np.log(plan / np.outer(x, y))).sum()
        assert result.cost[s] == pytest.approx(value, rel=1e-6)
        potentials = result.first_potential[s][:, None] + result.second_potential[s]
        np.testing.assert_allclose(np.outer(x, y) * np.exp((potentials - cost) / epsilon), plan, atol=1e-7)


def test_small_epsilon_approaches_exact_transport(histograms):
    cost = grid_costs(3)
    result = sinkhorn(*histograms, cost, 0.01, n_iterations=2000, tolerance=1e-8)
    exact = [ot.emd2(x, y, cost) for x, y in zip(*histograms, strict=True)]
    np.testing.assert_allclose(result.cost, exact, atol=0.05)


def test_empty_cells_carry_no_mass():
    first, second = np.array([[1.0, 0, 0, 0]]), np.array([[0, 0.5, 0.5, 0]])
    assert sinkhorn(first, second, grid_costs(2), 0.1).cost[0] == pytest.approx(1.0)


def test_start_at_the_solution_needs_one_iteration(histograms):
    cost = grid_costs(3)
    solution = sinkhorn(*histograms, cost, 1.0, tolerance=1e-12)
    again = sinkhorn(*histograms, cost, 1.0, n_iterations=1, start=solution.second_potential)
    np.testing.assert_allclose(again.cost, solution.cost, rtol=1e-10)


@pytest.mark.parametrize("rows", [np.array([[0.5, 0.6]]), np.array([[1.5, -0.5]])])
def test_rows_that_are_no_histograms_are_refused(rows):
    with pytest.raises(ValueError, match="sum to one"):
        sinkhorn(rows, np.array([[0.5, 0.5]]), np.ones((2, 2)), 1.0)
