"""Gradient descent under zCDP: noisy gradients, or noisy anchors with noisy gradient differences in between.

The objective is F(w) = (1/n) sum_i f_i(w), neighbours replace one sample, and every step releases one mean over
samples whose terms are clipped to a ball:

    anchor       v_r = (1/n) sum_i clip(grad f_i(w_r), C)                                 + noise, at r = 0, T, 2T, ...
    difference   v_r = v_{r-1} + (1/n) sum_i clip(grad f_i(w_r) - grad f_i(w_{r-1}), L D) + noise,   D = |w_r - w_{r-1}|
    step         w_{r+1} = w_r - eta v_r.

Replacing a sample moves a mean of terms in a ball of radius B by at most 2 B/n, and the noise is this sensitivity
times a multiplier that the budget fixes. Since L D is known from the released points, it may set the noise. T = 1
is noisy gradient descent; T > 1 is the descent by gradient differences of DIFF2 and of private SPIDER, which caps
the radius of differences at 2 C.

Independent runs are computed side by side, and an objective says how its per-sample gradients are held.
"""

from dataclasses import dataclass
from typing import Protocol

import numba
import numpy as np
from numpy.typing import ArrayLike

from .gaussian_mechanism import zcdp_sigma


class Objective(Protocol):
    """A mean over samples of differentiable losses, for several points at a time.

    ``per_sample(points)`` holds the gradients of all samples at points (n_runs, d) in any *linear* representation
    of shape (n_runs, n_samples, ...): the dense (n_runs, n_samples, d), or, for a loss phi(<w, x_i>), the
    derivatives (n_runs, n_samples), since then the gradient is that number times x_i. The difference of two such
    arrays represents the gradient differences.

    ``clipped_mean(per_sample, radius)`` turns it into the mean over samples (n_runs, d) of the vectors clipped at
    radius, a number or one per run; at ``inf`` this is the exact gradient.
    """

    n_samples: int

    def per_sample(self, points: np.ndarray) -> np.ndarray: ...

    def clipped_mean(self, per_sample: np.ndarray, radius: ArrayLike) -> np.ndarray: ...


@dataclass(frozen=True)
class Path:
    """What n_runs descents of n_steps steps did; the gradients are exact and not private."""

    points: np.ndarray  # (n_steps + 1, n_runs, d): w_0, ..., w_R
    squared_norms: np.ndarray  # (n_steps, n_runs): |grad F(w_r)|^2, r < R
    squared_errors: np.ndarray  # (n_steps, n_runs): |v_r - grad F(w_r)|^2


def private_descent(
    objective: Objective,
    start: np.ndarray,
    rho: ArrayLike,
    rng: np.random.Generator,
    *,
    n_steps: int,
    step_length: ArrayLike,
    clip: float,
    period: int = 1,
    smoothness: float = np.inf,
    difference_clip: float = np.inf,
) -> Path:
    """Descents with the whole budget rho each (see ``noise_multipliers``), with one release per step.

    Parameters
    ----------
    start : ndarray, shape (n_runs, d)
        w_0, which must not depend on the data.
    rho : array_like, shape () or (n_runs,)
        zCDP budgets for neighbours that differ in one replaced sample; ``inf`` turns the noise off.
    step_length : array_like, shape () or (n_runs,)
        eta.
    clip : float
        C, the radius at anchors.
    period : int
        T, from 1 (every step an anchor) to n_steps (one anchor).
    smoothness : float
        L; differences are clipped at L D.
    difference_clip : float
        Cap on that radius; 2 C for private SPIDER.

    Returns
    -------
    Path
        Not finite where a run has diverged, as it does when the noise of differences exceeds the steps.

    Raises
    ------
    ValueError
        If the period is not in 1..n_steps, or it exceeds 1 and nothing bounds the differences.
    """
    if period > 1 and np.isinf(smoothness) and np.isinf(difference_clip):
        raise ValueError("differences need a finite smoothness or difference_clip")
    anchor_multiplier, difference_multiplier = noise_multipliers(rho, n_steps, period)
    points = np.empty((n_steps + 1, *start.shape))
    points[0] = start
    squared_norms, squared_errors = np.empty((2, n_steps, len(start)))
    gradients = estimate = np.empty(0)
    with np.errstate(over="ignore", invalid="ignore"):  # where differences have too much noise, a run diverges
        for r in range(n_steps):
            previous, gradients = gradients, objective.per_sample(points[r])
            if r % period == 0:
                estimate = noisy_mean(objective, gradients, clip, anchor_multiplier, rng)
            else:
                moved = np.linalg.norm(points[r] - points[r - 1], axis=1)
                radius = np.minimum(_product(smoothness, moved), difference_clip)
                difference = gradients - previous
                estimate = estimate + noisy_mean(objective, difference, radius, difference_multiplier, rng)
            exact = objective.clipped_mean(gradients, np.inf)
            squared_norms[r] = (exact**2).sum(axis=1)
            squared_errors[r] = ((estimate - exact) ** 2).sum(axis=1)
            points[r + 1] = points[r] - np.expand_dims(step_length, -1) * estimate
    return Path(points, squared_norms, squared_errors)


