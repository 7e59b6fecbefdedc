"""Products and weights against explicit formulas, the stopping rule on clean data, and both runs against outliers."""

from math import ceil, inf, log

import numpy as np
import pytest

from papers.sketching_sampling.near_linear_robust_pca.data import (
    Instance,
    draw_inliers,
    draw_outliers,
    draw_points,
    hidden_instance,
    open_stream,
)
from papers.sketching_sampling.near_linear_robust_pca.method import (
    Batch,
    Stream,
    filter_along,
    gamma,
    keep_factors,
    norm_pruned_pca,
    pca,
    random_powers,
    retained_variance,
    ritz_vector,
    robust_pca,
    top_eigenvector,
    trim,
)

SLACK = 6
SEARCHES = {"random": random_powers(10), "top": top_eigenvector(0.01, 1000)}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def explicit_covariance(points, weights):
    return sum(w * np.outer(x, x) for x, w in zip(points, weights, strict=True)) / weights.sum()


def reader(points):
    position = 0

    def read(n_points):
        nonlocal position
        position += n_points
        assert position <= len(points)
        return points[position - n_points : position]

    return read


def test_implicit_product_is_that_of_the_explicit_covariance(rng):
    points, block = rng.standard_normal((60, 7)), rng.standard_normal((7, 3))
    batch = Batch(points)
    batch.weights = rng.random(60)
    expected = explicit_covariance(points, batch.weights) @ block
    np.testing.assert_allclose(batch.product(block), expected, rtol=0, atol=1e-12)
    assert batch.n_products == 3
    scores, weights = batch.scores(block)
    np.testing.assert_allclose(scores, [np.sum((block.T @ x) ** 2) for x in points])
    assert batch.n_products == 4.5
    assert weights is batch.weights


def test_random_powers_are_a_power_of_the_covariance_times_gaussian_vectors(rng):
    points = rng.standard_normal((50, 9))
    batch = Batch(points)
    block = random_powers(4)(batch, np.random.default_rng(3))
    gaussian = np.random.default_rng(3).standard_normal((9, 4))
    power = ceil(log(9))
    expected = np.linalg.matrix_power(points.T @ points / 50, power) @ gaussian
    np.testing.assert_allclose(block / block[0, 0], expected / expected[0, 0], rtol=1e-10)
    assert batch.n_products == 4 * power
    random_powers(4, stretch=3)(batch, rng)
    assert batch.n_products == 4 * (power + ceil(3 * log(9)))


def test_power_iteration_and_ritz_vector_find_the_top_eigenvector(rng):
    points = rng.standard_normal((400, 8)) * [3, 2, 1, 1, 1, 1, 1, 1]
    weights = rng.random(400)
    expected = np.linalg.eigh(explicit_covariance(points, weights))[1][:, -1]
    batch = Batch(points)
    batch.weights = weights
    vector = top_eigenvector(1e-8, 1000)(batch, rng)[:, 0]
    assert abs(vector @ expected) == pytest.approx(1, abs=1e-12)
    top = ritz_vector(batch, rng.standard_normal((8, 8)))
    assert abs(top @ expected) == pytest.approx(1, abs=1e-12)
    assert np.linalg.norm(ritz_vector(batch, rng.standard_normal((8, 2)))) == pytest.approx(1)
    batch.weights = np.ones(400)
    assert abs(pca(points) @ np.linalg.svd(points)[2][0]) == pytest.approx(1)


def test_trim_leaves_out_the_largest_scores_up_to_the_mass():
    scores, weights = np.array([1.0, 9, 3, 7, 5]), np.array([1, 0, 1, 0.5, 0.5])
    found = trim(scores, weights, mass=1.2)
    assert found.mean == pytest.approx((1 + 3 + 3.5 + 2.5) / 3)
    assert found.trimmed_mean == pytest.approx(2)
    assert (found.threshold, found.largest) == (3, 7)  # the point without weight does not count
    untouched = trim(scores, weights, mass=0.4)
    assert untouched.mean == untouched.trimmed_mean
    with pytest.raises(ValueError, match="weigh more"):
        trim(scores, weights, mass=3)


def test_weights_fall_in_proportion_to_scores_above_the_threshold():
    factors = keep_factors(np.array([0.0, 2, 4, 6, 8, 20]), threshold=4, largest=8)
    np.testing.assert_allclose(factors, [1, 1, 1, 0.25, 0, 0])


def test_clean_data_pass_at_once(rng):
    points = draw_inliers(Instance(100, 0.02, 1.0, 4.0), 2000, rng)
    batch = Batch(points)
    assert not filter_along(batch, random_powers(10)(batch, rng), 0.02, SLACK)
    robust_pca(batch, 0.02, random_powers(10), SLACK, rng)
    assert batch.weights.sum() > 0.99 * 2000
    assert filter_along(batch, random_powers(10)(batch, rng), 0.02, slack=0.5)  # Gaussian tails need more than that


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("spike", [0.3, 1.0])
def test_weights_stay_in_the_unit_interval_and_little_mass_goes(rng, search, spike):
    instance = Instance(100, 0.05, spike, 4.0)
    batch = Batch(draw_points(instance, 2000, 1.0, rng))
    robust_pca(batch, 0.05, SEARCHES[search], SLACK, rng)
    assert ((batch.weights >= 0) & (batch.weights <= 1)).all()
    assert batch.weights[:100].sum() < 10
    assert 2000 - batch.weights.sum() < 5 * 0.05 * 2000
    assert batch.weights[100:].mean() > 0.98


