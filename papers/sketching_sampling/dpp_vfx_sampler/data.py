"""Gaussian points: the items. Two sets small enough to enumerate all subsets, and a large one."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Points of the enumerated DPP (8, 3) and k-DPP (10, 3), and (largest n, 2); a ground set of n is the first n."""
    return {
        "small": rng.standard_normal((8, 3)),
        "small_k": rng.standard_normal((10, 3)),
        "large": rng.standard_normal((max(params.n_items), 2)),
    }