def noisy_mean(
    objective: Objective, per_sample: np.ndarray, radius: ArrayLike, multiplier: ArrayLike, rng: np.random.Generator
) -> np.ndarray:
    """The mean of clipped vectors plus N(0, (multiplier * 2 radius/n)^2 I), shape (n_runs, d)."""
    mean = objective.clipped_mean(per_sample, radius)
    sigma = np.asarray(multiplier) * mean_sensitivity(radius, objective.n_samples)
    return mean + np.expand_dims(sigma, -1) * rng.standard_normal(mean.shape)


def mean_sensitivity(radius: ArrayLike, n_samples: int) -> np.ndarray:
    """How far a mean of n vectors in a ball moves when one of them is replaced: 2 radius/n."""
    return 2 * np.asarray(radius, dtype=float) / n_samples


def n_anchors(n_steps: int, period: int) -> int:
    """ceil(R/T) of the R steps are anchors."""
    if not 1 <= period <= n_steps:
        raise ValueError(f"the period must be from 1 to the number of steps {n_steps}, got {period}")
    return -(-n_steps // period)


def noise_multipliers(rho: ArrayLike, n_steps: int, period: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise sd over sensitivity at anchors and at differences, shaped like rho.

    Anchors and differences get half of rho each, in equal parts; where one kind is missing the other gets it all.
    A difference needs no budget for its D, which depends on earlier releases only.
    """
    anchors = n_anchors(n_steps, period)
    differences = n_steps - anchors
    unit = 1 / np.sqrt(np.asarray(rho, dtype=float))
    share = 1.0 if differences == 0 else 0.5
    return unit * zcdp_sigma(share, n_releases=anchors), unit * zcdp_sigma(share, n_releases=differences)


def second_half_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the second half of the steps (axis 0): what a random iterate from there has on average."""
    return values[len(values) // 2 :].mean(axis=0)


def dense_clipped_mean(vectors: np.ndarray, radius: ArrayLike) -> np.ndarray:
    """Mean over samples of vectors (n_runs, n_samples, d) clipped at radius, () or (n_runs,); shape (n_runs, d)."""
    return _clipped_mean(vectors, np.broadcast_to(np.asarray(radius, dtype=float), len(vectors)))


@numba.njit(cache=True, error_model="numpy")
def _clipped_mean(vectors: np.ndarray, radius: np.ndarray) -> np.ndarray:
    n_runs, n_samples, dimension = vectors.shape
    mean = np.zeros((n_runs, dimension))
    for run in range(n_runs):
        for i in range(n_samples):
            scale = 1.0
            if radius[run] < np.inf:
                square = 0.0
                for j in range(dimension):
                    square += vectors[run, i, j] ** 2
                if square > radius[run] ** 2:
                    scale = radius[run] / np.sqrt(square)
            for j in range(dimension):
                mean[run, j] += scale * vectors[run, i, j]
        mean[run] /= n_samples
    return mean


def _product(smoothness: float, moved: np.ndarray) -> np.ndarray:
    """L D, where an unknown L = inf leaves even D = 0 unbounded."""
    return np.full_like(moved, np.inf) if np.isinf(smoothness) else smoothness * moved
