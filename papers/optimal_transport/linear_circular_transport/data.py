"""Samples on the circle: mixed families, rotated copies, classes by number of modes, and hues of two photographs."""

from pathlib import Path

import numpy as np

from litmus.params import Params

CONCENTRATIONS = (2.0, 5.0, 20.0)
CLASS_CONCENTRATION = (
    5.0  # of the unimodal class; k modes have k^2 times it, so that it is the law of one mode, k times as fine
)
N_TIMED_SAMPLES = 500
TILE = 40  # pixels


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Every sample is a row of points in [0, 1), the circle cut at an arbitrary place."""
    n = params.n_samples
    phases = np.tile(np.arange(params.n_rotated) / params.n_rotated, len(CONCENTRATIONS))
    concentrations = np.repeat(CONCENTRATIONS, params.n_rotated)
    n_modes = np.repeat([1, 2, 3], params.n_per_class)
    hues, image = hue_tiles(params.n_hue_tiles, n, rng)
    return {
        "mixed": mixed_families(params.n_measures, n, rng),
        "rotated": von_mises(phases, concentrations, n, rng),
        "rotated_phase": phases,
        "rotated_concentration": concentrations,
        "classes": np.array([multimodal(k, n, rng) for k in n_modes]),
        "n_modes": n_modes,
        "hues": hues,
        "hue_image": image,
        "timed": mixed_families(max(params.timed_sizes), N_TIMED_SAMPLES, rng),
        "rotations": rng.random(params.n_rotations),
    }


def von_mises(mean: np.ndarray, concentration: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Samples (K, n) of von Mises laws whose means are fractions of the circle."""
    angles = rng.vonmises(0.0, np.asarray(concentration)[:, None], (len(mean), n))
    return np.mod(np.asarray(mean)[:, None] + angles / (2 * np.pi), 1)


def mixed_families(n_measures: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Samples (n_measures, n): six families in turn, each with a random place on the circle."""
    families = [
        *(lambda c=c: von_mises(np.zeros(1), np.array([c]), n, rng)[0] for c in CONCENTRATIONS),
        lambda: two_components(n, rng),
        lambda: multimodal(2, n, rng),
        lambda: wrapped_skew(n, rng),
    ]
    return np.array([np.mod(families[i % len(families)]() + rng.random(), 1) for i in range(n_measures)])


def two_components(n: int, rng: np.random.Generator) -> np.ndarray:
    """A mixture of two von Mises laws at a random distance with random weights and concentrations."""
    means, concentrations = np.array([0.0, rng.uniform(0.1, 0.5)]), rng.choice(CONCENTRATIONS, 2)
    in_second = (rng.random(n) < rng.uniform(0.2, 0.8)).astype(int)
    return np.take_along_axis(von_mises(means, concentrations, n, rng), in_second[None], axis=0)[0]


def wrapped_skew(n: int, rng: np.random.Generator) -> np.ndarray:
    """A skew Laplace law wound around the circle: exponential tails, one twice to five times as long as the other."""
    right, left = 0.12, 0.12 / rng.uniform(2, 5)
    goes_right = rng.random(n) < right / (right + left)
    return np.mod(rng.exponential(1.0, n) * np.where(goes_right, right, -left), 1)


def multimodal(n_modes: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Equally high and equally spaced modes in a random position."""
    mode = rng.integers(n_modes, size=n)
    angles = rng.vonmises(0.0, CLASS_CONCENTRATION * n_modes**2, n) / (2 * np.pi)
    return np.mod(rng.random() + mode / n_modes + angles, 1)


def hue_tiles(n_tiles: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hues (2 n_tiles, n) of random pixels of random tiles of two photographs, and the image (2 n_tiles,) of each.

    Pixels are drawn in proportion to their chroma, since grey has no hue. Colours have eight bits, so that hues come in
    ties.
    """
    from sklearn.datasets import load_sample_images

    hues, names = [], []
    photographs = load_sample_images()
    for file, image in zip(photographs.filenames, photographs.images, strict=True):
        hue, chroma = hue_and_chroma(image)
        for _ in range(n_tiles):
            top, left = rng.integers(hue.shape[0] - TILE), rng.integers(hue.shape[1] - TILE)
            tile = np.s_[top : top + TILE, left : left + TILE]
            weight = chroma[tile].ravel() + 1e-9
            hues.append(rng.choice(hue[tile].ravel(), n, p=weight / weight.sum()))
            names.append(Path(file).stem)
    return np.array(hues), np.array(names)


def hue_and_chroma(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hue in [0, 1) of the hexagonal colour circle and chroma of each pixel of an RGB image (rows, columns, 3)."""
    red, green, blue = np.moveaxis(image.astype(float), -1, 0)
    largest, chroma = image.max(axis=-1), np.ptp(image, axis=-1).astype(float)
    safe = np.maximum(chroma, 1)
    sextant = np.select(
        [largest == red, largest == green],
        [(green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    return np.mod(np.where(chroma > 0, sextant, 0) / 6, 1), chroma
