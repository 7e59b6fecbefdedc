"""A nonconvex problem on which private descent is limited by the noise and by the number of steps at once.

With w = (u, z_1, ..., z_{d-1}), sample i has the loss

    f_i(w) = h(s_i u) + sum_j psi(z_j - b_ij),   h(t) = (1+t)^(-1/2) for t >= 0, and 1 - t/2 below,
                                                 psi'(t) = t/sqrt(1+t^2) + sin(2t)/4.

Along u the gradient decays so slowly that few steps leave it large (a slow tail), and along z every step turns
noise into gradient. psi is not convex (psi''(1.5) < 0), yet its gradient stays away from 0 far out: no noise can
make a point look stationary by throwing it to infinity.
"""

import math

import numba
import numpy as np
from numpy.typing import ArrayLike

from .private_descent import dense_clipped_mean

TAIL = 0.5  # h(t) = (1+t)^(-TAIL)
SCALES = (0.5, 1.5)  # of s_i
CENTER_RADIUS = 1.5  # of b_i
# max(psi''(0), max s_i^2 h''(0)) = max(1.5, 1.5^2 * 0.75) = 1.6875, rounded up.
SMOOTHNESS = 1.7
# At the start |grad f_i| < sqrt((1.5/2)^2 + (1.5 * 1.5)^2) = 2.4; far out it can be sqrt(d).
CLIP = 3.0


def draw_samples(n_samples: int, dimension: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Scales s (n,), uniform on [0.5, 1.5], and centers b (n, d-1), normal with sd 0.3 and norm at most 1.5."""
    scales = rng.uniform(*SCALES, n_samples)
    centers = rng.normal(0.0, 0.3, (n_samples, dimension - 1))
    norms = np.linalg.norm(centers, axis=1, keepdims=True)
    return scales, centers * np.minimum(1.0, CENTER_RADIUS / norms)


class CompositeObjective:
    """The mean loss over samples with scales (n,) and centers (n, d-1), for ``private_descent``."""

    def __init__(self, scales: np.ndarray, centers: np.ndarray) -> None:
        self.scales, self.centers = scales, centers
        self.n_samples, self.dimension = len(scales), centers.shape[1] + 1
        self._sin, self._cos = np.sin(2 * centers), np.cos(2 * centers)

    def loss(self, points: np.ndarray) -> np.ndarray:
        """F at points (n_runs, d), shape (n_runs,)."""
        t = points[:, :1] * self.scales
        tail = np.where(t >= 0, (1 + np.maximum(t, 0)) ** -TAIL, 1 - TAIL * t)
        offsets = points[:, None, 1:] - self.centers
        bowls = np.sqrt(1 + offsets**2) - np.cos(2 * offsets) / 8
        return (tail + bowls.sum(axis=2)).mean(axis=1)

    def per_sample(self, points: np.ndarray) -> np.ndarray:
        """Gradients of all samples, shape (n_runs, n_samples, d)."""
        return _per_sample(points, self.scales, self.centers, self._sin, self._cos)

    def clipped_mean(self, per_sample: np.ndarray, radius: ArrayLike) -> np.ndarray:
        """See ``private_descent.Objective``."""
        return dense_clipped_mean(per_sample, radius)

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Exact gradient of F at points (n_runs, d), of the same shape."""
        return self.clipped_mean(self.per_sample(points), np.inf)


@numba.njit(cache=True, error_model="numpy")  # no test for division by zero: the loop becomes SIMD
def _per_sample(
    points: np.ndarray, scales: np.ndarray, centers: np.ndarray, sin: np.ndarray, cos: np.ndarray
) -> np.ndarray:
    """sin(2(z - b)) comes from the sines and cosines of 2z and 2b: the loop needs square roots only."""
    n_runs, dimension = points.shape
    gradients = np.empty((n_runs, len(scales), dimension))
    sin_points, cos_points = np.sin(2 * points) / 4, np.cos(2 * points) / 4
    for run in range(n_runs):
        for i in range(len(scales)):
            t = max(scales[i] * points[run, 0], 0.0)
            gradients[run, i, 0] = -TAIL * scales[i] / ((1 + t) * math.sqrt(1 + t))
            for j in range(1, dimension):
                offset = points[run, j] - centers[i, j - 1]
                wave = sin_points[run, j] * cos[i, j - 1] - cos_points[run, j] * sin[i, j - 1]
                gradients[run, i, j] = offset / math.sqrt(1 + offset * offset) + wave
    return gradients
