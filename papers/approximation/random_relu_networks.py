"""Random fully connected ReLU networks, many at a time: how their weights are drawn, and the forward pass.

Points are rows: a layer maps features H (points, fan_in) to act(H W + b) with W (fan_in, fan_out). A leading
axis counts networks, and all of them are pushed forward together.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np


def gaussian_weights(
    n_networks: int, fan_in: int, fan_out: int, rng: np.random.Generator, gain: float = 2.0
) -> np.ndarray:
    """Independent N(0, gain/fan_in) weights (n_networks, fan_in, fan_out).

    At ``gain=2`` a ReLU layer keeps the mean square of its features (He et al., 2015).
    """
    return rng.standard_normal((n_networks, fan_in, fan_out)) * math.sqrt(gain / fan_in)


def orthogonal_weights(n_networks: int, width: int, rng: np.random.Generator, gain: float = 2.0) -> np.ndarray:
    """sqrt(gain) times Haar-distributed orthogonal matrices (n_networks, width, width)."""
    factor, triangle = np.linalg.qr(rng.standard_normal((n_networks, width, width)))
    # QR leaves the sign of every column open; a positive diagonal of R makes the distribution Haar's.
    signs = np.sign(np.diagonal(triangle, axis1=-2, axis2=-1))
    return math.sqrt(gain) * factor * signs[:, None, :]


def leaky_relu(preactivations: np.ndarray, slope: float = 0.0) -> np.ndarray:
    """z where z > 0, slope * z elsewhere, for a slope in [0, 1]: 0 is the ReLU and 1 the identity."""
    return np.maximum(preactivations, slope * preactivations)


def preactivations(
    inputs: np.ndarray,
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray] | None = None,
    slope: float = 0.0,
) -> Iterator[np.ndarray]:
    """The preactivations H_{l-1} W_l + b_l of the layers l = 1, 2, ..., where H_l = leaky_relu of the l-th.

    Parameters
    ----------
    inputs : array (n_networks, points, fan_in) or (points, fan_in)
        The latter is shared by all networks.
    weights : arrays (n_networks, fan_in, fan_out)
        One for each layer.
    biases : arrays (n_networks, fan_out), optional
        One for each layer; none by default.

    Yields
    ------
    array (n_networks, points, fan_out)

    Raises
    ------
    ValueError
        If there are not as many biases as weights.
    """
    if biases is not None and len(biases) != len(weights):
        raise ValueError(f"{len(biases)} biases for {len(weights)} layers")
    features = inputs
    for layer, weight in enumerate(weights):
        shift = 0.0 if biases is None else biases[layer][:, None, :]
        pre = features @ weight + shift
        yield pre
        features = leaky_relu(pre, slope)
