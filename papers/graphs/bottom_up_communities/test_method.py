from itertools import permutations

import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.cluster.hierarchy import linkage
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import squareform
from scipy.stats import binom, chisquare

from papers.graphs.block_models import (
    binary_tree_model,
    common_ancestor_depths,
    geometric_densities,
    stochastic_block_model,
)
from papers.graphs.bottom_up_communities.method import (
    Dendrogram,
    accuracy,
    average_linkage,
    bottom_up,
    cut,
    divergence,
    inversion_share,
    inverted_splits,
    level_labels,
    refine,
    top_down,
)


def draw(labels, probabilities, rng):
    return sparse.csr_array(stochastic_block_model(labels, probabilities, rng).astype(float))


def tree_graph(densities, leaf_size, seed):
    rng = np.random.default_rng(seed)
    labels, probabilities = binary_tree_model(densities, leaf_size)
    return labels, draw(labels, probabilities, rng), rng


# --- the limit


def test_divergence_of_two_communities_is_the_known_limit():
    assert divergence([2.0, 9.0], 1) == pytest.approx((3 - np.sqrt(2)) ** 2 / 2)


@pytest.mark.parametrize("densities", [(3, 3.6, 4.2, 28), (1, 2, 4, 8), (6, 1, 5, 2)])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_divergence_is_the_general_one_of_the_rows_of_the_model(densities, level):
    """Abbe and Sandon's divergence by numerical maximisation over t, least over leaves apart on the level."""
    depths = common_ancestor_depths(3)
    rows = np.asarray(densities, dtype=float)[depths]

    def general(u, v):
        def negative(t):
            return -(t * rows[u] + (1 - t) * rows[v] - rows[u] ** t * rows[v] ** (1 - t)).mean()

        return -minimize_scalar(negative, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).fun

    apart = [(u, v) for u in range(8) for v in range(u) if depths[u, v] < level]
    assert divergence(densities, level) == pytest.approx(min(general(u, v) for u, v in apart), rel=1e-7)


def test_a_level_the_tree_lacks_is_refused():
    with pytest.raises(ValueError, match=r"1\.\.3"):
        divergence([1, 2, 3, 4], 4)


# --- linkage


def test_linkage_heights_are_those_of_scipy():
    """Nodes of one leaf at distance 0, others at 2 - A: scipy joins the leaves, then averages over pairs."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [5, 9, 3, 7])
    adjacency = draw(labels, 0.2 + 0.5 * np.eye(4), rng)
    distance = np.where(labels[:, None] == labels, 0.0, 2 - adjacency.toarray())
    heights = linkage(squareform(distance), method="average")[-3:, 2]
    np.testing.assert_allclose(2 - average_linkage(adjacency, labels).densities, heights, rtol=1e-12)


def test_densities_are_edges_over_pairs_of_the_merged_groups():
    labels, adjacency, _ = tree_graph((2, 4, 9), 20, seed=1)
    tree = average_linkage(adjacency, labels)
    members = [np.flatnonzero(labels == leaf) for leaf in range(4)]
    for (left, right), density in zip(tree.merges, tree.densities, strict=True):
        block = adjacency.toarray()[np.ix_(members[left], members[right])]
        assert density == pytest.approx(block.mean())
        members.append(np.concatenate([members[left], members[right]]))
    assert len(members[-1]) == len(labels)


def test_average_linkage_recovers_the_tree_that_counting_edges_misses():
    labels, adjacency, _ = tree_graph((3, 5, 7, 28), 60, seed=2)
    by_density, by_count = (average_linkage(adjacency, labels, name) for name in ("density", "edges"))
    for level in (1, 2):
        truth = level_labels(labels, 3, level)
        assert accuracy(cut(by_density, 2**level), truth) == 1
        assert accuracy(cut(by_count, 2**level), truth) < 1
    with pytest.raises(ValueError, match="edges"):
        average_linkage(adjacency, labels, "weight")


def test_average_linkage_makes_no_inversion():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.integers(6, size=60)
        labels[:6] = np.arange(6)
        assert inversion_share(average_linkage(draw(labels, np.full((6, 6), 0.3), rng), labels)) == 0


def test_equal_densities_make_all_first_merges_equally_likely():
    """No level is special: of 28 pairs of leaves, 16, 8 and 4 have a common ancestor at depth 0, 1, 2."""
    rng = np.random.default_rng(3)
    labels, probabilities = binary_tree_model((8, 8, 8, 12), 24)
    depths = common_ancestor_depths(3)
    first = [average_linkage(draw(labels, probabilities, rng), labels).merges[0] for _ in range(300)]
    counts = np.bincount([depths[i, j] for i, j in first], minlength=3)
    assert chisquare(counts, 300 * np.array([16, 8, 4]) / 28).pvalue > 1e-3


# --- leaves


def test_refinement_maximises_the_likelihood_of_a_nodes_edges():
    """A round against scipy's binomial likelihoods, group by group."""
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1, 2], 30)
    adjacency = draw(truth, np.array([[0.8, 0.1, 0.4], [0.1, 0.6, 0.2], [0.4, 0.2, 0.9]]), rng)
    labels = truth.copy()
    labels[[0, 31, 62]] = [1, 2, 0]
    members = np.eye(3)[labels]
    dense = adjacency.toarray()
    sizes = members.sum(axis=0)
    densities = members.T @ dense @ members / (np.outer(sizes, sizes) - np.diag(sizes))
    degrees = dense @ members
    score = np.array([binom.logpmf(degrees, sizes - members, row).sum(axis=1) for row in densities])
    assert np.array_equal(refine(adjacency, labels, 1), score.argmax(axis=0))
    assert np.array_equal(refine(adjacency, labels, 10), truth)
    assert np.array_equal(refine(adjacency, labels, 0), labels)


