"""DIFF2 against a plain loop from its formulas, its privacy from outputs, and the network's gradients."""

import math

import numpy as np
import pytest

from papers.privacy.auditing import epsilon_lower_bound
from papers.privacy.diff2_gradient_differences.method import (
    Noise,
    Sizes,
    budget_of_epsilon,
    descend,
    difference_gain,
    periods,
    zcdp_of_budget,
)
from papers.privacy.diff2_gradient_differences.network import TanhNetwork
from papers.privacy.gaussian_mechanism import gaussian_epsilon, zcdp_epsilon
from papers.privacy.nonconvex_benchmark import CLIP, SMOOTHNESS, CompositeObjective, draw_samples
from papers.privacy.private_descent import dense_clipped_mean

SIZES = Sizes(CLIP, SMOOTHNESS)


@pytest.fixture(scope="module")
def samples():
    return draw_samples(40, 6, np.random.default_rng(0))


def clip(vectors, radius):
    return np.array([vector * min(1.0, radius / np.linalg.norm(vector)) for vector in vectors])


def gradients(w, scales, centers):
    """Per-sample gradients of the benchmark from its definition."""
    t = scales * w[0]
    tail = np.where(t >= 0, -0.5 * (1 + np.maximum(t, 0)) ** -1.5, -0.5) * scales
    z = w[1:] - centers
    return np.column_stack([tail, z / np.sqrt(1 + z**2) + 0.25 * np.sin(2 * z)])


@pytest.mark.parametrize("period", [1, 3, 12])
@pytest.mark.parametrize(("clip_radius", "smoothness"), [(CLIP, SMOOTHNESS), (0.9, 0.8)])
def test_descent_is_the_loop_of_the_paper(samples, period, clip_radius, smoothness):
    """s1 = (2C/n) sqrt(nf/rho), s2 = (2L/n) sqrt(nd/rho), and s = (2C/n) sqrt(R/(2 rho)) for DP-GD."""
    n, n_steps, eta, nu = 40, 12, 0.3, 300.0
    rho = (nu / n) ** 2 / 2
    n_refreshes = math.ceil(n_steps / period)
    s1 = 2 * clip_radius / n * math.sqrt(n_refreshes / rho if period > 1 else n_steps / (2 * rho))
    s2 = 2 * smoothness / n * math.sqrt((n_steps - n_refreshes) / rho)
    rng = np.random.default_rng(7)
    w, previous, v, norms = np.zeros(6), None, None, []
    for r in range(n_steps):
        now = gradients(w, *samples)
        norms.append(np.sum(now.mean(axis=0) ** 2))
        if r % period == 0:
            v = clip(now, clip_radius).mean(axis=0) + s1 * rng.standard_normal(6)
        else:
            length = np.linalg.norm(w - previous)
            change = clip(now - gradients(previous, *samples), smoothness * length).mean(axis=0)
            v = v + change + s2 * length * rng.standard_normal(6)
        previous, w = w, w - eta * v
    path = descend(
        CompositeObjective(*samples), np.zeros((1, 6)), nu, n_steps, period, eta,
        Sizes(clip_radius, smoothness), np.random.default_rng(7),
    )  # fmt: skip
    np.testing.assert_allclose(path.points[-1, 0], w, atol=1e-10)
    np.testing.assert_allclose(path.squared_norms[:, 0], norms, atol=1e-12)


def test_without_noise_the_accumulated_differences_are_the_gradient(samples):
    path = descend(
        CompositeObjective(*samples), np.zeros((1, 6)), np.inf, 200, 200, 0.5, SIZES, np.random.default_rng(0)
    )
    assert np.sqrt(path.squared_errors.max()) < 1e-10
    assert path.squared_norms[-1] < 0.01 * path.squared_norms[0]


@pytest.mark.parametrize("tightness", [1.0, 0.3])
def test_no_replaced_sample_moves_a_release_further_than_its_noise_is_made_for(samples, tightness):
    """Random search over points and replaced samples: 2C/n at anchors, 2 L D/n at differences."""
    rng = np.random.default_rng(1)
    radius, smoothness = tightness * CLIP, tightness * SMOOTHNESS
    points = 2 * rng.normal(size=(300, 6))
    moves = 10 ** rng.uniform(-3, 0, (300, 1)) * rng.normal(size=(300, 6))
    lengths = np.linalg.norm(moves, axis=1)
    largest = np.zeros(2)
    here = CompositeObjective(*samples)
    for _ in range(30):
        scales, centers = (array.copy() for array in samples)
        scales[0], centers[0] = rng.choice([0.5, 1.5]), 1.5 * rng.permutation(np.eye(5))[0] * rng.choice([-1, 1])
        released = []
        for objective in (here, CompositeObjective(scales, centers)):
            before, after = objective.per_sample(points), objective.per_sample(points + moves)
            difference = objective.clipped_mean(after - before, smoothness * lengths)
            released.append((objective.clipped_mean(before, radius), difference))
        anchors, differences = (np.linalg.norm(x - y, axis=1) for x, y in zip(*released, strict=True))
        ratios = anchors.max() / (2 * radius / 40), (differences / (2 * smoothness * lengths / 40)).max()
        largest = np.maximum(largest, ratios)
    assert largest.max() <= 1 + 1e-12
    assert largest.min() > (0.2 if tightness == 1 else 0.5)


class Slope:
    """One sample with the same gradient everywhere."""

    n_samples = 1

    def __init__(self, gradient):
        self.gradient = np.array(gradient)

    def per_sample(self, points):
        return np.tile(self.gradient, (len(points), 1, 1))

    def clipped_mean(self, per_sample, radius):
        return dense_clipped_mean(per_sample, radius)


