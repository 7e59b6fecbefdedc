"""Block power steps, the heavy list, Oja's rule and its predicted threshold against dense algebra and plain loops."""

from types import SimpleNamespace

import numpy as np
import pytest

from papers.sketching_sampling.random_order_top_eigenvector.data import generate
from papers.sketching_sampling.random_order_top_eigenvector.method import (
    Pass,
    better_direction,
    block_count,
    block_power,
    correlations,
    frobenius_squared,
    heavy_instance,
    light_instance,
    oja,
    oja_advantage,
    oja_ratio_needed,
    orthogonal_instance,
    top_eigenpair,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def mixed(rng):
    """Thirty rows of squared norm about 6 and five of more than 100, shuffled."""
    rows = rng.standard_normal((35, 6))
    rows[:5] *= 12 / np.linalg.norm(rows[:5], axis=1)[:, None]
    return rng.permutation(rows)


def light_rows(d, rng):
    return rng.standard_normal((20 * d, d)) / np.sqrt(20 * d)


@pytest.mark.parametrize("cut", [0.0, 100.0, np.inf])
def test_one_block_is_one_exact_power_step_whatever_is_stored(mixed, rng, cut):
    start = rng.standard_normal(6)
    result = block_power(mixed, np.arange(35), start, 1, cut)
    expected = mixed.T @ mixed @ start
    np.testing.assert_allclose(result.iterates, [expected / np.linalg.norm(expected)])
    assert result.growth == pytest.approx(np.linalg.norm(expected) / np.linalg.norm(start))
    np.testing.assert_array_equal(result.stored, mixed[np.sum(mixed**2, axis=1) >= cut])


def test_heavy_and_light_second_moments_add_up(mixed):
    stored = block_power(mixed, np.arange(35), np.ones(6), 4, 100.0).stored
    light = mixed[np.sum(mixed**2, axis=1) < 100]
    assert len(stored) == 5
    np.testing.assert_allclose(stored.T @ stored + light.T @ light, mixed.T @ mixed)


def test_every_block_uses_its_own_light_rows_and_all_heavy_rows_so_far(mixed, rng):
    order, start = rng.permutation(35), rng.standard_normal(6)
    result = block_power(mixed, order, start, 5, 100.0)
    is_heavy = np.sum(mixed**2, axis=1) >= 100
    v = start / np.linalg.norm(start)
    for step in range(5):
        block, so_far = order[7 * step : 7 * step + 7], order[: 7 * step + 7]
        light, stored = mixed[block[~is_heavy[block]]], mixed[so_far[is_heavy[so_far]]]
        v = 5 * light.T @ light @ v + stored.T @ stored @ v
        growth = np.linalg.norm(v)
        v /= growth
        np.testing.assert_allclose(result.iterates[step], v, rtol=1e-9)
    assert result.growth == pytest.approx(growth)
    np.testing.assert_array_equal(result.stored, mixed[order[is_heavy[order]]])  # in order of arrival


def test_the_direction_of_heavy_rows_wins_if_they_weigh_more_than_the_last_step_grew():
    stored = np.array([[0.0, 2.0, 0.0], [0.0, -1.0, 0.0], [0.5, 0.0, 0.0]])  # sigma_1^2 = 5
    iterates = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert np.abs(better_direction(Pass(iterates, 4.9, stored))) == pytest.approx([0, 1, 0])
    assert better_direction(Pass(iterates, 5.1, stored)) == pytest.approx([1, 0, 0])
    assert better_direction(Pass(iterates, 0.1, stored[:0])) == pytest.approx([1, 0, 0])


def test_late_heavy_rows_orthogonal_to_light_ones_are_lost_to_the_iterate_only(rng):
    rows = orthogonal_instance(light_rows(40, rng), np.ones(3), 3)
    result = block_power(rows, np.arange(len(rows)), rng.standard_normal(40), 8, 0.5)  # heavy rows come last
    assert result.iterates[-1][0] == 0
    assert abs(better_direction(result)[0]) == pytest.approx(1)


def test_rows_that_no_block_has_read_do_not_matter(mixed, rng):
    order, start = rng.permutation(35), rng.standard_normal(6)
    before = block_power(mixed, order, start, 5, 100.0).iterates
    mixed[order[21:]] = 1e3
    np.testing.assert_array_equal(block_power(mixed, order, start, 5, 100.0).iterates[:3], before[:3])


def test_copies_of_a_matrix_give_the_power_method(rng):
    rows = rng.standard_normal((10, 6))
    start = rng.standard_normal(6)
    iterates = block_power(np.tile(rows, (4, 1)), np.arange(40), start, 4, np.inf).iterates
    for step, found in enumerate(iterates):
        expected = np.linalg.matrix_power(rows.T @ rows, step + 1) @ start
        np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-8)


