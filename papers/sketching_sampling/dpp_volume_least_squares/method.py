"""Weighted least squares at random points that are drawn jointly: i.i.d., volume sampling, repeated DPPs.

The measure mu is discrete, with masses mu_i at n_nodes nodes. A function f is the vector b_i = sqrt(mu_i) f(x_i), so
that norms in L^2(mu) are Euclidean, and features that are orthonormal in L^2(mu) are a matrix Q with orthonormal
columns, Q_ij = sqrt(mu_i) phi_j(x_i). Points drawn with probabilities p_i have the weights w_i = mu_i / p_i, hence
sqrt(w_i) phi(x_i) = Q_i / sqrt(p_i) and sqrt(w_i) f(x_i) = b_i / sqrt(p_i): the masses drop out. Samples are arrays of
node indices of shape (n_draws, n_points).
"""

import numpy as np

from ..dpp import projection_dpp
from ..row_sampling import squared_row_norms

SINGULAR = 1e-12  # ratio of singular values below which the points do not determine the fit


def christoffel_probabilities(basis: np.ndarray) -> np.ndarray:
    """nu_m: probabilities ||phi(x_i)||^2 mu_i / m of the nodes, optimal for i.i.d. points; shape (n_nodes,)."""
    scores = squared_row_norms(basis)
    return scores / scores.sum()


def independent_samples(probabilities: np.ndarray, n_points: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Points drawn independently with `probabilities`, with replacement."""
    return rng.choice(len(probabilities), (n_draws, n_points), p=probabilities)


def repeated_dpp_samples(basis: np.ndarray, repetitions: int, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Unions of `repetitions` independent projection DPPs: m times as many points, in blocks of m."""
    return projection_dpp(basis, n_draws * repetitions, rng).reshape(n_draws, -1)


def volume_samples(dpp: np.ndarray, independent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Volume-rescaled samples x_1, ..., x_n, of density proportional to det(sum_i w_i phi(x_i) phi(x_i)^T).

    By the Cauchy-Binet formula the determinant is a sum over subsets of m points. Given the subset, its points have
    the law of the projection DPP and the others that of the base measure, so the samples are put together from both.

    Parameters
    ----------
    dpp : array of shape (n_draws, m)
        Samples of the projection DPP.
    independent : array of shape (n_draws, n - m)
        Points drawn independently from the base measure, to which the density and w refer: any, nu_m or other.
    """
    return rng.permuted(np.concatenate([dpp, independent], axis=1), axis=1)


def weighted_rows(basis: np.ndarray, probabilities: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """sqrt(w(x)) phi(x) at the sampled points, shape (n_draws, n_points, m)."""
    return basis[samples] / np.sqrt(probabilities[samples])[..., None]


def gram_matrices(rows: np.ndarray) -> np.ndarray:
    """G = (1/n) sum_i w(x_i) phi(x_i) phi(x_i)^T of every draw, shape (n_draws, m, m)."""
    return np.swapaxes(rows, 1, 2) @ rows / rows.shape[1]


def block_gram_eigenvalues(rows: np.ndarray) -> np.ndarray:
    """Smallest eigenvalues of G of the first m, 2m, 3m, ... points, shape (n_draws, n_points // m)."""
    n_draws, n_points, m = rows.shape
    blocks = rows.reshape(n_draws, n_points // m, m, m)
    sums = np.cumsum(np.swapaxes(blocks, 2, 3) @ blocks, axis=1)
    sizes = m * np.arange(1, n_points // m + 1)
    return np.maximum(np.linalg.eigvalsh(sums)[..., 0] / sizes, 0.0)


def inverse_gram_traces(rows: np.ndarray) -> np.ndarray:
    """trace(G^-1) of every draw, infinite for a singular G; shape (n_draws,)."""
    eigenvalues = np.linalg.eigvalsh(gram_matrices(rows))
    singular = eigenvalues[:, 0] <= SINGULAR * eigenvalues[:, -1]
    return np.where(singular, np.inf, np.sum(1 / np.where(singular[:, None], 1.0, eigenvalues), axis=1))


def least_squares(basis: np.ndarray, targets: np.ndarray, probabilities: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Coefficients of argmin_{v in V_m} sum_i w(x_i) (f(x_i) - v(x_i))^2; interpolation if there are m points.

    By singular values: the normal equations would lose half of the digits where G is almost singular.

    Parameters
    ----------
    targets : array of shape (n_nodes, n_targets)

    Returns
    -------
    array of shape (n_draws, m, n_targets)
        Infinite where the points do not determine the fit.
    """
    rows = weighted_rows(basis, probabilities, samples)
    left, values, right = np.linalg.svd(rows, full_matrices=False)
    singular = values[:, -1] <= SINGULAR * values[:, 0]
    inverses = 1 / np.where(singular[:, None], 1.0, values)
    projected = np.swapaxes(left, 1, 2) @ weighted_rows(targets, probabilities, samples)
    coefficients = np.swapaxes(right, 1, 2) @ (inverses[..., None] * projected)
    coefficients[singular] = np.inf
    return coefficients


def error_ratios(basis: np.ndarray, targets: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """||f - v||^2 / ||f - P_m f||^2 of v with the given coefficients, shape (n_draws, n_targets); at least 1.

    By Pythagoras it is 1 + ||coefficients - those of P_m f||^2 / ||f - P_m f||^2.
    """
    best = basis.T @ targets
    optimum = np.sum((targets - basis @ best) ** 2, axis=0)
    return 1 + np.sum((coefficients - best) ** 2, axis=1) / optimum


def bias_scores(basis: np.ndarray, targets: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Mean over draws of each coefficient minus that of P_m f, in standard errors of the mean; (m, n_targets).

    Scores of an unbiased estimator have mean square 1.
    """
    deviations = coefficients - basis.T @ targets
    return deviations.mean(axis=0) / (deviations.std(axis=0, ddof=1) / np.sqrt(len(deviations)))
