"""Exact samplers of determinantal point processes (DPPs) on a finite ground set of n items."""

from typing import NamedTuple

import numpy as np
from numba import njit

from .row_sampling import squared_row_norms


@njit(cache=True)
def _chain_rule(columns, leverages, uniforms):
    n_draws, m = uniforms.shape
    n = leverages.size
    samples = np.empty((n_draws, m), dtype=np.int64)
    directions = np.empty((m, m))  # orthonormal basis of the span of the rows taken so far
    for draw in range(n_draws):
        residuals = leverages.copy()  # squared distance of each row to that span
        for k in range(m):
            left = uniforms[draw, k] * residuals.sum()
            item = 0
            while left >= residuals[item] and item < n - 1:
                left -= residuals[item]
                item += 1
            while residuals[item] <= 0.0:  # only if rounding ran past the last item that can be taken
                item -= 1
            samples[draw, k] = item

            direction = columns[:, item].copy()
            for _ in range(2):  # Gram-Schmidt twice: once loses digits if the row is close to the span
                for earlier in range(k):
                    direction -= np.dot(directions[earlier], direction) * directions[earlier]
            direction /= np.sqrt(np.dot(direction, direction))
            directions[k] = direction

            heights = np.zeros(n)
            for j in range(m):
                heights += direction[j] * columns[j]
            residuals = np.maximum(residuals - heights**2, 0.0)
            residuals[item] = 0.0
    return samples


def projection_dpp(basis: np.ndarray, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Independent samples of the DPP whose kernel is the projection Q Q^T: P(S) = det(Q_S)^2 for |S| = m.

    Chain rule: the next item is taken with probability proportional to the squared distance of its row q_i to the
    span of the rows taken so far, which a Gram-Schmidt vector per step keeps up to date (n m^2 operations a sample).

    Parameters
    ----------
    basis : array of shape (n, m)
        Q, with orthonormal columns.

    Returns
    -------
    array of shape (n_draws, m)
        Distinct indices; every order of a set is equally likely.

    Raises
    ------
    ValueError
        If the columns are not orthonormal.
    """
    if basis.ndim != 2 or not np.allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-8):
        raise ValueError("expected a matrix with orthonormal columns")
    uniforms = rng.random((n_draws, basis.shape[1]))
    return _chain_rule(np.ascontiguousarray(basis.T), squared_row_norms(basis), uniforms)


class Spectrum(NamedTuple):
    """Eigenvalues of shape (n,), and the eigenvectors as columns of shape (n, n)."""

    values: np.ndarray
    vectors: np.ndarray


def spectrum(kernel: np.ndarray) -> Spectrum:
    """Eigendecomposition of the kernel L of an L-ensemble, shape (n, n).

    Raises
    ------
    ValueError
        If L is not symmetric, or not positive semidefinite (to rounding).
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not np.allclose(kernel, kernel.T):
        raise ValueError("expected a symmetric matrix")
    values, vectors = np.linalg.eigh(kernel)
    if values[0] < -1e-9 * max(values[-1], 0.0):
        raise ValueError(f"expected a positive semidefinite kernel, found the eigenvalue {values[0]:.3g}")
    return Spectrum(np.maximum(values, 0.0), vectors)


def l_ensemble_dpp(kernel: Spectrum, rng: np.random.Generator) -> np.ndarray:
    """One sample of the L-ensemble P(S) = det(L_S) / det(I + L): distinct indices, perhaps none.

    Eigenvector i is kept with probability lambda_i / (1 + lambda_i), and the projection DPP of those kept is sampled
    (Hough, Krishnapur, Peres and Virag, 2006).
    """
    kept = rng.random(len(kernel.values)) < kernel.values / (1 + kernel.values)
    return projection_dpp(kernel.vectors[:, kept], 1, rng)[0]
