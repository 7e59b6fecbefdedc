"""Users who hold one value each, for every domain size of the experiment."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values (n_users,) of the users, named ``{distribution}_{domain_size}`` for each such pair.

    ``params.domain_sizes`` are joined by q^2+q+1 for the primes q in ``params.plane_orders``, the sizes
    that a projective plane has. The values are relabelled at random, so that neighbours have nothing in
    common.
    """
    domain_sizes = [*params.domain_sizes, *(q * q + q + 1 for q in params.plane_orders)]
    users = {}
    for domain_size in domain_sizes:
        for name, histogram in histograms(domain_size).items():
            labels = rng.permutation(domain_size)
            users[f"{name}_{domain_size}"] = labels[rng.choice(domain_size, params.n_users, p=histogram)]
    return users


def histograms(domain_size: int) -> dict[str, np.ndarray]:
    """Frequencies (domain_size,): uniform, Zipf with exponent 1.5, and a spike of one half on one value."""
    uniform = np.full(domain_size, 1 / domain_size)
    zipf = np.arange(1.0, domain_size + 1) ** -1.5
    spike = uniform / 2
    spike[0] += 0.5
    return {"uniform": uniform, "zipf": zipf / zipf.sum(), "spike": spike}
