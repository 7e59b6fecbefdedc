"""Hierarchical community detection, bottom-up and top-down, and the limit of exact recovery."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..spectral import (
    bethe_hessian,
    k_means,
    largest_eigenvectors,
    n_negative_eigenvalues,
    regularised_affinity,
    smallest_eigenvectors,
)


@dataclass(frozen=True)
class Dendrogram:
    """A binary tree over K leaf communities, as a sequence of K - 1 merges from the leaves to the root.

    Attributes
    ----------
    leaves : (n,) leaf community of each node, 0..K-1
    merges : (K - 1, 2) the two groups that merge t joins; leaf communities are groups 0..K-1, and merge t
        makes group K + t
    densities : (K - 1,) edges between the two sides of a merge over the number of their node pairs
    """

    leaves: NDArray[np.integer]
    merges: NDArray[np.integer]
    densities: NDArray[np.floating]

    @property
    def n_leaves(self) -> int:
        return len(self.merges) + 1


def divergence(densities: NDArray[np.floating], level: int) -> float:
    """J_q, the Chernoff-Hellinger divergence that decides exact recovery of the depth-q communities.

    Two leaves whose lowest common ancestor has depth k are told apart by the divergence of their rows of
    densities. The least one over the leaves in different depth-q communities, that is over k < q, decides.
    Exchanging the two leaves only permutes the communities, so the supremum over t in the divergence lies at
    t = 1/2.

    Parameters
    ----------
    densities : (D + 1,) the a_k of edge probabilities a_k log(N)/N, from the root to the leaves
    level : q in 1..D

    Returns
    -------
    J_q; for large N the depth-q communities can be recovered exactly if and only if J_q > 1

    Raises
    ------
    ValueError
        if the tree has no such level
    """
    densities = np.asarray(densities, dtype=float)
    depth = len(densities) - 1
    if not 1 <= level <= depth:
        raise ValueError(f"level must lie in 1..{depth}, got {level}")
    return min(_leaf_divergence(densities, k) for k in range(level))


def _leaf_divergence(densities, k):
    """Divergence of two leaves with their lowest common ancestor at depth k."""
    depth = len(densities) - 1
    gaps = (np.sqrt(densities) - np.sqrt(densities[k])) ** 2
    between = np.arange(k + 1, depth)  # depths at which one of the two leaves still has other relatives
    return (gaps[depth] + (2.0 ** (depth - between - 1) * gaps[between]).sum()) / 2**depth


def bottom_up(
    adjacency: sparse.csr_array,
    n_leaves: int,
    rng: np.random.Generator,
    n_rounds: int = 10,
    similarity: str = "density",
) -> Dendrogram:
    """Leaf communities first, then average linkage by edge density: the paper's bottom-up algorithm.

    Parameters
    ----------
    adjacency : (n, n) symmetric sparse adjacency matrix
    n_leaves : K, given
    rng : starts of the eigensolver and of k-means
    n_rounds : rounds of likelihood refinement at most
    similarity : see `average_linkage`
    """
    leaves = spectral_leaves(adjacency, n_leaves, rng)
    return average_linkage(adjacency, refine(adjacency, leaves, n_rounds), similarity)


def spectral_leaves(adjacency: sparse.csr_array, n_leaves: int, rng: np.random.Generator) -> NDArray[np.integer]:
    """(n,) labels from k-means on the `n_leaves` eigenvectors of the Bethe-Hessian's smallest eigenvalues.

    A node's row of the eigenvectors is scaled to length one, as in the authors' code, so that degrees do not
    matter.
    """
    vectors = smallest_eigenvectors(bethe_hessian(adjacency), n_leaves, rng)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return k_means(vectors / np.where(lengths > 0, lengths, 1.0), n_leaves, rng)


def refine(adjacency: sparse.csr_array, labels: NDArray[np.integer], n_rounds: int) -> NDArray[np.integer]:
    """Move every node to the group with the largest likelihood of its edges, until no node moves.

    A round estimates the densities between groups, then takes for each node i the group k that maximises
    sum_l d_il log P_kl + (n_l - [l = z_i] - d_il) log(1 - P_kl), with d_il the edges of i into group l.

    Parameters
    ----------
    adjacency : (n, n) symmetric sparse adjacency matrix
    labels : (n,) initial groups
    n_rounds : rounds at most

    Returns
    -------
    (n,) labels 0..K-1 without gaps
    """
    labels = np.unique(labels, return_inverse=True)[1]
    for _ in range(n_rounds):
        edges, pairs, members = _group_counts(adjacency, labels)
        densities = np.clip(edges / np.maximum(pairs, 1), 1e-6, 1 - 1e-6)
        degrees = adjacency @ members
        strangers = members.sum(axis=0) - members - degrees
        likelihood = degrees @ np.log(densities) + strangers @ np.log1p(-densities)
        moved = np.unique(likelihood.argmax(axis=1), return_inverse=True)[1]
        if np.array_equal(moved, labels):
            break
        labels = moved
    return labels


def _group_counts(adjacency, labels):
    """Edge ends and ordered node pairs between groups, (K, K) each, and the (n, K) membership matrix."""
    members = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
    sizes = members.sum(axis=0)
    return members.T @ (adjacency @ members), np.outer(sizes, sizes) - np.diag(sizes), members


def average_linkage(
    adjacency: sparse.csr_array, labels: NDArray[np.integer], similarity: str = "density"
) -> Dendrogram:
    """Merge the two groups with the largest edge density between them until one group is left.

    Edges and pairs are added up as groups merge, so that a merged group's density is over all its node pairs.

    Parameters
    ----------
    adjacency : (n, n) symmetric sparse adjacency matrix
    labels : (n,) leaf communities, 0..K-1 without gaps
    similarity : "density", edges over node pairs; "edges" leaves out the sizes, and is not the method

    Raises
    ------
    ValueError
        if the similarity is neither
    """
    if similarity not in ("density", "edges"):
        raise ValueError(f"similarity must be 'density' or 'edges', got {similarity!r}")
    edges, pairs, _ = _group_counts(adjacency, labels)
    groups = np.arange(len(edges))
    merges, densities = [], []
    while len(groups) > 1:
        scores = edges / np.maximum(pairs, 1) if similarity == "density" else edges.copy()
        np.fill_diagonal(scores, -np.inf)
        i, j = sorted(np.unravel_index(scores.argmax(), scores.shape))
        merges.append((groups[i], groups[j]))
        densities.append(edges[i, j] / pairs[i, j])
        edges, pairs = _merge(edges, i, j), _merge(pairs, i, j)
        groups = np.append(np.delete(groups, [i, j]), groups.max() + 1)
    return Dendrogram(labels, np.array(merges, dtype=int).reshape(-1, 2), np.array(densities))


def _merge(counts, i, j):
    """Replace groups i and j of a symmetric matrix of counts by their union, put last."""
    union = np.append(np.delete(counts[i] + counts[j], [i, j]), 0.0)
    kept = np.delete(np.delete(counts, [i, j], axis=0), [i, j], axis=1)
    return np.block([[kept, union[:-1, None]], [union[None]]])


def top_down(adjacency: sparse.csr_array, depth: int | None, rng: np.random.Generator) -> Dendrogram:
    """Recursive bipartition: 2-means on the two leading eigenvectors of each part's regularised Laplacian.

    Parameters
    ----------
    adjacency : (n, n) symmetric sparse adjacency matrix
    depth : number of times to split; None to split while a part's Bethe-Hessian has two negative eigenvalues
    rng : starts of the eigensolver and of k-means

    Returns
    -------
    Dendrogram whose merges undo the splits, the deepest first; a part that cannot be split (one node, or
    nodes that 2-means cannot tell apart) stays a leaf
    """
    parts = [np.arange(adjacency.shape[0])]
    depths, children, densities = [0], {}, {}
    for part, nodes in enumerate(parts):  # `parts` grows: breadth first
        within = adjacency[nodes][:, nodes]
        wanted = n_negative_eigenvalues(bethe_hessian(within)) >= 2 if depth is None else depths[part] < depth
        if not wanted or len(nodes) < 2:
            continue
        side = k_means(largest_eigenvectors(regularised_affinity(within), 2, rng), 2, rng).astype(bool)
        if side.all() or not side.any():
            continue
        children[part] = (len(parts), len(parts) + 1)
        densities[part] = (within @ side.astype(float))[~side].sum() / (side.sum() * (~side).sum())
        parts += [nodes[~side], nodes[side]]
        depths += [depths[part] + 1] * 2

    # number the leaves first and the splits after them, in the order in which they are undone
    order = [part for part in range(len(parts)) if part not in children] + sorted(children, reverse=True)
    group = {part: position for position, part in enumerate(order)}
    leaves = np.empty(adjacency.shape[0], dtype=int)
    for part, nodes in enumerate(parts):
        if part not in children:
            leaves[nodes] = group[part]
    splits = order[len(parts) - len(children) :]
    merges = [[group[child] for child in children[part]] for part in splits]
    return Dendrogram(
        leaves, np.array(merges, dtype=int).reshape(-1, 2), np.array([densities[part] for part in splits])
    )


def cut(dendrogram: Dendrogram, n_groups: int) -> NDArray[np.integer]:
    """(n,) labels after all merges but the last n_groups - 1; fewer groups where there are fewer leaves."""
    group = np.arange(2 * dendrogram.n_leaves - 1)  # which group each has become part of
    for merge in range(max(dendrogram.n_leaves - n_groups, 0)):
        group[np.isin(group, dendrogram.merges[merge])] = dendrogram.n_leaves + merge
    return np.unique(group[dendrogram.leaves], return_inverse=True)[1]


def inverted_splits(dendrogram: Dendrogram) -> NDArray[np.bool_]:
    """(K - 1,) whether a merge is less dense than the one above it, as none should be; False at the root."""
    inverted = np.zeros(len(dendrogram.merges), dtype=bool)
    for parent, pair in enumerate(dendrogram.merges):
        for child in pair[pair >= dendrogram.n_leaves] - dendrogram.n_leaves:
            inverted[child] = dendrogram.densities[child] < dendrogram.densities[parent]
    return inverted


def inversion_share(dendrogram: Dendrogram) -> float:
    """Share of inversions among the splits below the root; 0 if the root is the only one."""
    inverted = inverted_splits(dendrogram)
    return float(inverted[:-1].mean()) if len(inverted) > 1 else 0.0


def accuracy(estimated: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    """Share of nodes with the right label under the best matching of estimated groups to true ones."""
    confusion = np.zeros((estimated.max() + 1, truth.max() + 1))
    np.add.at(confusion, (estimated, truth), 1)
    rows, columns = linear_sum_assignment(confusion, maximize=True)
    return float(confusion[rows, columns].sum() / len(truth))


def level_labels(leaf_labels: NDArray[np.integer], depth: int, level: int) -> NDArray[np.integer]:
    """(n,) communities of a level of the binary tree: the ancestors on it of the leaves 0..2^depth-1."""
    return leaf_labels >> (depth - level)
