"""Pivotal sampling against its defining properties; trees, regression and target against brute force."""

from math import ceil, comb, floor

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import eval_legendre

from papers.sketching_sampling.pivotal_leverage_sampling.data import displacement, largest_displacement
from papers.sketching_sampling.pivotal_leverage_sampling.method import (
    best_fit,
    coordinate_order,
    is_well_conditioned,
    pivotal_sample,
    principal_axis_order,
    relative_error,
    reweighted_least_squares,
    samples_needed,
    sequential_tournament,
    total_degree_legendre,
    tree_tournament,
)

N_DRAWS = 20000


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def points(rng):
    return rng.uniform(-1, 1, (50, 2))


def arrangements(points):
    return {
        "coordinate": tree_tournament(coordinate_order(points)),
        "principal axis": tree_tournament(principal_axis_order(points)),
        "sequential": sequential_tournament(np.argsort(points[:, 0])),
    }


def probabilities(rng, n_rows, n_samples):
    """Unequal probabilities, some close to 1, that sum to `n_samples`."""
    p = rng.beta(0.4, 0.9, n_rows) + 0.01
    while abs(p.sum() - n_samples) > 1e-12:
        p = np.minimum(p * n_samples / p.sum(), 0.97)
    return p


def draws(p, tournament, rng, n_draws=N_DRAWS):
    taken = np.zeros((n_draws, len(p)), dtype=bool)
    for row in taken:
        row[pivotal_sample(p, tournament, rng)] = True
    return taken


