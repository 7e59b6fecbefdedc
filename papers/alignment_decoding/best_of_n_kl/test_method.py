"""Best-of-n against simulation, direct formulas and limits."""

import numpy as np
import pytest
from scipy import stats

from papers.alignment_decoding.best_of_n_kl import data, method


@pytest.fixture
def base():
    return np.random.default_rng(0).dirichlet(np.full(12, 0.5))


def test_policy_sums_to_one_and_equals_the_direct_difference(base):
    f = np.cumsum(base)
    direct = f**5 - np.concatenate([[0], f[:-1]]) ** 5
    np.testing.assert_allclose(np.exp(method.log_best_of_n(base, 5)), direct, rtol=1e-9, atol=1e-15)
    assert np.exp(method.log_best_of_n(base, 5)).sum() == pytest.approx(1)


def test_policy_matches_the_sampler():
    base = np.array([0.3, 0.05, 0.25, 0.2, 0.2])
    _, winners = method.draw_rounds(base, 5, 20_000, np.random.default_rng(1))
    expected = 20_000 * np.exp(method.log_best_of_n(base, 5))
    counts = np.bincount(winners, minlength=5)
    # The rarest outcomes have an expected count above five.
    kept = expected > 5
    observed, wanted = counts[kept], expected[kept]
    assert counts[~kept].sum() < 20
    assert stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-3


def test_policy_of_tiny_probabilities_keeps_its_digits():
    base = np.array([0.5, 1e-12, 0.5 - 1e-12])
    # n F^(n-1) p to first order in p.
    assert np.exp(method.log_best_of_n(base, 10))[1] == pytest.approx(10 * 0.5**9 * 1e-12, rel=1e-6)


def test_one_draw_is_the_base(base):
    assert method.divergence(base, 1) == pytest.approx(0, abs=1e-12)
    assert method.win_rate(base, 1) == pytest.approx(0.5)


def test_padding_changes_nothing(base):
    padded = np.concatenate([base, np.zeros(7)])
    for function in (method.divergence, method.expected_estimate, method.win_rate):
        assert function(padded, 8) == pytest.approx(function(base, 8), rel=1e-12)


def test_divergence_equals_scipy(base):
    policy = np.exp(method.log_best_of_n(base, 7))
    assert method.divergence(base, 7) == pytest.approx(stats.entropy(policy, base))


def test_two_points_have_the_closed_form():
    policy = np.array([0.5**8, 1 - 0.5**8])
    assert method.divergence(np.full(2, 0.5), 8) == pytest.approx((policy * np.log(2 * policy)).sum())


@pytest.mark.parametrize("e", [0.02, 0.3, 0.9])
def test_estimator_is_exact_for_one_atom_above_a_continuum(e):
    cells = 100_000
    base = np.concatenate([np.full(cells, (1 - e) / cells), [e]])
    assert method.estimator(np.array(e), 16) == pytest.approx(method.divergence(base, 16), abs=1e-3)


def test_estimator_at_its_ends():
    found = method.estimator(np.array([0.0, 1e-14, 1.0]), 32)
    np.testing.assert_allclose(found, [method.formula(32), method.formula(32), 0.0], atol=1e-9)


@pytest.mark.parametrize("n", [2, 16])
def test_win_rate_tends_to_its_bound_on_a_spread_base(n):
    base = np.full(10_000, 1e-4)
    assert method.win_rate(base, n) == pytest.approx(n / (n + 1), abs=1e-3)
    assert method.win_rate(base, n) < n / (n + 1)


def test_win_rate_by_brute_force(base):
    policy = np.exp(method.log_best_of_n(base, 3))
    i, j = np.indices((12, 12))
    wins = (i > j) + 0.5 * (i == j)
    assert method.win_rate(base, 3) == pytest.approx(policy @ wins @ base)


def test_estimates_from_samples_converge(base):
    draws, winners = method.draw_rounds(base, 6, 200_000, np.random.default_rng(2))
    exact = method.divergence(base, 6)
    assert method.plug_in_estimate(winners, base, 6) == pytest.approx(exact, rel=0.02)
    assert method.empirical_estimate(winners, draws, base.size) == pytest.approx(exact, rel=0.02)
    assert method.estimator(base[winners], 6).mean() == pytest.approx(method.expected_estimate(base, 6), rel=0.02)


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5])
def test_language_model_has_the_intended_correlation(correlation):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(20):
        probabilities, reward = data.language_model(correlation, rng)
        assert probabilities.sum() == pytest.approx(1)
        assert (np.diff(reward) > 0).all()
        found.append(np.corrcoef(np.log(probabilities), reward)[0, 1])
    assert np.mean(found) == pytest.approx(correlation, abs=0.05)
