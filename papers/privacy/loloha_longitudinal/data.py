"""Values that change: the paper's synthetic stream, and a skewed histogram dealt out anew at every collection."""

import numpy as np

from litmus.params import Params

SYN_DOMAIN_SIZE, CHANGE_PROBABILITY = 360, 0.25
SKEWED_DOMAIN_SIZE, ZIPF_EXPONENT = 96, 1.2


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Streams of shape (users, collections) with values in [0, 360) and [0, 96)."""
    stream_rng, skewed_rng = rng.spawn(2)
    return {
        "syn": changing_values(params.budget_users, params.budget_collections, stream_rng),
        "skewed": permuted_values(params.n_users, params.n_collections, skewed_rng),
    }


def changing_values(n_users: int, n_collections: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform at first; then at every step, with probability 1/4, another uniform draw (which may repeat)."""
    draws = rng.integers(SYN_DOMAIN_SIZE, size=(n_users, n_collections))
    is_new = rng.random(draws.shape) < CHANGE_PROBABILITY
    last_draw = np.maximum.accumulate(np.where(is_new, np.arange(n_collections), 0), axis=1)
    return np.take_along_axis(draws, last_draw, axis=1)


def permuted_values(n_users: int, n_collections: int, rng: np.random.Generator) -> np.ndarray:
    """Zipf values, drawn once and permuted over the users at every collection: the histogram stays the same."""
    law = np.arange(1, SKEWED_DOMAIN_SIZE + 1) ** -ZIPF_EXPONENT
    values = rng.choice(SKEWED_DOMAIN_SIZE, size=n_users, p=law / law.sum())
    return rng.permuted(np.repeat(values[:, None], n_collections, axis=1), axis=0)
