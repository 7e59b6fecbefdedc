"""Histogram encodings against SciPy's Laplace law, closed forms for two values, and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import laplace

from papers.privacy import histogram_encodings as histogram

EPSILON, N_USERS = 1.5, 40_000


def test_reports_are_one_hot_vectors_with_laplace_noise():
    reports = histogram.histogram_reports(np.full(N_USERS, 2), 4, EPSILON, np.random.default_rng(0))
    error = math.sqrt(histogram.summation_variance(EPSILON) / N_USERS)
    np.testing.assert_allclose(reports.mean(axis=0), [0, 0, 1, 0], atol=4 * error)
    # The kurtosis of the Laplace law is 6, hence the error of a variance.
    np.testing.assert_allclose(reports.var(axis=0), 8 / EPSILON**2, rtol=4 * math.sqrt(5 / N_USERS))
    medians = np.median(np.abs(reports - [0, 0, 1, 0]), axis=0)
    np.testing.assert_allclose(medians, math.log(2) * 2 / EPSILON, rtol=0.04)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 1.0])
def test_threshold_rates(threshold):
    rates = histogram.threshold_rates(threshold, EPSILON)
    assert rates == pytest.approx((laplace.sf(threshold, 1, 2 / EPSILON), laplace.sf(threshold, 0, 2 / EPSILON)))
    assert math.log(rates.true * (1 - rates.false) / ((1 - rates.true) * rates.false)) <= EPSILON
    reports = histogram.histogram_reports(np.full(N_USERS, 0), 3, EPSILON, np.random.default_rng(1))
    shares = histogram.threshold_bits(reports, threshold).mean(axis=0)
    np.testing.assert_allclose(shares, [rates.true, rates.false, rates.false], atol=4 * math.sqrt(0.25 / N_USERS))


def test_thresholds_beyond_the_entries_are_refused():
    with pytest.raises(ValueError, match="threshold"):
        histogram.threshold_rates(1.1, EPSILON)


@pytest.mark.parametrize("epsilon", [0.25, 1.0, 4.0, 10.0])
def test_optimal_threshold_against_a_grid(epsilon):
    grid = [histogram.threshold_rates(theta, epsilon).variance() for theta in np.linspace(0.5, 1, 501)]
    best = histogram.threshold_rates(histogram.optimal_threshold(epsilon), epsilon).variance()
    assert best == pytest.approx(min(grid), rel=1e-4)


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 6.0])
def test_summation_attack_on_two_values(epsilon):
    scale = 2 / epsilon  # the difference of two Laplace variables is below 1
    expected = 1 - (2 + 1 / scale) * math.exp(-1 / scale) / 4
    assert histogram.summation_attack_success(2, epsilon) == pytest.approx(expected, rel=1e-7)


def test_summation_attack_by_simulation_and_its_ties():
    rng, domain_size = np.random.default_rng(2), 9
    reports = histogram.histogram_reports(np.zeros(N_USERS, int), domain_size, 4.0, rng)
    success = histogram.summation_attack_success(domain_size, 4.0)
    error = math.sqrt(success * (1 - success) / N_USERS)
    assert (reports.argmax(axis=1) == 0).mean() == pytest.approx(success, abs=4 * error)
    # Entries above 1 are equally likely to be the user's; choosing among them at random succeeds as often.
    at_random = (np.minimum(reports, 1) + 1e-9 * rng.random(reports.shape)).argmax(axis=1)
    assert (at_random == 0).mean() == pytest.approx(success, abs=4 * error)
