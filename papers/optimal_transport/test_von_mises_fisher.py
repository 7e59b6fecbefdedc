"""The von Mises-Fisher law against SciPy's, numerical integration and Monte Carlo."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import vonmises_fisher

from papers.optimal_transport import von_mises_fisher as vmf

LAWS = [(3, 0.1), (3, 20.0), (5, 1.0), (10, 5.0), (50, 10.0), (5, 500.0)]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def log_area(d):
    return np.log(2) + d / 2 * np.log(np.pi) - gammaln(d / 2)


@pytest.mark.parametrize(("d", "kappa"), LAWS)
def test_divergence_is_the_entropy_below_that_of_the_uniform_law(d, kappa):
    expected = log_area(d) - vonmises_fisher(np.eye(d)[0], kappa).entropy()
    assert vmf.kl_to_uniform(kappa, d) == pytest.approx(expected, rel=1e-7, abs=1e-10)


@pytest.mark.parametrize("kappa", [0.1, 1.0, 20.0])
def test_divergence_equals_the_integral_on_the_sphere_of_three_dimensions(kappa):
    constant = kappa / (2 * np.sinh(kappa))  # of the cosine, which is uniform on [-1, 1] under the uniform law
    integrand = lambda w: constant * np.exp(kappa * w) * (np.log(2 * constant) + kappa * w)  # noqa: E731
    assert vmf.kl_to_uniform(kappa, 3) == pytest.approx(quad(integrand, -1, 1)[0], rel=1e-9)


def test_divergence_equals_its_monte_carlo_estimate(rng):
    law = vonmises_fisher(np.eye(10)[0], 5.0)
    log_ratio = law.logpdf(law.rvs(100_000, random_state=rng)) + log_area(10)
    assert vmf.kl_to_uniform(5.0, 10) == pytest.approx(log_ratio.mean(), rel=0.01)


def test_divergence_at_known_value():
    assert vmf.kl_to_uniform(1.0, 5) == pytest.approx(0.0959, abs=5e-5)


@pytest.mark.parametrize(("d", "kappa"), LAWS)
def test_slope_of_the_divergence(d, kappa):
    h = 1e-4 * kappa
    difference = vmf.kl_to_uniform(kappa + h, d) - vmf.kl_to_uniform(kappa - h, d)
    assert vmf.kl_slope(kappa, d) == pytest.approx(difference / (2 * h), rel=1e-4)


@pytest.mark.parametrize(("d", "kappa"), LAWS)
def test_sampled_cosines_have_the_right_mean(rng, d, kappa):
    levels = (np.arange(20_000) + 0.5) / 20_000
    cosines, _ = vmf.quantile_of_cosine(levels, kappa, d)
    assert cosines.mean() == pytest.approx(vmf.mean_resultant(kappa, d), rel=1e-3)


@pytest.mark.parametrize(("d", "kappa"), LAWS)
def test_derivative_of_the_cosine(d, kappa):
    levels = np.linspace(0.02, 0.98, 25)
    h = 0.05 * kappa
    higher, lower = (vmf.quantile_of_cosine(levels, kappa + sign * h, d)[0] for sign in (1, -1))
    slopes = vmf.quantile_of_cosine(levels, kappa, d)[1]
    np.testing.assert_allclose(slopes, (higher - lower) / (2 * h), rtol=0.02, atol=0.005 * np.abs(slopes).max())


@pytest.mark.parametrize(("d", "kappa"), [(3, 2.0), (6, 5.0)])
def test_samples_have_the_moments_of_scipys(rng, d, kappa):
    mean = np.ones(d) / np.sqrt(d)
    ours = vmf.sample(mean, kappa, 100_000, rng)
    theirs = vonmises_fisher(mean, kappa).rvs(100_000, random_state=rng)
    np.testing.assert_allclose(np.linalg.norm(ours.directions, axis=1), 1)
    np.testing.assert_allclose(ours.directions @ mean, ours.cosines, atol=1e-12)
    np.testing.assert_allclose(ours.directions.mean(axis=0), theirs.mean(axis=0), atol=0.01)
    second = theirs.T @ theirs / len(theirs)
    np.testing.assert_allclose(ours.directions.T @ ours.directions / 100_000, second, atol=0.01)
    np.testing.assert_allclose(vmf.second_moment(mean, kappa), second, atol=0.01)
