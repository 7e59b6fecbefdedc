import numpy as np
import pytest

from papers.graphs.block_models import (
    binary_tree_model,
    common_ancestor_depths,
    geometric_densities,
    stochastic_block_model,
)


def test_graph_is_simple_and_undirected():
    labels = np.array([0, 1, 1, 0, 2, 2, 2])
    graph = stochastic_block_model(labels, np.full((3, 3), 0.5), np.random.default_rng(0))
    assert graph.dtype == bool
    assert np.array_equal(graph, graph.T)
    assert not graph.diagonal().any()


def test_edges_follow_the_probabilities():
    rng = np.random.default_rng(1)
    probabilities = np.array([[0.5, 0.1, 0.0], [0.1, 0.3, 1.0], [0.0, 1.0, 0.05]])
    sizes = np.array([30, 50, 20])
    labels = rng.permutation(np.repeat(np.arange(3), sizes))
    n_graphs = 40
    total = sum(stochastic_block_model(labels, probabilities, rng).astype(float) for _ in range(n_graphs))
    members = np.eye(3)[labels]
    edges = members.T @ total @ members
    trials = n_graphs * (np.outer(sizes, sizes) - np.diag(sizes))
    independent = trials / (1 + np.eye(3))  # pairs within a group are counted from both ends
    deviation = np.abs(edges / trials - probabilities)
    assert (deviation <= 4 * np.sqrt(probabilities * (1 - probabilities) / independent)).all()


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [[0.5, 0.1], [0.2, 0.5]], "symmetric"),
        ([0, 1], [[1.5, 0.1], [0.1, 0.5]], r"\[0, 1\]"),
        ([0, 2], [[0.5, 0.1], [0.1, 0.5]], "labels"),
    ],
)
def test_what_is_no_block_model_is_refused(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        stochastic_block_model(np.array(labels), np.array(probabilities), np.random.default_rng(0))


def test_common_ancestors_are_shared_prefixes():
    names = [f"{leaf:03b}" for leaf in range(8)]
    depths = common_ancestor_depths(3)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            shared = next((k for k in range(3) if first[k] != second[k]), 3)
            assert depths[i, j] == shared


def test_binary_tree_model_has_logarithmic_degrees():
    densities = np.array([1.0, 2.0, 6.0])
    labels, probabilities = binary_tree_model(densities, leaf_size=50)
    assert np.array_equal(np.bincount(labels), [50] * 4)
    expected = np.array([[6, 2, 1, 1], [2, 6, 1, 1], [1, 1, 6, 2], [1, 1, 2, 6]]) * np.log(200) / 200
    np.testing.assert_allclose(probabilities, expected, rtol=1e-14)
    # the expected degree is the mean density over the leaves times log N
    np.testing.assert_allclose(probabilities.sum(axis=1) * 50, (6 + 2 + 1 + 1) / 4 * np.log(200), rtol=1e-14)


def test_geometric_densities_fall_towards_the_root():
    np.testing.assert_allclose(geometric_densities(40.0, 0.5, 3), [5, 10, 20, 40])
