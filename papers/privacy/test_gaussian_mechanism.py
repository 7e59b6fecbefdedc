"""Calibration against quadrature of densities, accounting against direct integrals and published accountants."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from papers.privacy.gaussian_mechanism import (
    classical_gaussian_sigma,
    composed_sigma,
    dp_sgd_epsilon,
    dp_sgd_noise_multiplier,
    gaussian_delta,
    gaussian_epsilon,
    gaussian_rdp,
    gaussian_sigma,
    gaussian_zcdp,
    rdp_epsilon,
    subsampled_gaussian_rdp,
    zcdp_budget,
    zcdp_epsilon,
    zcdp_sigma,
)

BUDGETS = [(0.1, 1e-5), (1.0, 1e-6), (8.0, 1e-3)]


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_delta_is_the_hockey_stick_divergence_of_the_two_output_densities(epsilon, delta):
    sensitivity = 3.0
    sigma = gaussian_sigma(epsilon, delta, sensitivity)

    def excess(x):
        return max(norm.pdf(x, sensitivity, sigma) - math.exp(epsilon) * norm.pdf(x, 0, sigma), 0.0)

    crossing = sensitivity / 2 + epsilon * sigma**2 / sensitivity
    integral, _ = quad(excess, crossing, crossing + 20 * sigma, points=[crossing + sigma], epsabs=1e-16, limit=200)
    assert integral == pytest.approx(delta, rel=1e-6)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_calibration_inverts_the_profile_and_needs_less_noise_than_bounds(epsilon, delta):
    sigma = gaussian_sigma(epsilon, delta)
    assert gaussian_delta(sigma, epsilon) == pytest.approx(delta, rel=1e-9)
    assert gaussian_epsilon(sigma, delta) == pytest.approx(epsilon, rel=1e-9)
    assert sigma < zcdp_sigma(zcdp_budget(epsilon, delta))
    if epsilon < 1:
        assert sigma < classical_gaussian_sigma(epsilon, delta)


def test_budget_of_zero_is_the_total_variation_distance():
    sigma = gaussian_sigma(0.0, 0.1)
    assert 2 * norm.cdf(1 / (2 * sigma)) - 1 == pytest.approx(0.1, rel=1e-9)
    assert gaussian_epsilon(sigma, 0.2) == 0.0


def test_the_best_distinguisher_of_real_outputs_attains_delta():
    rng = np.random.default_rng(0)
    epsilon, delta, n_outputs = 0.5, 0.05, 200_000
    sigma = gaussian_sigma(epsilon, delta)
    threshold = 0.5 + epsilon * sigma**2
    with_record, without = (np.mean(centre + rng.normal(0, sigma, n_outputs) > threshold) for centre in (1.0, 0.0))
    # Standard error: at most (1 + e^0.5) / (2 sqrt(200,000)) = 0.003, and 0.0015 at these rates.
    assert with_record - math.exp(epsilon) * without == pytest.approx(delta, abs=0.006)


def test_composition_of_equal_steps_is_one_step_with_less_noise():
    n_steps, sigma = 50, 7.0
    assert composed_sigma(np.full(n_steps, sigma)) == pytest.approx(sigma / math.sqrt(n_steps))
    assert gaussian_zcdp(sigma, 2.0, n_steps) == pytest.approx(gaussian_zcdp(sigma / math.sqrt(n_steps), 2.0))
    # The privacy loss of both steps together, x_i/sigma_i^2 - 1/(2 sigma_i^2) summed, by simulation of x_i ~ N(1, .).
    sigmas = np.array([1.0, 2.0])
    outputs = np.random.default_rng(1).normal(1.0, sigmas, (200_000, 2))
    loss = (outputs / sigmas**2 - 0.5 / sigmas**2).sum(1)
    delta = np.maximum(1 - np.exp(0.5 - loss), 0).mean()
    assert gaussian_delta(composed_sigma(sigmas), 0.5) == pytest.approx(delta, rel=0.01)


@pytest.mark.parametrize(("epsilon", "delta"), BUDGETS)
def test_zcdp_budget_inverts_its_epsilon_and_is_shared_by_releases(epsilon, delta):
    rho = zcdp_budget(epsilon, delta)
    assert zcdp_epsilon(rho, delta) == pytest.approx(epsilon, rel=1e-12)
    sigma = zcdp_sigma(rho, sensitivity=3.0, n_releases=10)
    assert sum(3.0**2 / (2 * sigma**2) for _ in range(10)) == pytest.approx(rho)


def test_renyi_divergence_of_gaussians_by_quadrature():
    order, sigma, shift = 3.0, 1.5, 2.0

    def integrand(x):
        return math.exp(order * norm.logpdf(x, shift, sigma) + (1 - order) * norm.logpdf(x, 0, sigma))

    integral, _ = quad(integrand, -20, 30)
    assert gaussian_rdp(order, sigma, shift) == pytest.approx(math.log(integral) / (order - 1), rel=1e-8)


@pytest.mark.parametrize(("order", "sigma", "rate"), [(2, 1.3, 0.01), (5, 0.8, 0.2), (16, 4.0, 0.5)])
def test_renyi_divergence_of_a_subsampled_step_by_quadrature(order, sigma, rate):
    def integrand(x):
        ratio = 1 - rate + rate * math.exp((2 * x - 1) / (2 * sigma**2))
        return norm.pdf(x, 0, sigma) * ratio**order

    integral, _ = quad(integrand, -12 * sigma, order + 12 * sigma, epsabs=0, epsrel=1e-11, limit=500)
    expected = math.log(integral) / (order - 1)
    assert subsampled_gaussian_rdp(order, sigma, rate) == pytest.approx(expected, rel=1e-6)
    assert subsampled_gaussian_rdp(order, sigma, 1.0) == pytest.approx(order / (2 * sigma**2))


@pytest.mark.parametrize(
    ("multiplier", "rate", "n_steps", "delta", "renyi", "exact"),
    # Of dp-accounting 0.6.0: its RDP accountant (which tries fractional orders too) and its privacy-loss distributions.
    [
        (1.1, 256 / 60000, 14063, 1e-5, 2.596656, 2.381779),
        (1.0, 0.01, 1000, 1e-5, 2.101367, 1.828244),
        (4.0, 0.02, 2000, 1e-6, 1.045235, 0.967977),
        (0.7, 0.004, 5000, 1e-5, 4.349147, 3.705935),
    ],
)
def test_dp_sgd_budget_against_another_accountant(multiplier, rate, n_steps, delta, renyi, exact):
    epsilon = dp_sgd_epsilon(multiplier, rate, n_steps, delta)
    assert exact < renyi * (1 - 1e-6) < epsilon < 1.02 * renyi
    assert dp_sgd_noise_multiplier(epsilon, delta, rate, n_steps) == pytest.approx(multiplier, rel=1e-6)


def test_renyi_conversion_is_valid_and_tighter_than_the_simple_one():
    orders, sigma, delta = np.arange(2, 200), 5.0, 1e-5
    epsilon = rdp_epsilon(orders, gaussian_rdp(orders, sigma), delta)
    assert gaussian_epsilon(sigma, delta) < epsilon < zcdp_epsilon(gaussian_zcdp(sigma), delta)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_sigma(1.0, 0.0), "delta"),
        (lambda: gaussian_sigma(-1.0, 0.1), "epsilon"),
        (lambda: zcdp_sigma(0.0), "rho"),
        (lambda: subsampled_gaussian_rdp([1.5], 1.0, 0.1), "integers"),
        (lambda: subsampled_gaussian_rdp([2], 1.0, 0.0), "sampling rate"),
        (lambda: dp_sgd_noise_multiplier(1e-4, 1e-5, 0.01, 10), "no noise multiplier"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
