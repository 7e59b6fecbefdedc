"""Random networks against their moments, and the forward pass against loops over units."""

from itertools import pairwise

import numpy as np
import pytest

from papers.approximation import random_relu_networks as networks


@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_gaussian_weights_have_their_variance(gain):
    weights = networks.gaussian_weights(4, 50, 200, np.random.default_rng(0), gain)
    assert weights.shape == (4, 50, 200)
    assert weights.mean() == pytest.approx(0, abs=4 * np.sqrt(gain / 50 / weights.size))
    assert weights.var() == pytest.approx(gain / 50, rel=4 * np.sqrt(2 / weights.size))


def test_orthogonal_weights_are_orthogonal():
    weights = networks.orthogonal_weights(3, 8, np.random.default_rng(1), gain=2.0)
    np.testing.assert_allclose(
        weights @ weights.transpose(0, 2, 1), np.broadcast_to(2 * np.eye(8), (3, 8, 8)), atol=1e-12
    )


def test_orthogonal_weights_are_uniform():
    """The trace of a Haar matrix has mean 0 and variance 1; LAPACK's signs alone give a mean far from 0."""
    traces = np.trace(networks.orthogonal_weights(4000, 6, np.random.default_rng(2), gain=1.0), axis1=1, axis2=2)
    assert traces.mean() == pytest.approx(0, abs=4 / np.sqrt(4000))
    assert traces.var() == pytest.approx(1, abs=0.15)


def test_leaky_relu():
    z = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_array_equal(networks.leaky_relu(z), [0, 0, 3])
    np.testing.assert_array_equal(networks.leaky_relu(z, 0.5), [-1, 0, 3])
    np.testing.assert_array_equal(networks.leaky_relu(z, 1.0), z)


@pytest.mark.parametrize("shared_inputs", [True, False])
@pytest.mark.parametrize("with_biases", [True, False])
def test_forward_pass_unit_by_unit(shared_inputs, with_biases):
    rng = np.random.default_rng(3)
    widths, n_networks, slope = (3, 5, 4), 2, 0.25
    weights = [networks.gaussian_weights(n_networks, a, b, rng) for a, b in pairwise(widths)]
    biases = [rng.standard_normal((n_networks, b)) for b in widths[1:]] if with_biases else None
    inputs = rng.standard_normal((6, 3) if shared_inputs else (n_networks, 6, 3))
    layers = list(networks.preactivations(inputs, weights, biases, slope))
    for network in range(n_networks):
        for point in range(6):
            values = inputs[point] if shared_inputs else inputs[network, point]
            for layer, weight in enumerate(weights):
                z = [
                    sum(values[i] * weight[network, i, j] for i in range(len(values)))
                    + (biases[layer][network, j] if with_biases else 0)
                    for j in range(weight.shape[2])
                ]
                np.testing.assert_allclose(layers[layer][network, point], z, atol=1e-12)
                values = [max(v, slope * v) for v in z]


def test_as_many_biases_as_layers():
    weights = networks.gaussian_weights(1, 2, 2, np.random.default_rng(4))
    with pytest.raises(ValueError, match="2 biases for 1 layers"):
        list(networks.preactivations(np.ones((1, 2)), [weights], [np.zeros((1, 2))] * 2))
