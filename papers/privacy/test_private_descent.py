"""Noise-free runs against plain descent, noise and sensitivity from outputs, and an attack on whole trajectories."""

import math

import numpy as np
import pytest

from papers.privacy.auditing import epsilon_lower_bound
from papers.privacy.gaussian_mechanism import gaussian_epsilon
from papers.privacy.private_descent import (
    dense_clipped_mean,
    mean_sensitivity,
    noise_multipliers,
    noisy_mean,
    private_descent,
    second_half_mean,
)


class Quadratics:
    """f_i(w) = |w - a_i|^2 c_i/2, of any curvatures c_i."""

    def __init__(self, centers, curvatures):
        self.centers, self.curvatures, self.n_samples = centers, curvatures, len(centers)

    def per_sample(self, points):
        return self.curvatures[:, None] * (points[:, None] - self.centers)

    def clipped_mean(self, per_sample, radius):
        return dense_clipped_mean(per_sample, radius)


class LinearModel:
    """phi(<w, x_i> - y_i) with phi' = tanh; gradients held as derivatives, as the interface allows."""

    def __init__(self, features, responses):
        self.features, self.responses, self.n_samples = features, responses, len(features)
        self.norms = np.linalg.norm(features, axis=1)

    def per_sample(self, points):
        return np.tanh(points @ self.features.T - self.responses)

    def clipped_mean(self, per_sample, radius):
        norms = np.maximum(np.abs(per_sample) * self.norms, 1e-300)
        factor = np.minimum(1, np.expand_dims(radius, -1) / norms)
        return (per_sample * factor) @ self.features / self.n_samples


class DenseLinearModel(LinearModel):
    def per_sample(self, points):
        return super().per_sample(points)[:, :, None] * self.features

    def clipped_mean(self, per_sample, radius):
        return dense_clipped_mean(per_sample, radius)


def linear_model(kind, n_samples=12, dimension=5):
    rng = np.random.default_rng(3)
    return kind(rng.normal(size=(n_samples, dimension)), rng.normal(size=n_samples))


def test_clipped_mean_clips_each_sample_of_each_run():
    vectors = np.array([[[3.0, 4.0], [0.3, 0.4]], [[3.0, 4.0], [0.0, 0.0]]])
    assert dense_clipped_mean(vectors, [1.0, 2.0]) == pytest.approx(np.array([[0.45, 0.6], [0.6, 0.8]]))
    assert dense_clipped_mean(vectors, np.inf) == pytest.approx(vectors.mean(axis=1))
    assert dense_clipped_mean(vectors, 0.0) == pytest.approx(np.zeros((2, 2)))


@pytest.mark.parametrize("period", [1, 4, 20])
def test_without_noise_every_period_is_gradient_descent(period):
    model = linear_model(DenseLinearModel)
    path = private_descent(
        model, np.zeros((2, 5)), np.inf, np.random.default_rng(0),
        n_steps=20, step_length=np.array([0.1, 0.3]), clip=50.0, period=period, smoothness=50.0,
    )  # fmt: skip
    for run, step_length in enumerate([0.1, 0.3]):
        w = np.zeros(5)
        for r in range(20):
            gradient = model.features.T @ np.tanh(model.features @ w - model.responses) / 12
            assert path.squared_norms[r, run] == pytest.approx(gradient @ gradient)
            w = w - step_length * gradient
        assert path.points[-1, run] == pytest.approx(w, abs=1e-12)
    assert path.squared_errors.max() < 1e-20


@pytest.mark.parametrize("difference_clip", [np.inf, 0.01])
def test_a_linear_representation_gives_the_same_descent_as_dense_gradients(difference_clip):
    paths = [
        private_descent(
            linear_model(kind), np.zeros((3, 5)), np.array([0.1, 1.0, 10.0]), np.random.default_rng(1),
            n_steps=30, step_length=0.2, clip=1.0, period=7, smoothness=2.0, difference_clip=difference_clip,
        ).points
        for kind in (LinearModel, DenseLinearModel)
    ]  # fmt: skip
    np.testing.assert_allclose(*paths, atol=1e-9)