def nodes(rows):
    """All nodes of the halving tree over `rows`, as slices."""
    yield rows
    if len(rows) > 1:
        yield from nodes(rows[: len(rows) // 2])
        yield from nodes(rows[len(rows) // 2 :])


@pytest.mark.parametrize("name", ["coordinate", "principal axis", "sequential"])
def test_pivotal_sampling_keeps_marginals_size_and_node_counts(points, rng, name):
    p = probabilities(rng, 50, 20)
    tournament = arrangements(points)[name]
    taken = draws(p, tournament, rng)
    assert (np.abs(taken.mean(axis=0) - p) <= 4 * np.sqrt(p * (1 - p) / N_DRAWS)).all()
    assert (taken.sum(axis=1) == 20).all()
    groups = nodes(tournament.rows) if name != "sequential" else (tournament.rows[:k] for k in range(1, 51))
    for group in groups:
        count = taken[:, group].sum(axis=1)
        assert count.min() >= floor(p[group].sum() + 1e-9)
        assert count.max() <= ceil(p[group].sum() - 1e-9)


def test_horvitz_thompson_estimates_are_unbiased(points, rng):
    p, values = probabilities(rng, 50, 12), rng.standard_normal(50)
    for tournament in arrangements(points).values():
        totals = draws(p, tournament, rng) @ (values / p)
        assert abs(totals.mean() - values.sum()) <= 4 * totals.std() / np.sqrt(N_DRAWS)


def test_pairs_are_taken_together_no_more_often_than_if_independent(points, rng):
    p = np.full(50, 0.3)
    for tournament in arrangements(points).values():
        taken = draws(p, tournament, rng).astype(float)
        together = taken.T @ taken / N_DRAWS
        excess = (together - 0.09)[~np.eye(50, dtype=bool)]
        assert excess.max() <= 4.5 * np.sqrt(0.09 * 0.91 / N_DRAWS)
        first, second = tournament.rows[:2]
        assert together[first, second] == 0  # 0.3 + 0.3 < 1: siblings never both survive


def test_certain_rows_are_taken_and_the_size_of_a_fractional_sum_is_rounded(rng):
    p = np.array([1.0, 0.5, 1.0, 0.4, 0.7])  # sum 3.6
    for rows in (np.array([1, 3, 4]), np.arange(5)):  # certain rows left out of the fights, or in them
        taken = draws(p, tree_tournament(rows), rng)
        assert taken[:, [0, 2]].all()
        assert set(taken.sum(axis=1)) == {3, 4}
        assert (np.abs(taken.mean(axis=0) - p) <= 4 * np.sqrt(p * (1 - p) / N_DRAWS)).all()
    all_certain = tree_tournament(np.array([], dtype=int))
    assert pivotal_sample(np.ones(3), all_certain, rng).tolist() == [0, 1, 2]


def test_tree_fights_run_bottom_up():
    assert np.stack(tree_tournament(np.arange(5))[1:], axis=1).tolist() == [[3, 4], [0, 1], [2, 3], [0, 2]]
    assert np.stack(sequential_tournament(np.arange(4))[1:], axis=1).tolist() == [[0, 1], [0, 2], [0, 3]]


def recursive_cells(points, rows, direction, level=0):
    """The sets of points of all nodes: a node is sorted along its direction and cut in the middle."""
    yield frozenset(rows.tolist())
    if len(rows) > 1:
        rows = rows[np.argsort(points[rows] @ direction(points[rows], level), kind="stable")]
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            yield from recursive_cells(points, half, direction, level + 1)


@pytest.mark.parametrize("n_points", [2, 3, 64, 77])
def test_coordinate_order_halves_along_the_coordinates_in_turn(rng, n_points):
    points = rng.standard_normal((n_points, 3))
    found = {frozenset(node.tolist()) for node in nodes(coordinate_order(points))}
    assert found == set(recursive_cells(points, np.arange(n_points), lambda own, level: np.eye(3)[level % 3]))


@pytest.mark.parametrize("n_points", [2, 64, 128])  # nodes of even size: the sign of an axis is arbitrary
def test_principal_axis_order_halves_along_the_leading_singular_vector(rng, n_points):
    points = rng.standard_normal((n_points, 3)) * [1, 2, 0.5] + 4
    found = {frozenset(node.tolist()) for node in nodes(principal_axis_order(points))}

    def leading(own, level):
        return np.linalg.svd(own - own.mean(axis=0))[2][0]

    assert found == set(recursive_cells(points, np.arange(n_points), leading))


def test_coordinate_tree_puts_one_point_into_each_cell_of_a_grid(rng):
    axis = np.arange(16)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2).astype(float)
    sample = pivotal_sample(np.full(256, 1 / 16), tree_tournament(coordinate_order(points)), rng)
    cells = points[sample] // 4
    assert len(sample) == 16
    assert len(np.unique(cells, axis=0)) == 16


def test_total_degree_features_are_products_of_legendre_polynomials(points):
    features = total_degree_legendre(points, 6)
    products = [eval_legendre(i, points[:, 0]) * eval_legendre(j, points[:, 1]) for i in range(7) for j in range(7 - i)]
    assert features.shape == (50, comb(8, 2))
    np.testing.assert_allclose(features, np.stack(products, axis=1), atol=1e-13)


@pytest.mark.parametrize("size", [4, 8, 9, 30])
def test_regression_is_weighted_least_squares(rng, size):
    basis = np.linalg.qr(rng.standard_normal((60, 8)))[0]
    labels, p = rng.standard_normal((60, 2)), rng.uniform(0.05, 1, 60)
    sample = rng.choice(60, size, replace=False)
    root = np.diag(p[sample] ** -0.5)
    expected = np.linalg.pinv(root @ basis[sample]) @ root @ labels[sample]
    np.testing.assert_allclose(reweighted_least_squares(basis, labels, sample, p), expected, rtol=1e-6, atol=1e-8)


def test_relative_error_is_that_of_the_residuals(rng):
    design = np.linalg.qr(rng.standard_normal((60, 5)))[0]
    labels = rng.standard_normal((60, 2))
    best, optimum = best_fit(design, labels)
    expected, residuals = np.linalg.lstsq(design, labels)[:2]
    np.testing.assert_allclose(best, expected)
    np.testing.assert_allclose(optimum, residuals)
    other = rng.standard_normal((5, 2))
    direct = np.sum((design @ other - labels) ** 2, axis=0) / residuals
    np.testing.assert_allclose(relative_error(other, best, optimum), direct)
    everything = reweighted_least_squares(design, labels, np.arange(60), np.ones(60))
    np.testing.assert_allclose(relative_error(everything, best, optimum), 1)


def test_conditioning_is_that_of_the_smallest_eigenvalue(rng):
    basis = np.linalg.qr(rng.standard_normal((200, 6)))[0]
    p = np.full(200, 0.3)
    verdicts = []
    for _ in range(200):
        sample = np.flatnonzero(rng.random(200) < p)
        smallest = np.linalg.eigvalsh(basis[sample].T @ basis[sample] / 0.3)[0]
        verdicts.append(is_well_conditioned(basis, sample, p))
        assert verdicts[-1] == (smallest > 0.5)
    assert 0 < sum(verdicts) < 200


def test_samples_needed_inverts_a_power_law_and_bounds_the_rest():
    sizes = np.array([5.0, 8, 20, 70])
    assert samples_needed(sizes, 1 + 30 / sizes**1.5, 2.0) == pytest.approx(30 ** (2 / 3))
    assert samples_needed(sizes, np.array([3, 1.5, 2.5, 1.25]), 2.0) > 20  # it has to stay below
    assert samples_needed(sizes, np.full(4, 3.0), 2.0) == 70
    assert samples_needed(sizes, np.full(4, 1.5), 2.0) == 5


def test_oscillator_solves_its_equation():
    times = np.linspace(0, 20, 400)
    for stiffness, frequency in ((1.0, 0.0), (1.0, 1.0), (2.3, 1.7), (3.0, 2.0)):
        solution = solve_ivp(
            lambda t, x, k=stiffness, w=frequency: (x[1], 0.5 * np.cos(w * t) - 0.5 * x[1] - k * x[0]),
            (0, 20), (0.5, 0.0), t_eval=times, rtol=1e-9, atol=1e-11,
        ).y[0]  # fmt: skip
        found = [float(displacement(np.array(stiffness), np.array(frequency), time)) for time in times]
        np.testing.assert_allclose(found, solution, atol=1e-7)
        assert largest_displacement(np.array(stiffness), np.array(frequency)) == pytest.approx(solution.max())
