"""Point clouds in the plane: classes on a circle with a shifted copy as target, and two moons with a rotated copy."""

import numpy as np

from litmus.params import Params

RADIUS = 3.0
SHIFT = np.array([0.5, 0.3])  # of the target's centres
STRETCH = 4.0  # of the first axis, in stretched cells
MOON_NOISE = 0.05


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Source and target points of each cell and of each angle of the moons; points of a class follow one another."""
    arrays = {}
    for cell, (n_classes, class_size, noise, stretched) in enumerate(params.cells):
        source, target = separated_classes(n_classes, class_size, noise, rng)
        scale = np.array([STRETCH if stretched else 1.0, 1.0])
        arrays |= {f"source_{cell}": source * scale, f"target_{cell}": target * scale}
    for angle in params.moon_angles:
        source, target = rotated_moons(params.moon_size, np.deg2rad(angle), rng)
        arrays |= {f"moons_source_{angle}": source, f"moons_target_{angle}": target}
    return arrays


def separated_classes(
    n_classes: int, class_size: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Source and target (n_classes * class_size, 2): Gaussian classes around points of a circle, with fresh noise."""
    angles = 2 * np.pi * np.arange(n_classes) / n_classes
    centres = np.repeat(RADIUS * np.column_stack([np.cos(angles), np.sin(angles)]), class_size, axis=0)
    source, target = centres + noise * rng.standard_normal((2, *centres.shape))
    return source, target + SHIFT


def rotated_moons(size: int, angle: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two interleaved half circles of `size` points each, and fresh ones turned by `angle` (radians) about the mean."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return two_moons(size, rng), two_moons(size, rng) @ rotation.T


def two_moons(size: int, rng: np.random.Generator) -> np.ndarray:
    """Points (2 size, 2) of two moons about the origin, the upper one first."""
    along = np.pi * rng.random((2, size))
    upper = np.column_stack([np.cos(along[0]), np.sin(along[0])])
    lower = np.column_stack([1 - np.cos(along[1]), 0.5 - np.sin(along[1])])
    points = np.vstack([upper, lower]) - np.array([0.5, 0.25])
    return points + MOON_NOISE * rng.standard_normal(points.shape)
