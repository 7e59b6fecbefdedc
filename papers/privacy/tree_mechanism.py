"""Binary-tree counters: all prefix sums of a stream under differential privacy (Dwork et al. 2010; Chan et al. 2011).

The T steps are the leaves of a binary tree, every node holds the noisy sum of its leaves, and the prefix
[1, t] is the disjoint union of popcount(t) nodes. A record sits in at most m = floor(log2 T) + 1 nodes, one a
level, so that its budget is shared by m releases and not by T.

Prefixes use only the nodes (t - lowbit(t), t], one for each t: the prefix of t is that node after the prefix of
t - lowbit(t). The noise of all prefixes is therefore, with one draw Z_t a node,

    N_0 = 0,   N_t = N_{t - lowbit(t)} + Z_t,

computed level by level. It does not depend on the data, so that a release, on a stream chosen adaptively as
well, is the running sum plus this noise.

Steps are counted from 1 (row t - 1 of an array is step t); streams run along the columns. ``node_scale`` is the
sd of Gaussian noise or the scale b of Laplace noise (variance 2 b^2).
"""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np

from .gaussian_mechanism import zcdp_sigma

Law = Literal["gaussian", "laplace"]


def n_levels(n_steps: int) -> int:
    """m = floor(log2 T) + 1, the most nodes that hold one record, and the most that make up a prefix."""
    if n_steps < 1:
        raise ValueError(f"a stream has at least one step, got {n_steps}")
    return int(n_steps).bit_length()


def gaussian_node_sigma(n_steps: int, rho: float, sensitivity: float = 1.0) -> float:
    """Node sd for rho-zCDP of all prefixes, for records that differ by at most this in Euclidean norm.

    All streams together are one vector: d streams of bits, all of which a record may flip, have sensitivity
    sqrt(d).
    """
    return zcdp_sigma(rho, sensitivity, n_releases=n_levels(n_steps))


def laplace_node_scale(n_steps: int, epsilon: float, sensitivity: float = 1.0) -> float:
    """Node scale b = m * sensitivity / epsilon for epsilon-DP; the sensitivity is in the l1 norm."""
    if epsilon <= 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}")
    return n_levels(n_steps) * sensitivity / epsilon


def prefix_nodes(step: int) -> list[tuple[int, int]]:
    """The nodes whose union is [1, step], as half-open intervals (start, end] of steps, longest first."""
    nodes, end = [], 0
    for level in reversed(range(step.bit_length())):
        if step >> level & 1:
            nodes.append((end, end + (1 << level)))
            end += 1 << level
    return nodes


def prefix_noise(
    n_steps: int, n_streams: int, node_scale: float, rng: np.random.Generator, law: Law = "gaussian"
) -> np.ndarray:
    """Noise of every prefix, shape (n_steps, n_streams); streams are independent.

    Step t has variance popcount(t) times that of a node, and two steps share the noise of the nodes they share.

    Raises
    ------
    ValueError
        If the law is unknown.
    """
    noise = _node_noise((n_steps, n_streams), node_scale, rng, law)
    for level in reversed(range(n_levels(n_steps) - 1) if n_steps else ()):
        width = 1 << level  # steps whose lowest set bit is this one, but for the first, follow another prefix
        steps = np.arange(3 * width, n_steps + 1, 2 * width)
        noise[steps - 1] += noise[steps - width - 1]
    return noise


def prefix_noise_blocks(
    n_steps: int, n_streams: int, node_scale: float, rng: np.random.Generator, block: int, law: Law = "gaussian"
) -> Iterator[np.ndarray]:
    """``prefix_noise`` in consecutive pieces of ``block`` steps, for streams too large to hold at once.

    The ends of the blocks form a tree of n_steps/block steps, and inside a block another tree hangs on the
    prefix of its start: the law is that of ``prefix_noise``, though not draw for draw.

    Yields
    ------
    ndarray, shape (block, n_streams)

    Raises
    ------
    ValueError
        If the block is not a power of two that divides n_steps.
    """
    if block < 1 or block & (block - 1) or n_steps % block:
        raise ValueError(f"the block must be a power of two that divides {n_steps}, got {block}")
    ends = prefix_noise(n_steps // block, n_streams, node_scale, rng, law)
    start = np.zeros(n_streams)
    for end in ends:
        inside = prefix_noise(block - 1, n_streams, node_scale, rng, law)
        yield np.vstack([start + inside, end])
        start = end


def private_prefix_sums(
    stream: np.ndarray, node_scale: float, rng: np.random.Generator, law: Law = "gaussian"
) -> np.ndarray:
    """Noisy running sums of a stream (n_steps,) or (n_steps, n_streams), of the same shape."""
    stream = np.asarray(stream)
    noise = prefix_noise(stream.shape[0], math.prod(stream.shape[1:]), node_scale, rng, law)
    return np.cumsum(stream, axis=0) + noise.reshape(stream.shape)


def _node_noise(shape: tuple[int, int], scale: float, rng: np.random.Generator, law: Law) -> np.ndarray:
    if law == "gaussian":
        return rng.normal(0.0, scale, shape)
    if law == "laplace":
        return rng.laplace(0.0, scale, shape)
    raise ValueError(f"unknown law {law!r}: gaussian or laplace")
