"""Gradients against differences, the learnt law against the population's, max-SW and the bound against brute force."""

import numpy as np
import pytest

from papers.optimal_transport import von_mises_fisher as vmf
from papers.optimal_transport.pac_bayes_sliced import data, method
from papers.optimal_transport.pac_bayes_sliced.method import SliceLaw
from papers.optimal_transport.sliced_wasserstein import slice_costs

STARTS = (1.0, 10.0, 100.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def shifted_gaussians(n, d, shift, rng):
    x, y = rng.standard_normal((2, n, d))
    y[:, 0] += shift
    return x, y


def test_gradient_is_that_of_the_closed_form(rng):
    """Samples that differ by a shift alone have the value E (theta . shift)^2 exactly."""
    x = rng.standard_normal((10, 4))
    shift, lam = np.array([1.0, -0.5, 2.0, 0.0]), 3.0
    law = SliceLaw(np.ones(4) / 2, 4.0)
    by_mean, by_concentration = method.objective_gradient(x, x + shift, law, lam, 200_000, rng)

    def objective(mean, concentration):
        moved = SliceLaw(mean / np.linalg.norm(mean), concentration)
        return method.shifted_value(moved, shift) - moved.kl / lam

    h = 1e-5
    steps = h * np.eye(4)
    expected = [(objective(law.mean + s, 4.0) - objective(law.mean - s, 4.0)) / (2 * h) for s in steps]
    np.testing.assert_allclose(by_mean, expected, atol=0.02)
    slope = (objective(law.mean, 4 + h) - objective(law.mean, 4 - h)) / (2 * h)
    assert by_concentration == pytest.approx(slope, abs=0.003)


def test_adam_takes_its_first_step_at_the_learning_rate():
    np.testing.assert_allclose(method.Adam(2, 0.1).step(np.array([3.0, -0.01])), [0.1, -0.1], rtol=1e-5)


@pytest.mark.parametrize(("d", "shift"), [(5, 2.0), (20, 2.0)])
def test_learnt_law_nears_the_best_of_the_population(rng, d, shift):
    lam = np.sqrt(200)
    x, y = shifted_gaussians(500, d, shift, rng)
    law = method.learn_slices(x, y, lam, 80, 20, STARTS, rng)
    best = method.population_optimum(shift, d, lam)
    reached, possible = (method.shifted_value(a, shift * np.eye(d)[0]) - a.kl / lam for a in (law, best))
    assert 0.9 * possible < reached <= possible + 1e-9


def test_divergence_keeps_the_slices_of_identical_laws_uniform(rng):
    x, y = shifted_gaussians(200, 5, 0, rng)
    assert method.learn_slices(x, y, np.sqrt(200), 80, 20, STARTS, rng).kl < 0.1
    assert method.learn_slices(x, y, np.inf, 80, 20, STARTS, rng).kl > 3


def test_best_law_of_the_population_has_no_better_neighbour():
    lam, shift = 14.0, 2.0
    law = method.population_optimum(shift, 5, lam)
    below, at, above = (
        method.shifted_value(SliceLaw(law.mean, kappa), shift * law.mean) - vmf.kl_to_uniform(kappa, 5) / lam
        for kappa in law.concentration * np.array([0.8, 1, 1.25])
    )
    assert below < at > above
    assert method.population_optimum(0.1, 5, lam).kl < 1e-3  # a shift too small to pay


def test_max_slice_reaches_the_exhaustive_value_in_the_plane(rng):
    angles = np.linspace(0, np.pi, 20_000)
    for shift in (0, 1):
        x, y = shifted_gaussians(100, 2, shift, rng)
        best = max(
            slice_costs(x, y, np.column_stack([np.cos(part), np.sin(part)])).max()
            for part in np.array_split(angles, 20)
        )
        reached = slice_costs(x, y, method.max_slice(x, y, 80, 3, rng)[None])[0]
        assert 0.98 * best <= reached <= best * (1 + 1e-6)


def test_one_point_moves_a_cost_by_the_constant_of_the_bound(rng):
    """The hypothesis behind Delta^4 / (4 n), at an extreme: points at both ends of a diameter."""
    n, diameter = 6, 2.0
    x, y = np.zeros((n, 1)), np.zeros((n, 1))
    x[0] = diameter
    assert slice_costs(x, y, np.ones((1, 1)))[0] == pytest.approx(diameter**2 / n)
    for _ in range(200):
        x, y = rng.random((2, n, 1)) * diameter
        other = x.copy()
        other[0] = rng.choice([0, diameter])
        change = slice_costs(x, y, np.ones((1, 1))) - slice_costs(other, y, np.ones((1, 1)))
        assert abs(change[0]) <= diameter**2 / n + 1e-12


def test_complexity_at_the_best_lambda():
    """With L the divergence and log(1/delta), the least over lam, at 2 sqrt(n L) / Delta^2, is Delta^2 sqrt(L / n)."""
    law = SliceLaw(np.eye(5)[0], 1.0)
    total, n, diameter = 0.0959158 + np.log(100), 400, 3.0
    lam = 2 * np.sqrt(n * total) / diameter**2
    assert method.complexity(law, lam, n, diameter, 0.01) == pytest.approx(diameter**2 * np.sqrt(total / n), rel=1e-6)


def test_sampling_bias_of_uniform_samples_has_its_closed_form(rng):
    """Order statistics of n uniform points have variances that sum to n / (6 (n + 1)); two samples have twice that."""
    pairs = rng.random((20_000, 2, 20, 1))
    assert method.sampling_bias(pairs, np.ones((1, 1))) == pytest.approx(1 / (3 * 21), rel=0.02)


def test_value_of_a_shift_under_uniform_slices_is_its_square_over_the_dimension():
    law = SliceLaw(np.eye(5)[1], 1e-4)
    assert method.shifted_value(law, np.array([3.0, 0, 0, 0, 0])) == pytest.approx(9 / 5, rel=1e-3)


def test_correlated_samples_have_the_covariance_that_uniform_roots_give_on_average(rng):
    """E[A A^T] + I has d / 4 off the diagonal and d / 3 + 1 on it; the two samples of a pair share A."""
    d = 3
    pairs = data.correlated(4000, 50, d, rng)
    assert pairs.shape == (4000, 2, 50, d)
    covariances = np.einsum("rsni,rsnj->rsij", pairs, pairs) / 50
    expected = d / 4 + (d / 12 + 1) * np.eye(d)
    np.testing.assert_allclose(covariances.mean(axis=(0, 1)), expected, atol=0.05)
    across = np.corrcoef(*covariances[:, :, 0, 0].T)[0, 1]
    assert across > 0.2  # it would be zero for two roots
