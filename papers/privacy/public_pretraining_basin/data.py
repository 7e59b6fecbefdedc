"""Two-phase samples with a hidden sign pattern, and handwritten digits of which some are rotated."""

import numpy as np

from litmus import datasets
from litmus.params import Params

N_PUBLIC = 100
N_CENTRE = 5  # q, the dimension of the convex part
SPREAD = 0.5  # sd of b around its centre
N_PUBLIC_IMAGES, N_PRIVATE_IMAGES = 400, 1000  # the other 397 are for testing
DEGREES = (10.0, 30.0)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Public and private samples of both kinds.

    For each dimension p: ``signs_p`` (n_repeats, p) of -1 and 1, ``centres_p`` (n_repeats, q) of unit length, and for
    ``private`` and ``public`` samples ``private_bits_p`` (n_repeats, n, p/8), a packed with 1 for +1, and
    ``private_points_p`` (n_repeats, n, q). The public points lie around a centre that is ``params.public_shift``
    away. Of the digits: ``public_images``, ``private_images``, ``test_images`` (n, 64) in [0, 1] and their labels.
    """
    arrays = {}
    for dimension in params.dimensions:
        signs = draw_signs(params.n_repeats, dimension, rng)
        public_signs = signs if params.shared_basin else draw_signs(params.n_repeats, dimension, rng)
        centres = unit_vectors(params.n_repeats, rng)
        public_centres = centres + params.public_shift * unit_vectors(params.n_repeats, rng)
        arrays[f"signs_{dimension}"] = signs
        arrays[f"centres_{dimension}"] = centres
        for name, size, their_signs, their_centres in (
            ("private", max(params.sample_sizes), signs, centres),
            ("public", N_PUBLIC, public_signs, public_centres),
        ):
            arrays[f"{name}_bits_{dimension}"] = draw_bits(their_signs, size, rng)
            noise = rng.standard_normal((params.n_repeats, size, N_CENTRE))
            arrays[f"{name}_points_{dimension}"] = their_centres[:, None] + SPREAD * noise
    return arrays | split_digits(rng)


def draw_signs(n_repeats: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(np.array([-1, 1], dtype=np.int8), (n_repeats, dimension))


def unit_vectors(n_repeats: int, rng: np.random.Generator) -> np.ndarray:
    vectors = rng.standard_normal((n_repeats, N_CENTRE))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def draw_bits(signs: np.ndarray, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Packed a in {-1, 1}^p with E a = s/2: a coordinate agrees with s if either of two fair bits is 1."""
    n_repeats, dimension = signs.shape
    fair = rng.integers(0, 256, (2, n_repeats, n_samples, dimension // 8), dtype=np.uint8)
    return ~((fair[0] | fair[1]) ^ np.packbits(signs > 0, axis=1)[:, None])


def split_digits(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Disjoint public (rotated), private and test images, drawn anew from all 1797."""
    from scipy.ndimage import rotate

    digits = datasets.digits(scaling="unit")
    order = rng.permutation(len(digits.x_train) + len(digits.x_test))
    images = np.concatenate([digits.x_train, digits.x_test])[order]
    labels = np.concatenate([digits.y_train, digits.y_test])[order]
    ends = [N_PUBLIC_IMAGES, N_PUBLIC_IMAGES + N_PRIVATE_IMAGES]
    (public, private, test), their_labels = np.split(images, ends), np.split(labels, ends)
    angles = rng.uniform(*DEGREES, N_PUBLIC_IMAGES)
    turned = [rotate(x.reshape(8, 8), t, reshape=False, order=1) for x, t in zip(public, angles, strict=True)]
    arrays = {"public_images": np.stack(turned).reshape(-1, 64), "private_images": private, "test_images": test}
    return arrays | dict(zip(("public_labels", "private_labels", "test_labels"), their_labels, strict=True))
