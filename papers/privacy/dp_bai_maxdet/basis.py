"""Bases of maximal determinant among feature vectors, by pivoting, for many sets of vectors at once."""

from typing import NamedTuple

import numpy as np

RANK_TOLERANCE = 1e-10
SWAP_THRESHOLD = 1 + 1e-9


class Basis(NamedTuple):
    """Vectors that span all others of their set; leading axis: the sets.

    Attributes
    ----------
    rows : ndarray of shape (n_sets, n_dims), dtype int
        Positions of the basis vectors; -1 in the columns that are superfluous because the rank is smaller.
    coefficients : ndarray of shape (n_sets, n_vectors, n_dims)
        vector i = sum over j of coefficients[i, j] * vector rows[j]; 0 in superfluous columns.
    rank : ndarray of shape (n_sets,)
    """

    rows: np.ndarray
    coefficients: np.ndarray
    rank: np.ndarray


def spanning_basis(features: np.ndarray, search: bool = True) -> Basis:
    """A basis whose determinant no exchange of one vector increases, so that all coefficients are at most 1.

    The first basis is that of QR with pivoting: always the vector farthest from the span of those before it.
    Column operations turn the features into coefficients. Exchanging basis vector j for vector i multiplies the
    absolute determinant by |coefficients[i, j]| (Cramer's rule), so the search exchanges at the largest coefficient
    until none exceeds 1. The maximum over all bases is not always reached; the bound on the coefficients needs no
    more than this.

    Parameters
    ----------
    features : ndarray of shape (n_sets, n_vectors, n_dims)
    search : bool
        If false, each basis is made of the first vectors that are independent, and nothing is exchanged.
    """
    tableau = np.array(features, dtype=float)
    unexplained = tableau.copy()  # orthogonal to the basis so far
    n_sets, _, n_dims = tableau.shape
    rows = np.full((n_sets, n_dims), -1)
    smallest = RANK_TOLERANCE * np.linalg.norm(tableau, axis=2).max(axis=1)
    for _ in range(n_dims):
        norms = np.sqrt(np.einsum("svd,svd->sv", unexplained, unexplained))
        vector = norms.argmax(axis=1) if search else (norms > smallest[:, None]).argmax(axis=1)
        sets = np.flatnonzero(norms.max(axis=1) > smallest)
        if not sets.size:
            break
        vector = vector[sets]
        direction = unexplained[sets, vector] / norms[sets, vector, None]
        unexplained[sets] -= (unexplained[sets] @ direction[:, :, None]) * direction[:, None, :]
        column = np.where(rows[sets] < 0, np.abs(tableau[sets, vector]), 0.0).argmax(axis=1)
        exchange(tableau, sets, vector, column)
        rows[sets, column] = vector
    np.copyto(tableau, 0.0, where=(rows < 0)[:, None, :])
    while search:
        vector, column, largest = largest_entries(np.abs(tableau))
        sets = np.flatnonzero(largest > SWAP_THRESHOLD)
        if not sets.size:
            break
        exchange(tableau, sets, vector[sets], column[sets])
        rows[sets, column[sets]] = vector[sets]
    return Basis(rows, tableau, (rows >= 0).sum(axis=1))


def largest_entries(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vector, column and value of the largest entry in each set of ``sizes`` (n_sets, n_vectors, n_dims)."""
    flat = sizes.reshape(len(sizes), -1)
    position = flat.argmax(axis=1)
    vector, column = np.divmod(position, sizes.shape[2])
    return vector, column, flat[np.arange(len(sizes)), position]


def exchange(tableau: np.ndarray, sets: np.ndarray, vectors: np.ndarray, columns: np.ndarray) -> None:
    """Make ``vectors`` the basis vectors of ``columns`` in these sets, in place: their rows become unit vectors."""
    chosen = tableau[sets]
    each = np.arange(len(sets))
    row = chosen[each, vectors].copy()
    scaled = chosen[each, :, columns] / row[each, columns, None]
    row[each, columns] = 0.0
    chosen -= scaled[:, :, None] * row[:, None, :]
    chosen[each, :, columns] = scaled
    tableau[sets] = chosen
