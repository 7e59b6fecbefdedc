"""Bounds against brute force and extreme cases, minimisers against scikit-learn, privacy from outputs."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from papers.privacy.dp_fairness_lipschitz import data, method
from papers.privacy.gaussian_mechanism import gaussian_delta, zcdp_budget

MU = 0.02


@pytest.fixture(scope="module")
def points():
    return data.synthetic(3000, np.random.default_rng(0))


@pytest.fixture(scope="module")
def theta(points):
    return method.fit_logistic(points[0][:1000], points[1][:1000], MU)


def private_models(theta, n_draws=40, seed=1):
    """Displacements of very different lengths."""
    rng = np.random.default_rng(seed)
    return np.concatenate([method.output_perturbation(theta, sigma, n_draws, rng) for sigma in (0.003, 0.03, 0.3)])


# --- Fairness -------------------------------------------------------------------------------------------------


def test_fairness_levels_against_counting():
    rng = np.random.default_rng(2)
    y, h = rng.choice([-1, 1], (2, 200))
    s = rng.random(200) < 0.4

    def share(outcome, given):
        chosen = [outcome(i) for i in range(200) if given(i)]
        return sum(chosen) / len(chosen)

    def gap(outcome, given=lambda i: True):
        return share(outcome, lambda i: s[i] and given(i)) - share(outcome, lambda i: not s[i] and given(i))

    def correct(i):
        return h[i] == y[i]

    expected = {
        "demographic_parity": gap(lambda i: h[i] == 1),
        "equal_opportunity": gap(correct, lambda i: y[i] == 1),
        "accuracy_parity": gap(correct),
        "equalised_odds": (abs(gap(correct, lambda i: y[i] == 1)) + abs(gap(correct, lambda i: y[i] == -1))) / 2,
    }
    levels = {m.name: method.fairness_level(m, h, y) for m in method.fairness_measures(y, s)}
    assert levels == pytest.approx(expected)
    batch = method.fairness_level(method.accuracy_parity(s), np.stack([h, -h]), y)
    np.testing.assert_allclose(batch, [levels["accuracy_parity"], -levels["accuracy_parity"]])


def test_bounds_against_counting(points):
    y, s = (part[:200] for part in points[1:])
    measure = method.fairness_measures(y, s)[3]
    margins = np.random.default_rng(3).random(200)
    cells = [[i for i in range(200) if y[i] == label and s[i] == group] for label in (-1, 1) for group in (0, 1)]
    within = sum(sum(margins[i] <= 0.3 for i in cell) / len(cell) for cell in cells) / 2
    inverse = sum(sum(1 / margins[i] for i in cell) / len(cell) for cell in cells) / 2
    np.testing.assert_allclose(method.margin_bound(measure, margins, np.array([0.3, 1.0])), [within, 2.0])
    assert method.lipschitz_constant(measure, margins) == pytest.approx(inverse)


def test_margin_bound_counts_points_at_the_boundary():
    measure = method.Measure("one", None, [(np.array([True, False]), np.array([False, True]))])
    np.testing.assert_allclose(
        method.margin_bound(measure, np.array([0.5, 0.75]), np.array([0.4, 0.5, 0.75])), [0, 1, 2]
    )


def test_bounds_hold_for_every_displacement(points, theta):
    x, y, s = points
    models = private_models(theta)
    distances = np.linalg.norm(models - theta, axis=1)
    margins = method.normalised_margins(theta, x)
    for measure in method.fairness_measures(y, s):
        reference = method.fairness_level(measure, method.predict(theta, x), y)
        gaps = np.abs(method.fairness_level(measure, method.predict(models, x), y) - reference)
        bounds = method.margin_bound(measure, margins, distances)
        assert gaps.max() > 0.01
        assert (gaps <= bounds).all()
        assert (bounds <= method.lipschitz_constant(measure, margins) * distances).all()


def test_margin_bound_is_attained_when_both_groups_can_be_moved_apart():
    # Group 1 lies along one axis and group 0 along another, both just on the positive side.
    s = np.arange(40) < 20
    x = np.where(s[:, None], [0.9, 0.0], [0.0, 0.5])
    y = np.ones(40, int)
    theta, moved = np.array([0.1, -0.1]), np.array([-0.1, 0.1])
    measure = method.fairness_measures(np.where(np.arange(40) % 2, 1, -1), s)[0]
    change = method.fairness_level(measure, method.predict(theta, x), y) - method.fairness_level(
        measure, method.predict(moved, x), y
    )
    distance = np.linalg.norm(moved - theta)
    assert change == method.margin_bound(measure, method.normalised_margins(theta, x), np.array([distance]))[0] == 2


def test_typical_constant_ignores_one_tiny_margin(points):
    _, y, s = points
    measure = method.fairness_measures(y, s)[1]
    margins = np.random.default_rng(4).uniform(0.5, 1.5, y.size)
    assert method.typical_lipschitz_constant(measure, margins, y.size) == method.lipschitz_constant(measure, margins)
    usual = method.typical_lipschitz_constant(measure, margins, 300)
    assert usual == pytest.approx(2 * math.log(3), rel=0.1)
    margins[np.flatnonzero(s & (y == 1))[0]] = 1e-6
    assert method.typical_lipschitz_constant(measure, margins, 300) == pytest.approx(usual, rel=0.05)
    assert method.lipschitz_constant(measure, margins) > 100 * usual


# --- Margins --------------------------------------------------------------------------------------------------


def test_flipped_points_lie_within_reach(points, theta):
    x = points[0]
    models = private_models(theta)
    flipped = method.predict(models, x) != method.predict(theta, x)
    reach = np.linalg.norm(x, axis=1) * np.linalg.norm(models - theta, axis=1)[:, None]
    assert flipped.any(axis=1).mean() > 0.9
    assert (np.abs(x @ theta) <= reach)[flipped].all()


def test_no_closer_model_flips_and_the_closest_one_does(points, theta):
    x = points[0][:100]
    margins = method.normalised_margins(theta, x)
    towards = -np.sign(x @ theta)[:, None] * x / np.linalg.norm(x, axis=1, keepdims=True)
    for factor, flips in ((0.999, False), (1.001, True)):
        predictions = np.sign(np.einsum("np,np->n", theta + factor * margins[:, None] * towards, x))
        assert ((predictions != method.predict(theta, x)) == flips).all()


def test_multiclass_margins_on_digits():
    x, labels = load_digits(return_X_y=True)
    x = x[:300] / 64
    labels = labels[:300]
    rng = np.random.default_rng(5)
    theta = rng.standard_normal((10, 64))
    models = theta + rng.standard_normal((60, 10, 64)) * np.geomspace(0.001, 1, 60)[:, None, None]
    scores = x @ theta.T
    expected = [row[y] - max(np.delete(row, y)) for row, y in zip(scores, labels, strict=True)]
    reference = method.multiclass_margins(theta, x, labels)
    np.testing.assert_allclose(reference, expected)
    assert ((reference > 0) == (scores.argmax(axis=1) == labels)).all()

    moved = method.multiclass_margins(models, x, labels)
    reach = np.linalg.norm(x, axis=1) * np.linalg.norm(models - theta, axis=(1, 2))[:, None]
    assert (np.abs(moved - reference) <= math.sqrt(2) * reach).all()
    # The constant sqrt(2) is attained by moving the two best scores apart.
    y, rival = labels[0], np.argsort(scores[0])[-2:]
    rival = rival[rival != y][-1]
    apart = np.zeros((10, 64))
    apart[y], apart[rival] = x[0], -x[0]
    change = method.multiclass_margins(theta - 1e-3 * apart, x[:1], labels[:1]) - reference[:1]
    assert abs(change[0]) == pytest.approx(math.sqrt(2) * np.linalg.norm(x[0]) * 1e-3 * np.linalg.norm(apart))


def test_adversary_does_more_harm_than_noise_of_the_same_length(theta):
    rng = np.random.default_rng(6)
    x, y, s = data.synthetic(20_000, rng)
    reach = 0.1
    noise = rng.standard_normal((50, theta.size))
    models = theta + reach * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    for measure in method.fairness_measures(y, s):
        direction = method.adversarial_direction(measure, theta, x, y, reach)
        assert np.linalg.norm(direction) == pytest.approx(1)
        bad = method.fairness_level(measure, method.predict(theta + reach * direction, x), y)
        level = method.fairness_level(measure, method.predict(theta, x), y)
        assert bad - level > np.quantile(method.fairness_level(measure, method.predict(models, x), y) - level, 0.9)
    assert (method.adversarial_direction(measure, theta, x, y, 1e-9) == 0).all()


# --- Learning -------------------------------------------------------------------------------------------------


def test_minimiser_against_scikit_learn(points, theta):
    x, y, _ = points
    rival = LogisticRegression(C=1 / (1000 * MU), fit_intercept=False, tol=1e-8, max_iter=2000).fit(x[:1000], y[:1000])
    np.testing.assert_allclose(theta, rival.coef_[0], atol=1e-5)


def test_softmax_minimiser_against_scikit_learn():
    x, labels, _ = data.digits(two_classes=False)
    x, labels = x[:300], labels[:300]
    theta = method.fit_softmax(x, labels, 10, mu=0.1)
    rival = LogisticRegression(C=1 / (300 * 0.1), fit_intercept=False, tol=1e-8, max_iter=2000).fit(x, labels)
    np.testing.assert_allclose(theta, rival.coef_, atol=1e-5)


def test_replacing_a_record_moves_the_minimiser_within_the_sensitivity(points):
    x, y = points[0][:300].copy(), points[1][:300].copy()
    rng = np.random.default_rng(7)
    theta = method.fit_logistic(x, y, MU)
    for _ in range(50):
        i, extreme = rng.integers(300), rng.standard_normal(x.shape[1])
        other_x, other_y = x.copy(), y.copy()
        other_x[i], other_y[i] = extreme / np.linalg.norm(extreme), -y[i]
        move = np.linalg.norm(method.fit_logistic(other_x, other_y, MU) - theta)
        assert move <= method.minimiser_sensitivity(300, MU)


def test_sensitivity_of_both_losses_is_approached():
    # One confidently wrong record replaced by its opposite: gradients of nearly full length, little curvature.
    mu, n = 0.05, 4
    x = np.zeros((n, 2))
    x[0] = [0.0, 1.0]
    moves = np.diff([method.fit_logistic(x, np.array([sign, 1, 1, 1]), mu) for sign in (-1, 1)], axis=0)
    assert 0.1 < np.linalg.norm(moves) / method.minimiser_sensitivity(n, mu) <= 1
    # Under strong regularisation the gradients are those at zero, half as long as the bounds allow for two classes.
    mu = 100.0
    moves = np.diff([method.fit_logistic(x, np.array([sign, 1, 1, 1]), mu) for sign in (-1, 1)], axis=0)
    assert np.linalg.norm(moves) / method.minimiser_sensitivity(n, mu) == pytest.approx(0.5, rel=0.01)
    soft = np.diff([method.fit_softmax(x, np.array([y, 0, 0, 0]), 2, mu) for y in (0, 1)], axis=0)
    bound = method.minimiser_sensitivity(n, mu, method.SOFTMAX_LIPSCHITZ)
    assert np.linalg.norm(soft) / bound == pytest.approx(0.5, rel=0.01)


def test_features_are_in_the_unit_ball():
    rng = np.random.default_rng(8)
    for x, y, s in (data.synthetic(500, rng), data.breast_cancer(), data.digits(True), data.digits(False)):
        assert np.linalg.norm(x, axis=1).max() <= 1 + 1e-12
        assert np.unique(s).size == 2
        assert len(x) == len(y) == len(s)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 2.0, 8.0])
def test_output_noise_spends_no_more_than_the_budget(epsilon):
    """By the exact profile of the noise that comes out, for minimisers as far apart as they can be."""
    n, delta = 1000, 1e-5
    noise = method.output_noise(n, MU, epsilon, delta)
    outputs = method.output_perturbation(np.ones(4), noise, 50_000, np.random.default_rng(9))
    np.testing.assert_allclose(outputs.mean(axis=0), 1, atol=5 * noise / math.sqrt(50_000))
    spread = (outputs - 1).std()
    assert gaussian_delta(spread * 1.01, epsilon, 2 / (MU * n)) <= delta
    assert gaussian_delta(spread / 2, epsilon, 2 / (MU * n)) > delta


def test_radii_of_the_noise():
    rng = np.random.default_rng(10)
    lengths = np.linalg.norm(method.output_perturbation(np.zeros(11), 0.3, 20_000, rng), axis=1)
    outside = (lengths > method.noise_radius(0.3, 11, 0.05)).mean()
    assert outside == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 20_000))
    # The paper's form, spelt out for sigma = (2/(mu n)) sqrt(2 ln(1.25/delta))/epsilon.
    n, epsilon, delta = 700, 0.9, 1e-4
    squared = 32 * 11 * math.log(1.25 / delta) * math.log(2 / 0.05) / (MU * n * epsilon) ** 2
    assert method.noise_radius_paper(method.output_noise(n, MU, epsilon, delta), 11, 0.05) == pytest.approx(
        math.sqrt(squared)
    )


def test_noisy_descent_finds_the_minimiser_without_noise(points, theta):
    rng = np.random.default_rng(11)
    x, y = points[0][:1000], points[1][:1000]
    found = method.noisy_gradient_descent(x, y, MU, 1e12, 1e-5, 300, 2, rng)
    np.testing.assert_allclose(found, [theta, theta], atol=2e-3)


@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_noisy_descent_adds_the_noise_of_its_budget(n_steps):
    # Without features the last iterate is the mean of the n_steps noises over mu, whatever their number.
    n, mu, epsilon, delta = 50, 100.0, 1.0, 1e-5
    x, y = np.zeros((n, 3)), np.ones(n)
    models = method.noisy_gradient_descent(x, y, mu, epsilon, delta, n_steps, 20_000, np.random.default_rng(12))
    rho = zcdp_budget(epsilon, delta)
    assert models.std() == pytest.approx(2 / n / math.sqrt(2 * rho) / mu, rel=0.02)
    # The steps together are one release of n_steps-fold precision: audited by the exact profile.
    assert gaussian_delta(models.std() * mu, epsilon, 2 / n) <= delta


def test_noisy_descent_stays_in_its_ball(points):
    models = method.noisy_gradient_descent(*points[:2], MU, 0.001, 1e-5, 5, 10, np.random.default_rng(13))
    np.testing.assert_allclose(np.linalg.norm(models, axis=1), math.sqrt(2 * math.log(2) / MU))
