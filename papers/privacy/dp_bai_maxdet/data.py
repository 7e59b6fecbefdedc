"""Linear bandits with many arms whose best arm leads by a clear but small gap."""

import numpy as np

from litmus.params import Params

CLEARANCE = 0.04  # arms this close to the best are left out
LARGEST_GAP = 0.1
MEAN_RANGE = (0.05, 0.95)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``features_i`` (n_arms or a few less, n_dims), best arm first, and ``means_i`` (n_arms,) of each instance i."""
    instances = {}
    for i in range(params.n_instances):
        instances[f"features_{i}"], instances[f"means_{i}"] = draw_instance(params.n_arms, params.n_dims, rng)
    return instances


def draw_instance(n_arms: int, n_dims: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Features (n_left, n_dims) and means (n_left,), by falling mean; redrawn until no mean is extreme."""
    while True:
        features = np.column_stack([np.ones(n_arms), rng.uniform(-1, 1, (n_arms, n_dims - 1))])
        theta = np.append(0.5, rng.uniform(-0.4, 0.4, n_dims - 1) / np.sqrt(n_dims))
        means = features @ theta
        order = np.argsort(-means)
        features, means = features[order], means[order]
        is_kept = means < means[0] - CLEARANCE
        is_kept[0] = True
        features, means = features[is_kept], means[is_kept]
        if means[0] <= MEAN_RANGE[1] and means[-1] >= MEAN_RANGE[0] and means[0] - means[1] <= LARGEST_GAP:
            return features, means
