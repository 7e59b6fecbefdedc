"""Sensitivities, sampling and distortion against linear programs, closed forms and enumeration."""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from litmus.params import Params
from papers.sketching_sampling.lp_sensitivity_sampling.data import generate
from papers.sketching_sampling.lp_sensitivity_sampling.method import (
    distortions,
    lp_sensitivities,
    root_leverage_scores,
    rows_needed,
    sample_weights,
)
from papers.sketching_sampling.row_sampling import capped_probabilities, leverage_scores, orthonormal_basis


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def uneven(rng):
    """Basis of a 60 x 4 matrix whose rows have very different sizes."""
    return orthonormal_basis(rng.standard_normal((60, 4)) * np.exp(1.5 * rng.standard_normal(60))[:, None])


def l1_sensitivity(basis, row):
    """1 / min {sum t : -t <= A x <= t, a_i x = 1}."""
    n, d = basis.shape
    cost = np.r_[np.zeros(d), np.ones(n)]
    sides = np.block([[basis, -np.eye(n)], [-basis, -np.eye(n)]])
    equation = np.r_[basis[row], np.zeros(n)][None]
    bounds = [(None, None)] * d + [(0, None)] * n
    return 1 / linprog(cost, sides, np.zeros(2 * n), equation, [1.0], bounds).fun


def vertex_distortion(basis, weights):
    """Exact distortions for p = 1: the ratio is extreme where d - 1 independent rows vanish."""
    n, d = basis.shape
    found = np.zeros(len(weights))
    for rows in combinations(range(n), d - 1):
        x = np.linalg.svd(basis[list(rows)])[2][-1]
        values = np.abs(basis @ x)
        found = np.maximum(found, np.abs(weights @ values / values.sum() - 1))
    return found


def draw_weights(scores, n_samples, p, n_draws, rng):
    probabilities = capped_probabilities(scores, n_samples)
    return sample_weights(probabilities, rng.random((n_draws, len(scores))), p, p)


def test_l1_sensitivities_match_linear_programs(uneven):
    exact = np.array([l1_sensitivity(uneven, row) for row in range(0, 60, 6)])
    np.testing.assert_allclose(lp_sensitivities(uneven, 1, n_steps=60).values[::6], exact, rtol=1e-3)
    rough = lp_sensitivities(uneven, 1).values[::6]
    assert (rough <= exact * (1 + 1e-9)).all()
    np.testing.assert_allclose(rough, exact, rtol=0.03)


def test_l2_sensitivities_are_leverage_scores(uneven):
    found = lp_sensitivities(uneven, 2).values
    np.testing.assert_allclose(found, leverage_scores(uneven), rtol=1e-9)
    np.testing.assert_allclose(root_leverage_scores(uneven, 1) ** 2, found, rtol=1e-9)
    assert found.sum() == pytest.approx(4)


@pytest.mark.parametrize("p", [1.5, 4])
def test_sensitivities_match_a_general_solver(uneven, p):
    found = lp_sensitivities(uneven, p)
    for row in (0, 17, 59):
        constraint = {"type": "eq", "fun": lambda x, row=row: uneven[row] @ x - 1}
        start = uneven[row] / (uneven[row] @ uneven[row])
        least = minimize(
            lambda x: (np.abs(uneven @ x) ** p).sum(), start, constraints=constraint, options={"ftol": 1e-12}
        ).fun
        assert found.values[row] == pytest.approx(1 / least, rel=1e-3)


@pytest.mark.parametrize("p", [1, 1.5, 4])
def test_directions_attain_the_sensitivities_and_totals_are_in_range(uneven, p):
    values, directions = lp_sensitivities(uneven, p)
    attained = np.abs((uneven * directions).sum(axis=1)) ** p / (np.abs(directions @ uneven.T) ** p).sum(axis=1)
    np.testing.assert_allclose(attained, values, rtol=1e-9)
    assert min(4, 4 ** (p / 2)) <= values.sum() <= max(4, 4 ** (p / 2))
    other = uneven @ np.array([[2.0, 1, 0, 0], [0, 1, 3, 0], [0, 0, 1, 0], [1, 0, 0, 5]])
    np.testing.assert_allclose(lp_sensitivities(orthonormal_basis(other), p).values, values, rtol=2e-2)


def test_the_stack_has_the_smallest_total_for_p_above_two(rng):
    stacks = generate(Params(dict(n_columns=[4, 16], n_rows=32, n_copies=60), "stack"), rng)
    for d in (4, 16):
        values = lp_sensitivities(orthonormal_basis(stacks[f"stack_{d}"]), 4).values
        assert values.sum() == pytest.approx(d, abs=1e-6)


