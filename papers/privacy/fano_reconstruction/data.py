"""Training sets of digits with one secret label each, and random channels."""

import numpy as np

from litmus.datasets import digits
from litmus.params import Params

N_CLASSES = 10
N_SECRETS, N_OUTPUTS = 6, 8  # of a random channel


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Digits, the training sets drawn from them, and channels.

    Returns
    -------
    features : (1797, 65), pixels in [0, 1] and a constant
    labels : (1797,)
    records : (n_trials, n_records), which digits each trial trains on; the first is the attacked one
    secrets : (n_trials,), its label: uniform over the classes, whatever the image shows
    channels : (n_channels, N_SECRETS, N_OUTPUTS), every row uniform on the simplex
    """
    pool = digits(scaling="unit")
    pixels = np.concatenate([pool.x_train, pool.x_test])
    n_digits = len(pixels)
    draws = [rng.choice(n_digits, params.n_records, replace=False) for _ in range(params.n_trials)]
    return {
        "features": np.hstack([pixels, np.ones((n_digits, 1))]),
        "labels": np.concatenate([pool.y_train, pool.y_test]),
        "records": np.array(draws),
        "secrets": rng.integers(N_CLASSES, size=params.n_trials),
        "channels": rng.dirichlet(np.ones(N_OUTPUTS), size=(params.n_channels, N_SECRETS)),
    }