@pytest.mark.parametrize("search", SEARCHES)
def test_filters_find_what_pca_loses(rng, search):
    instance = hidden_instance(200, 0.05, 1.0, 4.0)
    points = draw_points(instance, 4000, 1.0, rng)
    clean = retained_variance(pca(points[200:]), 1.0)
    found = robust_pca(Batch(points), 0.05, SEARCHES[search], SLACK, rng)
    assert retained_variance(found, 1.0) > clean - 0.03
    unfiltered = robust_pca(Batch(points), 0.05, SEARCHES[search], inf, rng)
    for vector in (pca(points), norm_pruned_pca(points, 0.1), unfiltered):
        assert retained_variance(vector, 1.0) < 0.52
    longer = draw_points(instance, 4000, 2.0, rng)
    assert retained_variance(norm_pruned_pca(longer, 0.1), 1.0) > clean - 0.03


def test_only_the_test_of_the_output_sees_one_direction_among_many(rng):
    """A second direction with a strength that is diluted in the sum of the scores of a block, alone it is not."""
    eps, n_points = 0.05, 20000
    points = rng.standard_normal((n_points, 20))
    points[:, 0] *= np.sqrt(2)
    points[: int(eps * n_points), 1] = np.sqrt(1.15 / eps)
    lost = robust_pca(Batch(points), eps, random_powers(10), SLACK, np.random.default_rng(1), certify=False)
    found = robust_pca(Batch(points), eps, random_powers(10), SLACK, np.random.default_rng(1))
    assert retained_variance(lost, 1.0) < 0.8
    assert retained_variance(found, 1.0) > 0.98


def test_streaming_weights_are_the_product_of_the_filters(rng):
    first, second = rng.standard_normal((2, 6, 3))
    points = rng.standard_normal((9, 6))
    stream = Stream(reader(points), 6, 9, rows_at_once=4)
    stream.remove(first, 4.0, 30.0)
    stream.remove(first, 2.0, 20.0)
    stream.remove(second, 1.0, 10.0)
    assert [len(cuts) for _, cuts in stream.filters] == [2, 1]
    expected = np.ones(9)
    for block, threshold, largest in ((first, 4, 30), (first, 2, 20), (second, 1, 10)):
        for i, x in enumerate(points):
            score = sum((block[:, l] @ x) ** 2 for l in range(3))
            if score > threshold:
                expected[i] *= 1 - min(score / largest, 1)
    np.testing.assert_allclose(stream.weights(points), expected, atol=1e-14)
    assert 0 < np.count_nonzero(expected) < 9
    np.testing.assert_allclose(stream.product(first), explicit_covariance(points, expected) @ first, atol=1e-12)
    assert stream.n_read == 9
    # block and accumulator, two blocks of filters with three pairs of numbers, four rows
    assert stream.peak_words == 2 * 18 + 2 * 18 + 6 + 4 * 6


def test_a_batch_and_a_stream_agree_on_the_same_points(rng):
    points, block = rng.standard_normal((50, 5)), rng.standard_normal((5, 2))
    batch = Batch(points)
    stream = Stream(reader(np.concatenate([points] * 3)), 5, 50)
    for data in (batch, stream):
        data.remove(block, 3.0, 9.0)
    np.testing.assert_allclose(stream.product(block), batch.product(block))
    for one, other in zip(stream.scores(block), batch.scores(block), strict=True):
        np.testing.assert_allclose(one, other)
    assert stream.n_read == 100


def test_one_pass_over_a_stream_finds_the_direction(rng):
    instance = hidden_instance(100, 0.05, 1.0, 4.0)
    stream = Stream(open_stream(instance, 1.0, rng), 100, 1000)
    assert retained_variance(robust_pca(stream, 0.05, random_powers(10), SLACK, rng), 1.0) > 0.9
    assert stream.filters
    assert stream.n_read % 1000 == 0
    assert stream.peak_words < 100 * 100
    plain = Stream(open_stream(instance, 1.0, rng), 100, 1000)
    assert retained_variance(robust_pca(plain, 0.05, random_powers(10), inf, rng), 1.0) < 0.52


def test_outliers_have_the_strength_and_the_norms_they_should(rng):
    instance = hidden_instance(200, 0.05, 1.0, 4.0)
    assert (instance.n_directions, instance.strength) == (2, 5)
    weak = Instance(200, 0.05, 1.0, 2.0)
    for case in (instance, weak):
        outliers = draw_outliers(case, 4000, 1.0, rng)
        moments = case.eps * np.mean(outliers**2, axis=0)
        assert moments[1 : 1 + case.n_directions] == pytest.approx(case.strength)
        assert np.mean(np.sum(outliers**2, axis=1)) == pytest.approx(200, rel=0.01)
        assert abs(np.mean(outliers, axis=0)).max() < 1
    points = draw_points(weak, 2000, 1.0, rng)
    assert points.shape == (2000, 200)
    assert np.mean(points[100:, 0] ** 2) == pytest.approx(2, rel=0.15)
    share = np.mean([np.mean(open_stream(instance, 3.0, rng)(500)[:, 1:3] ** 2 > 400) * 2 for _ in range(20)])
    assert share == pytest.approx(0.05, rel=0.25)


def test_retained_variance_and_gamma():
    assert retained_variance(np.array([0.6, 0.8]), 1.0) == pytest.approx((0.36 * 2 + 0.64) / 2)
    assert gamma(0.05) == pytest.approx(0.1498, abs=1e-4)
