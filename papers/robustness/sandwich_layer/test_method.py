"""Sandwich networks against plain networks, LipSDP, closed forms and finite differences."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from papers.robustness.lipschitz_layers import KINDS, SandwichLayers, cayley, lipschitz_network, sandwich_network
from papers.robustness.lipsdp import certificate_matrix, lipsdp, slope_form
from papers.robustness.sandwich_layer.data import square_wave
from papers.robustness.sandwich_layer.method import (
    ActivationOutside,
    UntransposedSandwich,
    best_lipschitz_fit,
    biases,
    built_in_multipliers,
    certified_radii,
    explicit_weights,
    inverse_cayley,
    local_lipschitz_constants,
    matched_width,
    relu_network,
    sandwich_from_certificate,
    slopes,
    square_wave_ramp,
    widened,
)

SIZES = (2, 5, 5, 4, 3)


@pytest.fixture
def network():
    """Two copies, gamma 0.7 and 6, with all parameters moved away from their first values."""
    return moved(sandwich_network(SIZES, torch.tensor([0.7, 6.0]), torch.Generator().manual_seed(0)))


def moved(made):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.6 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return made


def set_factors(layer, a, b):
    """Give the only layer of a run these factors."""
    a, b = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    layer.cayley.direction.data[0, 0] = inverse_cayley(torch.cat([a.mT, b.mT]))
    layer.cayley.norm.data[0, 0] = layer.cayley.direction.data[0, 0].norm()


def copy_of(tensors, copy):
    return [tensor[copy].detach().numpy() for tensor in tensors]


def test_factors_satisfy_their_constraint(network):
    for layers in network.layers[:-1]:
        a, b = layers.factors()
        gram = a @ a.mT + b @ b.mT
        torch.testing.assert_close(gram, torch.eye(gram.shape[-1]).double().expand_as(gram), rtol=0, atol=1e-12)


def test_explicit_weights_are_equation_8(network):
    gamma = network.gamma.numpy()
    layers = []
    for run in network.layers[:-1]:
        layers += zip(*(parts.unbind(1) for parts in (*run.factors(), run.log_psi.exp())), strict=True)
    for copy in range(2):
        a, b, psi = (copy_of(parts, copy) for parts in zip(*layers, strict=True))
        psi = [np.diag(values[:, 0]) for values in psi]
        expected = [np.sqrt(2 * gamma[copy]) * np.linalg.inv(psi[0]) @ b[0]]
        expected += [2 * np.linalg.inv(psi[k]) @ b[k] @ a[k - 1].T @ psi[k - 1] for k in (1, 2)]
        expected.append(np.sqrt(2 * gamma[copy]) * network.layers[-1].weight()[copy].detach().numpy() @ a[2].T @ psi[2])
        for weight, other in zip(copy_of(explicit_weights(network), copy), expected, strict=True):
            np.testing.assert_allclose(weight, other, atol=1e-12)


def test_plain_network_of_the_explicit_weights_is_the_same_function(network):
    x = np.random.default_rng(0).standard_normal((50, 2))
    outputs = network(torch.from_numpy(x)).detach().numpy()
    for copy in range(2):
        plain = relu_network(copy_of(explicit_weights(network), copy), copy_of(biases(network), copy), x)
        np.testing.assert_allclose(plain, outputs[copy], atol=1e-12)


def test_built_in_multipliers_are_a_certificate(network):
    for copy, gamma in enumerate(network.gamma.tolist()):
        weights = copy_of(explicit_weights(network), copy)
        forms = [slope_form(values) for values in copy_of(built_in_multipliers(network), copy)]
        assert np.linalg.eigvalsh(certificate_matrix(weights, gamma**2, forms))[-1] <= 1e-12 * gamma**2


def test_certificate_is_sharp_for_one_neuron_that_uses_the_whole_bound():
    single = sandwich_network((1, 1, 1), torch.tensor([3.0]), torch.Generator().manual_seed(0))
    set_factors(single.layers[0], [[0.5**0.5]], [[0.5**0.5]])
    set_factors(single.layers[1], [[0.0]], [[1.0]])
    weights = copy_of(explicit_weights(single), 0)
    assert weights[0].item() * weights[1].item() == pytest.approx(3.0)
    forms = [slope_form(values) for values in copy_of(built_in_multipliers(single), 0)]
    assert np.linalg.eigvalsh(certificate_matrix(weights, 9.0, forms))[-1] == pytest.approx(0, abs=1e-12)
    assert np.linalg.eigvalsh(certificate_matrix(weights, 8.9, forms))[-1] > 1e-3


def test_lipsdp_confirms_the_bound_of_the_explicit_weights(network):
    for copy, gamma in enumerate(network.gamma.tolist()):
        assert lipsdp(copy_of(explicit_weights(network), copy)).bound <= gamma * (1 + 1e-6)


def test_homogeneity(network):
    for part in network.layers:
        part.bias.data.zero_()
    x = torch.randn(8, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    once = network(x)
    network.gamma.mul_(2)
    torch.testing.assert_close(network(x), 2 * once)


@pytest.mark.parametrize(("rows", "columns"), [(7, 3), (4, 4), (5, 1)])
def test_inverse_cayley(rows, columns):
    free = torch.randn(rows, columns, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = inverse_cayley(cayley(free))
    torch.testing.assert_close(cayley(found), cayley(free))
    x, y = free[:columns], free[columns:]
    torch.testing.assert_close(found[columns:], y)
    torch.testing.assert_close(found[:columns] - found[:columns].mT, x - x.mT)


@pytest.mark.parametrize("sizes", [(3, 8, 8, 2), (1, 4, 1)])
def test_a_certified_network_comes_back_from_sandwich_parameters(sizes):
    rng = np.random.default_rng(4)
    weights = [rng.standard_normal((n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    offsets = [rng.standard_normal(n_out) for n_out in sizes[1:]]
    bound, multipliers = lipsdp(weights)
    rebuilt = sandwich_from_certificate(weights, offsets, multipliers, 1.01 * bound)
    for found, weight in zip(explicit_weights(rebuilt), weights, strict=True):
        np.testing.assert_allclose(found[0].detach().numpy(), weight, atol=1e-10)
    x = rng.standard_normal((20, sizes[0]))
    np.testing.assert_allclose(
        rebuilt(torch.from_numpy(x))[0].detach().numpy(), relu_network(weights, offsets, x), atol=1e-10
    )
    with pytest.raises(torch.linalg.LinAlgError):
        sandwich_from_certificate(weights, offsets, multipliers, 0.9 * bound)


def test_transpose_decides_whether_the_bound_holds():
    a, b = [[0.0, 0.0], [1.0, 0.0]], [[1.0], [0.0]]  # A A' + B B' = I, A'B = 0 but A B = (0, 1)'
    h = torch.tensor([[[1.0], [2.0]]], dtype=torch.float64)
    for layer_type, gain in ((SandwichLayers, 0.0), (UntransposedSandwich, 2.0)):
        layer = layer_type(1, 1, 1, 2, torch.Generator())
        set_factors(layer, a, b)
        layer.bias.data.fill_(5.0)  # every activation is on
        torch.testing.assert_close(layer(h).diff(dim=1).norm().item(), gain)


def test_activation_outside_is_a_chain_of_contractions():
    outside = moved(sandwich_network((2, 3, 3, 1), torch.ones(1), torch.Generator().manual_seed(0), ActivationOutside))
    x = torch.randn(1, 9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    h = x
    for layers in outside.layers[:-1]:
        for a, b, bias in zip(*(m.unbind(1) for m in layers.factors()), layers.bias.unbind(1), strict=True):
            assert torch.linalg.matrix_norm(2 * a.mT @ b, ord=2) <= 1 + 1e-12
            h = torch.relu(h @ (2 * a.mT @ b).mT + bias)
    torch.testing.assert_close(outside.layers[-1](h), outside(x))


@pytest.mark.parametrize("kind", KINDS[1:])
def test_matched_width_is_the_least_that_suffices(kind):
    sizes = (2, 9, 9, 9, 4)

    def n_parameters(kind, sizes):
        return lipschitz_network(kind, sizes, torch.ones(1), torch.Generator()).n_parameters

    width = matched_width(kind, sizes)
    assert n_parameters(kind, widened(sizes, width - 1)) < n_parameters("sandwich", sizes)
    assert n_parameters(kind, widened(sizes, width)) >= n_parameters("sandwich", sizes)


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_best_fit_approaches_the_closed_form(gamma):
    # Each of three unit jumps costs 1 / (12 gamma) of squared error on an interval of length 4.
    x = np.linspace(-2, 2, 801)[1:] - 0.0025
    y = square_wave(x)
    fit = best_lipschitz_fit(x, y, gamma)
    assert np.mean((fit - y) ** 2) == pytest.approx(1 / (16 * gamma), rel=0.02)
    near = np.abs(x) < 0.4
    np.testing.assert_allclose(fit[near], square_wave_ramp(x[near], gamma), atol=0.01)
    assert np.max(np.abs(np.diff(fit) / np.diff(x))) <= gamma * (1 + 1e-5)


def test_best_fit_of_shuffled_points_is_shuffled():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, 30)
    order = rng.permutation(30)
    fit = best_lipschitz_fit(x, square_wave(x), 2.0)
    np.testing.assert_allclose(best_lipschitz_fit(x[order], square_wave(x[order]), 2.0), fit[order], atol=1e-6)


def test_no_mixture_with_another_feasible_function_fits_better():
    rng = np.random.default_rng(6)
    x = rng.uniform(-2, 2, 30)
    y = square_wave(x)
    fit = best_lipschitz_fit(x, y, 2.0)
    for _ in range(10):
        other = best_lipschitz_fit(x, rng.standard_normal(30), 2.0)
        assert np.sum((0.9 * fit + 0.1 * other - y) ** 2) > np.sum((fit - y) ** 2)


def test_local_constants_and_slopes_agree_with_finite_differences(network):
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    steps = 1e-6 * torch.eye(2, dtype=torch.float64)
    columns = [(network(x + step) - network(x - step)) / 2e-6 for step in steps]
    expected = torch.linalg.matrix_norm(torch.stack(columns, dim=-1), ord=2)
    torch.testing.assert_close(local_lipschitz_constants(network, x), expected, rtol=1e-6, atol=1e-8)
    scalar = moved(sandwich_network((1, 4, 1), torch.tensor([3.0]), torch.Generator().manual_seed(0)))
    middles = torch.linspace(-1, 1, 201, dtype=torch.float64)
    middles = (middles[1:] + middles[:-1])[:, None] / 2
    local = local_lipschitz_constants(scalar, middles)
    assert (slopes(scalar, -1.0, 1.0, 201) - local).abs().median() < 1e-9


def test_certified_radius_by_hand_and_by_attack(network):
    def linear(x):
        return torch.stack([x @ torch.tensor([[3.0, 0, 0], [0, 4.0, 0]], dtype=torch.float64)])

    linear.gamma = torch.tensor([4.0], dtype=torch.float64)
    x, labels = torch.tensor([[2.0, 1.0], [1.0, 1.0]], dtype=torch.float64), torch.tensor([0, 0])
    expected = torch.tensor([[2.0, -1.0]], dtype=torch.float64) / (4 * 2**0.5)
    torch.testing.assert_close(certified_radii(linear, x, labels), expected)

    points = torch.randn(40, 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    with torch.no_grad():
        labels = network(points)[0].argmax(1)
        radii = certified_radii(network, points, labels)[0]
        assert radii.min() >= 0
        for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
            step = 0.999 * radii[:, None] * torch.tensor([np.cos(angle), np.sin(angle)])
            assert torch.equal(network(points + step)[0].argmax(1), labels)