@pytest.mark.parametrize(("period", "composed"), [(1, True), (8, True), (1, False)])
def test_privacy_loss_seen_in_outputs_stays_below_the_budget_unless_steps_are_not_paid_for(period, composed):
    """The attack reads off where DP-GD ended, or the first step of DIFF2, and tells opposite gradients apart."""
    nu, delta, n_runs = 0.9, 1e-3, 40_000
    ends = []
    for seed, gradient in enumerate(([-50.0, 0.0], [50.0, 0.0])):
        path = descend(
            Slope(gradient), np.zeros((n_runs, 2)), nu, 8, period, 1.0, Sizes(1.0, 1.0),
            np.random.default_rng(seed), Noise(composed=composed),
        )  # fmt: skip
        ends.append(path.points[-1 if period == 1 else 1, :, 0])
    threshold = np.quantile(ends[0][: n_runs // 2], 0.9)
    hits = [np.count_nonzero(end[n_runs // 2 :] > threshold) for end in ends]
    seen = epsilon_lower_bound(*hits, n_runs // 2, delta=delta)
    promised = gaussian_epsilon(1 / nu, delta)  # all releases together are one with sensitivity 1 and sd 1/nu
    assert (seen <= promised) == composed
    assert seen > 0.3 * promised  # DIFF2's first step has half of the budget


def test_budgets_are_those_of_zcdp():
    nu = budget_of_epsilon(2.0, 1e-5, 442)
    assert zcdp_epsilon(float(zcdp_of_budget(nu, 442)), 1e-5) == pytest.approx(2.0)


def test_the_broken_noises_are_larger_or_smaller_as_said(samples):
    """Noise in the first difference and anchor, in units of what it ought to be."""
    objective, n_runs, nu = CompositeObjective(*samples), 4000, 100.0
    start = np.zeros((n_runs, 6))

    def sds(noise):
        path = descend(objective, start, nu, 4, 4, 1e-3, SIZES, np.random.default_rng(0), noise)
        estimates = -np.diff(path.points[:3], axis=0) / 1e-3
        truth = [objective.clipped_mean(objective.per_sample(points), np.inf) for points in path.points[:2]]
        return (estimates[0] - truth[0]).std(), (np.diff(estimates, axis=0)[0] - (truth[1] - truth[0])).std()

    anchor, difference = sds(Noise())
    assert anchor == pytest.approx(2 * CLIP / nu * math.sqrt(2), rel=0.02)
    assert sds(Noise(composed=False))[0] == pytest.approx(anchor / 2, rel=1e-6)
    assert sds(Noise(at_server=False))[0] == pytest.approx(anchor * math.sqrt(40), rel=1e-6)
    assert sds(Noise(shrinking=False))[1] == pytest.approx(2 * 2 * CLIP / nu * math.sqrt(2 * 3), rel=0.02)
    assert difference < 0.01 * anchor


def test_periods_and_gain():
    assert periods("dp_gd", 64) == [1]
    assert periods("diff2", 64) == [64, 16]
    # s2 = (2L/n) sqrt(63/rho) = 2 * 1.7 * sqrt(2 * 63)/500, times eta sqrt(20)
    sizes = Sizes(3.0, 1.7)
    assert difference_gain(500, 64, 64, 0.5, sizes, 20) == pytest.approx(0.5 * 3.4 / 500 * math.sqrt(126 * 20))
    assert difference_gain(500, 64, 1, 0.5, sizes, 20) == 0


# --- The network -------------------------------------------------------------------------------------------


@pytest.fixture
def network():
    rng = np.random.default_rng(2)
    return TanhNetwork(rng.normal(size=(9, 3)), rng.normal(size=9), 4)


def sample_gradients(network, points, step=1e-6):
    """Central differences of each sample's loss, shape (n_runs, n, d)."""
    out = np.empty((len(points), network.n_samples, network.dimension))
    for j, shift in enumerate(step * np.eye(network.dimension)):
        high, low = (network.forward(points + sign * shift)[2][:, :, 0] ** 2 / 2 for sign in (1, -1))
        out[:, :, j] = (high - low) / (2 * step)
    return out


def test_network_gradients_are_those_of_the_loss_clipped_sample_by_sample(network):
    points = np.array([network.start(np.random.default_rng(seed)) for seed in range(3)])
    assert network.loss(points) == pytest.approx((network.forward(points)[2] ** 2).mean(axis=(1, 2)) / 2)
    dense = sample_gradients(network, points)
    moved = sample_gradients(network, points + 0.1)
    factored, factored_moved = network.per_sample(points), network.per_sample(points + 0.1)
    radius = np.array([0.5, 1.0, 100.0])
    for run in range(3):
        expected = clip(dense[run], radius[run]).mean(axis=0)
        assert network.clipped_mean(factored, radius)[run] == pytest.approx(expected, abs=1e-7)
        expected = clip(moved[run] - dense[run], 0.1 * radius[run]).mean(axis=0)
        difference = network.clipped_mean(factored_moved - factored, 0.1 * radius)
        assert difference[run] == pytest.approx(expected, abs=1e-7)
    assert network.clipped_mean(factored, np.inf) == pytest.approx(dense.mean(axis=1), abs=1e-7)


def test_network_outputs_are_those_of_its_formula(network):
    w = network.start(np.random.default_rng(0)) + 0.1
    hidden, outer, bias = w[:16].reshape(4, 4), w[16:20], w[20]
    x, y = network.inputs[5, :3], network.responses[5]
    output = outer @ np.tanh(hidden[:, :3] @ x + hidden[:, 3]) + bias
    assert network.forward(w[None])[2][0, 5, 0] == pytest.approx(output - y)
