"""Spectral clustering of graphs: the Bethe-Hessian, the regularised Laplacian and k-means."""

import numpy as np
import scipy.linalg
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

DENSE_SIZE = 100  # up to this many rows a full decomposition is quicker than Lanczos


def bethe_hessian(adjacency: sparse.csr_array, r: float | None = None) -> sparse.csr_array:
    """H(r) = (r^2 - 1) I + Deg - r A (Saade, Krzakala and Zdeborova, 2014).

    Parameters
    ----------
    adjacency : (n, n) symmetric sparse adjacency matrix
    r : default sqrt(sum d^2 / sum d - 1), the estimate of the non-backtracking matrix's bulk radius

    Returns
    -------
    (n, n) sparse matrix; communities show in the eigenvectors of its smallest eigenvalues
    """
    degrees = np.asarray(adjacency.sum(axis=0), dtype=float).ravel()
    if r is None:
        r = np.sqrt(max((degrees**2).sum() / max(degrees.sum(), 1.0) - 1.0, 1.0))
    return sparse.csr_array(sparse.diags_array(r**2 - 1 + degrees) - r * adjacency)


def n_negative_eigenvalues(matrix: sparse.csr_array) -> int:
    """Number of negative eigenvalues of a symmetric matrix; for H(r), an estimate of how many communities."""
    return int((scipy.linalg.eigvalsh(matrix.toarray()) < 0).sum())


def regularised_affinity(adjacency: sparse.csr_array, tau: float = 0.1) -> LinearOperator:
    """D^{-1/2} (A + tau dbar/n) D^{-1/2}: one minus the regularised Laplacian of Amini et al. (2013).

    An edge weight of tau times the mean degree over n is added to every pair of nodes, and D holds the
    degrees with that weight. The matrix is dense; the operator keeps it as a sparse and a rank-one part.
    """
    n_nodes = adjacency.shape[0]
    degrees = np.asarray(adjacency.sum(axis=0), dtype=float).ravel()
    background = tau * max(degrees.mean(), 1.0 / n_nodes) / n_nodes
    scale = 1.0 / np.sqrt(degrees + n_nodes * background)

    def product(vector):
        scaled = scale * vector.ravel()
        return scale * (adjacency @ scaled + background * scaled.sum())

    return LinearOperator((n_nodes, n_nodes), matvec=product, dtype=float)


def smallest_eigenvectors(matrix: sparse.csr_array, n_vectors: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(n, n_vectors) orthonormal eigenvectors of the algebraically smallest eigenvalues, smallest first."""
    return _eigenvectors(matrix, n_vectors, rng, smallest=True)


def largest_eigenvectors(
    matrix: sparse.csr_array | LinearOperator, n_vectors: int, rng: np.random.Generator
) -> NDArray[np.floating]:
    """(n, n_vectors) orthonormal eigenvectors of the algebraically largest eigenvalues, largest first."""
    return _eigenvectors(matrix, n_vectors, rng, smallest=False)


def _eigenvectors(matrix, n_vectors, rng, smallest):
    size = matrix.shape[0]
    if size <= max(DENSE_SIZE, n_vectors + 1):
        values, vectors = np.linalg.eigh(matrix @ np.eye(size))
    else:
        start = rng.standard_normal(size)  # ARPACK's own start would differ from run to run
        values, vectors = eigsh(matrix, k=n_vectors, which="SA" if smallest else "LA", v0=start, tol=1e-6)
    order = np.argsort(values if smallest else -values)[:n_vectors]
    return vectors[:, order]


def k_means(
    points: NDArray[np.floating],
    n_clusters: int,
    rng: np.random.Generator,
    n_starts: int = 10,
    max_iterations: int = 100,
) -> NDArray[np.integer]:
    """Lloyd's k-means from k-means++ starts, all at once; the labels of the start with the least inertia.

    Parameters
    ----------
    points : (n, d), n >= n_clusters
    n_clusters, n_starts, max_iterations : number of centres, of starts, and of rounds at most

    Returns
    -------
    (n,) labels in 0..n_clusters-1

    Raises
    ------
    ValueError
        if there are fewer points than clusters
    """
    if len(points) < n_clusters:
        raise ValueError(f"{len(points)} points cannot form {n_clusters} clusters")
    centres = _spread_starts(points, n_clusters, n_starts, rng)
    labels = None
    for _ in range(max_iterations):
        # squared distances less the points' own squared norms, which do not change the nearest centre
        distances = (centres**2).sum(axis=2, keepdims=True) - 2 * centres @ points.T  # (start, centre, point)
        previous, labels = labels, distances.argmin(axis=1)
        if previous is not None and np.array_equal(previous, labels):
            break
        members = (labels[:, None] == np.arange(n_clusters)[:, None]).astype(float)
        sizes = members.sum(axis=2, keepdims=True)
        centres = np.where(sizes > 0, members @ points / np.maximum(sizes, 1), centres)
    return labels[distances.min(axis=1).sum(axis=1).argmin()]


def _spread_starts(points, n_clusters, n_starts, rng):
    """k-means++: each new centre is a point, drawn in proportion to its squared distance from the others."""
    centres = np.empty((n_starts, n_clusters, points.shape[1]))
    centres[:, 0] = points[rng.integers(len(points), size=n_starts)]
    nearest = np.full((n_starts, len(points)), np.inf)
    for j in range(1, n_clusters):
        np.minimum(nearest, ((points - centres[:, j - 1, None]) ** 2).sum(axis=2), out=nearest)
        cumulative = nearest.cumsum(axis=1)
        drawn = rng.random((n_starts, 1)) * cumulative[:, -1:]
        centres[:, j] = points[np.minimum((cumulative <= drawn).sum(axis=1), len(points) - 1)]
    return centres
