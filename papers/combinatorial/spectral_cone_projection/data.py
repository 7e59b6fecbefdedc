"""Instances of the three problems: D-optimal design, robust PCA and two kinds of graph partition."""

import numpy as np

BLOCKS = 4
EDGE_PROBABILITY_INSIDE, EDGE_PROBABILITY_ACROSS = 0.6, 0.1
OUTLIER_SHARE, OUTLIER_SIZE, RANK = 0.1, 5.0, 2


def negative_laplacian(edge_probability: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A - diag(degrees), shape (n, n), of a random graph with independent edges."""
    adjacency = np.triu(rng.random(edge_probability.shape) < edge_probability, 1).astype(float)
    adjacency += adjacency.T
    return adjacency - np.diag(adjacency.sum(axis=0))


def generate(params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays ``<problem>_<n>`` of each size n, and the budgets of robust PCA.

    Shapes: (3 n, n) for design, (n, n) for robust PCA, (graphs, n, n) for the two kinds of graphs.
    """
    arrays = {}
    for n in params.design_sizes:
        arrays[f"design_{n}"] = rng.normal(size=(3 * n, n))
    for n in params.pca_sizes:
        low_rank = rng.normal(size=(n, RANK)) @ rng.normal(size=(RANK, n))
        is_outlier = rng.random((n, n)) < OUTLIER_SHARE
        sparse = np.where(is_outlier, OUTLIER_SIZE * rng.choice([-1.0, 1.0], size=(n, n)), 0.0)
        arrays[f"pca_{n}"] = low_rank + sparse
        arrays[f"pca_budget_{n}"] = np.abs(sparse).sum()
    for n in params.planted_sizes:
        block = np.arange(n) * BLOCKS // n
        same = block[:, None] == block
        probability = np.where(same, EDGE_PROBABILITY_INSIDE, EDGE_PROBABILITY_ACROSS)
        arrays[f"planted_{n}"] = negative_laplacian(probability, rng)[None]
    for n in params.sparse_sizes:
        probability = np.full((n, n), params.mean_degree / (n - 1))
        arrays[f"sparse_{n}"] = np.stack([negative_laplacian(probability, rng) for _ in range(params.sparse_graphs)])
    return arrays
