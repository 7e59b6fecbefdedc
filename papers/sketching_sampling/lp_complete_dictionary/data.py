"""Dictionaries, the random numbers that observations are made of, and random starts of the algorithms."""

import numpy as np

from litmus.params import Params

from .method import normalise, random_orthogonal


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """For each size (n, r, draws): dictionaries, starts and mixings (draws, n, n), the rest (draws, n, r).

    An entry of the codes counts where `uniform` < theta. Single precision is enough for random numbers.
    """
    arrays = {"population_starts": normalise(rng.standard_normal((params.n_starts, params.population_n)))}
    for n, r, draws in params.sizes:
        for name in ("dictionary", "start", "mixing"):
            arrays[f"{name}_{n}"] = np.array([random_orthogonal(n, rng) for _ in range(draws)])
        arrays[f"uniform_{n}"] = rng.random((draws, n, r), dtype=np.float32)
        for name in ("codes", "noise"):
            arrays[f"{name}_{n}"] = rng.standard_normal((draws, n, r), dtype=np.float32)
    return arrays
