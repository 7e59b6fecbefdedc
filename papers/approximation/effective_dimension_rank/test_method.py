"""Ranks against exact rational arithmetic, closed forms and NumPy; summaries against the stated formulas."""

import math
from fractions import Fraction

import numpy as np
import pytest

from papers.approximation.effective_dimension_rank import method


def rational_rank(rows):
    """Gaussian elimination over the rationals."""
    rows = [[Fraction(int(entry)) for entry in row] for row in rows]
    rank = 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def integer_features(inputs, weights, denominator):
    """H_1, H_2, ... of one network in Python's integers; negative slope 1/denominator, 0 if that is None."""
    features = np.rint(inputs * method.GRID).astype(int).astype(object)
    for weight in weights:
        pre = features @ np.rint(weight * method.GRID).astype(int).astype(object)
        scale, leak = (1, 0) if denominator is None else (denominator, 1)
        features = np.where(pre > 0, scale * pre, leak * pre)
        yield features


def batch(m, d, seed):
    return method.on_grid(np.random.default_rng(seed).standard_normal((m, d)))


# --- Ranks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 5, 12])
@pytest.mark.parametrize("shape", [(12, 12), (20, 12), (12, 25)])
def test_rank_modulo_prime_of_products_of_factors(shape, rank):
    rng = np.random.default_rng(rank)
    matrices = rng.integers(-9, 10, (10, shape[0], rank)) @ rng.integers(-9, 10, (10, rank, shape[1]))
    found = method.ranks_modulo_prime(matrices % method.PRIME)
    np.testing.assert_array_equal(found, np.linalg.matrix_rank(matrices.astype(float)))


def test_rank_modulo_prime_with_large_entries():
    """Rows 1, 2 and their sum modulo the prime: no overflow may hide the dependence."""
    rows = np.random.default_rng(0).integers(method.PRIME - 1000, method.PRIME, (50, 2, 6))
    matrices = np.concatenate([rows, rows.sum(axis=1, keepdims=True) % method.PRIME], axis=1)
    np.testing.assert_array_equal(method.ranks_modulo_prime(matrices), 2)


@pytest.mark.parametrize("value", [1, 2, 12345, method.PRIME - 1])
def test_inverse(value):
    assert method.inverse_modulo_prime(value) == pow(value, -1, method.PRIME)


@pytest.mark.parametrize(("slope", "denominator"), [(0.0, None), (0.2, 5), (0.5, 2)])
@pytest.mark.parametrize(("m", "n", "kind"), [(6, 6, "gaussian"), (6, 6, "orthogonal"), (9, 5, "gaussian")])
def test_ranks_equal_rational_arithmetic(m, n, kind, slope, denominator):
    inputs = batch(m, n, seed=1)
    weights = method.draw_weights(kind, 6, [n] * 6, np.random.default_rng(2))
    found = method.feature_ranks(inputs, weights, slope)
    for network in range(6):
        exact = [rational_rank(h) for h in integer_features(inputs, [w[network] for w in weights], denominator)]
        np.testing.assert_array_equal(found[network], exact)
    if denominator is None:
        assert found.min() < min(m, n)  # else there was nothing to tell apart


def test_signs_of_twelve_layers_equal_exact_ones():
    inputs = batch(16, 16, seed=3)
    weights = method.draw_weights("gaussian", 1, [16] * 13, np.random.default_rng(4))
    floating = method.features(inputs, weights)[0] > 0
    exact = [(h > 0).astype(bool) for h in integer_features(inputs, [w[0] for w in weights], None)]
    np.testing.assert_array_equal(floating, exact)


def test_rank_is_bounded_by_active_units_and_size():
    inputs = batch(12, 8, seed=5)
    weights = method.draw_weights("gaussian", 200, [8] + [10] * 8, np.random.default_rng(6))
    ranks = method.feature_ranks(inputs, weights)
    active = method.active_units(inputs, weights)
    np.testing.assert_array_equal(active, (method.features(inputs, weights) != 0).any(axis=2).sum(axis=-1))
    assert (ranks <= np.minimum(active, 10)).all()
    assert (ranks < 10).any()


def test_linear_networks_keep_the_rank():
    weights = method.draw_weights("gaussian", 20, [10] + [14] * 12, np.random.default_rng(7))
    np.testing.assert_array_equal(method.feature_ranks(batch(10, 10, seed=8), weights, slope=1.0), 10)


