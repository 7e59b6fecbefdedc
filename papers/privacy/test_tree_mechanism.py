"""Tree counters against an explicit tree, their covariance, and an audit of what they release."""

import math

import numpy as np
import pytest

from papers.privacy.gaussian_mechanism import gaussian_delta
from papers.privacy.tree_mechanism import (
    gaussian_node_sigma,
    laplace_node_scale,
    n_levels,
    prefix_nodes,
    prefix_noise,
    prefix_noise_blocks,
    private_prefix_sums,
)

LENGTHS = [1, 2, 7, 16, 37]


@pytest.mark.parametrize("n_steps", LENGTHS)
def test_nodes_partition_every_prefix_and_a_record_is_in_few(n_steps):
    all_nodes = set()
    for step in range(1, n_steps + 1):
        nodes = prefix_nodes(step)
        covered = [s for start, end in nodes for s in range(start + 1, end + 1)]
        assert covered == list(range(1, step + 1))
        assert len(nodes) == step.bit_count() <= n_levels(n_steps)
        all_nodes.update(nodes)
    holders = [sum(start < s <= end for start, end in all_nodes) for s in range(1, n_steps + 1)]
    assert max(holders) == n_levels(n_steps) == math.floor(math.log2(n_steps)) + 1


def node_noise_by_tree(noise):
    """Recover each node's noise from the prefix noise: a node is its last prefix less the prefix of its start."""
    before = np.vstack([np.zeros(noise.shape[1]), noise])
    return {
        (start, end): before[end] - before[start]
        for end in range(1, len(before))
        for start, end in [prefix_nodes(end)[-1]]
    }


@pytest.mark.parametrize("n_steps", LENGTHS)
def test_noise_of_a_prefix_is_the_sum_of_independent_node_draws(n_steps):
    noise = prefix_noise(n_steps, 3, 2.0, np.random.default_rng(0))
    draws = node_noise_by_tree(noise)
    for step in range(1, n_steps + 1):
        np.testing.assert_allclose(noise[step - 1], sum(draws[node] for node in prefix_nodes(step)), atol=1e-12)
    raw = np.random.default_rng(0).normal(0, 2.0, (n_steps, 3))
    np.testing.assert_allclose(np.stack([draws[prefix_nodes(t)[-1]] for t in range(1, n_steps + 1)]), raw, atol=1e-12)


@pytest.mark.parametrize(("law", "node_variance"), [("gaussian", 9.0), ("laplace", 18.0)])
@pytest.mark.parametrize("in_blocks", [False, True])
def test_covariance_counts_the_shared_nodes(law, node_variance, in_blocks):
    rng, n_steps, n_streams = np.random.default_rng(2), 16, 40_000
    if in_blocks:
        noise = np.vstack(list(prefix_noise_blocks(n_steps, n_streams, 3.0, rng, block=4, law=law)))
    else:
        noise = prefix_noise(n_steps, n_streams, 3.0, rng, law)
    covers = [set(prefix_nodes(step)) for step in range(1, n_steps + 1)]
    shared = np.array([[len(one & other) for other in covers] for one in covers])
    # Standard error of an entry: at most sqrt(2 or, for Laplace, 5) * 4 * node variance / sqrt(40,000).
    np.testing.assert_allclose(noise @ noise.T / n_streams, node_variance * shared, atol=0.15 * node_variance)


@pytest.mark.parametrize("shape", [(13,), (13, 4)])
def test_without_noise_the_prefix_sums_are_exact(shape):
    stream = np.random.default_rng(3).integers(0, 2, shape)
    sums = private_prefix_sums(stream, 0.0, np.random.default_rng(4))
    np.testing.assert_allclose(sums, np.cumsum(stream, axis=0), atol=1e-12)
    assert sums.shape == shape


def test_outputs_of_neighbouring_streams_are_as_indistinguishable_as_promised():
    """The best test between two streams that differ in record 1, which all levels hold, attains the profile of rho."""
    rng, n_steps, rho, epsilon = np.random.default_rng(5), 8, 0.4, 0.5
    sigma = gaussian_node_sigma(n_steps, rho)
    shift = np.ones(n_steps)  # by which the prefix sums differ
    shared = np.array([[len(set(prefix_nodes(s)) & set(prefix_nodes(t))) for t in range(1, 9)] for s in range(1, 9)])
    direction = np.linalg.solve(sigma**2 * shared, shift)  # of the log-likelihood ratio
    scores = [
        direction @ private_prefix_sums(np.tile(stream[:, None], 100_000), sigma, rng)
        for stream in (np.eye(n_steps)[0], np.zeros(n_steps))
    ]
    threshold = epsilon + direction @ shift / 2
    attained = np.mean(scores[0] > threshold) - math.exp(epsilon) * np.mean(scores[1] > threshold)
    # rho = mu^2/2 is that of one release with sigma = 1/mu. Standard error: about 0.003.
    assert attained == pytest.approx(gaussian_delta(1 / math.sqrt(2 * rho), epsilon), abs=0.01)


def test_laplace_scale_bounds_the_loss_of_the_worst_record():
    n_steps, epsilon = 16, 0.7
    scale = laplace_node_scale(n_steps, epsilon)
    nodes_of_record_one = {node for t in range(1, n_steps + 1) for node in prefix_nodes(t) if node[0] == 0}
    assert len(nodes_of_record_one) / scale == pytest.approx(epsilon)


def test_bad_arguments_are_named():
    rng = np.random.default_rng(6)
    with pytest.raises(ValueError, match="unknown law"):
        prefix_noise(4, 1, 1.0, rng, law="cauchy")
    with pytest.raises(ValueError, match="power of two"):
        next(prefix_noise_blocks(12, 1, 1.0, rng, block=3))
    with pytest.raises(ValueError, match="at least one step"):
        n_levels(0)
    with pytest.raises(ValueError, match="epsilon"):
        laplace_node_scale(8, 0.0)
