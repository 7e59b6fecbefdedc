"""Sampling the rows of a tall matrix: leverage scores, inclusion probabilities, independent sampling."""

import numpy as np


def orthonormal_basis(design: np.ndarray) -> np.ndarray:
    """Orthonormal basis Q of the column span, shape (n_rows, n_columns), by Householder QR.

    Raises
    ------
    ValueError
        If `design` is not a matrix of full column rank (to rounding).
    """
    if design.ndim != 2 or design.shape[0] < design.shape[1]:
        raise ValueError(f"expected a matrix with at least as many rows as columns, found shape {design.shape}")
    basis, triangle = np.linalg.qr(design)
    diagonal = np.abs(np.diag(triangle))
    if diagonal.min() <= 1e-12 * diagonal.max():
        raise ValueError("expected a design of full column rank")
    return basis


def leverage_scores(design: np.ndarray) -> np.ndarray:
    """Leverage scores tau_i = a_i^T (A^T A)^-1 a_i of the rows, shape (n_rows,); in [0, 1], they sum to the rank."""
    return squared_row_norms(orthonormal_basis(design))


def squared_row_norms(matrix: np.ndarray) -> np.ndarray:
    """||Q_i||^2 of the rows, shape (n_rows,): the leverage scores, if the columns are orthonormal."""
    return np.einsum("ij,ij->i", matrix, matrix)


def capped_probabilities(scores: np.ndarray, n_samples: float) -> np.ndarray:
    """Inclusion probabilities p_i = min(1, c score_i) that sum to `n_samples`.

    Parameters
    ----------
    scores : array of shape (n_rows,)
        Non-negative importances, in any unit.
    n_samples : float
        Expected sample size; it need not be an integer.

    Raises
    ------
    ValueError
        If a score is negative or not finite, or fewer than `n_samples` scores are positive.
    """
    if not (np.isfinite(scores).all() and (scores >= 0).all()):
        raise ValueError("expected finite non-negative scores")
    if not 0 < n_samples <= np.count_nonzero(scores):
        raise ValueError(f"expected 0 < n_samples <= {np.count_nonzero(scores)} positive scores, found {n_samples}")
    descending = np.sort(scores)[::-1]
    rest = np.cumsum(descending[::-1])[::-1]  # rest[k]: sum of all but the k largest scores
    # With the k largest at 1 the others get c = (n_samples - k) / rest[k]: take the least k at which none exceeds 1.
    n_capped = np.arange(min(len(scores), int(n_samples) + 1))
    fits = (n_samples - n_capped) * descending[n_capped] <= rest[n_capped] * (1 + 1e-12)
    k = int(np.argmax(fits))
    return np.minimum(1.0, (n_samples - k) / rest[k] * scores)


def independent_sample(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Indices of the rows kept when row i is kept with probability p_i, independently of the others."""
    return np.flatnonzero(rng.random(len(probabilities)) < probabilities)