def test_repeated_inputs_do_not_count():
    inputs = batch(4, 8, seed=9)
    weights = method.draw_weights("gaussian", 20, [8, 16], np.random.default_rng(10))
    repeated = np.concatenate([inputs, inputs, 2 * inputs])  # the ReLU is homogeneous
    np.testing.assert_array_equal(method.feature_ranks(repeated, weights), method.feature_ranks(inputs, weights))


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, 2.5])
def test_mean_rank_of_one_unit_on_two_inputs(angle):
    """The unit is zero on both inputs with probability (pi - angle)/(2 pi), and has rank 1 otherwise."""
    inputs = method.on_grid(np.array([[1.0, 0.0], [math.cos(angle), math.sin(angle)]]))
    weights = method.draw_weights("gaussian", 20000, [2, 1], np.random.default_rng(11))
    expected = 1 - (math.pi - angle) / (2 * math.pi)
    assert method.feature_ranks(inputs, weights).mean() == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(20000))


def test_wide_layers_are_refused_before_they_round():
    with pytest.raises(ValueError, match="exact products"):
        method.feature_ranks(np.ones((2, 2)), [np.full((1, 2, 2), 3000.0)])


def test_draw_weights():
    rng = np.random.default_rng(12)
    (weights,) = method.draw_weights("gaussian", 3000, [4, 2], rng, correlation=0.5)
    pairs = weights.reshape(-1, 2)
    np.testing.assert_allclose(np.cov(pairs.T), [[0.5, 0.25], [0.25, 0.5]], atol=0.03)
    np.testing.assert_array_equal(np.rint(weights * method.GRID) / method.GRID, weights)
    with pytest.raises(ValueError, match="no orthogonal weights from 3 to 4"):
        method.draw_weights("orthogonal", 1, [3, 4], rng)


# --- Singular values --------------------------------------------------------------------------------------


def test_effective_ranks_of_equal_singular_values_count_them():
    singular_values = np.array([[2.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(method.participation_ratio(singular_values), [3, 0])
    np.testing.assert_allclose(method.entropy_rank(singular_values), [3, 0])
    np.testing.assert_array_equal(method.numerical_rank(singular_values, 0.1), [3, 0])


def test_effective_ranks_of_two_singular_values():
    singular_values = np.array([3.0, 1.0])  # shares 0.9 and 0.1
    assert method.participation_ratio(singular_values) == pytest.approx(1 / (0.81 + 0.01))
    assert method.entropy_rank(singular_values) == pytest.approx(0.9**-0.9 * 0.1**-0.1)
    assert method.numerical_rank(singular_values, 0.5) == 1


# --- Summaries: they find what is stated, where it is there -----------------------------------------------


def test_summaries_of_ranks_that_follow_the_formula():
    m, depths = 64, np.arange(1, 13)
    ranks = np.random.default_rng(13).binomial(m, method.stated_rank_fraction(depths), (2000, 12))
    assert ranks[:, 0].mean() / m == pytest.approx(2 / math.pi, abs=0.01)
    assert method.deficit_ratio(ranks, m) == pytest.approx(1 - 2 / math.pi, abs=0.01)
    assert method.revival_peaks(ranks) == 0


def test_peaks_at_the_stated_depths_are_found():
    depths = np.arange(1, 13)
    spacing = math.pi / math.log(1 / method.RHO)
    mean = 20 + 4 * np.cos(2 * math.pi * (depths / spacing - 0.5))
    noise = np.random.default_rng(14).normal(0, 3, (150, 12))
    assert method.revival_peaks(mean + noise) == 4
    assert method.revival_peaks(np.linspace(32, 22, 12) + noise) == 0


def test_deficit_ratio_without_deficit():
    assert method.deficit_ratio(np.full((5, 12), 32), 32) == 0


def test_stated_formulas():
    np.testing.assert_allclose(method.stated_revival_depths(8), [1.55, 4.66, 7.76], atol=0.01)
    # The stated height of the revivals is the stated mean rank at the first of them.
    assert method.stated_rank_fraction(method.stated_revival_depths(2))[0] == pytest.approx(1 - math.exp(-math.pi / 2))
