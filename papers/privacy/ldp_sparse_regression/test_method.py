"""Calibration by quadrature, thresholding by convex optimisation, reports by their laws, and errors in closed form."""

import math

import cvxpy as cp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from papers.privacy.gaussian_mechanism import gaussian_sigma
from papers.privacy.ldp_sparse_regression import method
from papers.privacy.ldp_sparse_regression.experiment import prefix_moments, quality, sign_vectors
from papers.privacy.ldp_sparse_regression.method import Privacy

PRIVACY = Privacy(8.0, 1e-5)
NO_NOISE = Privacy(1e12, 1e-5)


def signs(rng, *shape):
    return rng.choice([-1.0, 1.0], shape)


# --- Reports ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epsilon", "delta"), [(8.0, 1e-5), (4.0, 5e-6), (0.5, 1e-3)])
def test_calibrated_noise_gives_delta_by_quadrature(epsilon, delta):
    sensitivity = 7.0
    sigma = gaussian_sigma(epsilon, delta, sensitivity)
    assert Privacy(epsilon, delta).sigma(sensitivity) == sigma
    start = sensitivity / 2 + epsilon * sigma**2 / sensitivity  # where the densities' ratio passes e^epsilon

    def excess(z):
        return norm.pdf(z, sensitivity, sigma) - math.exp(epsilon) * norm.pdf(z, 0, sigma)

    found = quad(excess, start, start + 12 * sigma, epsabs=1e-14)[0]
    assert found == pytest.approx(delta, rel=1e-5)


@pytest.mark.parametrize("dimension", [2, 7, 16, 32])
def test_covariance_diameter_is_never_exceeded_and_attained(dimension):
    rng, upper = np.random.default_rng(0), np.triu_indices(dimension, 1)
    largest = max(np.linalg.norm((np.outer(x, x) - np.outer(z, z))[upper]) for x, z in signs(rng, 2000, 2, dimension))
    assert 0.95 * method.covariance_diameter(dimension) <= largest <= method.covariance_diameter(dimension) + 1e-9


def test_vector_diameter_is_attained_by_opposite_users():
    x, bound = signs(np.random.default_rng(1), 9), 2.5
    assert method.vector_diameter(9, bound) == pytest.approx(np.linalg.norm(x * bound - x * -bound))


def test_reports_are_unbiased_clipped_and_as_noisy_as_calibrated():
    rng, x = np.random.default_rng(2), np.array([1.0, -1.0, 1.0, 1.0])
    reports = method.one_shot_reports(x, 9.0, 2.5, PRIVACY, rng, 20_000)
    products = [x[i] * x[j] for i in range(4) for j in range(i + 1, 4)]
    sigmas = [gaussian_sigma(4.0, 5e-6, 4.0)] * 6 + [gaussian_sigma(4.0, 5e-6, 2 * 2 * 2.5)] * 4
    np.testing.assert_allclose(reports.std(axis=0), sigmas, rtol=0.03)
    assert (np.abs(reports.mean(axis=0) - [*products, *(2.5 * x)]) < 5 * np.array(sigmas) / math.sqrt(20_000)).all()
    vectors = method.vector_reports(x, -9.0, 2.5, PRIVACY, rng, 20_000)
    sigma = gaussian_sigma(8.0, 1e-5, 2 * 2 * 2.5)
    np.testing.assert_allclose(vectors.std(axis=0), sigma, rtol=0.03)
    np.testing.assert_allclose(vectors.mean(axis=0), -2.5 * x, atol=5 * sigma / math.sqrt(20_000))


def test_mean_of_reports_has_the_law_that_the_server_draws():
    rng, x, n_users = np.random.default_rng(3), np.array([1.0, -1.0, -1.0]), 50
    means = method.one_shot_reports(x, 1.0, 2.5, PRIVACY, rng, 4000 * n_users).reshape(4000, n_users, -1).mean(axis=1)
    sd = PRIVACY.mean_sd(method.one_shot_sigmas(3, 2.5, PRIVACY)[0], n_users)
    drawn = method.private_covariances(np.outer(x, x), sd, rng, 4000)
    entries = drawn[:, *np.triu_indices(3, 1)]
    np.testing.assert_allclose(entries.std(axis=0), means[:, :3].std(axis=0), rtol=0.06)
    np.testing.assert_allclose(entries.mean(axis=0), means[:, :3].mean(axis=0), atol=6 * sd / math.sqrt(4000))
    np.testing.assert_array_equal(drawn, drawn.swapaxes(1, 2))
    np.testing.assert_array_equal(np.diagonal(drawn, axis1=1, axis2=2), 1.0)


def test_broken_privacy_is_broken_as_stated():
    assert Privacy(8.0, 1e-5, full_sensitivity=False).sigma(3.0) == pytest.approx(PRIVACY.sigma(3.0) / 2)
    assert Privacy(8.0, 1e-5, noise_per_user=False).mean_sd(3.0, 100) == pytest.approx(0.03)
    assert PRIVACY.mean_sd(3.0, 100) == pytest.approx(0.3)


# --- Estimators -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.1])
def test_soft_thresholding_solves_the_elementary_program(threshold):
    center = np.random.default_rng(4).standard_normal(8)
    theta = cp.Variable(8)
    problem = cp.Problem(cp.Minimize(cp.norm1(theta)), [cp.norm_inf(theta - center) <= threshold])
    problem.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(method.soft_threshold(center, threshold), theta.value, atol=1e-6)


