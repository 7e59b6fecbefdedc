"""Gradients against autograd-free references, noise and sensitivity against what the outputs give away."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

from papers.privacy.dpsgd_clip_norm.data import random_relu_features
from papers.privacy.dpsgd_clip_norm.method import (
    clipped_mean_gradient,
    cross_tuned,
    is_correct,
    lipschitz_constants,
    mean_loss,
    noise_scale,
    noisy_descent,
    one_hot,
    probabilities,
    random_halves,
)

N_RECORDS, N_FEATURES, N_CLASSES = 23, 6, 4
UNCLIPPED = 1e300


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((N_RECORDS, N_FEATURES)) * rng.lognormal(size=(N_RECORDS, 1))
    return features, rng.integers(N_CLASSES, size=N_RECORDS), rng.standard_normal((N_CLASSES, N_FEATURES, 5))


def record_gradient(weights, feature, label):
    """The gradient of one record's loss by central differences, with all weights of one run."""
    gradient, step = np.empty_like(weights), 1e-6
    for index in np.ndindex(weights.shape):
        shifted = [weights.copy(), weights.copy()]
        shifted[0][index] += step
        shifted[1][index] -= step
        up, down = (np.logaddexp.reduce(w @ feature) - (w @ feature)[label] for w in shifted)
        gradient[index] = (up - down) / (2 * step)
    return gradient


def clip(gradient, clip_norm):
    return gradient * min(1.0, clip_norm / np.linalg.norm(gradient))


# --- Loss and gradient ------------------------------------------------------------------------------------


def test_clipped_mean_is_the_mean_of_gradients_clipped_one_by_one(problem):
    features, labels, weights = problem
    clip_norms = np.array([0.05, 0.5, 2.0, 10.0, UNCLIPPED])
    means = clipped_mean_gradient(weights, features, one_hot(labels, N_CLASSES), clip_norms)
    for run, clip_norm in enumerate(clip_norms):
        gradients = [record_gradient(weights[..., run], *record) for record in zip(features, labels, strict=True)]
        expected = np.mean([clip(gradient, clip_norm) for gradient in gradients], axis=0)
        np.testing.assert_allclose(means[..., run], expected, atol=1e-8)


def test_loss_and_accuracy_record_by_record(problem):
    features, labels, weights = problem
    for run in range(weights.shape[-1]):
        scores = features @ weights[..., run].T
        losses = [math.log(sum(math.exp(s - row[y]) for s in row)) for row, y in zip(scores, labels, strict=True)]
        assert mean_loss(weights, features, labels)[run] == pytest.approx(np.mean(losses))
        np.testing.assert_array_equal(is_correct(weights, features, labels)[:, run], scores.argmax(axis=1) == labels)
    np.testing.assert_allclose(probabilities(weights, features).sum(axis=0), 1)


def test_no_loss_rises_faster_than_its_lipschitz_constant(problem):
    features, labels, _ = problem
    rng, largest = np.random.default_rng(1), 0.0
    constants = lipschitz_constants(features)
    for scale in (0.1, 1.0, 10.0):
        weights = scale * rng.standard_normal((N_CLASSES, N_FEATURES, 400))
        for feature, label, constant in zip(features, labels, constants, strict=True):
            # Pairs in a random direction, and pairs along the steepest one, where two classes exchange their weight.
            direction = rng.standard_normal(weights.shape)
            direction[..., ::2] = np.outer(np.eye(N_CLASSES)[label] - np.eye(N_CLASSES)[label - 1], feature)[..., None]
            other = weights + 0.1 * direction
            rise = [mean_loss(w, feature[None], np.array([label])) for w in (weights, other)]
            quotients = np.abs(rise[1] - rise[0]) / np.linalg.norm(other - weights, axis=(0, 1))
            largest = max(largest, (quotients / constant).max())
    assert 0.95 < largest <= 1 + 1e-9  # and the constant is attained