def test_a_row_that_spans_its_coordinate_alone_has_sensitivity_one(rng):
    design = np.block([[rng.standard_normal((40, 3)), np.zeros((40, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
    for p in (1, 1.5, 4):
        assert lp_sensitivities(orthonormal_basis(design), p).values[-1] == pytest.approx(1)


@pytest.mark.parametrize(("p", "scaling"), [(1, 1), (1.5, 1.5), (4, 4), (1, 2)])
def test_weights_are_unbiased_only_with_the_scaling_of_the_norm(rng, p, scaling):
    probabilities = np.array([0.1, 0.25, 0.9, 1.0])
    weights = sample_weights(probabilities, rng.random((200_000, 4)), p, scaling)
    expected = probabilities ** (1 - p / scaling)
    error = 5 * weights.std(axis=0) / np.sqrt(len(weights))
    assert (np.abs(weights.mean(axis=0) - expected) <= error + 1e-9).all()
    assert not np.isnan(sample_weights(np.zeros(4), np.ones((2, 4)), p, scaling)).any()


@pytest.mark.parametrize(("d", "n_rows", "share"), [(2, 120, 0.99), (3, 50, 0.98), (4, 24, 0.97)])
def test_search_reaches_the_exact_l1_distortion(rng, d, n_rows, share):
    sizes = np.exp(1.5 * rng.standard_normal(n_rows))
    for scales in (np.ones(n_rows), sizes):
        basis = orthonormal_basis(rng.standard_normal((n_rows, d)) * scales[:, None])
        values, directions = lp_sensitivities(basis, 1)
        weights = draw_weights(values, n_rows / 3, 1, 15, rng)
        ratio = distortions(basis, weights, 1, directions) / vertex_distortion(basis, weights)
        assert ratio.max() <= 1 + 1e-9
        assert ratio.mean() >= share


def test_search_reaches_the_exact_distortion_of_copies(rng):
    """With copies of unit rows the ratio is a weighted mean of the columns' mean weights."""
    basis = orthonormal_basis(np.tile(np.eye(6), (20, 1)))
    for p in (1, 1.5, 4):
        values, directions = lp_sensitivities(basis, p)
        np.testing.assert_allclose(values, 1 / 20, rtol=1e-9)
        weights = draw_weights(values, 40, p, 30, rng)
        exact = np.abs(weights.reshape(30, 20, 6).mean(axis=1) - 1).max(axis=1)
        np.testing.assert_allclose(distortions(basis, weights, p, directions), exact, rtol=1e-9)


def test_search_finds_more_than_random_directions(rng):
    basis = orthonormal_basis(rng.standard_normal((200, 8)))
    values, directions = lp_sensitivities(basis, 1)
    weights = draw_weights(values, 60, 1, 20, rng)
    images = np.abs(rng.standard_normal((300, 8)) @ basis.T)
    random = np.abs(weights @ images.T / images.sum(axis=1) - 1).max(axis=1)
    ratio = distortions(basis, weights, 1, directions) / random
    assert ratio.min() >= 1
    assert np.median(ratio) >= 1.2


@pytest.mark.parametrize("p", [1, 1.5, 4])
def test_fewer_rows_than_columns_have_distortion_at_least_one(uneven, p, rng):
    weights = np.zeros((10, 60))
    for row in weights:
        row[rng.choice(60, 3, replace=False)] = 5.0
    directions = lp_sensitivities(uneven, p).directions
    assert (distortions(uneven, weights, p, directions) >= 1 - 1e-6).all()
    np.testing.assert_allclose(distortions(uneven, np.ones((1, 60)), p, directions), 0, atol=1e-9)


def test_rows_needed_inverts_a_power_law():
    found = rows_needed(lambda m: (30 / m) ** 0.5, 4, 1000, n_bisections=8)
    assert found.rows == pytest.approx(120, rel=0.01)
    assert len(found.tried) == 8
    assert rows_needed(lambda m: 2.0, 4, 1000).rows == pytest.approx(1000, rel=0.2)
    assert 4 <= rows_needed(lambda m: 0.1, 4, 1000).rows < 5


def test_exponents_below_one_are_refused(uneven):
    with pytest.raises(ValueError, match="p >= 1"):
        lp_sensitivities(uneven, 0.5)
    with pytest.raises(ValueError, match="p >= 1"):
        distortions(uneven, np.ones((1, 60)), 0.5, uneven)
