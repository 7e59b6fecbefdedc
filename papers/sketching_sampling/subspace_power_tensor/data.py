"""Components of symmetric tensors, a symmetric noise tensor, and matrices that span subspaces of no tensor."""

from itertools import permutations

import numpy as np

from litmus.params import Params


def components(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Columns a_i of length about 1: Gaussian, correlated (entries of mean 1) or nonnegative; shape (..., d, R)."""
    columns = rng.standard_normal(shape)
    if kind == "correlated":
        columns += 1
    elif kind == "nonnegative":
        columns = np.abs(columns)
    return columns / np.sqrt(shape[-2])


def symmetric_noise(d: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian tensor of order 4, averaged over the orders of its indices, of Frobenius norm 1."""
    noise = rng.standard_normal((d, d, d, d))
    noise = sum(noise.transpose(order) for order in permutations(range(4)))
    return noise / np.linalg.norm(noise)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One array of components for each cell, named for what it is used for."""
    data = {}
    for kind, order, d, rank in params.cells:
        data[f"{kind}_{order}_{d}_{rank}"] = components(kind, (d, rank), rng)
    for d, rank in params.timed_cells:
        data[f"timed_{d}_{rank}"] = components("gaussian", (params.n_timed_tensors, d, rank), rng)
    for rank in params.edge_ranks:
        data[f"edge_{rank}"] = components("gaussian", (params.n_edge_tensors, params.edge_dimension, rank), rng)
    d, rank = params.noise_shape
    for kind in params.noise_kinds:
        data[f"noisy_{kind}"] = components(kind, (d, rank), rng)
    data["noise"] = symmetric_noise(d, rng)
    d, rank = params.ascent_shape
    data["ascent"] = components("gaussian", (d, rank), rng)
    data["matrices"] = rng.standard_normal((3, d, d))
    return data
