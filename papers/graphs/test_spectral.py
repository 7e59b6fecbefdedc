import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sparse
from sklearn.cluster import KMeans

from papers.graphs.block_models import stochastic_block_model
from papers.graphs.spectral import (
    bethe_hessian,
    k_means,
    largest_eigenvectors,
    n_negative_eigenvalues,
    regularised_affinity,
    smallest_eigenvectors,
)


def random_graph(n_nodes, probability, seed):
    graph = nx.gnp_random_graph(n_nodes, probability, seed=seed)
    return sparse.csr_array(nx.to_scipy_sparse_array(graph, dtype=float))


def planted_graph(sizes, within, between, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    probabilities = np.where(np.eye(len(sizes), dtype=bool), within, between)
    return labels, sparse.csr_array(
        stochastic_block_model(labels, probabilities, np.random.default_rng(seed)).astype(float)
    )


def test_bethe_hessian_is_singular_at_eigenvalues_of_the_non_backtracking_matrix():
    """Ihara and Bass: every eigenvalue of the non-backtracking matrix but +-1 is a root of det H(r)."""
    graph = nx.karate_club_graph()
    arcs = [(u, v) for u, v in graph.edges] + [(v, u) for u, v in graph.edges]
    follows = np.array([[u2 == v1 and v2 != u1 for u2, v2 in arcs] for u1, v1 in arcs], dtype=float)
    eigenvalues = np.linalg.eigvals(follows)
    real = eigenvalues[np.abs(eigenvalues.imag) < 1e-9].real
    roots = real[np.abs(np.abs(real) - 1) > 1e-3]
    assert len(roots) >= 2
    adjacency = sparse.csr_array(nx.to_scipy_sparse_array(graph, weight=None, dtype=float))
    for r in roots:
        values = np.linalg.eigvalsh(bethe_hessian(adjacency, r).toarray())
        assert np.abs(values).min() < 1e-8
    away = np.linalg.eigvalsh(bethe_hessian(adjacency, roots.max() + 1).toarray())
    assert np.abs(away).min() > 1e-2


def test_default_radius_is_that_of_the_degrees():
    adjacency = random_graph(60, 0.2, seed=3)
    degrees = adjacency.toarray().sum(axis=0)
    r = np.sqrt((degrees**2).mean() / degrees.mean() - 1)
    expected = (r**2 - 1) * np.eye(60) + np.diag(degrees) - r * adjacency.toarray()
    np.testing.assert_allclose(bethe_hessian(adjacency).toarray(), expected, atol=1e-12)


@pytest.mark.parametrize("n_communities", [1, 2, 4])
def test_negative_eigenvalues_count_communities(n_communities):
    _, adjacency = planted_graph([60] * n_communities, 0.4, 0.05, seed=n_communities)
    assert n_negative_eigenvalues(bethe_hessian(adjacency)) == n_communities


def test_regularised_affinity_is_the_dense_formula():
    adjacency = random_graph(70, 0.05, seed=4)
    dense = adjacency.toarray()
    weighted = dense + 0.3 * dense.sum(axis=0).mean() / 70
    scale = 1 / np.sqrt(weighted.sum(axis=0))
    expected = scale[:, None] * weighted * scale
    np.testing.assert_allclose(regularised_affinity(adjacency, tau=0.3) @ np.eye(70), expected, atol=1e-12)


def test_graph_without_edges_has_a_finite_affinity():
    assert np.isfinite(regularised_affinity(sparse.csr_array((5, 5))) @ np.eye(5)).all()


@pytest.mark.parametrize("n_nodes", [40, 240])  # by full decomposition, by Lanczos
def test_eigenvectors_are_numpys_up_to_sign(n_nodes):
    _, adjacency = planted_graph([n_nodes // 2, n_nodes // 4, n_nodes // 4], 0.5, 0.1, seed=5)
    hessian = bethe_hessian(adjacency)
    found = smallest_eigenvectors(hessian, 3, np.random.default_rng(0))
    expected = np.linalg.eigh(hessian.toarray())[1][:, :3]
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=0)), 1, atol=1e-6)

    affinity = regularised_affinity(adjacency)
    found = largest_eigenvectors(affinity, 2, np.random.default_rng(0))
    expected = np.linalg.eigh(affinity @ np.eye(n_nodes))[1][:, [-1, -2]]
    np.testing.assert_allclose(np.abs((found * expected).sum(axis=0)), 1, atol=1e-6)


def test_eigenvectors_are_the_same_on_every_run():
    adjacency = random_graph(300, 0.1, seed=6)
    first, second = (largest_eigenvectors(adjacency, 4, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def inertia(points, labels):
    parts = [points[labels == k] for k in np.unique(labels)]
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)


@pytest.mark.parametrize("n_clusters", [1, 2, 5])
def test_k_means_is_as_tight_as_scikit_learns(n_clusters):
    rng = np.random.default_rng(8)
    centres = 3 * rng.standard_normal((n_clusters, 3))
    points = rng.standard_normal((300, 3)) + centres[rng.integers(n_clusters, size=300)]
    labels = k_means(points, n_clusters, rng)
    reference = KMeans(n_clusters, n_init=10, random_state=0).fit(points).inertia_
    assert inertia(points, labels) <= 1.001 * reference


def test_k_means_finds_separated_clusters_from_one_start_by_spreading():
    """Twelve tight clusters: uniform starts would almost surely miss one, k-means++ starts rarely do."""
    rng = np.random.default_rng(9)
    truth = np.repeat(np.arange(12), 20)
    points = 100 * np.eye(12)[truth] + 0.01 * rng.standard_normal((240, 12))
    found = [len(np.unique(k_means(points, 12, rng, n_starts=1)[::20])) for _ in range(20)]
    assert np.mean(np.array(found) == 12) >= 0.9


def test_k_means_needs_a_point_for_every_cluster():
    with pytest.raises(ValueError, match="2 points"):
        k_means(np.zeros((2, 1)), 3, np.random.default_rng(0))
