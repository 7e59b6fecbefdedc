"""Samplers of determinantal point processes against the exact law, by enumeration of small ground sets."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import chisquare

from papers.sketching_sampling.dpp import l_ensemble_dpp, projection_dpp, spectrum

LEVEL = 1e-3  # a correct sampler fails a chi-square test for one seed in a thousand; the seed is fixed
N_DRAWS = 20000


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def basis(rng):
    """Rows of very different leverage, so that uniform or greedy picks are far from the law."""
    return np.linalg.qr(rng.standard_normal((6, 2)) * [[0.5], [1], [2], [0.5], [2], [1]])[0]


def goodness_of_fit(observed, law):
    """p-value of the chi-square test of a list of outcomes against {outcome: probability}; rare ones are pooled."""
    counts = dict.fromkeys(law, 0)
    for outcome in observed:
        counts[outcome] += 1  # a KeyError is an impossible outcome
    counts = np.array(list(counts.values()))
    expected = len(observed) * np.array(list(law.values()))
    common = expected >= 5
    assert np.count_nonzero(common) >= 10
    table = [np.append(values[common], values[~common].sum()) for values in (counts, expected)]
    kept = slice(None) if table[1][-1] >= 5 else slice(-1)
    observed_kept, expected_kept = (values[kept] for values in table)
    return chisquare(observed_kept, expected_kept * observed_kept.sum() / expected_kept.sum()).pvalue


def projection_law(basis):
    n, m = basis.shape
    return {items: np.linalg.det(basis[list(items)]) ** 2 for items in combinations(range(n), m)}


def sets(samples):
    return [tuple(sorted(row)) for row in samples.tolist()]


def test_pairs_of_a_projection_dpp_follow_the_squared_determinant(basis, rng):
    law = projection_law(basis)
    assert len(law) == 15
    assert sum(law.values()) == pytest.approx(1)
    assert goodness_of_fit(sets(projection_dpp(basis, N_DRAWS, rng)), law) > LEVEL


def test_triples_of_a_projection_dpp_follow_the_squared_determinant(rng):
    basis = np.linalg.qr(rng.standard_normal((6, 3)))[0]
    assert goodness_of_fit(sets(projection_dpp(basis, N_DRAWS, rng)), projection_law(basis)) > LEVEL


def test_every_order_is_equally_likely(basis, rng):
    law = {order: p / 2 for items, p in projection_law(basis).items() for order in permutations(items)}
    assert goodness_of_fit([tuple(row) for row in projection_dpp(basis, N_DRAWS, rng).tolist()], law) > LEVEL


def test_the_chi_square_test_would_see_plausible_mistakes(basis, rng):
    law = projection_law(basis)
    leverages = np.sum(basis**2, axis=1)
    without_update = [tuple(sorted(rng.choice(6, 2, replace=False, p=leverages / 2).tolist())) for _ in range(N_DRAWS)]
    assert goodness_of_fit(without_update, law) < 1e-9
    first = rng.choice(6, N_DRAWS, p=leverages / 2)
    residuals = leverages - (basis @ basis.T) ** 2 / leverages[:, None]
    greedy = np.stack([first, residuals.argmax(axis=1)[first]], axis=1)
    assert goodness_of_fit(sets(greedy), law) < 1e-9


def test_picks_are_those_of_the_conditional_kernels(rng):
    """Reference: the kernel is conditioned on every pick by a Schur complement; the same uniforms decide."""
    basis = np.linalg.qr(rng.standard_normal((40, 8)))[0]
    found = projection_dpp(basis, 30, np.random.default_rng(8))
    uniforms = np.random.default_rng(8).random((30, 8))
    for draw in range(30):
        kernel = basis @ basis.T
        for step in range(8):
            cumulative = np.cumsum(np.diag(kernel))
            item = np.searchsorted(cumulative, uniforms[draw, step] * cumulative[-1], side="right")
            assert found[draw, step] == item
            kernel = kernel - np.outer(kernel[:, item], kernel[item]) / kernel[item, item]


def test_points_are_distinct_even_if_rows_nearly_agree(rng):
    basis = np.linalg.qr(np.vander(np.linspace(-1, 1, 300), 12))[0]
    samples = projection_dpp(basis, 300, rng)
    assert all(len(set(row)) == 12 for row in samples.tolist())
    counts = np.bincount(samples.ravel(), minlength=300) / 300
    probability = np.sum(basis**2, axis=1)
    assert (np.abs(counts - probability) <= 4.5 * np.sqrt(probability / 300)).all()


def test_a_full_basis_takes_everything(rng):
    basis = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    assert (np.sort(projection_dpp(basis, 50, rng), axis=1) == np.arange(5)).all()
    with_idle_items = np.vstack([np.zeros((3, 2)), np.eye(2), np.zeros((3, 2))])
    assert (np.sort(projection_dpp(with_idle_items, 50, rng), axis=1) == [3, 4]).all()
    assert projection_dpp(np.empty((4, 0)), 7, rng).shape == (7, 0)


def test_l_ensemble_follows_its_law_over_all_subsets(rng):
    features = rng.standard_normal((5, 5))
    kernel = 0.6 * features @ features.T
    subsets = [items for size in range(6) for items in combinations(range(5), size)]
    weights = {items: np.linalg.det(kernel[np.ix_(items, items)]) for items in subsets}
    normaliser = np.linalg.det(np.eye(5) + kernel)
    assert sum(weights.values()) == pytest.approx(normaliser)
    law = {items: weight / normaliser for items, weight in weights.items()}
    decomposition = spectrum(kernel)
    drawn = [tuple(sorted(l_ensemble_dpp(decomposition, rng).tolist())) for _ in range(N_DRAWS)]
    assert goodness_of_fit(drawn, law) > LEVEL


@pytest.mark.parametrize("basis", [np.ones((4, 2)), np.ones(3), 2 * np.eye(3)])
def test_a_projection_needs_orthonormal_columns(basis, rng):
    with pytest.raises(ValueError, match="orthonormal"):
        projection_dpp(basis, 1, rng)


@pytest.mark.parametrize("kernel", [np.ones((2, 3)), np.array([[1.0, 2], [0, 1]]), np.diag([1.0, -1]), -np.eye(2)])
def test_a_kernel_is_symmetric_and_positive_semidefinite(kernel):
    with pytest.raises(ValueError, match="expected a"):
        spectrum(kernel)
    assert (spectrum(np.zeros((2, 2))).values == 0).all()