# --- Privacy, from outputs --------------------------------------------------------------------------------


def opposite_neighbours():
    """Two data sets of two classes that differ in the class of one long record; the others have no features."""
    features = np.zeros((10, 3))
    features[0] = [100.0, 0, 0]
    labels = np.zeros(10, dtype=int)
    return features, labels, np.where(np.arange(10) == 0, 1, labels)


def test_replacing_a_record_moves_the_clipped_mean_by_at_most_its_sensitivity(problem):
    features, labels, _ = problem
    rng, largest = np.random.default_rng(2), 0.0
    clip_norms = np.geomspace(0.01, 100, 5)
    for trial in range(300):
        weights = rng.choice([0.0, 0.1, 1.0]) * rng.standard_normal((N_CLASSES, N_FEATURES, 1)) * np.ones(5)
        other, other_labels, record = features.copy(), labels.copy(), rng.integers(N_RECORDS)
        other_labels[record] = rng.integers(N_CLASSES)
        # A fresh record, or the old one turned around or stretched.
        other[record] = 10 * rng.standard_normal(N_FEATURES) if trial % 2 else rng.choice([-9, -1, 9]) * other[record]
        means = [
            clipped_mean_gradient(weights, x, one_hot(y, N_CLASSES), clip_norms)
            for x, y in ((features, labels), (other, other_labels))
        ]
        shift = np.linalg.norm(means[1] - means[0], axis=(0, 1)) * N_RECORDS / (2 * clip_norms)
        largest = max(largest, shift.max())
    assert 0.9 < largest <= 1 + 1e-9


@pytest.mark.parametrize("n_steps", [1, 16])
def test_the_best_test_between_neighbours_gains_what_the_budget_allows(n_steps):
    """With steps too small to change the gradients, the last weights hold all that the noisy gradients tell."""
    epsilon, delta, n_runs, step_size, clip_norm = 1.0, 1e-5, 4000, 1e-9, 0.7
    features, *neighbours = opposite_neighbours()
    sigma = noise_scale(clip_norm, len(features), n_steps, epsilon, delta)
    rng = np.random.default_rng(3)
    sums = []
    for labels in neighbours:
        settings = (np.array([value]) for value in (clip_norm, step_size, sigma))
        weights = noisy_descent(features, labels, 2, *settings, n_steps, n_runs, rng)[:, :, 0] / step_size
        sums.append(weights[0, 0] - weights[1, 0])  # along the difference of the two gradients
    threshold = np.mean([sums[0].mean(), sums[1].mean()])
    gain = (sums[0] > threshold).mean() - (sums[1] > threshold).mean()
    rho = (math.sqrt(math.log(1 / delta) + epsilon) - math.sqrt(math.log(1 / delta))) ** 2
    # Exact for opposite clipped gradients: 2 Phi(mu/2) - 1 with mu^2 = 2 rho. Standard error 0.011.
    assert gain == pytest.approx(2 * norm.cdf(math.sqrt(2 * rho) / 2) - 1, abs=0.04)


def test_noise_scale_inverts_the_budget_and_composes():
    epsilon, delta, clip_norm, n_records = 2.0, 1e-5, 0.3, 500
    one, many = (noise_scale(clip_norm, n_records, n_steps, epsilon, delta) for n_steps in (1, 25))
    assert many / 5 == pytest.approx(one)  # 25 steps tell as much as one with a fifth of the sd
    rho = (2 * clip_norm / n_records) ** 2 / (2 * one**2)
    assert rho + 2 * math.sqrt(rho * math.log(1 / delta)) == pytest.approx(epsilon)


# --- Descent ----------------------------------------------------------------------------------------------


