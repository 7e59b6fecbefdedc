"""Bases against brute force, the schedule, privacy from densities and from outputs, and the policies without noise."""

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import laplace

from papers.privacy.auditing import epsilon_interval
from papers.privacy.dp_bai_maxdet.basis import spanning_basis
from papers.privacy.dp_bai_maxdet.data import draw_instance
from papers.privacy.dp_bai_maxdet.experiment import coefficient_histogram, pulls_needed
from papers.privacy.dp_bai_maxdet.method import (
    BudgetTooSmall,
    PrivateBandit,
    dp_bai,
    g_optimal_design,
    od_linbai,
    one_shot,
    schedule,
    sequential_halving,
)

POLICIES = {
    "dp_bai": lambda *arguments: dp_bai(*arguments).arms,
    "halving": sequential_halving,
    "one_shot": one_shot,
    "od_linbai": od_linbai,
}


def make_bandit(epsilon, seed=0, n_arms=60, n_dims=4, noise="per_mean"):
    features, means = draw_instance(n_arms, n_dims, np.random.default_rng(seed))
    reward_rng, privacy_rng = np.random.default_rng(seed + 1).spawn(2)
    return PrivateBandit(features, means, epsilon, reward_rng, privacy_rng, noise)


# --- Bases ------------------------------------------------------------------------------------------------


def test_local_search_finds_the_maximal_determinant_almost_always():
    features = np.random.default_rng(0).normal(size=(200, 10, 3))
    found = np.abs(np.linalg.det(np.take_along_axis(features, spanning_basis(features).rows[:, :, None], axis=1)))
    triples = [np.abs(np.linalg.det(features[:, list(triple)])) for triple in combinations(range(10), 3)]
    best = np.max(triples, axis=0)
    assert (found <= best * (1 + 1e-9)).all()
    assert np.mean(found > best * (1 - 1e-9)) >= 0.95


@pytest.mark.parametrize("search", [True, False])
def test_coefficients_rebuild_every_vector(search):
    features = np.random.default_rng(1).normal(size=(20, 50, 6))
    basis = spanning_basis(features, search)
    rebuilt = basis.coefficients @ np.take_along_axis(features, basis.rows[:, :, None], axis=1)
    np.testing.assert_allclose(rebuilt, features, atol=1e-9)
    assert (np.abs(basis.coefficients).max() <= 1 + 1e-9) == search


def test_sets_of_different_rank():
    rng = np.random.default_rng(2)
    ranks = np.array([1, 2, 3, 4, 5])
    features = np.stack([rng.normal(size=(12, rank)) @ rng.normal(size=(rank, 5)) for rank in ranks])
    basis = spanning_basis(features)
    np.testing.assert_array_equal(basis.rank, ranks)
    assert np.abs(basis.coefficients).max() <= 1 + 1e-9
    for vectors, rows, coefficients in zip(features, basis.rows, basis.coefficients, strict=True):
        used = rows >= 0
        np.testing.assert_allclose(coefficients[:, used] @ vectors[rows[used]], vectors, atol=1e-9)
        assert not coefficients[:, ~used].any()


def test_without_search_the_first_independent_vectors_are_taken():
    features = np.array([[[1.0, 0, 0], [2, 0, 0], [1, 1, 0], [0, 3, 0], [5, 5, 1], [9, 9, 9]]])
    assert sorted(spanning_basis(features, search=False).rows[0]) == [0, 2, 4]


# --- Schedule ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_arms", "n_dims"), [(2, 2), (30, 2), (50, 20), (120, 4), (400, 6), (10_000, 16), (9, 6)])
def test_schedule_falls_to_one_in_order_of_log_d_phases(n_arms, n_dims):
    sizes = schedule(n_arms, n_dims)
    assert (sizes[0], sizes[-1]) == (n_arms, 1)
    assert all(later < earlier for earlier, later in pairwise(sizes))
    assert len(sizes) - 1 <= 4 * np.ceil(np.log2(n_dims))


def test_schedule_by_hand():
    # g: 9, 5, 3, 2, 1; h: 391, 53, 7, 1, 0 with factor 391^(1/3) = 7.31.
    assert schedule(400, 6) == [400, 62, 16, 10, 9, 5, 3, 2, 1]


# --- Privacy ----------------------------------------------------------------------------------------------


def test_released_means_have_a_density_that_one_reward_changes_by_at_most_the_budget():
    epsilon, n_pulls, n_runs = 0.7, 15, 20_000
    bandit = make_bandit(epsilon)
    noise = bandit.privatise(np.full((n_runs, 3), 6), np.full((n_runs, 3), n_pulls)) - 6 / n_pulls
    # The empirical law is the Laplace law; at quantiles (standard error 0.002) and without correlation.
    scale = 1 / (epsilon * n_pulls)
    for quantile in (0.05, 0.3, 0.5, 0.9, 0.99):
        assert (noise < laplace.ppf(quantile, scale=scale)).mean() == pytest.approx(quantile, abs=0.009)
    assert np.abs(np.corrcoef(noise.T) - np.eye(3)).max() < 0.03
    outputs = np.linspace(-3, 4, 2001)
    ratio = laplace.logpdf(outputs, 6 / n_pulls, scale) - laplace.logpdf(outputs, 7 / n_pulls, scale)
    assert np.abs(ratio).max() == pytest.approx(epsilon)