def test_without_noise_one_round_is_least_squares():
    rng = np.random.default_rng(5)
    x, y = signs(rng, 500, 6), rng.standard_normal(500)
    sd, vector_sd = (NO_NOISE.mean_sd(sigma, 500) for sigma in method.one_shot_sigmas(6, 4.0, NO_NOISE))
    assert vector_sd < 1e-5
    covariance = method.private_covariances(x.T @ x / 500, sd, rng, 3)
    estimates = method.soft_threshold(method.least_squares(covariance, np.tile(x.T @ y / 500, (3, 1))), 0.0)
    np.testing.assert_allclose(estimates, np.tile(np.linalg.lstsq(x, y, rcond=None)[0], (3, 1)), atol=1e-5)
    path = method.soft_least_squares_path(x, y, [0.0, 0.01])
    np.testing.assert_allclose(path[0], estimates[0], atol=1e-5)
    np.testing.assert_allclose(np.abs(path[1]), np.maximum(np.abs(path[0]) - 0.01, 0))


def test_threshold_is_half_of_the_expected_largest_error():
    rng, d, covariance_sd, vector_sd = np.random.default_rng(6), 16, 0.003, 0.004
    theta = np.eye(d)[0]
    noise = method.private_covariances(np.eye(d), covariance_sd, rng, 3000)
    vectors = theta + vector_sd * rng.standard_normal((3000, d))
    largest = np.abs(method.least_squares(noise, vectors) - theta).max(axis=1).mean()
    # sqrt(2 ln(2 d)) is some 15 to 25 percent above the mean of the largest of 16 |Gaussians|.
    assert 1.05 < 2 * method.noise_threshold(d, covariance_sd, vector_sd) / largest < 1.35


def test_hard_threshold_keeps_the_largest_and_the_ball_is_the_unit_ball():
    vectors = np.array([[3.0, -4.0, 1.0, 0.5], [0.1, 0.2, -0.3, 0.0]])
    np.testing.assert_array_equal(method.hard_threshold(vectors, 2), [[3, -4, 0, 0], [0, 0.2, -0.3, 0]])
    np.testing.assert_array_equal(method.hard_threshold(vectors, 4), vectors)
    np.testing.assert_allclose(method.project_to_ball(vectors[:, :2]), [[0.6, -0.8], [0.1, 0.2]])


def test_iterations_by_a_loop_over_users_and_their_noise_in_closed_form():
    rng, d, k, radius = np.random.default_rng(7), 5, 2, 0.9
    groups = [(signs(rng, 40, d), rng.uniform(-2, 2, 40)) for _ in range(3)]
    theta = [0.0] * d
    for x, y in groups:
        gradient = [0.0] * d
        for row, response in zip(x, y, strict=True):
            residual = sum(a * b for a, b in zip(row, theta, strict=True)) - response
            gradient = [g + a * min(max(residual, -radius), radius) / 40 for g, a in zip(gradient, row, strict=True)]
        moved = [t - g for t, g in zip(theta, gradient, strict=True)]
        kept = sorted(range(d), key=lambda j: -abs(moved[j]))[:k]
        moved = [moved[j] if j in kept else 0.0 for j in range(d)]
        size = max(math.hypot(*moved), 1.0)
        theta = [entry / size for entry in moved]
    found = method.iterative_hard_thresholding(groups, k, radius, NO_NOISE, rng, 2)
    np.testing.assert_allclose(found, [theta, theta], atol=1e-4)

    # One round that keeps all, with too little noise to leave the ball: mean plus N(0, sigma^2/n).
    x, y = signs(rng, 40_000, d), np.zeros(40_000)
    noisy = method.iterative_hard_thresholding([(x, y)], d, radius, PRIVACY, rng, 300)
    assert noisy.std() == pytest.approx(gaussian_sigma(8.0, 1e-5, 2 * math.sqrt(d) * radius) / 200, rel=0.09)


def test_lasso_meets_its_optimality_conditions():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((80, 10)), rng.standard_normal(80)
    for penalty, theta in zip([0.2, 0.05], method.lasso_solutions(x, y, np.array([0.2, 0.05])), strict=True):
        correlation = x.T @ (y - x @ theta) / 80
        assert np.abs(correlation).max() <= penalty * 1.01
        np.testing.assert_allclose(correlation[theta != 0], penalty * np.sign(theta[theta != 0]), rtol=0.02)


# --- Bookkeeping ------------------------------------------------------------------------------------------


def test_moments_of_prefixes_and_signs_from_bits():
    rng = np.random.default_rng(9)
    bits = rng.integers(0, 2**32, 300, dtype=np.uint32)
    x = sign_vectors(bits, 9)
    expected = [[2 * ((int(word) >> j) & 1) - 1 for j in range(9)] for word in bits]
    np.testing.assert_array_equal(x, expected)
    y = rng.standard_normal(300).astype(np.float32)
    for n, (covariance, vector) in prefix_moments({"bits": bits, "response": y}, [120, 300], 9).items():
        np.testing.assert_allclose(covariance, x[:n].T @ x[:n] / n, rtol=1e-5)
        np.testing.assert_allclose(vector, y[:n] @ x[:n] / n, atol=1e-6)


def test_quality_of_estimates():
    scores = quality(np.array([[0.6, 0.0, 0.8, 0.0], [0.0, 0.5, 0.6, 0.1]]), np.array([0.6, 0.0, 0.8, 0.0]))
    assert scores["error"] == pytest.approx((0 + math.sqrt(0.36 + 0.25 + 0.04 + 0.01)) / 2)
    assert scores["support_found"] == 0.75
