"""A one-hidden-layer tanh network for regression, whose per-sample gradients are kept factored."""

import numpy as np
from numpy.typing import ArrayLike


class TanhNetwork:
    """Squared error f_i(w) = (a . tanh(W x_i + b) + c - y_i)^2/2 with w = (W and b, a, c), for ``private_descent``.

    The gradient for W and b is (error of the hidden units) times (x_i, 1), and these inputs stay the same: the
    errors alone represent the gradient, and their differences that of gradient differences.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
    responses : ndarray, shape (n,)
    width : int
        Number of hidden units.
    """

    def __init__(self, features: np.ndarray, responses: np.ndarray, width: int) -> None:
        self.inputs = np.column_stack([features, np.ones(len(features))])
        self.input_squares = (self.inputs**2).sum(axis=1)
        self.responses, self.width, self.n_samples = responses, width, len(features)
        self.n_hidden = width * self.inputs.shape[1]
        self.dimension = self.n_hidden + width + 1

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Normal weights with variance 1/(number of inputs) in both layers, biases 0; shape (d,)."""
        n_inputs = self.inputs.shape[1]
        hidden = rng.normal(0.0, (n_inputs - 1) ** -0.5, (self.width, n_inputs))
        hidden[:, -1] = 0
        return np.concatenate([hidden.ravel(), rng.normal(0.0, self.width**-0.5, self.width), [0.0]])

    def forward(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Activations (n_runs, n, width), outer weights (n_runs, 1, width) and residuals (n_runs, n, 1)."""
        hidden = points[:, : self.n_hidden].reshape(len(points), self.width, -1)
        outer = points[:, None, self.n_hidden : -1]
        active = np.tanh(self.inputs @ hidden.transpose(0, 2, 1))
        outputs = (active * outer).sum(axis=2) + points[:, -1:]
        return active, outer, (outputs - self.responses)[:, :, None]

    def loss(self, points: np.ndarray) -> np.ndarray:
        """F at points (n_runs, d), shape (n_runs,)."""
        return (self.forward(points)[2] ** 2).mean(axis=(1, 2)) / 2

    def per_sample(self, points: np.ndarray) -> np.ndarray:
        """Errors of the hidden units, gradients for a, and for c; shape (n_runs, n, 2 width + 1)."""
        active, outer, residuals = self.forward(points)
        return np.concatenate([residuals * outer * (1 - active**2), residuals * active, residuals], axis=2)

    def clipped_mean(self, per_sample: np.ndarray, radius: ArrayLike) -> np.ndarray:
        """See ``private_descent.Objective``."""
        squares = per_sample**2
        norms = np.sqrt(
            squares[..., : self.width].sum(axis=2) * self.input_squares + squares[..., self.width :].sum(axis=2)
        )
        factors = np.minimum(1, np.expand_dims(radius, -1) / np.maximum(norms, np.finfo(float).tiny))
        clipped = per_sample * factors[..., None] / self.n_samples
        hidden = clipped[..., : self.width].transpose(0, 2, 1) @ self.inputs
        return np.column_stack([hidden.reshape(len(hidden), -1), clipped[..., self.width :].sum(axis=1)])
