"""A grid of oscillators with their largest displacement, a noisy surface on the same grid, and points on a line."""

import numpy as np

from litmus.params import Params

DAMPING, FORCE, START, HORIZON, N_TIMES = 0.5, 0.5, 0.5, 20.0, 400


def displacement(stiffness: np.ndarray, frequency: np.ndarray, time: float) -> np.ndarray:
    """Solution x(t) of x'' + c x' + k x = f cos(w t), x(0) = 0.5, x'(0) = 0, for k > c^2 / 4."""
    detuning = stiffness - frequency**2
    gain = FORCE / (detuning**2 + (DAMPING * frequency) ** 2)
    steady_cosine, steady_sine = gain * detuning, gain * DAMPING * frequency
    own_frequency = np.sqrt(stiffness - DAMPING**2 / 4)
    cosine = START - steady_cosine
    sine = (DAMPING / 2 * cosine - frequency * steady_sine) / own_frequency
    transient = cosine * np.cos(own_frequency * time) + sine * np.sin(own_frequency * time)
    steady = steady_cosine * np.cos(frequency * time) + steady_sine * np.sin(frequency * time)
    return steady + np.exp(-DAMPING / 2 * time) * transient


def largest_displacement(stiffness: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """The quantity of interest: max of x(t) over 400 times in [0, 20]."""
    largest = np.full(stiffness.shape, -np.inf)
    for time in np.linspace(0, HORIZON, N_TIMES):
        np.maximum(largest, displacement(stiffness, frequency, time), out=largest)
    return largest


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Points of shape (n, 2) on [-1, 1]^2, their two labels, and the points on the line [-1, 1]."""
    axis = np.linspace(-1, 1, params.grid_size)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    x, y = points.T
    surface = np.exp(-2 * (x - 0.2) ** 2 - 3 * (y + 0.1) ** 2) + 0.3 * np.sin(3 * (x + y))
    return {
        "points": points,
        "oscillator": largest_displacement(stiffness=2 + x, frequency=1 + y),
        "noisy_surface": surface + params.noise * rng.standard_normal(len(points)),
        "line": np.linspace(-1, 1, params.line_size),
    }
