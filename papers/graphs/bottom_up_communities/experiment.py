"""Exact recovery of every level of the tree, bottom-up and top-down, and inversions in the dendrograms."""

import numpy as np
import pandas as pd
import scipy.sparse as sparse

from litmus.outcome import Outcome

from ..block_models import geometric_densities
from ..spectral import bethe_hessian, n_negative_eigenvalues
from .method import (
    accuracy,
    average_linkage,
    bottom_up,
    cut,
    divergence,
    inversion_share,
    inverted_splits,
    level_labels,
    top_down,
)


def run(data, params, rng):
    depth = len(params.flat_top) - 1
    geometric = geometric_densities(params.leaf_density, params.decay, depth)
    profiles = {"flat_top": params.flat_top, "flatter_top": params.flatter_top, "geometric": geometric}
    trees = {name: _trees(data[name], densities, params, rng) for name, densities in profiles.items()}
    recovery = pd.concat(_recovery(trees[name], profiles[name]).assign(profile=name) for name in profiles)
    inversions = pd.concat(_inversions(trees[name]).assign(profile=name) for name in profiles)

    decays = [(decay, geometric_densities(params.leaf_density, decay, depth)) for decay in params.decays]
    factors = [(factor, factor * geometric) for factor in params.factors]
    sweeps = pd.concat(
        _recovery(_trees(graphs, densities, params, rng), densities).assign(sweep=sweep, value=float(value))
        for sweep, settings in (("decay", decays), ("scale", factors))
        for (value, densities), graphs in zip(settings, data[f"{sweep}_sweep"], strict=True)
    )

    examples = {
        "block model": _most_inverted(trees["flatter_top"]),
        "karate club": _real_network_trees(data["karate_club"], params, rng),
        "les miserables": _real_network_trees(data["les_miserables"], params, rng),
    }
    splits = pd.concat(
        _splits(tree).assign(network=network, method=method)
        for network, pair in examples.items()
        for method, tree in pair.items()
    )
    tables = {"recovery": recovery, "sweeps": sweeps, "inversions": inversions, "splits": splits}
    return Outcome(_metrics(recovery, sweeps, inversions, depth), tables)


def _metrics(recovery, sweeps, inversions, depth):
    """What the claims are about; the level above the leaves stands for the intermediate ones."""
    exact = recovery.set_index(["profile", "method", "level"])["exact"]
    margin = exact["flat_top", "bottom-up"] - exact["flat_top", "top-down"]
    geometric = exact["geometric", "bottom-up"]
    scale = sweeps[sweeps.sweep == "scale"].set_index(["value", "method", "level"])["exact"].sort_index()
    decay = sweeps[sweeps.sweep == "decay"].groupby(["value", "method"])["accuracy"].mean().unstack()
    inverted = inversions.set_index(["profile", "method"])["share"]
    return {
        "bottom_up_exact_top": exact["flat_top", "bottom-up", 1],
        "exact_margin": margin[[1, depth - 1]].mean(),
        "mid_level_exact": geometric[depth - 1],
        "leaf_level_exact": geometric[depth],
        "level_contrast": geometric[depth - 1] - geometric[depth],
        "below_limit_exact": scale[scale.index[0][0], "bottom-up", depth - 1],
        "top_down_inversions": inverted["flatter_top", "top-down"],
        "worst_advantage": (decay["bottom-up"] - decay["top-down"]).min(),
    }


def _trees(packed_graphs, densities, params, rng):
    """The dendrograms of both methods on every graph of one profile; both are told the number of leaves."""
    depth = len(densities) - 1
    pairs = []
    for packed in packed_graphs:
        adjacency = _unpack(packed)
        if params.leaves == "planted":  # a control: the true leaf communities are not to be had
            planted = _truth(adjacency.shape[0], depth)
            from_below = average_linkage(adjacency, planted, params.similarity)
        else:
            from_below = bottom_up(adjacency, 2**depth, rng, params.n_rounds, params.similarity)
        pairs.append({"bottom-up": from_below, "top-down": top_down(adjacency, depth, rng)})
    return pairs


def _unpack(packed):
    return sparse.csr_array(np.unpackbits(packed, axis=1, count=len(packed)).astype(bool)).astype(float)


def _truth(n_nodes, depth):
    return np.repeat(np.arange(2**depth), n_nodes // 2**depth)


def _recovery(pairs, densities):
    """Share of graphs recovered exactly and mean accuracy, by method and level."""
    depth = len(densities) - 1
    rows = []
    for pair in pairs:
        for method, tree in pair.items():
            truth = _truth(len(tree.leaves), depth)
            for level in range(1, depth + 1):
                share = accuracy(cut(tree, 2**level), level_labels(truth, depth, level))
                rows.append((method, level, share == 1.0, share))
    table = pd.DataFrame(rows, columns=["method", "level", "exact", "accuracy"])
    means = table.groupby(["method", "level"], as_index=False).mean()
    return means.assign(divergence=[divergence(densities, level) for level in means.level])


def _inversions(pairs):
    """Mean share of inversions among the splits below the root, by method."""
    rows = [(method, inversion_share(tree)) for pair in pairs for method, tree in pair.items()]
    return pd.DataFrame(rows, columns=["method", "share"]).groupby("method", as_index=False).mean()


def _most_inverted(pairs):
    """The graph on which top-down makes most inversions, as an example to look at."""
    return max(pairs, key=lambda pair: inversion_share(pair["top-down"]))


def _real_network_trees(packed, params, rng):
    """No depth and no number of leaves is known here: the Bethe-Hessian's negative eigenvalues give both."""
    adjacency = _unpack(packed)
    n_leaves = n_negative_eigenvalues(bethe_hessian(adjacency))
    return {
        "bottom-up": bottom_up(adjacency, n_leaves, rng, params.n_rounds, params.similarity),
        "top-down": top_down(adjacency, None, rng),
    }


def _splits(tree):
    """One row a split, as it is drawn: the positions and densities of its two sides, and its own density.

    Leaves stand at positions 0, 1, ... from left to right. They have no split, so no density: not a number.
    """
    n_leaves = tree.n_leaves
    order, stack = [], [2 * n_leaves - 2]
    while stack:
        group = stack.pop()
        if group < n_leaves:
            order.append(group)
        else:
            stack.extend(tree.merges[group - n_leaves][::-1])
    position = np.empty(2 * n_leaves - 1)
    position[order] = np.arange(n_leaves)
    for split, sides in enumerate(tree.merges):
        position[n_leaves + split] = position[sides].mean()
    density = np.concatenate([np.full(n_leaves, np.nan), tree.densities])
    left, right = tree.merges.T
    return pd.DataFrame(
        {
            "left": position[left],
            "right": position[right],
            "left_density": density[left],
            "right_density": density[right],
            "density": tree.densities,
            "inverted": inverted_splits(tree),
        }
    )
