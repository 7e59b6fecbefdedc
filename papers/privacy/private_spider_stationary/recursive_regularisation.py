"""Private stationary points of a convex population loss, by recursive regularisation (arXiv 2206.00846).

Adding lambda_s/2 ||w - w_{s+1}||^2 around each solution found so far, with weights that double, makes the problem
ever better conditioned while the minimiser hardly moves, for the centres are already near it. The sample is cut
into equal parts, one for each problem, so that every part may be spent a whole budget on.

The loss here is f(w; z) = sqrt(1 + ||w - z||^2): convex, 1-Lipschitz and 1-smooth.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import gamma, roots_genlaguerre, roots_hermite

from ..gaussian_mechanism import zcdp_sigma

LIPSCHITZ = SMOOTHNESS = 1.0
Gradient = Callable[[np.ndarray], np.ndarray]


def recursive_regularisation(
    parts: np.ndarray,
    rho: float,
    rng: np.random.Generator,
    first_weight: float = 0.04,
    n_steps: int = 40,
    recentre: bool = True,
) -> np.ndarray:
    """w_1, ..., w_K: on part t, noisy gradient descent from w_t on the loss plus all regularisers so far.

    Parameters
    ----------
    parts : ndarray, shape (n_parts, part_size, dimension)
        Disjoint samples.
    rho : float
        zCDP budget of the whole, and hence of each part: a record is in one of them.
    first_weight : float
        lambda_0; lambda_t = 2^t lambda_0.
    n_steps : int
        R, the steps on each part.
    recentre : bool
        Whether a regulariser is centred at the latest solution, as it must be, or at the start 0.

    Returns
    -------
    ndarray, shape (n_parts, dimension)
        The last row is the output.
    """
    n_parts, part_size, dimension = parts.shape
    sigma = zcdp_sigma(rho, 2 * LIPSCHITZ / part_size, n_steps)
    solutions = np.zeros((n_parts + 1, dimension))
    for t, part in enumerate(parts):
        weights = first_weight * 2.0 ** np.arange(t)
        centres = solutions[1 : t + 1] if recentre else np.zeros((t, dimension))
        gradient = regularised(distance_gradient(part), weights, centres)
        step_size = 1 / (SMOOTHNESS + weights.sum())
        solutions[t + 1] = averaged_descent(gradient, solutions[t], step_size, n_steps, sigma, rng)
    return solutions[1:]


def averaged_descent(
    gradient: Gradient, start: np.ndarray, step_size: float, n_steps: int, sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """Noisy gradient descent; the mean of the iterates of its second half."""
    w, total = start, np.zeros_like(start)
    for step in range(n_steps):
        w = w - step_size * (gradient(w) + rng.normal(0.0, sigma, w.shape))
        if step >= n_steps // 2:
            total += w
    return total / (n_steps - n_steps // 2)


def regularised(gradient: Gradient, weights: np.ndarray, centres: np.ndarray) -> Gradient:
    """The gradient of F(w) + sum_s weights_s/2 ||w - centres_s||^2; shapes (k,) and (k, dimension)."""
    total, pull = weights.sum(), weights @ centres
    return lambda w: gradient(w) + total * w - pull


def distance_gradient(samples: np.ndarray) -> Gradient:
    """Mean gradient of sqrt(1 + ||w - z||^2) over samples (n, dimension)."""
    squared_norms = np.einsum("ij,ij->i", samples, samples)

    def gradient(w: np.ndarray) -> np.ndarray:
        inverse = 1 / np.sqrt(1 + w @ w - 2 * samples @ w + squared_norms)
        return (w * inverse.sum() - inverse @ samples) / len(samples)

    return gradient


# --- The population -----------------------------------------------------------------------------------------

CENTRE, SCALE, OUTLIER_RATE, OUTLIER_SHIFT = 0.5, 0.6, 0.1, 3.0


def draw_population(n: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """n draws of CENTRE + SCALE g, every tenth or so shifted by OUTLIER_SHIFT in all coordinates."""
    shifts = OUTLIER_SHIFT * (rng.random((n, 1)) < OUTLIER_RATE)
    return CENTRE + shifts + SCALE * rng.standard_normal((n, dimension))


def population_gradient(w: np.ndarray) -> np.ndarray:
    """The exact gradient of the population loss at w (dimension,): no sample, training or fresh, is involved."""
    common = smoothed_gradient(w - CENTRE, SCALE)
    outlying = smoothed_gradient(w - CENTRE - OUTLIER_SHIFT, SCALE)
    return (1 - OUTLIER_RATE) * common + OUTLIER_RATE * outlying


def smoothed_gradient(offset: np.ndarray, scale: float, n_nodes: int = 40) -> np.ndarray:
    """E v/sqrt(1 + ||v||^2) for v = offset - scale g, by Gaussian quadrature in two dimensions.

    Along the offset v is normal; across it only the squared length matters, scale^2 times a chi-square with
    dimension - 1 degrees of freedom. What is left of the expectation points along the offset.
    """
    distance, shape = np.linalg.norm(offset), (offset.size - 1) / 2
    nodes, along_weights = roots_hermite(n_nodes)
    halves, across_weights = roots_genlaguerre(n_nodes, shape - 1)
    along = distance - scale * np.sqrt(2) * nodes[:, None]
    integrand = along / np.sqrt(1 + along**2 + 2 * scale**2 * halves)
    mean = along_weights @ integrand @ across_weights / (np.sqrt(np.pi) * gamma(shape))
    return offset * (mean / distance)
