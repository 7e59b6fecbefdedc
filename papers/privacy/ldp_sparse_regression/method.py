"""Sparse linear regression from locally private reports (arXiv 2310.07367).

User i holds x_i in {-1, 1}^d and y_i in [-tau, tau] with y = <x, theta> + noise, theta k-sparse and of norm at
most 1. Whatever a user sends is (epsilon, delta)-LDP by the Gaussian mechanism: two users may differ in all they
hold, so that the sensitivity is the diameter of the set of reports.

The server only uses means of reports. The mean of n independent N(0, sigma^2) is drawn at once as one
N(0, sigma^2/n), which has the same law.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..gaussian_mechanism import gaussian_sigma

# --- What users send --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Privacy:
    """The budget of a user, and two ways to get it wrong.

    Attributes
    ----------
    full_sensitivity : bool
        Noise for the distance between two reports, as it must be; otherwise for half of it, their norm.
    noise_per_user : bool
        Every user adds noise; otherwise it is added once to the sum, as only a trusted curator could.
    """

    epsilon: float
    delta: float
    full_sensitivity: bool = True
    noise_per_user: bool = True

    def sigma(self, diameter: float, share: float = 1.0) -> float:
        """Noise sd of a report from a set of that diameter, for a share of epsilon and delta."""
        sensitivity = diameter if self.full_sensitivity else diameter / 2
        return gaussian_sigma(share * self.epsilon, share * self.delta, sensitivity)

    def mean_sd(self, sigma: float, n_users: int) -> float:
        """The sd that the noise leaves in the mean of n reports."""
        return sigma / math.sqrt(n_users) if self.noise_per_user else sigma / n_users


def covariance_diameter(dimension: int) -> float:
    """Largest distance between the entries above the diagonal of x x^T and z z^T, for sign vectors x and z.

    If x and z differ in j signs, j (d - j) of the entries differ, each by 2: the most is at j = floor(d/2).
    """
    return 2 * math.sqrt((dimension // 2) * (dimension - dimension // 2))


def vector_diameter(dimension: int, bound: float) -> float:
    """Largest distance between x y and z w for sign vectors and |y|, |w| <= bound: 2 sqrt(d) bound."""
    return 2 * math.sqrt(dimension) * bound


def one_shot_sigmas(dimension: int, tau: float, privacy: Privacy) -> tuple[float, float]:
    """Noise sds of the entries of x x^T and of x y, which have half of the budget each."""
    return (
        privacy.sigma(covariance_diameter(dimension), share=0.5),
        privacy.sigma(vector_diameter(dimension, tau), share=0.5),
    )


def one_shot_reports(
    x: np.ndarray, y: float, tau: float, privacy: Privacy, rng: np.random.Generator, n_reports: int
) -> np.ndarray:
    """What one user might send, n_reports times over: x x^T above its constant diagonal, then x y.

    Returns
    -------
    ndarray, shape (n_reports, d (d - 1)/2 + d)
    """
    products = np.outer(x, x)[np.triu_indices(x.size, 1)]
    clean = np.concatenate([products, x * np.clip(y, -tau, tau)])
    sigmas = np.repeat(one_shot_sigmas(x.size, tau, privacy), [products.size, x.size])
    return clean + sigmas * rng.standard_normal((n_reports, clean.size))


def vector_reports(
    x: np.ndarray, y: float, bound: float, privacy: Privacy, rng: np.random.Generator, n_reports: int
) -> np.ndarray:
    """What one user might send if the whole budget goes to x clip(y); shape (n_reports, d)."""
    sigma = privacy.sigma(vector_diameter(x.size, bound))
    return x * np.clip(y, -bound, bound) + sigma * rng.standard_normal((n_reports, x.size))


def private_covariances(covariance: np.ndarray, sd: float, rng: np.random.Generator, n_runs: int) -> np.ndarray:
    """Mean of the reports of x x^T, n_runs times over: symmetric noise off the diagonal; (n_runs, d, d)."""
    upper = np.triu(rng.standard_normal((n_runs, *covariance.shape)), 1)
    return covariance + sd * (upper + upper.swapaxes(1, 2))


# --- One round --------------------------------------------------------------------------------------------


def soft_threshold(values: np.ndarray, threshold: float) -> np.ndarray:
    """The vector of least l1 norm within ``threshold`` of the values in every coordinate."""
    return np.sign(values) * np.maximum(np.abs(values) - threshold, 0.0)


def noise_threshold(dimension: int, covariance_sd: float, vector_sd: float, constant: float = 0.5) -> float:
    """lambda: a constant times what the largest of d errors S^{-1}(c - S theta) may be, for ||theta|| <= 1."""
    return constant * math.sqrt(2 * math.log(2 * dimension)) * math.hypot(covariance_sd, vector_sd)


def least_squares(covariances: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """S^{-1} c, for one S of shape (d, d) or one a run, and vectors c of shape (n_runs, d)."""
    return np.linalg.solve(covariances, vectors[..., None])[..., 0]


# --- Several rounds ---------------------------------------------------------------------------------------


def hard_threshold(vectors: np.ndarray, k: int) -> np.ndarray:
    """The k entries of each row that are largest in size, the others zero."""
    if k >= vectors.shape[1]:
        return vectors
    dropped = np.argpartition(np.abs(vectors), -k, axis=1)[:, :-k]
    kept = vectors.copy()
    np.put_along_axis(kept, dropped, 0.0, axis=1)
    return kept


def project_to_ball(vectors: np.ndarray) -> np.ndarray:
    """The nearest vectors of norm at most 1, row by row."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1.0)


def iterative_hard_thresholding(
    groups: list[tuple[np.ndarray, np.ndarray]],
    k: int,
    radius: float,
    privacy: Privacy,
    rng: np.random.Generator,
    n_runs: int = 1,
    step: float = 1.0,
) -> np.ndarray:
    """LDP-IHT: a fresh group of users sends clipped gradients of the squared loss in every round.

    theta <- proj(top_k(theta - step * mean of x clip(<x, theta> - y, radius) + noise)), starting from zero.

    Parameters
    ----------
    groups : list of (x, y)
        The users of each round, of shapes (n, d) and (n,); a user is in one group, and spends all of the budget.
    n_runs : int
        Independent draws of the privacy noise over the same users.

    Returns
    -------
    ndarray, shape (n_runs, d)
    """
    dimension = groups[0][0].shape[1]
    sigma = privacy.sigma(vector_diameter(dimension, radius))
    theta = np.zeros((n_runs, dimension))
    for x, y in groups:
        residuals = np.clip(x @ theta.T.astype(x.dtype) - y[:, None], -radius, radius)
        gradients = residuals.T @ x / len(x)
        gradients = gradients + privacy.mean_sd(sigma, len(x)) * rng.standard_normal(theta.shape)
        theta = project_to_ball(hard_threshold(theta - step * gradients, k))
    return theta


# --- Without privacy --------------------------------------------------------------------------------------


def soft_least_squares_path(x: np.ndarray, y: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The by-product: soft-thresholded least squares at each threshold, shape (n_thresholds, d); needs n > d."""
    return soft_threshold(least_squares(x.T @ x, (x.T @ y)[None]), np.asarray(thresholds)[:, None])


def lasso_solutions(x: np.ndarray, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """argmin ||y - x theta||^2 / (2 n) + penalty ||theta||_1 at each penalty (descending); (n_penalties, d)."""
    from sklearn.linear_model import lasso_path

    return lasso_path(x, y, alphas=penalties)[1].T
