"""Samples of the composite benchmark, and the diabetes regression set."""

import numpy as np
from sklearn.datasets import load_diabetes

from litmus.params import Params

from ..nonconvex_benchmark import draw_samples


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Benchmark samples, and a real regression problem.

    ``scales`` (n,) and ``centers`` (n, d-1), n = ``params.n_many_samples``, of which most experiments use the first
    ``n_samples``; ``features`` (442, 10) and ``responses`` (442,) of the diabetes set, both standardised.
    """
    scales, centers = draw_samples(params.n_many_samples, params.dimension, rng)
    features, responses = load_diabetes(return_X_y=True)
    return {
        "scales": scales,
        "centers": centers,
        "features": standardised(features),
        "responses": standardised(responses),
    }


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1."""
    return (values - values.mean(axis=0)) / values.std(axis=0)
