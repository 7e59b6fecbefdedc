"""Circular transport against the assignment problem and POT's solvers."""

import itertools

import numpy as np
import ot
import pytest
from scipy.optimize import linear_sum_assignment

from papers.optimal_transport import circular_ot

SOLVERS = [circular_ot.circular_ot, circular_ot.circular_ot_by_correlation]


def samples(n_measures, n, seed=0):
    rng = np.random.default_rng(seed)
    means, concentrations = rng.uniform(0, 2 * np.pi, (n_measures, 1)), rng.choice([1.0, 5.0, 20.0], (n_measures, 1))
    angles = rng.vonmises(means, concentrations, (n_measures, n))
    return np.sort(np.mod(angles / (2 * np.pi), 1), axis=1)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize("n", [1, 2, 8, 31])
def test_equals_the_best_assignment_under_squared_arc_length(solve, n):
    measures = samples(25, n, seed=n)
    for x, y in itertools.pairwise(measures):
        arc = np.abs(x[:, None] - y)
        cost = np.minimum(arc, 1 - arc) ** 2
        rows, columns = linear_sum_assignment(cost)
        assert solve(x, y[None])[0] == pytest.approx(np.sqrt(cost[rows, columns].mean()), abs=1e-7)


@pytest.mark.parametrize("solve", SOLVERS)
def test_equals_pot(solve):
    measures = samples(6, 100)
    expected = [np.sqrt(ot.binary_search_circle(measures[0], y, p=2)[0]) for y in measures[1:]]
    np.testing.assert_allclose(solve(measures[0], measures[1:]), expected, atol=1e-6)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(
    ("x", "y", "arc"), [(0.98, 0.03, 0.05), (0.03, 0.98, 0.05), (0.2, 0.45, 0.25), (0.0, 0.5, 0.5)]
)
def test_points_go_the_short_way(solve, x, y, arc):
    assert solve(np.full(5, x), np.full((1, 5), y))[0] == pytest.approx(arc)


@pytest.mark.parametrize("solve", SOLVERS)
def test_rotation_moves_by_its_angle_at_most_and_leaves_distances(solve):
    measures = samples(8, 40)
    turned = np.sort(np.mod(measures + 0.37, 1), axis=1)
    matrix = circular_ot.pairwise(solve, measures)
    np.testing.assert_allclose(circular_ot.pairwise(solve, turned), matrix, atol=1e-7)
    assert (solve(measures[0], np.sort(np.mod(measures[:1] + 0.05, 1), axis=1)) <= 0.05 + 1e-12).all()


def test_cut_transport_equals_pot():
    measures = samples(5, 60)
    expected = [np.sqrt(ot.wasserstein_1d(measures[0], y, p=2)) for y in measures]
    np.testing.assert_allclose(circular_ot.cut_ot(measures[0], measures), expected)


def test_pairwise_is_symmetric_and_covers_all_pairs():
    points = np.array([[0.0], [0.3], [0.7]])
    expected = [[0, 0.3, 0.7], [0.3, 0, 0.4], [0.7, 0.4, 0]]
    np.testing.assert_allclose(circular_ot.pairwise(circular_ot.cut_ot, points), expected)