@pytest.mark.parametrize(("noise", "loss"), [("per_mean", 1.0), ("per_phase", 3.0)])
def test_audit_of_a_release(noise, loss):
    bandit = make_bandit(1.0, noise=noise)
    n_pulls = np.full((100_000, 3), 10)
    hits = []
    for successes in (5, 6):
        hits.append((bandit.privatise(np.full(n_pulls.shape, successes), n_pulls)[:, 0] > 0.6).sum())
    low, high = epsilon_interval(hits[1], hits[0], 100_000)
    assert low < loss < high


def test_noise_on_every_reward_has_the_variance_of_a_mean_of_laplace_draws():
    bandit = make_bandit(0.5, noise="per_pull")
    noise = bandit.privatise(np.zeros((100_000, 1)), np.full((100_000, 1), 8))
    assert noise.var() == pytest.approx(2 / 0.5**2 / 8, rel=0.03)


class CountingBandit(PrivateBandit):
    """Counts pulls, and lets nobody reuse a release."""

    pulls = 0

    def release(self, arms, n_pulls):
        CountingBandit.pulls += int(np.broadcast_to(n_pulls, arms.shape).sum())
        return super().release(arms, n_pulls)


@pytest.mark.parametrize("policy", POLICIES)
def test_budget_is_used_and_not_overdrawn(policy):
    bandit = make_bandit(1.0)
    counting = CountingBandit(bandit.features, bandit.means, 1.0, bandit.reward_rng, bandit.privacy_rng)
    CountingBandit.pulls = 0
    POLICIES[policy](counting, 10_000, 5)
    per_run = CountingBandit.pulls / 5
    # OD-LinBAI rounds up: less than one pull more for each arm of its designs.
    assert 9_000 < per_run <= 10_000 + (30 if policy == "od_linbai" else 0)


def test_a_budget_too_small_is_refused():
    with pytest.raises(BudgetTooSmall, match="one pull"):
        dp_bai(make_bandit(1.0), 10, 3)


# --- Policies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
def test_best_arm_without_noise_and_with_many_pulls(policy):
    for seed in range(4):
        assert not POLICIES[policy](make_bandit(1e9, seed), 10**7, 25).any()  # the best arm is number 0


def test_arms_in_a_plane_are_found_with_two_pulled_arms():
    """Features of rank 2 in 4 dimensions: the rank and not the dimension decides what is pulled."""
    rng = np.random.default_rng(3)
    angles = np.linspace(0, np.pi / 2, 12)
    features = np.column_stack([np.cos(angles), np.sin(angles)]) @ np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    bandit = PrivateBandit(features, 0.8 * np.cos(angles), 1e9, *rng.spawn(2))
    result = dp_bai(bandit, 10**7, 20)
    assert not result.arms.any()
    assert 0 < result.largest_coefficient <= 1 + 1e-9  # 4 dimensions are too many for 12 arms, 2 are not


def test_design_meets_the_bound_of_kiefer_and_wolfowitz():
    features = np.random.default_rng(4).normal(size=(80, 5))
    coordinates, design = g_optimal_design(features)
    information = (features.T * design) @ features
    variances = np.einsum("ij,jk,ik->i", features, np.linalg.inv(information), features)
    assert design.sum() == pytest.approx(1)
    assert 5 - 1e-9 <= variances.max() <= 5 * 1.03
    np.testing.assert_allclose(coordinates @ np.linalg.lstsq(coordinates, features)[0], features, atol=1e-9)


def test_histogram_counts_coefficients_of_one_as_at_most_one():
    for seed in range(5):
        features = draw_instance(60, 4, np.random.default_rng(seed))[0]
        shares = coefficient_histogram(features).pivot(index="size", columns="basis", values="share")
        assert not shares["maximal determinant"][1.0:].any()
        for basis, search in (("maximal determinant", True), ("first arms", False)):
            sizes = np.abs(spanning_basis(features[None], search).coefficients)
            assert shares[basis][1.0:].sum() == pytest.approx((sizes > 1).mean())
            assert shares[basis].sum() == pytest.approx((sizes > 0.01).mean())


def test_pulls_needed_interpolates_in_log_budget():
    curve = pd.DataFrame({"budget": [100, 400, 1600], "error": [0.8, 0.5, 0.1]})
    assert pulls_needed(curve) == pytest.approx(800)
    assert pulls_needed(curve[:2]) == pytest.approx(400)
    assert pulls_needed(curve[2:]) == pytest.approx(1600)
