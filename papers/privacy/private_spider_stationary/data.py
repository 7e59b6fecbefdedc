"""Samples of three problems: nonconvex with a slow tail, a linear model of low rank, and a convex population."""

import numpy as np

from litmus.params import Params

from ..nonconvex_benchmark import draw_samples
from .recursive_regularisation import draw_population

RANK = 5
TRUTH_NORM = 1.5 * RANK**0.5  # fixed, for the way from the start to it decides how hard the problem is


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``scales`` (n,) and ``centers`` (n, d-1) of the nonconvex benchmark; ``latent`` (n, 5), ``targets`` (n,) and a
    ``frame_D`` (D, 5) for each ambient dimension D; ``population`` (pool, d), of which samples are cut.

    Features are x = Q z with an orthonormal frame Q: the same linear model is embedded in every dimension D.
    """
    scales, centers = draw_samples(params.n_nonconvex, params.dimension, rng)
    latent = rng.normal(0.0, RANK**-0.5, (params.n_linear, RANK))
    latent /= np.maximum(np.linalg.norm(latent, axis=1, keepdims=True), 1.0)
    truth = rng.standard_normal(RANK)
    truth *= TRUTH_NORM / np.linalg.norm(truth)
    frames = {
        f"frame_{ambient}": np.linalg.qr(rng.standard_normal((ambient, RANK)))[0]
        for ambient in params.ambient_dimensions
    }
    return {
        "scales": scales,
        "centers": centers,
        "latent": latent,
        "targets": latent @ truth + 0.1 * rng.standard_normal(params.n_linear),
        "population": draw_population(params.pool, params.dimension, rng).astype(np.float32),
        **frames,
    }