def test_descent_without_noise_finds_the_minimum():
    rng = np.random.default_rng(4)
    features, labels = rng.standard_normal((60, 3)), rng.integers(2, size=60)  # labels of no use: a finite minimum
    settings = (np.array([value]) for value in (UNCLIPPED, 1.0, 0.0))
    weights = noisy_descent(features, labels, 2, *settings, 300, 1, rng)[:, :, 0]
    best = minimize(lambda w: np.logaddexp(0, -(2 * labels - 1) * (features @ w)).mean(), np.zeros(3), tol=1e-12)
    np.testing.assert_allclose(weights[1, :, 0] - weights[0, :, 0], best.x, atol=1e-4)


def test_every_entry_gets_independent_noise_of_the_stated_scale():
    features = np.zeros((4, 50))  # no gradient: a random walk
    settings = (np.array([1.0, 1.0]), np.array([0.5, 2.0]), np.array([3.0, 0.1]))
    weights = noisy_descent(features, np.array([0, 1, 0, 1]), 2, *settings, 9, 100, np.random.default_rng(5))
    np.testing.assert_allclose(weights.std(axis=(0, 1, 3)), [0.5 * 3 * 3, 2 * 0.1 * 3], rtol=0.03)
    correlations = np.corrcoef(weights[:, :, 0].reshape(100, -1))
    assert np.abs(correlations - np.eye(100)).max() < 0.5  # of 100 values each: 5 standard errors


def test_settings_and_repetitions_run_as_if_alone(problem):
    features, labels, _ = problem
    grids = np.array([0.1, 1.0, 3.0]), np.array([0.2, 0.1, 0.3]), np.array([0.05, 0.0, 0.1])
    together = noisy_descent(features, labels, N_CLASSES, *grids, 5, 2, np.random.default_rng(6))
    for index in range(3):
        alone = (grid[[index]] for grid in grids)
        run = noisy_descent(features, labels, N_CLASSES, *alone, 5, 2, np.random.default_rng(6))
        np.testing.assert_allclose(together[:, :, [index]], run, atol=1e-12)
    assert np.abs(together[..., 0] - together[..., 1]).max(axis=(0, 1)).tolist()[0] > 0


def test_far_below_all_gradients_a_step_does_not_depend_on_the_clip_norm(problem):
    """With step sizes proportional to 1/tau, small clip norms only rescale: the gradients are normalised."""
    features, labels, _ = problem
    clip_norms = np.array([1e-3, 1e-5])
    weights = noisy_descent(
        features, labels, N_CLASSES, clip_norms, 0.1 / clip_norms, 0 * clip_norms, 3, 1, np.random.default_rng(7)
    )
    np.testing.assert_allclose(weights[:, :, 0], weights[:, :, 1], rtol=1e-9)


# --- Tuning -----------------------------------------------------------------------------------------------


def test_halves_are_halves():
    halves = random_halves(11, 200, np.random.default_rng(8))
    assert halves.dtype == bool
    assert (halves.sum(axis=1) == 5).all()
    assert np.abs(halves.mean(axis=0) - 5 / 11).max() < 0.15


def test_cross_tuning_is_not_flattered_by_many_useless_settings():
    scores = (np.random.default_rng(9).random((60, 500)) < 0.5) * 1.0
    halves = random_halves(60, 100, np.random.default_rng(10))
    assert scores.mean(axis=0).max() > 0.65
    assert cross_tuned(scores, halves) < 0.56


def test_cross_tuning_chooses_on_one_half_and_scores_on_the_other():
    scores = np.array([[1.0, 0.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.2, 0.5], [0.0, 0.2, 0.5]])
    halves = np.array([[True, True, False, False]])
    # The first half chooses setting 0, which scores 0 on the second; that one chooses 2, which scores 0.5.
    assert cross_tuned(scores, halves) == pytest.approx(0.25)


# --- Data -------------------------------------------------------------------------------------------------


def test_random_features_keep_their_spread_of_norms():
    inputs = np.random.default_rng(11).lognormal(size=(200, 8))
    features = random_relu_features(inputs, np.random.default_rng(12))
    assert (features >= 0).all()
    constants = lipschitz_constants(features)
    assert constants.max() > 3 * constants.min()
