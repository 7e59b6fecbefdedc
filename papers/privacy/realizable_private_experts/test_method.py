"""The players against round-by-round loops and closed forms, and an audit of what they play."""

import math

import numpy as np
import pytest

from litmus.params import Params
from papers.privacy.gaussian_mechanism import zcdp_budget
from papers.privacy.realizable_private_experts import experiment
from papers.privacy.realizable_private_experts.data import draw_stages
from papers.privacy.realizable_private_experts.method import (
    death_rounds,
    loss_by_round,
    losses_of_plays,
    primitive_epsilon,
    resampled_weights,
    sparse_vector_experts,
    switch_bound,
    switch_threshold,
    total_loss,
    tree_leader,
)
from papers.privacy.tree_mechanism import gaussian_node_sigma, prefix_noise

DELTA = 1e-6


def loss_table(deaths, n_steps):
    return (np.arange(n_steps)[:, None] >= deaths).astype(int)


# --- The adversary ----------------------------------------------------------------------------------------


def test_half_of_the_survivors_die_at_every_stage_and_one_never_does():
    stages = draw_stages(50, 16, np.random.default_rng(0))
    deaths = death_rounds(stages, 40)
    for run in deaths:
        assert [(run > t).sum() for t in (0, 9, 10, 20, 30, 39)] == [8, 8, 4, 2, 1, 1]
    assert len({tuple(run) for run in deaths}) > 40
    with pytest.raises(ValueError, match="power of two"):
        draw_stages(1, 12, np.random.default_rng(0))


def test_total_loss_in_closed_form():
    deaths = death_rounds(draw_stages(1, 8, np.random.default_rng(1))[0], 31)
    summed = np.vstack([np.zeros(8), np.cumsum(loss_table(deaths, 31), axis=0)])
    np.testing.assert_array_equal(total_loss(deaths, np.arange(32)[:, None]), summed)


# --- Sparse vector ----------------------------------------------------------------------------------------


def literal_sparse_vector(losses, primitive, threshold, n_switches, rng):
    """The algorithm round by round: the plays, and how often it switched."""
    n_steps, n_experts = losses.shape
    expert, lost, switches, plays = rng.integers(n_experts), 0, 0, []
    noisy_threshold = threshold + rng.laplace(0, 2 / primitive)
    seen = np.zeros(n_experts)
    for t in range(n_steps):
        if t > 0 and switches < n_switches and lost + rng.laplace(0, 4 / primitive) > noisy_threshold:
            weights = np.exp(-primitive * (seen - seen.min()) / 2)
            expert, lost = rng.choice(n_experts, p=weights / weights.sum()), 0
            switches += 1
            noisy_threshold = threshold + rng.laplace(0, 2 / primitive)
        plays.append(expert)
        lost += losses[t, expert]
        seen += losses[t]
    return np.array(plays), switches


@pytest.mark.parametrize(("primitive", "threshold"), [(1.0, 25.0), (3.0, 9.0)])
def test_jumping_has_the_law_of_the_loop(primitive, threshold):
    n_steps, n_experts, n_runs, bound = 150, 8, 150, 3
    stages = draw_stages(20_000, n_experts, np.random.default_rng(2))
    deaths = death_rounds(stages, n_steps)
    phases = sparse_vector_experts(deaths, n_steps, primitive, threshold, bound, np.random.default_rng(3))
    jumped = np.stack([loss_by_round(phases, deaths, t) for t in (75, n_steps)] + [phases.n_switches])
    rng, literal = np.random.default_rng(4), []
    for run in deaths[:n_runs]:
        losses = loss_table(run, n_steps)
        plays, switches = literal_sparse_vector(losses, primitive, threshold, bound, rng)
        suffered = losses[np.arange(n_steps), plays]
        literal.append((suffered[:75].sum(), suffered.sum(), switches))
    standard_error = jumped.std(axis=1) / math.sqrt(n_runs)
    assert (np.abs(np.mean(literal, axis=0) - jumped.mean(axis=1)) < 4 * standard_error).all()
    assert jumped[2].max() == bound


def test_with_a_huge_budget_every_stage_costs_at_most_one_loss():
    n_steps, n_experts = 4096, 64
    deaths = death_rounds(draw_stages(500, n_experts, np.random.default_rng(5)), n_steps)
    threshold = switch_threshold(1e6, n_steps)
    assert threshold < 1e-4
    phases = sparse_vector_experts(deaths, n_steps, 1e6, threshold, 12, np.random.default_rng(6))
    regret = loss_by_round(phases, deaths, n_steps)
    assert regret.max() <= math.log2(n_experts)
    assert regret.mean() == pytest.approx(3, abs=0.25)  # the expert is among those who die in half of the stages


def test_faultless_experts_are_kept_but_with_probability_beta():
    n_runs, n_steps, primitive = 4000, 2**16, 0.05
    deaths = np.full((n_runs, 4), n_steps)
    rng = np.random.default_rng(7)
    phases = sparse_vector_experts(deaths, n_steps, primitive, switch_threshold(primitive, n_steps), 1, rng)
    assert 0.002 < (phases.n_switches > 0).mean() <= 0.1


def test_loss_by_round_adds_up_the_rounds_played():
    deaths = death_rounds(draw_stages(30, 8, np.random.default_rng(8)), 200)
    phases = sparse_vector_experts(deaths, 200, 2.0, 8.0, 4, np.random.default_rng(9))
    rounds = np.arange(0, 201, 25)
    running = loss_by_round(phases, deaths, rounds[:, None, None])
    for run in range(30):
        plays = np.repeat(phases.experts[run], np.diff(phases.starts[run]))
        suffered = np.concatenate([[0], np.cumsum(losses_of_plays(plays, deaths[run]))])
        np.testing.assert_array_equal(running[run], suffered[rounds])
    np.testing.assert_array_equal(loss_by_round(phases, deaths, 200), running[:, -1])