def test_refinement_drops_groups_that_run_empty():
    truth = np.repeat([0, 1], 40)
    adjacency = draw(truth, np.array([[0.6, 0.05], [0.05, 0.6]]), np.random.default_rng(5))
    labels = truth.copy()
    labels[[3, 50]] = 2
    assert np.array_equal(refine(adjacency, labels, 10), truth)


# --- both methods


def test_both_recover_a_clear_hierarchy():
    labels, adjacency, rng = tree_graph(geometric_densities(40.0, 0.35, 3), 48, seed=6)
    for tree in (bottom_up(adjacency, 8, rng), top_down(adjacency, 3, rng)):
        assert tree.n_leaves == 8
        for level in (1, 2, 3):
            assert accuracy(cut(tree, 2**level), level_labels(labels, 3, level)) == 1
        assert inversion_share(tree) == 0
        # the splits below the root run at the densities of their levels
        expected = geometric_densities(40.0, 0.35, 3) * np.log(384) / 384
        assert tree.densities[-1] == pytest.approx(expected[0], rel=0.1)
        assert tree.densities[-3:-1] == pytest.approx([expected[1]] * 2, rel=0.1)


def test_bottom_up_does_not_depend_on_the_order_of_the_nodes():
    labels, adjacency, rng = tree_graph(geometric_densities(40.0, 0.35, 3), 48, seed=7)
    order = rng.permutation(len(labels))
    tree = bottom_up(sparse.csr_array(adjacency[order][:, order]), 8, rng)
    assert accuracy(cut(tree, 4), level_labels(labels, 3, 2)[order]) == 1


def test_top_down_stops_where_no_communities_are_left():
    labels, adjacency, rng = tree_graph((2, 8, 28), 60, seed=8)
    tree = top_down(adjacency, None, rng)
    assert tree.n_leaves == 4
    assert accuracy(tree.leaves, labels) == 1


def test_top_down_leaves_what_it_cannot_split():
    tree = top_down(sparse.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), 3, np.random.default_rng(0))
    assert tree.n_leaves == 2
    assert sorted(tree.leaves) == [0, 1]
    assert tree.densities.tolist() == [1.0]


# --- reading a dendrogram


def test_cut_undoes_the_last_merges():
    merges = np.array([[1, 3], [0, 4], [2, 5]])
    tree = Dendrogram(np.array([0, 1, 2, 3, 3]), merges, np.array([3.0, 2.0, 1.0]))
    assert [len(np.unique(cut(tree, k))) for k in (1, 2, 3, 4, 9)] == [1, 2, 3, 4, 4]
    assert accuracy(cut(tree, 2), np.array([0, 0, 1, 0, 0])) == 1
    assert accuracy(cut(tree, 3), np.array([0, 1, 2, 1, 1])) == 1


def test_inversions_are_splits_less_dense_than_their_parent():
    merges = np.array([[0, 1], [2, 3], [4, 5]])
    tree = Dendrogram(np.arange(4), merges, np.array([0.2, 0.6, 0.4]))
    assert inverted_splits(tree).tolist() == [True, False, False]
    assert inversion_share(tree) == 0.5
    chain = Dendrogram(np.arange(4), np.array([[0, 1], [2, 4], [3, 5]]), np.array([0.5, 0.1, 0.3]))
    assert inverted_splits(chain).tolist() == [False, True, False]


def test_accuracy_is_the_best_over_all_matchings():
    rng = np.random.default_rng(9)
    truth, estimated = rng.integers(4, size=(2, 50))
    best = max(np.mean(np.array(names)[estimated] == truth) for names in permutations(range(4)))
    assert accuracy(estimated, truth) == pytest.approx(best)
    assert accuracy(np.array([2, 2, 0, 1]), np.array([1, 1, 2, 0])) == 1
    assert accuracy(np.zeros(4, dtype=int), np.array([0, 0, 1, 1])) == 0.5


def test_level_labels_are_ancestors():
    assert level_labels(np.arange(8), 3, 1).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert level_labels(np.arange(8), 3, 3).tolist() == list(range(8))
