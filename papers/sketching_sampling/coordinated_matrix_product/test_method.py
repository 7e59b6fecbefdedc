"""Coordinated samples against closed forms, exact products and enumeration over many hashes."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from papers.sketching_sampling.coordinated_matrix_product.data import (
    generate,
    heavy_pair,
    opposed_pair,
    sparse_attention,
    sparse_pair,
    tables_to_join,
)
from papers.sketching_sampling.coordinated_matrix_product.method import (
    RowSketch,
    common_rows,
    estimate_product,
    priority_sketch,
    regress_on_sample,
    rows_within,
    threshold_probabilities,
    threshold_sketch,
    words_per_row,
)
from papers.sketching_sampling.row_sampling import squared_row_norms

N_HASHES = 1500


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def pair(rng):
    """A (30 x 4) and B (30 x 3) with rows of various lengths, some of them zero, in one or both."""
    a, b = rng.standard_normal((30, 4)), rng.standard_normal((30, 3))
    a *= rng.uniform(0.3, 2, (30, 1))
    b *= rng.uniform(0.3, 2, (30, 1))
    a[[3, 7, 8]] = 0
    b[[7, 20]] = 0
    return a, b


def sketcher(matrix, sampler, k):
    """Hashes to the sketch of one site."""
    sparse, weights = csr_array(matrix), squared_row_norms(matrix)
    if sampler == "priority":
        return lambda hashes: priority_sketch(sparse, weights, k, hashes)
    probabilities = threshold_probabilities(weights, k)
    return lambda hashes: threshold_sketch(sparse, probabilities, hashes)


def sketches(matrices, sampler, k, hashes):
    return [sketcher(matrix, sampler, k)(hashes) for matrix in matrices]


def estimates(matrices, sampler, k, shared, rng):
    first, second = (sketcher(matrix, sampler, k) for matrix in matrices)
    found = []
    for _ in range(N_HASHES):
        h = rng.random(len(matrices[0]))
        found.append(estimate_product(first(h), second(h if shared else rng.random(len(h))), shared))
    return np.array(found)


@pytest.mark.parametrize(("sampler", "shared"), [("threshold", True), ("priority", True), ("threshold", False)])
def test_estimates_are_unbiased(pair, rng, sampler, shared):
    found = estimates(pair, sampler, 10, shared, rng)
    assert found.shape == (N_HASHES, 4, 3)
    errors = found.std(axis=0) / np.sqrt(len(found))
    assert (errors > 0).all()
    assert (np.abs(found.mean(axis=0) - pair[0].T @ pair[1]) <= 4 * errors).all()


def test_mean_squared_error_of_threshold_sampling_has_its_closed_form(pair, rng):
    weights = [squared_row_norms(matrix) for matrix in pair]
    joint = np.minimum(*(threshold_probabilities(x, 8) for x in weights))
    both = joint > 0
    expected = np.sum((1 / joint[both] - 1) * (weights[0] * weights[1])[both])
    target = pair[0].T @ pair[1]
    found = np.sum((estimates(pair, "threshold", 8, True, rng) - target) ** 2, axis=(1, 2))
    assert abs(found.mean() - expected) <= 4 * found.std() / np.sqrt(len(found))
    assert found.std() / np.sqrt(len(found)) < 0.1 * expected


@pytest.mark.parametrize("k", [2, 5, 12])
def test_closed_form_of_the_error_is_below_the_bound_on_any_pair(rng, k):
    for _ in range(50):
        a, b = rng.pareto(0.7, (2, 40)) * (rng.random((2, 40)) < 0.8)
        joint = np.minimum(*(threshold_probabilities(x, k, adaptive=False) for x in (a, b)))
        both = joint > 0
        assert np.sum((1 / joint[both] - 1) * (a * b)[both]) <= 2 / k * a.sum() * b.sum()


def test_mean_squared_error_of_priority_sampling_is_below_its_bound(pair, rng):
    target, scale = pair[0].T @ pair[1], np.sum(pair[0] ** 2) * np.sum(pair[1] ** 2)
    found = np.sum((estimates(pair, "priority", 6, True, rng) - target) ** 2, axis=(1, 2))
    assert 0.1 / 5 * scale < np.mean(found) <= 2 / 5 * scale


@pytest.mark.parametrize("sampler", ["threshold", "priority"])
def test_all_rows_give_the_exact_product(pair, rng, sampler):
    a, b = pair
    h = rng.random(30)
    np.testing.assert_allclose(estimate_product(*sketches((a, a), sampler, 30, h)), a.T @ a)
    np.testing.assert_allclose(estimate_product(*sketches((a, b), sampler, 30, h)), a.T @ b)


def test_priority_sketches_have_exactly_k_rows_and_the_next_rank_as_threshold(pair, rng):
    a = pair[0]
    weights = squared_row_norms(a)
    for k in (1, 5, 26, 27, 28, 30):
        hashes = rng.random(30)
        sketch = priority_sketch(csr_array(a), weights, k, hashes)
        assert len(sketch.rows) == min(k, 27)
        assert (np.diff(sketch.rows) > 0).all()
        np.testing.assert_array_equal(sketch.values.toarray(), a[sketch.rows])
        if k < 27:
            ranks = sorted((h / w, i) for i, (h, w) in enumerate(zip(hashes, weights, strict=True)) if w > 0)
            assert set(sketch.rows) == {i for _, i in ranks[:k]}
            np.testing.assert_allclose(sketch.probabilities, np.minimum(1, weights[sketch.rows] * ranks[k][0]))
        else:
            assert (sketch.probabilities == 1).all()


def test_threshold_sketches_have_k_rows_on_average(pair, rng):
    weights = squared_row_norms(pair[0])
    p = threshold_probabilities(weights, 9)
    assert p.sum() == pytest.approx(9)
    kept = np.zeros(30)
    for _ in range(N_HASHES):
        kept[threshold_sketch(csr_array(pair[0]), p, rng.random(30)).rows] += 1
    assert (np.abs(kept / N_HASHES - p) <= 4.5 * np.sqrt(p * (1 - p) / N_HASHES)).all()
    plain = threshold_probabilities(weights, 9, adaptive=False)
    np.testing.assert_allclose(plain, np.minimum(1, 9 * weights / weights.sum()))
    assert plain.sum() < 9


def test_a_site_does_not_look_at_the_other(pair, rng):
    h = rng.random(30)
    for sampler in ("threshold", "priority"):
        first, _ = sketches(pair, sampler, 8, h)
        again, _ = sketches((pair[0], 7 + pair[1]), sampler, 8, h)
        np.testing.assert_array_equal(first.rows, again.rows)
        np.testing.assert_array_equal(first.probabilities, again.probabilities)


def test_common_rows_and_their_chances():
    a = RowSketch(np.array([1, 4, 6]), csr_array(np.eye(3)), np.array([0.5, 1.0, 0.2]))
    b = RowSketch(np.array([0, 1, 6, 9]), csr_array(np.eye(4)), np.array([0.1, 0.25, 0.4, 1.0]))
    in_a, in_b, factors = common_rows(a, b)
    assert (in_a.tolist(), in_b.tolist()) == ([0, 2], [1, 2])
    np.testing.assert_allclose(factors, [4, 5])
    np.testing.assert_allclose(common_rows(a, b, shared_hashes=False)[2], [8, 12.5])


def test_regression_on_the_sample(rng):
    features, coefficients = rng.standard_normal((60, 3)), np.array([1.0, -2, 0.5])
    features[40:] = 0
    responses = (features @ coefficients)[:, None]
    responses[:10] = 0
    h = rng.random(60)
    drawn = sketches((features, responses), "priority", 25, h)
    np.testing.assert_allclose(regress_on_sample(*drawn), coefficients)
    noisy = responses + (responses != 0) * rng.standard_normal((60, 1))
    a, b = sketches((features, noisy), "threshold", 20, h)
    weights = dict(zip(a.rows, a.probabilities, strict=True)), dict(zip(b.rows, b.probabilities, strict=True))
    common = sorted(set(a.rows) & set(b.rows))
    root = np.array([min(weights[0][i], weights[1][i]) ** -0.5 for i in common])
    expected = np.linalg.lstsq(root[:, None] * features[common], root * noisy[common, 0])[0]
    np.testing.assert_allclose(regress_on_sample(a, b), expected)


def test_storage_in_words():
    assert words_per_row(2, 100) == 5
    assert words_per_row(10, 100) == 21
    assert words_per_row(100, 100) == 101
    assert words_per_row(1, 1) == 2
    assert rows_within(2500, 5) == 499
    assert rows_within(22, 21) == 1
    with pytest.raises(ValueError, match="expected room"):
        rows_within(21, 21)


def test_sparse_pairs_have_the_overlap_and_correlation(rng):
    made = sparse_pair(6000, 20, 3, 0.2, 0.6, rng)
    a, b = made["a"].any(axis=1), made["b"].any(axis=1)
    assert [(a & b).sum(), (a & ~b).sum(), (~a & b).sum()] == [1200, 2400, 2400]
    both = a & b
    assert np.corrcoef(made["a"][both].ravel(), made["b"][both].ravel())[0, 1] == pytest.approx(0.6, abs=0.05)
    assert (np.diff(made["columns"], axis=1) > 0).all()
    assert np.bincount(made["columns"].ravel()).min() > 750
    assert np.std(made["b"][b]) == pytest.approx(1, abs=0.05)
    heavy = squared_row_norms(heavy_pair(made)["a"]) / np.maximum(squared_row_norms(made["a"]), 1e-300)
    assert np.bincount(np.round(heavy[a]).astype(int))[100] == a[::50].sum()
    opposed = opposed_pair(made)
    np.testing.assert_array_equal(opposed["a"] * opposed["b"], 2 * made["a"] * made["b"])


def test_tables_and_attention(rng):
    join = tables_to_join(5000, 500, 10, rng)
    a, b = join["a"][:, 0] != 0, join["b"][:, 0] != 0
    assert [(a & b).sum(), a.sum(), b.sum()] == [500, 2750, 2750]
    attention = sparse_attention(50, 40, 4, 0.8, rng)
    assert attention["a"].shape == (50, 4)
    assert (np.diff(attention["columns_b"], axis=1) > 0).all()
    scales = np.abs(attention["b"]).mean(axis=1)
    assert np.corrcoef(np.log(scales), np.log(np.abs(attention["a"]).mean(axis=1)))[0, 1] > 0.8


def test_names_of_the_data(rng):
    params = SimpleNamespace(
        n_rows=100, n_columns=8, correlation=0.5, overlap_nonzeros=3, sparse_nonzeros=[2, 3], overlaps=[0.1, 1.0],
        n_keys=200, n_features=4, n_channels=10, n_tokens=12, tokens_kept=3,
    )  # fmt: skip
    kinds = {name.split("__")[0] for name in generate(params, rng)}
    assert kinds == {"s2_o50", "s3_o50", "s3_o10", "s3_o100", "s8_o100", "heavy", "opposed", "join", "attention"}
