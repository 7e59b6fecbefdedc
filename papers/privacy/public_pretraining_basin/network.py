"""Networks with one hidden layer, several at once, trained by full-batch gradient descent with or without privacy."""

import math
from typing import NamedTuple

import numpy as np

from ..gaussian_mechanism import zcdp_sigma

MOMENTUM = 0.9
CLIP_NORM = 1.0


class Networks(NamedTuple):
    """Parameters of n_runs networks: a ReLU layer and a softmax layer.

    ``hidden`` (n_runs, n_inputs, n_hidden), ``hidden_offset`` (n_runs, 1, n_hidden), ``output`` (n_runs, n_hidden,
    n_classes), ``output_offset`` (n_runs, 1, n_classes).
    """

    hidden: np.ndarray
    hidden_offset: np.ndarray
    output: np.ndarray
    output_offset: np.ndarray

    def activations(self, images: np.ndarray) -> np.ndarray:
        inputs = images @ self.hidden
        inputs += self.hidden_offset
        return np.maximum(inputs, 0, out=inputs)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Shape (n_runs, n, n_classes) at images (n, n_inputs)."""
        return self.activations(images) @ self.output + self.output_offset

    def select(self, run: int) -> "Networks":
        """One of the runs, as networks of one run."""
        return Networks(*(array[run : run + 1] for array in self))

    def repeat(self, n_runs: int) -> "Networks":
        """Copies of networks of one run."""
        return Networks(*(np.repeat(array, n_runs, axis=0) for array in self))


def initial_networks(n_inputs: int, n_hidden: int, n_classes: int, rng: np.random.Generator) -> Networks:
    """One network in single precision with He's initialisation."""

    def normal(n_in: int, n_out: int) -> np.ndarray:
        return (rng.standard_normal((1, n_in, n_out)) * math.sqrt(2 / n_in)).astype(np.float32)

    def zeros(n_out: int) -> np.ndarray:
        return np.zeros((1, 1, n_out), dtype=np.float32)

    return Networks(normal(n_inputs, n_hidden), zeros(n_hidden), normal(n_hidden, n_classes), zeros(n_classes))


def accuracy(networks: Networks, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Share of images named correctly, shape (n_runs,)."""
    return (networks.logits(images).argmax(axis=2) == labels).mean(axis=1)


def cross_entropy(networks: Networks, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean over the images in nats, shape (n_runs,)."""
    logits = networks.logits(images)
    logits = logits - logits.max(axis=2, keepdims=True)
    return (np.log(np.exp(logits).sum(axis=2)) - logits[:, np.arange(len(labels)), labels]).mean(axis=1)


def backward(networks: Networks, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per-sample derivatives of the cross-entropy by what goes into each layer, and the hidden activations.

    Returns
    -------
    hidden_delta (n_runs, n, n_hidden), output_delta (n_runs, n, n_classes), activations (n_runs, n, n_hidden)
    """
    activations = networks.activations(images)
    output_delta = activations @ networks.output  # logits, then softmax, in place
    output_delta += networks.output_offset
    output_delta -= output_delta.max(axis=2, keepdims=True)
    np.exp(output_delta, out=output_delta)
    output_delta /= output_delta.sum(axis=2, keepdims=True)
    output_delta[:, np.arange(len(labels)), labels] -= 1
    hidden_delta = output_delta @ networks.output.swapaxes(1, 2)
    hidden_delta *= activations > 0
    return hidden_delta, output_delta, activations


def gradient_norms(
    images: np.ndarray, hidden_delta: np.ndarray, output_delta: np.ndarray, activations: np.ndarray
) -> np.ndarray:
    """Norms of the per-sample gradients, shape (n_runs, n).

    A sample's gradient in a layer is the outer product of its delta and its input with a one appended, with norm
    |delta|^2 (|input|^2 + 1) squared.
    """
    squares = [np.einsum("...i,...i->...", x, x) for x in (hidden_delta, images, output_delta, activations)]
    return np.sqrt(squares[0] * (squares[1] + 1) + squares[2] * (squares[3] + 1))


def gradient_sum(networks: Networks, images: np.ndarray, labels: np.ndarray, clip_norm: float = math.inf) -> Networks:
    """Sum over the samples of the gradients, each clipped to ``clip_norm``."""
    hidden_delta, output_delta, activations = backward(networks, images, labels)
    if math.isfinite(clip_norm):
        norms = gradient_norms(images, hidden_delta, output_delta, activations)
        scale = np.minimum(1.0, clip_norm / np.maximum(norms, 1e-12))[..., None]
        hidden_delta *= scale
        output_delta *= scale
    return Networks(
        images.T @ hidden_delta,
        hidden_delta.sum(axis=1, keepdims=True),
        activations.swapaxes(1, 2) @ output_delta,
        output_delta.sum(axis=1, keepdims=True),
    )


def train(
    networks: Networks,
    images: np.ndarray,
    labels: np.ndarray,
    n_steps: int,
    rates: np.ndarray,
    sigma: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Networks:
    """Gradient descent with momentum on all images at every step.

    Parameters
    ----------
    rates : ndarray, shape (n_runs,)
        Step sizes.
    sigma : float
        Sd of the noise on every coordinate of the sum of clipped gradients; without noise nothing is clipped.
    """
    velocities = Networks(*(np.zeros_like(array) for array in networks))
    steps = rates[:, None, None].astype(np.float32)
    for _ in range(n_steps):
        gradients = gradient_sum(networks, images, labels, CLIP_NORM if sigma else math.inf)
        if sigma:
            gradients = Networks(
                *(array + np.float32(sigma) * rng.standard_normal(array.shape, dtype=np.float32) for array in gradients)
            )
        velocities = Networks(
            *(MOMENTUM * old + new / len(images) for old, new in zip(velocities, gradients, strict=True))
        )
        networks = Networks(*(array - steps * change for array, change in zip(networks, velocities, strict=True)))
    return networks


def step_sigma(rho: float, n_steps: int) -> float:
    """Sd for ``train``: ``n_steps`` sums, which a replaced sample moves by 2 ``CLIP_NORM`` at most, share rho."""
    return zcdp_sigma(rho, 2 * CLIP_NORM, n_steps)


def interpolate(first: Networks, second: Networks, positions: np.ndarray) -> Networks:
    """Networks on the segment between two of one run each, at positions from 0 (first) to 1 (second)."""
    weights = positions[:, None, None].astype(np.float32)
    return Networks(*((1 - weights) * x + weights * y for x, y in zip(first, second, strict=True)))