@pytest.mark.parametrize("epsilon", [0.5, 4.0, 13.8])
@pytest.mark.parametrize("n_experts", [2, 64, 1024])
def test_split_of_the_budget_composes_to_it(epsilon, n_experts):
    n_switches = switch_bound(n_experts)
    assert n_switches == {2: 2, 64: 12, 1024: 20}[n_experts]
    share, count = primitive_epsilon(epsilon, DELTA, n_switches), 2 * n_switches
    composed = share * math.sqrt(2 * count * math.log(1 / DELTA)) + count * share * math.expm1(share)
    assert 0.5 * epsilon <= composed <= epsilon
    with pytest.raises(ValueError, match="epsilon must be in"):
        primitive_epsilon(14.0, DELTA, n_switches)


@pytest.mark.parametrize(("shared_by", "is_private"), [("switches", True), ("nobody", False)])
def test_audit_of_all_plays(shared_by, is_private):
    values = {"budget_shared_by": shared_by, "threshold_follows_budget": True, "n_audits": 1000}
    audited = experiment.audited_epsilon(Params(values, "test"), np.random.default_rng(10))
    assert (audited <= experiment.AUDIT_EPSILON) == is_private


# --- Rivals -----------------------------------------------------------------------------------------------


def test_tree_leader_without_noise_follows_the_leader():
    deaths = death_rounds(draw_stages(1, 8, np.random.default_rng(11))[0], 64)
    plays = tree_leader(deaths, 64, 1e12, DELTA, np.random.default_rng(12))
    totals = total_loss(deaths, np.arange(64)[:, None])
    assert (totals[np.arange(1, 64), plays[1:]] == totals.min(axis=1)[1:]).all()


@pytest.mark.parametrize(("joint", "sensitivity"), [(True, 4.0), (False, 1.0)])
def test_tree_leader_errs_as_its_noise_lets_it(joint, sensitivity):
    """Sixteen experts, fifteen of whom always lose: the other leads as often as independent Gaussians have it."""
    n_steps, epsilon = 256, 8.0
    rho = zcdp_budget(epsilon, DELTA)
    assert rho + 2 * math.sqrt(rho * math.log(1 / DELTA)) == pytest.approx(epsilon)
    sigma = sensitivity * math.sqrt(9 / (2 * rho))
    deaths, rng = np.where(np.arange(16) == 3, n_steps, 0), np.random.default_rng(13)
    leads = np.mean([tree_leader(deaths, n_steps, epsilon, DELTA, rng, joint) == 3 for _ in range(600)], axis=0)
    for t in (1, 16, 63):
        noise = np.random.default_rng(14).normal(0, sigma * math.sqrt(t.bit_count()), (40_000, 16))
        expected = ((noise[:, 1:] + t).min(axis=1) > noise[:, 0]).mean()
        assert leads[t] == pytest.approx(expected, abs=4 * math.sqrt(max(expected * (1 - expected), 0.01) / 600))


def test_variance_of_tree_noise_counts_the_nodes():
    sigma = gaussian_node_sigma(32, 0.5, math.sqrt(16))
    assert sigma == pytest.approx(math.sqrt(16) * math.sqrt(6 / (2 * 0.5)))
    noise = prefix_noise(32, 40_000, sigma, np.random.default_rng(15))
    np.testing.assert_allclose(noise.var(axis=1), [t.bit_count() * sigma**2 for t in range(1, 33)], rtol=0.04)
    node = noise[23] - noise[15]  # (16, 24], which no earlier step has seen
    assert abs(np.corrcoef(node, noise[:16])[0, 1:]).max() < 0.02


@pytest.mark.parametrize(("pay_by_round", "share"), [(True, None), (False, 2.0)])
def test_resampled_weights_lose_what_their_law_says(pay_by_round, share):
    n_steps, epsilon = 3000, 2.0
    root_rho = math.sqrt(math.log(1e6) + epsilon) - math.sqrt(math.log(1e6))
    share = share or root_rho * math.sqrt(8 / n_steps)
    deaths = death_rounds(draw_stages(1, 8, np.random.default_rng(16))[0], n_steps)
    weights = np.exp(-share * total_loss(deaths, np.arange(n_steps)[:, None]) / 2)
    expected = ((weights / weights.sum(axis=1, keepdims=True)) * loss_table(deaths, n_steps)).sum()
    rng = np.random.default_rng(17)
    totals = [
        losses_of_plays(resampled_weights(deaths, n_steps, epsilon, DELTA, rng, pay_by_round), deaths).sum()
        for _ in range(30)
    ]
    assert np.mean(totals) == pytest.approx(expected, abs=4 * np.std(totals) / math.sqrt(30))


@pytest.mark.parametrize("share", [0.05, 2.0])
def test_a_draw_is_zcdp_with_an_eighth_of_its_square(share):
    """Renyi divergences of a draw when a round changes the losses of all experts, at worst (first row) or at random."""
    rng = np.random.default_rng(18)
    weights = rng.dirichlet(np.ones(6), size=500)
    changes = rng.uniform(-1, 1, weights.shape)
    weights[0], changes[0] = 1 / 6, [1, 1, 1, -1, -1, -1]
    moved = weights * np.exp(share * changes / 2)
    moved /= moved.sum(axis=1, keepdims=True)
    for order in (1.5, 2.0, 10.0):
        divergence = np.log((moved**order * weights ** (1 - order)).sum(axis=1)) / (order - 1)
        assert divergence.max() <= order * share**2 / 8
        assert share > 1 or divergence[0] > 0.98 * order * share**2 / 8
