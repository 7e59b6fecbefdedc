"""Private SPIDER, its baseline, and generalised linear models made independent of the dimension (arXiv 2206.00846).

A point is alpha-stationary if the gradient of the mean loss F over n samples has norm at most alpha there. With
zCDP budget rho the effective sample size is nu = n sqrt(2 rho), in the place of the paper's n epsilon; losses are
G-Lipschitz and L-smooth. Descents run side by side and return a ``Path`` with exact gradient norms.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..private_descent import Path, private_descent, second_half_mean


def spider(
    objective,
    start: np.ndarray,
    rho: ArrayLike,
    rng: np.random.Generator,
    *,
    n_steps: int,
    period: int,
    step_length: ArrayLike,
    lipschitz: float,
    smoothness: float,
    follow_steps: bool = True,
) -> Path:
    """Private SpiderBoost (Alg. 2) with full batches: an anchor every ``period`` steps, differences in between.

    A difference over a step of length D is clipped at min(L D, 2 G), and so is its noise, N(0, min(s2 D, s_hat)^2 I)
    with s2 = (2L/n) sqrt(nd/rho) and s_hat = (4G/n) sqrt(nd/rho) for nd differences; nf anchors have
    s1 = (2G/n) sqrt(nf/rho).

    Parameters
    ----------
    objective, start, rho, n_steps, step_length
        As for ``private_descent``.
    follow_steps : bool
        Whether the noise of differences follows the step length; otherwise it is s_hat throughout.
    """
    return private_descent(
        objective,
        start,
        rho,
        rng,
        n_steps=n_steps,
        step_length=step_length,
        clip=lipschitz,
        period=period,
        smoothness=smoothness if follow_steps else np.inf,
        difference_clip=2 * lipschitz,
    )


def noisy_gradient_descent(
    objective,
    start: np.ndarray,
    rho: ArrayLike,
    rng: np.random.Generator,
    *,
    n_steps: int,
    step_length: ArrayLike,
    lipschitz: float,
    pay_for_steps: bool = True,
) -> Path:
    """The baseline: full gradients with noise of sd (2G/n) sqrt(R/(2 rho)), since R steps share the budget.

    ``pay_for_steps=False`` spends the whole budget on every step, which does not protect.
    """
    per_run = np.asarray(rho, dtype=float) * (1 if pay_for_steps else n_steps)
    return private_descent(objective, start, per_run, rng, n_steps=n_steps, step_length=step_length, clip=lipschitz)


def stationarity(squared_norms: np.ndarray) -> np.ndarray:
    """Mean gradient norm over the second half of the steps (n_steps, n_runs): that of a random iterate."""
    return second_half_mean(np.sqrt(squared_norms))


# --- Generalised linear models ------------------------------------------------------------------------------

# |phi'| < 1 + 1/4 and |phi''| <= 1 + 1/2; features have norm at most 1.
GLM_LIPSCHITZ = 1.25
GLM_SMOOTHNESS = 1.5


def link_derivative(residuals: np.ndarray) -> np.ndarray:
    """phi'(t) = t/sqrt(1+t^2) + sin(2t)/4: not monotone, and bounded away from 0 far out."""
    return residuals / np.sqrt(1 + residuals**2) + np.sin(2 * residuals) / 4


def link(residuals: np.ndarray) -> np.ndarray:
    """phi(t) = sqrt(1+t^2) - cos(2t)/8."""
    return np.sqrt(1 + residuals**2) - np.cos(2 * residuals) / 8


class LinearModel:
    """The objective (1/n) sum_i phi(<w, x_i> - y_i), for features (n, d) and targets (n,).

    The gradient of a sample is a number times x_i: ``per_sample`` holds the numbers (see ``private_descent``).
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray) -> None:
        self.features, self.targets = features, targets
        self.n_samples, self.dimension = features.shape
        self._norms = np.linalg.norm(features, axis=1)

    def per_sample(self, points: np.ndarray) -> np.ndarray:
        """phi' at all samples for points (n_runs, d), shape (n_runs, n)."""
        return link_derivative(points @ self.features.T - self.targets)

    def clipped_mean(self, per_sample: np.ndarray, radius: ArrayLike) -> np.ndarray:
        """Mean of the vectors per_sample_i x_i, clipped at radius, () or (n_runs,); shape (n_runs, d)."""
        lengths = np.abs(per_sample) * self._norms
        limits = np.broadcast_to(np.expand_dims(radius, -1), lengths.shape)
        scales = np.divide(limits, lengths, out=np.ones_like(lengths), where=lengths > limits)
        return (per_sample * scales) @ self.features / self.n_samples


def random_projection(n_rows: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Phi (n_rows, dimension) with entries N(0, 1/n_rows), drawn without looking at the data."""
    return rng.normal(0.0, n_rows**-0.5, (n_rows, dimension))


def project(model: LinearModel, projection: np.ndarray) -> LinearModel:
    """The model on features Phi x. A solution w there stands for Phi^T w, which makes the same predictions.

    Projected features may be longer than 1; clipping at G and min(L D, 2 G) keeps the sensitivity all the same.
    """
    return LinearModel(model.features @ projection.T, model.targets)


def pulled_back_norms(model: LinearModel, projected: LinearModel, points: np.ndarray) -> np.ndarray:
    """Squared gradient norms of ``model`` at Phi^T w, for points w (..., m) of the projected model; shape (...)."""
    derivatives = projected.per_sample(points.reshape(-1, points.shape[-1]))
    gradients = model.clipped_mean(derivatives, np.inf)
    return np.einsum("ij,ij->i", gradients, gradients).reshape(points.shape[:-1])
