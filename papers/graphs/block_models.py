"""Stochastic block models: random graphs whose edges depend only on the groups of their two ends."""

import numpy as np
from numpy.typing import NDArray


def stochastic_block_model(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """One undirected simple graph: nodes i < j are joined with probability P[z_i, z_j], independently.

    Parameters
    ----------
    labels : (n,) group of each node, in 0..K-1
    probabilities : (K, K) symmetric edge probabilities
    rng : source of the edges

    Returns
    -------
    (n, n) symmetric boolean adjacency matrix with an empty diagonal

    Raises
    ------
    ValueError
        if the probabilities are not a symmetric matrix of values in [0, 1], or a label is not a row of it
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.ndim != 2 or not np.array_equal(probabilities, probabilities.T):
        raise ValueError("edge probabilities must form a symmetric matrix")
    if not np.all((probabilities >= 0) & (probabilities <= 1)):
        raise ValueError("edge probabilities must lie in [0, 1]")
    if labels.min() < 0 or labels.max() >= len(probabilities):
        raise ValueError(f"labels must lie in 0..{len(probabilities) - 1}")
    joined = rng.random((len(labels), len(labels))) < probabilities[labels][:, labels]
    upper = np.triu(joined, k=1)
    return upper | upper.T


def common_ancestor_depths(depth: int) -> NDArray[np.integer]:
    """Depth of the lowest common ancestor of every two leaves of a complete binary tree.

    Returns
    -------
    (2**depth, 2**depth) integers: 0 where only the root is shared, `depth` on the diagonal
    """
    leaves = np.arange(2**depth)
    ancestors = leaves[:, None] >> np.arange(depth, -1, -1)  # (leaf, level): the leaf's ancestor on a level
    return (ancestors[:, None] == ancestors[None]).sum(axis=2) - 1


def geometric_densities(leaf_density: float, decay: float, depth: int) -> NDArray[np.floating]:
    """(depth + 1,) densities a_k = leaf_density * decay^(depth - k), from the root to the leaves."""
    return leaf_density * decay ** np.arange(depth, -1, -1, dtype=float)


def binary_tree_model(
    densities: NDArray[np.floating], leaf_size: int
) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """Binary tree block model with logarithmic degrees: p_k = a_k log(N)/N for a common ancestor at depth k.

    Parameters
    ----------
    densities : (D + 1,) the a_k, from the root (k = 0) to the leaves (k = D)
    leaf_size : nodes per leaf community; N = 2**D * leaf_size

    Returns
    -------
    labels (N,) of the leaf communities and probabilities (2**D, 2**D), as `stochastic_block_model` takes them
    """
    depths = common_ancestor_depths(len(densities) - 1)
    n_nodes = len(depths) * leaf_size
    labels = np.repeat(np.arange(len(depths)), leaf_size)
    return labels, np.asarray(densities, dtype=float)[depths] * np.log(n_nodes) / n_nodes
