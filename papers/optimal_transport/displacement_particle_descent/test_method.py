"""Energy and gradients against sums, integrals and differences; iterates against modes; the loss on a circle."""

import numpy as np
import pytest

from papers.optimal_transport.displacement_particle_descent import method

TARGETS = {
    "uniform": (method.uniform_target(), (np.arange(4000) + 0.5) / 4000),
    "atoms": (method.atomic_target(np.array([0.9, 0.1, 0.3, 0.35])), np.array([0.9, 0.1, 0.3, 0.35])),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def differences(function, x, size=1e-6):
    """Central differences of a scalar function at each entry of x."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = size
        gradient[index] = (function(x + step) - function(x - step)) / (2 * size)
    return gradient


@pytest.mark.parametrize("target", TARGETS)
def test_energy_equals_the_double_sums_and_the_integral(target, rng):
    law, atoms = TARGETS[target]
    x = 0.5 + 0.6 * rng.standard_normal(9)

    def mean_distance(first, second):
        return np.abs(first[:, None] - second).mean()

    sums = mean_distance(x, atoms) - 0.5 * mean_distance(x, x) - 0.5 * mean_distance(atoms, atoms)
    grid = np.linspace(-4, 5, 200_001)
    cdfs = [np.searchsorted(np.sort(points), grid, "right") / points.size for points in (x, atoms)]
    assert method.energy(x, law) == pytest.approx(sums, abs=1e-6)
    assert method.energy(x, law) == pytest.approx(((cdfs[0] - cdfs[1]) ** 2).mean() * 9, abs=2e-4)


@pytest.mark.parametrize("target", TARGETS)
def test_rank_gradient_is_n_times_the_partial_derivative(target, rng):
    law, _ = TARGETS[target]
    x = 0.5 + 0.6 * rng.standard_normal(9)
    expected = 9 * differences(lambda y: method.energy(y, law), x)
    np.testing.assert_allclose(method.energy_gradient(x, law), expected, atol=1e-5)


@pytest.mark.parametrize("log_cosh", [False, True])
def test_smooth_value_and_gradient_agree_with_pairs_and_differences(log_cosh, rng):
    functional = method.SmoothFunctional(np.array([1.0, 3.0]), 0.7, log_cosh)
    x = 2 * rng.standard_normal((6, 2))
    pairs = x[:, None] - x
    value = 0.5 * (x**2 @ [1, 3]).mean() + 0.7 / 4 * (pairs**2).sum(-1).mean()
    if log_cosh:
        value += np.log(np.cosh(x)).sum(-1).mean() + 0.5 * np.log(np.cosh(pairs)).sum(-1).mean()
    assert functional.value(x) == pytest.approx(value)
    np.testing.assert_allclose(functional.gradient(x), 6 * differences(functional.value, x), atol=1e-6)


def test_smoothness_and_convexity_bound_the_curvature_of_the_particles(rng):
    functional = method.SmoothFunctional(np.array([1.0, 3.0]), 0.7, log_cosh=True)
    for scale in (1e-3, 1.0, 5.0):
        x = scale * rng.standard_normal((4, 2))
        hessian = differences_of_gradient(functional.gradient, x)
        eigenvalues = np.linalg.eigvalsh(0.5 * (hessian + hessian.T))
        assert eigenvalues.min() >= functional.convexity - 1e-6
        assert eigenvalues.max() <= functional.smoothness + 1e-6


def differences_of_gradient(gradient, x, size=1e-5):
    steps = size * np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(gradient(x + step) - gradient(x - step)).ravel() / (2 * size) for step in steps])


def test_iterates_contract_by_mode(rng):
    curvatures, step, n_steps = np.array([1.0, 2.0, 4.0]), 0.2, 7
    functional = method.SmoothFunctional(curvatures, 1.0)
    x = 2 + rng.standard_normal((6, 3))
    final = method.last(method.descend(x, functional.gradient, np.full(n_steps, step)))
    mean = x.mean(axis=0)
    expected = (1 - step * curvatures) ** n_steps * mean + (1 - step * (curvatures + 1)) ** n_steps * (x - mean)
    np.testing.assert_allclose(final, expected, atol=1e-12)


def test_log_cosh_is_exact_for_small_and_large_arguments():
    x = np.array([-800.0, -0.5, 1e-9, 3.0])
    expected = [800 - np.log(2), np.log(np.cosh(0.5)), 0.5e-18, np.log(np.cosh(3))]
    np.testing.assert_allclose(method.log_cosh(x), expected, rtol=1e-10)


@pytest.mark.parametrize("n", [2, 5, 16])
def test_descent_finds_the_least_energy_of_n_particles(n, rng):
    law = method.uniform_target()
    start = 0.5 + 0.6 * rng.standard_normal(n)
    final = method.last(method.descend(start, lambda x: method.energy_gradient(x, law), np.full(800, 0.25)))
    np.testing.assert_allclose(np.sort(final), (2 * np.arange(n) + 1) / (2 * n), atol=1e-9)
    assert method.energy(final, law) == pytest.approx(1 / (12 * n**2))


def test_descent_reaches_the_quantiles_of_two_bumps(rng):
    bumps = np.clip(rng.choice([0.25, 0.75], 4000) + 0.06 * rng.standard_normal(4000), 0, 1)
    law = method.atomic_target(bumps)
    steps = method.constant_then_decreasing(0.1, 3000)
    final = method.last(method.descend(0.5 * rng.random(16), lambda x: method.energy_gradient(x, law), steps))
    quantiles = law.quantile((2 * np.arange(16) + 1) / 32)
    assert method.energy(final, law) == pytest.approx(method.energy(quantiles, law), rel=0.02)


def test_monotone_pairing_is_the_cheapest_and_its_path_is_convex(rng):
    law = method.uniform_target()
    x, y = rng.standard_normal((2, 50, 10))
    ends = 0.5 * (method.energy(x, law) + method.energy(y, law))
    assert (method.energy(method.displacement(x, y, 0.5), law) <= ends).all()
    moved = np.abs(method.displacement(x, y, 1.0) - method.displacement(x, y, 0.0)).sum(axis=1)
    assert (moved <= np.abs(x - y).sum(axis=1) + 1e-12).all()


def test_network_loss_is_the_energy(rng):
    law, atoms = TARGETS["uniform"]
    inputs = 2 * np.pi * (np.arange(8000) + 0.5) / 8000
    neurons = rng.random(12)
    loss = ((method.outputs(neurons, inputs) - method.outputs(atoms, inputs)) ** 2).mean()
    assert loss == pytest.approx(method.energy(neurons, law), rel=5e-3)


def test_fitted_weights_are_least_squares_on_the_circle(rng):
    law, atoms = TARGETS["uniform"]
    inputs = 2 * np.pi * (np.arange(8000) + 0.5) / 8000
    neurons = (np.arange(6) + 0.8 * rng.random(6)) / 6
    hidden = np.column_stack([method.outputs(neurons[[j]], inputs) for j in range(6)])
    expected = np.linalg.lstsq(hidden, method.outputs(atoms, inputs), rcond=None)[0]
    np.testing.assert_allclose(method.fit_weights(neurons, law), expected, atol=0.01)


def test_step_schedules():
    np.testing.assert_allclose(method.decreasing(2.0, 4), [2, np.sqrt(2), 2 / np.sqrt(3), 1])
    np.testing.assert_allclose(method.constant_then_decreasing(1.0, 5), [1, 1, 1, 1 / np.sqrt(2), 1 / np.sqrt(3)])
