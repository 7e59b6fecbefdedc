"""Users with several attributes: the Nursery data set, and synthetic ones with two other lists of domain sizes."""

import numpy as np

from litmus.params import Params

DOMAIN_SIZES = {
    "five": (2, 5, 10, 20, 50),
    "adult": (7, 16, 7, 14, 6, 5, 2, 41, 2),
    "nursery": (3, 5, 4, 4, 3, 2, 3, 3, 5),
}
NURSERY_CLASSES = (4320, 2, 328, 4266, 4044)  # not_recom, recommend, very_recom, priority, spec_prior


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values (n_users, n_attributes) of each population."""
    return {
        "five": dirichlet_users(params.five_users, DOMAIN_SIZES["five"], rng),
        "adult": dirichlet_users(params.adult_users, DOMAIN_SIZES["adult"], rng),
        "nursery": nursery_users(rng),
    }


def dirichlet_users(n_users: int, domain_sizes: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Independent attributes, each with a histogram from Dirichlet(1, ..., 1)."""
    return np.column_stack([rng.choice(k, n_users, p=rng.dirichlet(np.ones(k))) for k in domain_sizes])


def nursery_users(rng: np.random.Generator) -> np.ndarray:
    """The 12,960 rows of Nursery: every combination of eight attributes once, and a class.

    The histograms are those of the data set; which row has which class is random here, and does not matter to
    histograms of single attributes.
    """
    *free, _ = DOMAIN_SIZES["nursery"]
    combinations = np.indices(free).reshape(len(free), -1).T
    classes = np.repeat(np.arange(len(NURSERY_CLASSES)), NURSERY_CLASSES)
    return np.column_stack([combinations, rng.permutation(classes)])
