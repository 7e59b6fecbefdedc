"""Graphs of binary tree block models over several density profiles, and two small real networks."""

import networkx as nx
import numpy as np

from ..block_models import binary_tree_model, geometric_densities, stochastic_block_model


def generate(params, rng):
    """Adjacency matrices, rows packed to bits: (..., n, ceil(n / 8)) uint8.

    `flat_top`, `flatter_top` and `geometric` hold graphs of one density profile each, `decay_sweep` and
    `scale_sweep` n_sweep_graphs of each of several. The real networks are whole, less their edge weights.
    """
    depth = len(params.flat_top) - 1

    def geometric(decay, factor=1.0):
        return geometric_densities(factor * params.leaf_density, decay, depth)

    def draw(densities, leaf_size, n_graphs):
        model = binary_tree_model(densities, leaf_size)
        return np.stack([_pack(stochastic_block_model(*model, rng)) for _ in range(n_graphs)])

    def sweep(profiles):
        return np.stack([draw(each, params.sweep_leaf_size, params.n_sweep_graphs) for each in profiles])

    return {
        "flat_top": draw(params.flat_top, params.leaf_size, params.n_flat_top),
        "flatter_top": draw(params.flatter_top, params.leaf_size, params.n_flatter_top),
        "geometric": draw(geometric(params.decay), params.leaf_size, params.n_geometric),
        "decay_sweep": sweep([geometric(decay) for decay in params.decays]),
        "scale_sweep": sweep([geometric(params.decay, factor) for factor in params.factors]),
        "karate_club": _pack(nx.to_numpy_array(nx.karate_club_graph()) > 0),
        "les_miserables": _pack(nx.to_numpy_array(nx.les_miserables_graph()) > 0),
    }


def _pack(adjacency):
    return np.packbits(adjacency, axis=1)