def test_oja_is_a_product_of_rank_one_updates_for_every_rate(mixed, rng):
    order, start, rates = rng.permutation(35), rng.standard_normal(6), [0.3, 2.0]
    scaled = mixed * np.sqrt(6 / np.sum(mixed**2))
    found = oja(mixed, order, start, rates)
    for rate, vector in zip(rates, found, strict=True):
        expected = start.copy()
        for i in order:
            expected += rate * scaled[i] * (scaled[i] @ expected)
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), rtol=1e-9)
    np.testing.assert_allclose(oja(7 * mixed, order, start, rates), found, rtol=1e-9)  # no unit matters


def test_oja_does_not_overflow_at_large_rates(rng):
    vectors = oja(np.eye(4)[rng.integers(0, 4, 20000)], np.arange(20000), np.ones(4), [1e6])
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("pieces", [1, 10])
def test_instances(rng, pieces):
    light = light_rows(60, rng)
    signs = rng.choice([-1, 1], 30)
    rows = heavy_instance(light, signs, 3, pieces)
    expected = light.T @ light
    expected[0, 0] += 3
    np.testing.assert_allclose(rows.T @ rows, expected, atol=1e-12)
    assert frobenius_squared(rows) == pytest.approx(np.trace(expected))
    cut = 0.2 * frobenius_squared(rows) / 60
    stored = block_power(rows, np.arange(len(rows)), np.ones(60), 4, cut).stored
    assert len(stored) == (3 if pieces == 1 else 0)
    alone = orthogonal_instance(light, signs, 3, pieces)
    np.testing.assert_array_equal(alone[:, 1:], rows[:, 1:])
    np.testing.assert_allclose(alone.T @ alone[:, 0], 3 * np.eye(60)[0], atol=1e-12)
    spread = light_instance(light, 9)
    np.testing.assert_allclose(spread[:, 0], 3 * light[:, 0])
    np.testing.assert_array_equal(spread[:, 1:], light[:, 1:])


def test_truth_is_the_empirical_eigenvector(rng):
    rows = light_instance(light_rows(60, rng), 4)
    top, gap = top_eigenpair(rows)
    singular, right = np.linalg.svd(rows)[1:]
    assert gap == pytest.approx((singular[0] / singular[1]) ** 2)
    assert correlations(right[:2], top) == pytest.approx([1, 0])
    assert correlations(-5 * top, top) == pytest.approx(1)
    assert top[0] ** 2 < 0.999  # not e_1


def test_block_count():
    assert [block_count(d, 2.0) for d in (200, 400, 800)] == [11, 12, 14]
    assert block_count(200, 0.0) == 1


def test_predicted_threshold_is_where_the_best_rate_breaks_even():
    rates = np.geomspace(0.01, 100, 20001)
    for d in (200, 400, 800):
        needed = oja_ratio_needed(d)
        assert oja_advantage(needed, rates).max() == pytest.approx(np.log(d) / 2, abs=1e-5)
    assert oja_ratio_needed(400) == pytest.approx(4.3, abs=0.1)


def test_predicted_threshold_separates_failing_from_succeeding_gaps_within_one(rng):
    d, rates = 400, [1, 2, 4, 8]
    needed = oja_ratio_needed(d)
    light, signs = light_rows(d, rng), rng.choice([-1, 1], 20)
    for ratio, succeeds in ((int(needed - 1), False), (int(np.ceil(needed + 1)), True)):
        rows = orthogonal_instance(light, signs, ratio)
        top, _ = top_eigenpair(rows)
        runs = [oja(rows, rng.permutation(len(rows)), rng.standard_normal(d), rates) for _ in range(9)]
        best = np.median(correlations(np.array(runs), top), axis=0).max()
        assert (best > 0.5) == succeeds


def test_data_are_light_and_isotropic(rng):
    params = SimpleNamespace(streams=[[100, [2, 3]]], rows_per_dimension=20, pieces=4)
    data = generate(params, rng)
    normals = data["normals_100"].astype(float)
    assert normals.shape == (2000, 100)
    assert set(data["signs_100"]) == {-1, 1}
    assert len(data["signs_100"]) == 12
    values = np.linalg.eigvalsh(normals.T @ normals / 2000)
    assert 0.55 < values[0] < 0.65
    assert 1.45 < values[-1] < 1.55