@pytest.mark.parametrize(("n_steps", "period"), [(10, 1), (10, 4), (10, 10), (7, 3)])
def test_noise_seen_in_outputs_spends_the_budget(n_steps, period):
    """nf (2C/n)^2/(2 s1^2) + nd (2L/n)^2/(2 s2^2) = rho, with s1 and s2 measured."""
    rho, n_samples, clip, smoothness, step_length = 0.7, 3, 9.0, 2.0, 0.1
    model = Quadratics(np.eye(3), np.ones(3))
    path = private_descent(
        model, np.zeros((20_000, 3)), rho, np.random.default_rng(2),
        n_steps=n_steps, step_length=step_length, clip=clip, period=period, smoothness=smoothness,
    )  # fmt: skip
    estimates = -np.diff(path.points, axis=0) / step_length
    # The differences of this objective are w_r - w_{r-1}, below 2 D: they are not clipped. Its gradients are w - mean.
    anchor_noise = estimates[0] + 1 / 3
    spent = -(-n_steps // period) * (2 * clip / n_samples) ** 2 / (2 * np.mean(anchor_noise**2))
    if period > 1:
        moved = path.points[1] - path.points[0]
        difference_noise = (estimates[1] - estimates[0] - moved) / np.linalg.norm(moved, axis=1, keepdims=True)
        n_differences = n_steps - -(-n_steps // period)
        spent += n_differences * (2 * smoothness / n_samples) ** 2 / (2 * np.mean(difference_noise**2))
    assert spent == pytest.approx(rho, rel=0.03)


def test_capped_differences_get_the_smaller_noise():
    """The noise of private SPIDER: min(s2 D, s_hat), s_hat = (4 C/n) sqrt(nd/rho)."""
    _, multiplier = noise_multipliers(2.0, 16, 16)
    assert multiplier * mean_sensitivity(2 * 3.0, 50) == pytest.approx(4 * 3.0 / 50 * math.sqrt(15 / 2.0))
    model = Quadratics(np.zeros((50, 2)), np.zeros(50))
    start = np.zeros((20_000, 2))
    path = private_descent(
        model, start, 2.0, np.random.default_rng(0),
        n_steps=2, step_length=1e3, clip=3.0, period=2, smoothness=1.0, difference_clip=6.0,
    )  # fmt: skip
    estimates = -np.diff(path.points, axis=0) / 1e3
    capped = np.linalg.norm(path.points[1], axis=1) > 6
    assert (estimates[1] - estimates[0])[capped].std() == pytest.approx(4 * 3.0 / 50 * math.sqrt(1 / 2.0), rel=0.02)


def test_no_neighbour_moves_a_mean_further_than_its_sensitivity():
    """Random search over replaced samples, gradients and differences alike; opposite vectors attain it."""
    rng = np.random.default_rng(4)
    radius, n_samples = 0.8, 6
    vectors = rng.normal(size=(4000, n_samples, 3)) * np.exp(rng.normal(size=(4000, n_samples, 1)))
    replaced = vectors.copy()
    replaced[:, 2] = np.where(rng.random((4000, 1)) < 0.5, -5, 1) * replaced[:, 2] + 0.1 * rng.normal(size=(4000, 3))
    moved = np.linalg.norm(dense_clipped_mean(vectors, radius) - dense_clipped_mean(replaced, radius), axis=1)
    limit = float(mean_sensitivity(radius, n_samples))
    assert 0.99 * limit < moved.max() <= limit * (1 + 1e-12)


@pytest.mark.parametrize("period", [1, 4, 12])
@pytest.mark.parametrize("honest", [True, False])
def test_an_attack_on_whole_trajectories_sees_the_budget_and_no_more(period, honest):
    """The likelihood ratio of all releases, for a sample that points the other way: its privacy loss is rho's.

    Every sample has gradient w - a or the opposite; the attack is the best there is, so that a budget that is
    spent at every step anew (the dishonest descent) shows.
    """
    rho, delta, n_steps, clip, n_runs = 0.4, 1e-3, 12, 1.0, 30_000
    center = np.array([[30.0, 0.0]])  # far away: every gradient has norm above C and every difference norm D
    here = Quadratics(center, np.ones(1))
    there = Quadratics(center, -np.ones(1))
    losses = []
    for objective, seed in ((here, 0), (there, 1)):
        path = private_descent(
            objective, np.zeros((n_runs, 2)), rho if honest else rho * n_steps, np.random.default_rng(seed),
            n_steps=n_steps, step_length=0.1, clip=clip, period=period, smoothness=1.0,
        )  # fmt: skip
        losses.append(privacy_loss(path.points, here, there, clip, period))
    threshold = np.quantile(losses[0][:10_000], 0.9)
    hits = [np.count_nonzero(loss[10_000:] > threshold) for loss in losses]
    seen = epsilon_lower_bound(*hits, n_runs - 10_000, alpha=0.01, delta=delta)
    # All releases together are as private as one with sensitivity 1 and sd 1/sqrt(2 rho).
    promised = gaussian_epsilon(1 / math.sqrt(2 * rho), delta)
    if honest:
        assert 0.5 * promised < seen <= promised
    else:
        assert seen > promised


def privacy_loss(points, here, there, clip, period):
    """Log likelihood ratio of the releases up to a positive factor, from the released points alone."""
    estimates = -np.diff(points, axis=0) / 0.1
    multipliers = noise_multipliers(1.0, len(estimates), period)
    loss = np.zeros(points.shape[1])
    for r, released in enumerate(estimates):
        gradients = [objective.per_sample(points[r]) for objective in (here, there)]
        is_anchor = r % period == 0
        radius = np.full(len(loss), clip) if is_anchor else np.linalg.norm(points[r] - points[r - 1], axis=1)
        if not is_anchor:
            released = released - estimates[r - 1]
            gradients = [g - o.per_sample(points[r - 1]) for g, o in zip(gradients, (here, there), strict=True)]
        here_mean, there_mean = (dense_clipped_mean(gradient, radius) for gradient in gradients)
        pull = ((released - (here_mean + there_mean) / 2) * (here_mean - there_mean)).sum(axis=1)
        loss += pull / (radius * multipliers[0 if is_anchor else 1]) ** 2
    return loss


def test_noise_is_fresh_for_every_run_and_proportional_to_the_radius():
    model = Quadratics(np.zeros((10, 2)), np.ones(10))
    vectors = np.zeros((50_000, 10, 2))
    radius = np.repeat([1.0, 4.0], 25_000)
    noise = noisy_mean(model, vectors, radius, 3.0, np.random.default_rng(0))
    assert noise[:25_000].std() == pytest.approx(3.0 * 2 / 10, rel=0.02)
    assert noise[25_000:].std() == pytest.approx(3.0 * 8 / 10, rel=0.02)


def test_second_half():
    assert second_half_mean(np.arange(8.0)[:, None]) == pytest.approx(5.5)


@pytest.mark.parametrize("period", [0, 5])
def test_impossible_periods_are_refused(period):
    with pytest.raises(ValueError, match="period"):
        noise_multipliers(1.0, 4, period)


def test_unbounded_differences_are_refused():
    model = Quadratics(np.zeros((2, 1)), np.ones(2))
    with pytest.raises(ValueError, match="differences"):
        private_descent(
            model, np.zeros((1, 1)), 1.0, np.random.default_rng(0), n_steps=4, step_length=0.1, clip=1.0, period=2
        )
