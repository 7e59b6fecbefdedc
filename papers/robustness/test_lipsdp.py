"""LipSDP against closed forms, sampled slopes and a dense eigenvalue test."""

from itertools import pairwise

import numpy as np
import pytest

from papers.robustness.lipsdp import certificate_matrix, lipsdp, slope_form, verified_bound


def random_weights(sizes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n_out, n_in)) / np.sqrt(n_in) for n_in, n_out in pairwise(sizes)]


def largest_jacobian_norm(weights, n_samples, seed=1):
    """Largest spectral norm of the Jacobian of the bias-free ReLU network over random inputs."""
    rng = np.random.default_rng(seed)
    largest = 0.0
    for x in rng.standard_normal((n_samples, weights[0].shape[1])):
        jacobian = np.eye(len(x))
        for weight in weights[:-1]:
            v = weight @ x
            jacobian = (v > 0)[:, None] * (weight @ jacobian)
            x = np.maximum(v, 0)
        largest = max(largest, np.linalg.norm(weights[-1] @ jacobian, 2))
    return largest


def test_slope_form_is_nonnegative_on_slope_restricted_pairs():
    rng = np.random.default_rng(0)
    multipliers = rng.exponential(size=5)
    before, after = rng.standard_normal((2, 1000, 5))
    for phi in (lambda v: np.maximum(v, 0), np.tanh, lambda v: v):
        pairs = np.hstack([before - after, phi(before) - phi(after)])
        assert np.einsum("ni,ij,nj->n", pairs, slope_form(multipliers), pairs).min() >= -1e-12
    steep = np.hstack([before - after, 1.5 * (before - after)])
    assert np.einsum("ni,ij,nj->n", steep, slope_form(multipliers), steep).max() < 0


@pytest.mark.parametrize(("first", "last"), [(2.0, -1.5), (0.3, 0.1)])
def test_one_neuron(first, last):
    bound = lipsdp([np.array([[first]]), np.array([[last]])]).bound
    assert bound == pytest.approx(abs(first * last), rel=1e-5)


def test_two_opposed_neurons():
    # 2 relu(x) and -relu(-x) never act at once; with slopes anywhere in [0, 1] both can, so the bound is 2 + 1.
    assert lipsdp([np.array([[1.0], [-1.0]]), np.array([[2.0, -1.0]])]).bound == pytest.approx(3.0, rel=1e-5)
    # The difference x = relu(x) - relu(-x) has slopes in [0, 2] by the same count.
    assert lipsdp([np.array([[1.0], [-1.0]]), np.array([[1.0, -1.0]])]).bound == pytest.approx(2.0, rel=1e-5)
    # Of equal signs the slopes subtract: |x| moves by at most 1.
    assert lipsdp([np.array([[1.0], [-1.0]]), np.array([[1.0, 1.0]])]).bound == pytest.approx(1.0, rel=1e-5)


def test_an_orthogonal_network_has_bound_one():
    rng = np.random.default_rng(2)
    weights = [np.linalg.qr(rng.standard_normal((5, 5)))[0] for _ in range(3)]
    assert lipsdp(weights).bound == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("sizes", [(3, 8, 2), (4, 6, 6, 3), (2, 5, 5, 5, 1)])
def test_bound_lies_between_sampled_slopes_and_the_product_of_norms(sizes):
    weights = random_weights(sizes)
    bound, multipliers = lipsdp(weights)
    assert largest_jacobian_norm(weights, 3000) <= bound
    assert bound <= np.prod([np.linalg.norm(weight, 2) for weight in weights]) * (1 + 1e-6)
    forms = [slope_form(values) for values in multipliers]
    assert np.linalg.eigvalsh(certificate_matrix(weights, bound**2, forms))[-1] <= 1e-6
    assert np.linalg.eigvalsh(certificate_matrix(weights, 0.98 * bound**2, forms))[-1] > 1e-4


def test_matrix_is_the_quadratic_form_of_the_docstring():
    sizes = (3, 4, 5, 2)
    weights, rng = random_weights(sizes), np.random.default_rng(3)
    forms = [slope_form(rng.exponential(size=size)) for size in sizes[1:-1]]
    dx, *dw = (rng.standard_normal(size) for size in sizes[:-1])
    value = np.sum((weights[-1] @ dw[-1]) ** 2) - 1.7 * dx @ dx
    for weight, form, before, after in zip(weights[:-1], forms, [dx, *dw[:-1]], dw, strict=True):
        pair = np.concatenate([weight @ before, after])
        value += pair @ form @ pair
    z = np.concatenate([dx, *dw])
    assert z @ certificate_matrix(weights, 1.7, forms) @ z == pytest.approx(value)


def test_an_infeasible_answer_is_inflated():
    weights = random_weights((3, 8, 2))
    bound, multipliers = lipsdp(weights)
    forms = [slope_form(values) for values in multipliers]
    assert verified_bound(weights, (0.9 * bound) ** 2, forms) > bound
    assert verified_bound(weights, (1.1 * bound) ** 2, forms) == pytest.approx(1.1 * bound)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="do not chain"):
        certificate_matrix([np.ones((2, 3)), np.ones((1, 4))], 1.0, [np.eye(4)])
    with pytest.raises(ValueError, match="need as many forms"):
        certificate_matrix([np.ones((2, 3)), np.ones((1, 2))], 1.0, [])
