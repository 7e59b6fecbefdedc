"""Users with uniform values, for the attacks that are played out; the rest of the paper is analytic."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values in [0, k), shape (n_users,), as ``values_{k}`` for each of ``params.attacked_domain_sizes``."""
    return {f"values_{k}": rng.integers(k, size=params.n_users) for k in params.attacked_domain_sizes}
