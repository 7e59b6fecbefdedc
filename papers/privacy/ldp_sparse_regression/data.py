"""Users with sign covariates and a sparse linear response, a public sample, and clean Gaussian regressions."""

import numpy as np

from litmus.params import Params

BITS = 32  # covariates a user can have: one bit of a 32-bit word each


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The users of one seed; at d dimensions they have their first d covariates only.

    Coordinates are exchangeable and every method treats them alike, so that it loses nothing to draw the support
    among the fewest covariates studied; responses then do not depend on d, and settings can share the users.

    Returns
    -------
    dict
        ``bits`` (n_users,) and ``public_bits`` (n_public,): uint32, the signs of the covariates of the users and of
        the public sample.
        ``response`` (n_users,): y = <x, theta> + uniform noise on [-0.5, 0.5].
        ``theta`` (32,): k entries +-1/sqrt(k), of norm 1.
        ``clean_x`` (n_clean_runs, n, d), ``clean_y`` (n_clean_runs, n) and ``clean_theta`` (d,): no privacy there.
    """
    n_users, k = max(params.n_users), params.sparsity
    theta = np.zeros(BITS, dtype=np.float32)
    support = rng.choice(min(params.dimensions), k, replace=False)
    theta[support] = rng.choice([-1.0, 1.0], k) / np.sqrt(k)
    bits = rng.integers(0, 2**BITS, n_users, dtype=np.uint32)
    signal = sum(theta[j] * (2.0 * (bits >> np.uint32(j) & np.uint32(1)) - 1) for j in support)

    n_clean, clean_dimension = params.clean_shape
    clean_theta = np.zeros(clean_dimension)
    clean_theta[rng.choice(clean_dimension, k, replace=False)] = 0.5
    clean_x = rng.standard_normal((params.n_clean_runs, n_clean, clean_dimension))
    return {
        "bits": bits,
        "public_bits": rng.integers(0, 2**BITS, params.n_public, dtype=np.uint32),
        "response": (signal + rng.uniform(-0.5, 0.5, n_users)).astype(np.float32),
        "theta": theta,
        "clean_x": clean_x,
        "clean_y": clean_x @ clean_theta + rng.normal(0.0, 0.5, clean_x.shape[:2]),
        "clean_theta": clean_theta,
    }
