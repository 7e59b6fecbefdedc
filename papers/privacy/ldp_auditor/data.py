"""The two inputs that an audit tells apart; the paper uses no data set."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """For each domain [k] the values v1 = 0 and v2 = k-1, as ``inputs_{k}`` of shape (2,)."""
    domain_sizes = {*params.domain_sizes, params.hashed_domain_size, params.tracked_domain_size}
    return {f"inputs_{domain_size}": np.array([0, domain_size - 1]) for domain_size in sorted(domain_sizes)}
