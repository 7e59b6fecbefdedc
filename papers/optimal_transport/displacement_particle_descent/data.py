"""Starts of the particles, random particles drawn from the targets, and pairs of samples to interpolate."""

import numpy as np

from litmus.params import Params

DIMENSION = 5
N_ATOMS = 4000  # of the two-bump target
BUMPS, WIDTH = (0.25, 0.75), 0.06  # means and standard deviation, in half turns
N_PAIRED = 12  # particles of each sample that is interpolated


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Clouds of the largest size; a smaller one is the beginning of a larger."""
    starts, draws, width = params.n_starts, params.n_draws, params.width
    largest, pairs = max(params.sizes), params.n_pairs
    atoms = np.clip(rng.choice(BUMPS, N_ATOMS) + WIDTH * rng.standard_normal(N_ATOMS), 0, 1 - 1e-9)
    return {
        "cloud_starts": 2 + 3 * rng.standard_normal((params.n_cloud_starts, max(params.particle_counts), DIMENSION)),
        "line_starts": 0.5 + 0.6 * rng.standard_normal((starts, largest)),
        "line_draws": rng.random((draws, largest)),
        "first": samples(pairs, rng),
        "second": samples(pairs, rng),
        "atoms": np.sort(atoms),
        "network_starts": 0.5 * rng.random((starts, width)),
        "uniform_neurons": rng.random((params.n_random, width)),
        "bump_neurons": np.array([rng.choice(atoms, width, replace=False) for _ in range(params.n_random)]),
    }


def samples(count: int, rng: np.random.Generator) -> np.ndarray:
    """Normal samples (count, N_PAIRED), each with a mean and a standard deviation of its own."""
    means, deviations = rng.uniform(0, 1, (count, 1)), rng.uniform(0.1, 0.6, (count, 1))
    return means + deviations * rng.standard_normal((count, N_PAIRED))
