"""Convex bodies: isotropic cubes, each turned by a random rotation."""

import numpy as np

from litmus.params import Params


def random_rotation(dimension: int, rng: np.random.Generator) -> np.ndarray:
    """A uniformly distributed orthogonal matrix."""
    q, r = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    return q * np.sign(np.diag(r))


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The rows of normals_d are the unit normals of the facets of a cube in R^d, shape (d, d)."""
    return {f"normals_{d}": random_rotation(d, rng) for d in params.dimensions}
