"""A loss with two phases, a basin to be chosen and a centre to be found, and private ways to minimise it.

Parameters are u in [-1, 1]^p and v in R^q. A sample is (a, b): a in {-1, 1}^p with mean s/2, where the signs s mark the
good basin, and b around the centre theta. With c(u) = max(0, <u, s>/p),

    population loss   1 - c(u) (1 - min(1, |v - theta|^2)),
    trained loss      1 - max(0, <u, a>/(p mu)) (1 - min(1, |v - b|^2/(2q))),   mu = 1/2:

both the signs and the centre must be right, and the trained loss is not convex, as it has the product of the two.
Neighbouring data sets differ in one replaced sample. Budgets are rho-zCDP and add up.
"""

import math

import numpy as np

from ..gaussian_mechanism import zcdp_sigma

MEAN = 0.5  # mu
CLIP_RADIUS = 3.0  # of points b, for their mean
CLIP_NORM = 1.0  # of per-sample gradients


def population_loss(signs: np.ndarray, centre: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Population loss at u (..., p) and v (..., q), in [0, 1]; shape (...)."""
    quality = np.maximum(u @ signs / signs.size, 0.0)
    return 1 - quality * (1 - np.minimum(((v - centre) ** 2).sum(axis=-1), 1.0))


def trained_loss(a: np.ndarray, b: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Mean trained loss of samples a (n, p), b (n, q) at u (n_runs, p), v (n_runs, q); shape (n_runs,)."""
    activation = np.maximum(a @ u.T, 0) / (a.shape[1] * MEAN)
    closeness, _ = _closeness(b, v)
    return 1 - (activation * closeness).mean(axis=0)


def _closeness(b: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 - min(1, |v - b|^2/(2q)), shape (n, n_runs), and the differences v - b, shape (n, n_runs, q)."""
    differences = v[None] - b[:, None]
    return np.maximum(1 - (differences**2).sum(axis=2) / (2 * b.shape[1]), 0), differences


# --- Noisy estimators ---------------------------------------------------------------------------------------


def noisy_signs(
    mean: np.ndarray, n_samples: int, rho: float, rng: np.random.Generator, n_runs: int, joint_sensitivity: bool = True
) -> np.ndarray:
    """Signs of the mean of a (shape (p,)) plus noise for rho; independent runs, shape (n_runs, p).

    Parameters
    ----------
    joint_sensitivity : bool
        Whether the noise covers a replaced sample that turns all coordinates, 2 sqrt(p)/n, as it must, or one, 2/n.
    """
    sensitivity = 2 * math.sqrt(mean.size if joint_sensitivity else 1) / n_samples
    return np.sign(mean + rng.normal(0.0, zcdp_sigma(rho, sensitivity), (n_runs, mean.size)))


def noisy_centre(points: np.ndarray, rho: float, rng: np.random.Generator, n_runs: int) -> np.ndarray:
    """Mean of the points b (n, q), clipped to a ball, plus noise for rho; independent runs, shape (n_runs, q)."""
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    clipped = points * np.minimum(1.0, CLIP_RADIUS / norms)
    sigma = zcdp_sigma(rho, 2 * CLIP_RADIUS / len(points))
    return clipped.mean(axis=0) + rng.normal(0.0, sigma, (n_runs, points.shape[1]))


# --- Gradient descent on the trained loss -------------------------------------------------------------------


def clipped_gradient_sum(
    a: np.ndarray, b: np.ndarray, u: np.ndarray, v: np.ndarray, clip_norm: float = CLIP_NORM, trains_basin: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of per-sample gradients of the trained loss in scaled coordinates, each clipped to ``clip_norm``.

    The coordinates are u/(mu sqrt(p)) and v/sqrt(q): in them a sample's gradient has length of order one in u and in v,
    so that one clipping norm and one step size suit both. (In u itself it has length 1/(mu sqrt(p)) at most, and
    noise for a clipping norm of one would drown it.)

    Parameters
    ----------
    a : ndarray, shape (n, p)
    b : ndarray, shape (n, q)
    u : ndarray, shape (n_runs, p)
    v : ndarray, shape (n_runs, q)
    trains_basin : bool
        Whether u has a gradient, or is held.

    Returns
    -------
    two ndarrays, shaped like u and v
    """
    p, q = a.shape[1], b.shape[1]
    activation = np.maximum(a @ u.T, 0) / (p * MEAN)
    closeness, differences = _closeness(b, v)
    # Per sample the gradient in u is -basin_part a/sqrt(p), and in v centre_part (v - b).
    basin_part = np.where((activation > 0) & trains_basin, closeness, 0)
    centre_part = np.where(closeness > 0, activation, 0) / math.sqrt(q)
    norms = np.sqrt(basin_part**2 + centre_part**2 * (differences**2).sum(axis=2))
    scale = np.minimum(1.0, clip_norm / np.maximum(norms, 1e-12))
    return (
        -(scale * basin_part).astype(a.dtype).T @ a / math.sqrt(p),
        np.einsum("nk,nkq->kq", scale * centre_part, differences),
    )


def descend(
    a: np.ndarray,
    b: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    rates: np.ndarray,
    n_steps: int,
    rho: float,
    rng: np.random.Generator,
    trains_basin: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Projected gradient descent from u (n_runs, p), v (n_runs, q), private for a finite ``rho``.

    Every step adds Gaussian noise to the sum of the clipped gradients; u stays in the cube. An infinite ``rho`` means
    neither noise nor clipping. ``rates`` (n_runs,) are step sizes in scaled coordinates.
    """
    p, q = a.shape[1], b.shape[1]
    is_private = math.isfinite(rho)
    clip_norm = CLIP_NORM if is_private else math.inf
    sigma = zcdp_sigma(rho, 2 * CLIP_NORM, n_steps) if is_private else 0.0
    steps = rates[:, None] / len(a)
    for _ in range(n_steps):
        basin_sum, centre_sum = clipped_gradient_sum(a, b, u, v, clip_norm, trains_basin)
        if is_private:
            basin_sum = basin_sum + trains_basin * rng.normal(0.0, sigma, u.shape)
            centre_sum = centre_sum + rng.normal(0.0, sigma, v.shape)
        u = np.clip(u - MEAN * math.sqrt(p) * steps * basin_sum, -1, 1).astype(a.dtype)
        v = v - math.sqrt(q) * steps * centre_sum
    return u, v
