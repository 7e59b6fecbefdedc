"""Sketches of A^T B by coordinated row sampling: both sites hash the row index and keep rows of small hash.

A site sees its own matrix and the hashes h(i), uniform on [0, 1), which come from a seed that the sites share. As rows
kept at one site tend to be kept at the other, a sample of k rows meets the other one in a constant fraction of k rows,
and not in k^2 / n as independent samples do.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..row_sampling import capped_probabilities


class RowSketch(NamedTuple):
    """What a site sends: indices of the kept rows (ascending), these rows, and their chances to be kept."""

    rows: np.ndarray
    values: csr_array
    probabilities: np.ndarray


def words_per_row(n_nonzeros: int, n_columns: int) -> int:
    """Words that a sampled row takes: row index, then values with their columns, or all entries if that is shorter.

    Its probability follows from the row itself and one number per sketch (the scale of the threshold).
    """
    return 1 + min(2 * n_nonzeros, n_columns)


def rows_within(storage: int, row_words: int) -> int:
    """Number of rows that `storage` words hold, one of which is taken by the scale of the threshold.

    Raises
    ------
    ValueError
        If there is no room for a row.
    """
    n_rows = (storage - 1) // row_words
    if n_rows < 1:
        raise ValueError(f"expected room for a row of {row_words} words and the threshold, found {storage} words")
    return n_rows


def threshold_probabilities(importances: np.ndarray, n_kept: float, adaptive: bool = True) -> np.ndarray:
    """Chances p_i = min(1, c ||A_i||^2 / ||A||_F^2) of threshold sampling, shape (n,).

    Parameters
    ----------
    importances : array of shape (n,)
        Squared row norms.
    n_kept : float
        k, the expected number of rows where no chance is capped at 1.
    adaptive : bool
        Choose c such that the p_i sum to k (or keep all rows, if fewer than k are non-zero); otherwise c = k.
    """
    if not adaptive:
        return np.minimum(1.0, n_kept * importances / importances.sum())
    if n_kept >= np.count_nonzero(importances):
        return (importances > 0).astype(float)
    return capped_probabilities(importances, n_kept)


def threshold_sketch(matrix: csr_array, probabilities: np.ndarray, hashes: np.ndarray) -> RowSketch:
    """Threshold sampling: keep the rows with h(i) < p_i."""
    rows = np.flatnonzero(hashes < probabilities)
    return RowSketch(rows, matrix[rows], probabilities[rows])


def priority_sketch(matrix: csr_array, importances: np.ndarray, n_kept: int, hashes: np.ndarray) -> RowSketch:
    """Priority sampling: keep the k rows of smallest rank h(i) / ||A_i||^2, the next rank is the threshold tau.

    Given the hashes of the others, row i is kept if h(i) < tau ||A_i||^2, hence its chance min(1, tau ||A_i||^2).
    There are min(k, number of non-zero rows) of them.
    """
    candidates = np.flatnonzero(importances)
    if len(candidates) <= n_kept:
        return RowSketch(candidates, matrix[candidates], np.ones(len(candidates)))
    ranks = hashes[candidates] / importances[candidates]
    order = np.argpartition(ranks, n_kept)
    rows, tau = np.sort(candidates[order[:n_kept]]), ranks[order[n_kept]]
    return RowSketch(rows, matrix[rows], np.minimum(1.0, tau * importances[rows]))


def common_rows(a: RowSketch, b: RowSketch, shared_hashes: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions in both sketches of the rows that both hold, and 1 / P_i with P_i the chance that both do.

    With shared hashes the row is in both as soon as it is in the sketch of the smaller chance, P_i = min(p_i, q_i);
    with independent ones P_i = p_i q_i.
    """
    _, in_a, in_b = np.intersect1d(a.rows, b.rows, assume_unique=True, return_indices=True)
    p, q = a.probabilities[in_a], b.probabilities[in_b]
    return in_a, in_b, 1 / (np.minimum(p, q) if shared_hashes else p * q)


def estimate_product(a: RowSketch, b: RowSketch, shared_hashes: bool = True) -> np.ndarray:
    """W = sum over the rows in both sketches of A_i^T B_i / P_i, an unbiased estimate of A^T B; shape (d, m)."""
    in_a, in_b, factors = common_rows(a, b, shared_hashes)
    return a.values[in_a].T @ (factors[:, None] * b.values[in_b].toarray())


def regress_on_sample(features: RowSketch, responses: RowSketch, shared_hashes: bool = True) -> np.ndarray:
    """Least squares on the rows in both sketches with weights 1 / P_i, shape (d,).

    Unlike a linear sketch a sample knows which keys both sites have, so it also estimates the Gram matrix of the join.
    """
    in_a, in_b, factors = common_rows(features, responses, shared_hashes)
    root = np.sqrt(factors)[:, None]
    design, target = root * features.values[in_a].toarray(), root * responses.values[in_b].toarray()
    return np.linalg.lstsq(design, target[:, 0])[0]
