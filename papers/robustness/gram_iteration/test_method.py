"""Gram iteration against Schatten norms and autograd; convolutions against their whole matrix and PyTorch."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d, pad

from papers.robustness.gram_iteration import convolution, data, experiment, method, network

RNG = np.random.default_rng(0)
REAL = RNG.standard_normal((3, 9, 6))
COMPLEX = RNG.standard_normal((2, 5, 8)) + 1j * RNG.standard_normal((2, 5, 8))


def convolution_matrix(kernel, side):
    """The whole operator, column by column, by PyTorch's convolution on images that wrap around."""
    n_in = kernel.shape[1] * side**2
    images = torch.eye(n_in, dtype=torch.float64).reshape(n_in, kernel.shape[1], side, side)
    padded = pad(images, [kernel.shape[-1] // 2] * 4, mode="circular")
    return conv2d(padded, torch.from_numpy(kernel)).reshape(n_in, -1).T.numpy()


def traced_gram_bound(matrix, n_iterations):
    """The bound written for autograd, without any care for overflow."""
    gram = matrix
    for _ in range(n_iterations):
        gram = gram.mH @ gram
    return torch.linalg.matrix_norm(gram) ** (0.5**n_iterations)


# --- Matrices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [REAL, REAL.swapaxes(1, 2), COMPLEX, 1e80 * REAL, 1e-80 * REAL])
def test_iterates_are_schatten_norms(blocks):
    singular_values = np.linalg.svd(blocks, compute_uv=False)
    top = singular_values[:, :1]
    for t, bounds in enumerate(method.gram_iterates(blocks, 8)):
        order = 2 ** (t + 1)
        expected = top[:, 0] * ((singular_values / top) ** order).sum(axis=1) ** (1 / order)
        np.testing.assert_allclose(bounds, expected, rtol=1e-12)


def test_iterates_fall_to_the_norm_from_above():
    bounds = method.gram_iterates(REAL, 20)
    norms = np.linalg.norm(REAL, 2, axis=(1, 2))
    assert (np.diff(bounds, axis=0) <= 1e-12).all()
    assert (bounds >= norms * (1 - 1e-12)).all()
    np.testing.assert_allclose(bounds[-1], norms, rtol=1e-12)


def test_zero_blocks_have_bound_zero():
    np.testing.assert_array_equal(method.gram_iterates(np.zeros((2, 3, 3)), 4), 0)


def test_without_scaling_the_iteration_overflows():
    large = 100 * REAL
    np.testing.assert_allclose(method.gram_iterates(large, 3, "none"), method.gram_iterates(large, 3), rtol=1e-12)
    assert not np.isfinite(method.gram_iterates(large, 9, "none")[-1]).any()


def test_unknown_scaling_is_refused():
    with pytest.raises(ValueError, match="scaling must be one of"):
        method.gram_iterates(REAL, 2, "halved")


def test_power_iterates_rise_to_the_norm_of_the_largest_block():
    estimates = method.power_iterates(COMPLEX, RNG.standard_normal((2, 8, 3)), 400)
    assert (np.diff(estimates, axis=0) >= -1e-12).all()
    np.testing.assert_allclose(estimates[-1], np.linalg.norm(COMPLEX, 2, axis=(1, 2)).max(), rtol=1e-9)


@pytest.mark.parametrize("n_iterations", [0, 1, 2, 5])
@pytest.mark.parametrize("matrix", [REAL[0], REAL[0].T, COMPLEX[0]])
def test_gradient_equals_autograd(matrix, n_iterations):
    traced = torch.from_numpy(matrix.copy()).requires_grad_()
    traced_gram_bound(traced, n_iterations).backward()
    gradient = method.gram_gradient(matrix, n_iterations)
    np.testing.assert_allclose(gradient, traced.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_gradient_tends_to_singular_vectors():
    left, _, right = np.linalg.svd(REAL[1])
    gradient = method.gram_gradient(REAL[1], 10)
    cosine = np.vdot(gradient, np.outer(left[:, 0], right[0])) / np.linalg.norm(gradient)
    assert cosine > 0.999


def test_iterations_to_counts_and_may_be_infinite():
    errors = np.array([[1.0, 1.0], [-0.1, 0.5], [0.01, 0.2]])
    np.testing.assert_array_equal(method.iterations_to(errors, 0.1), [1, np.inf])
    assert method.iterations_to(np.array([np.nan, np.nan]), 0.1) == np.inf


def test_matrix_with_ratio_has_the_ratio():
    values = np.linalg.svd(data.matrix_with_ratio(20, 0.99, np.random.default_rng(1)), compute_uv=False)
    assert values[0] == pytest.approx(1)
    assert values[1] == pytest.approx(0.99)


def test_order_of_a_quadratic_sequence_is_two():
    errors = 0.02**2.0 ** np.arange(5)
    np.testing.assert_allclose(experiment.orders_of_convergence(errors), 2)


# --- Convolutions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "side"), [((2, 3, 3, 3), 6), ((3, 2, 5, 5), 7)])
def test_fourier_blocks_hold_the_singular_values_of_the_whole_matrix(shape, side):
    kernel = RNG.standard_normal(shape)
    norm = np.linalg.norm(convolution_matrix(kernel, side), 2)
    assert convolution.convolution_norm(kernel, side) == pytest.approx(norm, rel=1e-12)


@pytest.mark.parametrize("n_iterations", [0, 3, 12])
@pytest.mark.parametrize("side", [6, 7])
def test_gradient_of_the_convolution_bound(n_iterations, side):
    kernel, step = RNG.standard_normal((2, 3, 3, 3)), 1e-6 * RNG.standard_normal((2, 3, 3, 3))
    bound, gradient = convolution.gram_bound(kernel, side, n_iterations)
    assert bound >= convolution.convolution_norm(kernel, side) * (1 - 1e-12)
    change = (convolution.gram_bound(kernel + step, side, n_iterations)[0]
              - convolution.gram_bound(kernel - step, side, n_iterations)[0])  # fmt: skip
    assert change == pytest.approx(2 * np.vdot(gradient, step), rel=1e-5)


def test_reshape_bound_against_the_norm_and_its_differences():
    kernel, step = RNG.standard_normal((3, 4, 3, 3)), 1e-6 * RNG.standard_normal((3, 4, 3, 3))
    bound, gradient = convolution.reshape_bound(kernel)
    assert bound >= convolution.convolution_norm(kernel, 12)
    change = convolution.reshape_bound(kernel + step)[0] - convolution.reshape_bound(kernel - step)[0]
    assert change == pytest.approx(2 * np.vdot(gradient, step), rel=1e-5)


@pytest.mark.parametrize(
    ("axes", "rows"), [((0, 2, 1, 3), 24), ((0, 3, 1, 2), 24), ((0, 1, 2, 3), 8), ((1, 0, 2, 3), 8)]
)
def test_reshape_bound_takes_the_least_of_four_matrices(axes, rows):
    """Orthonormal rows in one reshaping, where the norm is then one, and larger in the others."""
    rng = np.random.default_rng(5)
    matrix = np.linalg.qr(rng.standard_normal((576 // rows, rows)))[0].T
    kernel = matrix.reshape(np.array([8, 8, 3, 3])[list(axes)]).transpose(np.argsort(axes))
    least = min(
        np.linalg.norm(kernel.transpose(0, 2, 1, 3).reshape(24, 24), 2),
        np.linalg.norm(kernel.transpose(0, 3, 1, 2).reshape(24, 24), 2),
        np.linalg.norm(kernel.reshape(8, 72), 2),
        np.linalg.norm(kernel.swapaxes(0, 1).reshape(8, 72), 2),
    )
    assert least == pytest.approx(1)
    assert convolution.reshape_bound(np.ascontiguousarray(kernel))[0] == pytest.approx(3 * least)


def test_sampled_frobenius_bound_is_one_norm_of_a_single_channel():
    """One positive channel: the response is largest at frequency zero, where it is the sum of the taps."""
    kernel = RNG.uniform(size=(1, 1, 3, 3))
    assert convolution.sampled_frobenius_bound(kernel, 50) == pytest.approx(kernel.sum() / (1 - 2 / 50))


@pytest.mark.parametrize("width", [1, 3, 5])
def test_coarse_grid_bounds_every_larger_side(width):
    kernels = [RNG.standard_normal((2, 3, width, width)), convolution.interpolating_kernel(width)]
    for kernel in kernels:
        largest = max(convolution.convolution_norm(kernel, side) for side in range(width, 40))
        for coarse in range(width, 20):
            bound = convolution.grid_factor(width, coarse) * convolution.convolution_norm(kernel, coarse)
            assert bound >= largest * (1 - 1e-12)


def test_grid_factor_needs_enough_points():
    assert convolution.grid_factor(3, 4) == pytest.approx(2)
    with pytest.raises(ValueError, match="needs more than 4 points"):
        convolution.grid_factor(5, 4)
    with pytest.raises(ValueError, match="does not fit"):
        convolution.fourier_blocks(np.zeros((1, 1, 5, 5)), 4)


def test_interpolating_kernel_hides_its_maximum():
    kernel = convolution.interpolating_kernel(3)
    np.testing.assert_allclose(kernel[0, 0, 0], np.array([4, -2, 4]) / 9, atol=1e-12)
    assert convolution.convolution_norm(kernel, 3) == pytest.approx(1)
    assert convolution.convolution_norm(kernel, 64) == pytest.approx(25 / 9)
    assert convolution.convolution_norm(convolution.interpolating_kernel(7), 7) == pytest.approx(1)


# --- Network ----------------------------------------------------------------------------------------------------------


def test_penalty_enters_the_gradient_above_the_threshold_only():
    """No images' gradient on a kernel: with the head at zero only the penalty moves it, and only while above 1."""

    def trained(scale):
        net = network.initial_network([1, 4], 3, 8, np.random.default_rng(2))
        with torch.no_grad():
            net.head.zero_()
            net.kernels[0] *= scale / convolution.convolution_norm(net.kernels[0].numpy(), 8)
        images, labels = torch.zeros(4, 1, 8, 8, dtype=torch.float64), torch.arange(4)
        bound = lambda kernel: convolution.gram_bound(kernel, 8, 8)  # noqa: E731
        network.train(net, images, labels, 1, np.random.default_rng(3), bound, 0.1)
        return convolution.convolution_norm(net.kernel_arrays()[0], 8)

    assert trained(0.9) == pytest.approx(0.9, abs=1e-12)
    assert trained(2.0) < 2.0


def test_network_is_the_convolution_that_is_bounded():
    """The Lipschitz product bounds how far the logits of two images can be apart."""
    rng = np.random.default_rng(4)
    net = network.initial_network([1, 3, 4], 3, 6, rng)
    images = torch.from_numpy(rng.standard_normal((40, 1, 6, 6)))
    nearby = images + 1e-3 * torch.from_numpy(rng.standard_normal((40, 1, 6, 6)))
    norms = [convolution.convolution_norm(kernel, 6) for kernel in net.kernel_arrays()]
    bound = np.prod(norms) * np.linalg.norm(net.head.detach().numpy(), 2)
    with torch.no_grad():
        ratio = (net.logits(images) - net.logits(nearby)).norm(dim=1) / (images - nearby).flatten(1).norm(dim=1)
    assert 0 < ratio.max() <= bound
