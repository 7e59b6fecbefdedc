"""SPM against true components, dense flattenings, finite differences and the plain tensor power method."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.optimize import approx_fprime, linear_sum_assignment

from papers.sketching_sampling.subspace_power_tensor.data import components, symmetric_noise
from papers.sketching_sampling.subspace_power_tensor.method import (
    LeastSquares,
    deflate,
    direct_optimisation,
    find_component,
    flatten,
    low_rank_tensor,
    objective_and_step,
    power_iterates,
    project_out,
    rank_one_matrices,
    subspace_power_method,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def make(d, rank, order, rng):
    """Unit columns, and weights of both signs."""
    a = components("gaussian", (d, rank), rng)
    a /= np.linalg.norm(a, axis=0)
    weights = rng.uniform(0.5, 2, rank) * rng.choice([-1, 1], rank)
    return a, weights, low_rank_tensor(a, weights, order)


@pytest.mark.parametrize(("order", "indices"), [(3, "ir,jr,kr"), (4, "ir,jr,kr,lr")])
def test_low_rank_tensors_are_sums_of_outer_powers(rng, order, indices):
    a, weights, tensor = make(5, 7, order, rng)
    np.testing.assert_allclose(tensor, np.einsum(f"r,{indices}->{'ijkl'[:order]}", weights, *[a] * order), atol=1e-13)


@pytest.mark.parametrize(("order", "d", "rank"), [(3, 8, 6), (4, 6, 11)])
def test_the_flattening_is_that_of_the_dense_matrix(rng, order, d, rank):
    a, _, tensor = make(d, rank, order, rng)
    left, right, core = flatten(tensor)
    assert left.shape == (d * d, rank)
    np.testing.assert_allclose(left.T @ left, np.eye(rank), atol=1e-12)
    np.testing.assert_allclose(left @ np.linalg.inv(core) @ right.T, tensor.reshape(d * d, -1), atol=1e-12)
    assert subspace_angles(left, rank_one_matrices(a)).max() < 1e-8


def test_components_alone_reach_one(rng):
    a, _, tensor = make(8, 14, 4, rng)
    left = flatten(tensor).left
    np.testing.assert_allclose([objective_and_step(left, x)[0] for x in a.T], 1)
    for x in rng.standard_normal((100, 8)):
        x /= np.linalg.norm(x)
        f, step = objective_and_step(left, x)
        assert f < 1 - 1e-3
        assert f == pytest.approx(np.sum((left.T @ np.outer(x, x).ravel()) ** 2))
    numerical = approx_fprime(x, lambda y: np.sum((left.T @ np.outer(y, y).ravel()) ** 2), 1e-7)
    np.testing.assert_allclose(4 * step, numerical, atol=1e-5)


@pytest.mark.parametrize(("order", "d", "rank"), [(3, 9, 8), (4, 8, 14)])
def test_deflation_removes_one_component(rng, order, d, rank):
    a, weights, tensor = make(d, rank, order, rng)
    flattening = flatten(tensor)
    for removed in range(5):
        weight, flattening = deflate(flattening, a[:, removed])
        assert weight == pytest.approx(weights[removed], rel=1e-8)
        rest = slice(removed + 1, None)
        assert subspace_angles(flattening.left, rank_one_matrices(a[:, rest])).max() < 1e-8
        matrix = low_rank_tensor(a[:, rest], weights[rest], order).reshape(d * d, -1)
        rebuilt = flattening.left @ np.linalg.inv(flattening.core) @ flattening.right.T
        np.testing.assert_allclose(rebuilt, matrix, atol=1e-9)


def test_projecting_out_gives_an_orthonormal_complement(rng):
    direction = rng.standard_normal(6)
    basis = project_out(np.eye(6), direction)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-14)
    np.testing.assert_allclose(direction @ basis, 0, atol=1e-14)


@pytest.mark.parametrize(("order", "d", "rank"), [(3, 12, 12), (4, 8, 16), (4, 10, 30)])
def test_all_components_and_signed_weights_are_found(rng, order, d, rank):
    a, weights, tensor = make(d, rank, order, rng)
    found = subspace_power_method(tensor, rng)
    assert len(found.weights) == rank
    cosines = a.T @ found.vectors
    truth, match = linear_sum_assignment(-np.abs(cosines))
    assert np.abs(cosines[truth, match]).min() > 1 - 1e-10
    signs = np.sign(cosines[truth, match]) ** order
    np.testing.assert_allclose(found.weights[match] * signs, weights[truth], rtol=1e-8)


def test_orthogonal_components_match_the_tensor_power_method(rng):
    q = np.linalg.qr(rng.standard_normal((7, 7)))[0][:, :5]
    weights = np.array([3.0, 2.5, 2.0, 1.5, 1.0])
    tensor = low_rank_tensor(q, weights, 4)
    found = subspace_power_method(tensor, rng)
    residual = tensor.copy()
    for _ in range(5):
        x = rng.standard_normal(7)
        for _ in range(60):
            x = np.einsum("ijkl,j,k,l->i", residual, x, x, x)
            x /= np.linalg.norm(x)
        value = np.einsum("ijkl,i,j,k,l->", residual, x, x, x, x)
        nearest = np.argmax(np.abs(found.vectors.T @ x))
        assert abs(found.vectors[:, nearest] @ x) > 1 - 1e-10
        assert found.weights[nearest] == pytest.approx(value)
        residual -= low_rank_tensor(x[:, None], np.array([value]), 4)


def test_the_shift_is_what_makes_f_rise(rng):
    """In the span of diag(1, -0.9): the plain step from x^2 = (0.42, 0.58) almost annihilates F."""
    left = np.diag([1.0, -0.9]).reshape(4, 1) / np.sqrt(1.81)
    start = np.sqrt([0.42105, 1 - 0.42105])

    def first_two(shift, factor):
        iterates = power_iterates(left, start, shift, factor)
        return next(iterates)[0], next(iterates)[0]

    before, after = first_two("fixed", 0.0)
    assert after < before / 100
    for shift in ("fixed", "adaptive"):
        before, after = first_two(shift, 1.0)
        assert after >= before


def test_iteration_limits_and_retries_are_counted(rng):
    left = np.linalg.qr(np.eye(16)[:, [1, 4, 6, 9]].sum(axis=1, keepdims=True))[0]
    _, f, iterations = find_component(left, 4, rng, max_iterations=7)
    assert f < 0.99
    assert iterations == 21


def test_orders_other_than_three_and_four_are_refused():
    with pytest.raises(ValueError, match="order 3 or 4"):
        flatten(np.eye(3))


def test_noise_is_symmetric_and_normalised(rng):
    noise = symmetric_noise(4, rng)
    assert np.linalg.norm(noise) == pytest.approx(1)
    for order in ((1, 0, 2, 3), (0, 3, 2, 1), (2, 3, 0, 1)):
        np.testing.assert_allclose(noise, noise.transpose(order))


def test_least_squares_cost_and_gradient(rng):
    _, _, tensor = make(4, 5, 4, rng)
    cost = LeastSquares(tensor)
    a = rng.standard_normal((4, 3))
    value, gradient = cost(a.ravel())
    assert value == pytest.approx(np.linalg.norm(tensor - low_rank_tensor(a, np.ones(3), 4)) ** 2)
    np.testing.assert_allclose(gradient, approx_fprime(a.ravel(), lambda x: cost(x)[0], 1e-7), rtol=1e-3, atol=1e-3)


def test_direct_optimisation_reports_its_error_truthfully(rng):
    a = components("gaussian", (6, 8), rng)
    tensor = low_rank_tensor(a, np.ones(8), 4)
    found, success = direct_optimisation(tensor, 8, rng, 1e-6)
    error = np.linalg.norm(tensor - low_rank_tensor(found, np.ones(8), 4)) / np.linalg.norm(tensor)
    assert success
    assert error < 1.1e-6
    assert not direct_optimisation(tensor, 4, rng, 1e-6)[1]
