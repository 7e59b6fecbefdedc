"""Costs of slices against POT, the exact value for Gaussians, and differences for the gradient."""

import numpy as np
import ot
import pytest

from papers.optimal_transport import sliced_wasserstein as sliced


@pytest.fixture
def samples(rng):
    return rng.standard_normal((30, 4)), rng.exponential(size=(30, 4))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_cost_on_the_line_equals_the_general_solver(rng, p):
    x, y = rng.standard_normal((2, 5, 40))
    expected = [ot.emd2([], [], np.abs(a[:, None] - b) ** p) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(sliced.wasserstein_1d(x, y, p), expected, rtol=1e-9)


def test_squared_cost_equals_the_solver_of_the_line(rng):
    x, y = rng.standard_normal((2, 40))
    assert sliced.wasserstein_1d(x, y) == pytest.approx(ot.emd2_1d(x, y))


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="equal size"):
        sliced.wasserstein_1d(np.zeros(3), np.zeros(4))


def test_mean_cost_equals_pot(rng, samples):
    directions = sliced.uniform_directions(50, 4, rng)
    expected = ot.sliced_wasserstein_distance(*samples, projections=directions.T) ** 2
    assert sliced.slice_costs(*samples, directions).mean() == pytest.approx(expected)


def test_batches_are_handled_one_by_one(rng):
    x, y = rng.standard_normal((2, 3, 20, 4))
    directions = sliced.uniform_directions(5, 4, rng)
    expected = [sliced.slice_costs(a, b, directions) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(sliced.slice_costs(x, y, directions), expected)


def test_directions_are_uniform(rng):
    directions = sliced.uniform_directions(100_000, 4, rng)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(directions.T @ directions / len(directions), np.eye(4) / 4, atol=0.005)


def test_shift_between_gaussians_costs_its_square_over_the_dimension(rng):
    x, y = rng.standard_normal((2, 4000, 5))
    y[:, 0] += 2
    value = sliced.slice_costs(x, y, sliced.uniform_directions(1000, 5, rng)).mean()
    assert value == pytest.approx(4 / 5, rel=0.1)


def test_gradient_equals_differences(rng, samples):
    directions = sliced.uniform_directions(3, 4, rng)
    costs, gradients = sliced.slice_costs_and_gradients(*samples, directions)
    np.testing.assert_allclose(costs, sliced.slice_costs(*samples, directions))
    for axis in range(4):
        step = 1e-6 * np.eye(4)[axis]
        change = sliced.slice_costs(*samples, directions + step) - sliced.slice_costs(*samples, directions - step)
        np.testing.assert_allclose(gradients[:, axis], change / 2e-6, rtol=1e-5, atol=1e-8)
