"""An equilateral triangle, Gaussian blobs of three and four classes, and two real data sets."""

import numpy as np

from litmus.params import Params

CENTRES = np.array([[0.0, 0.0], [1.2, 0.0], [0.6, 1.0], [0.6, 0.35]])  # of the classes; the fourth is in the middle
SPREAD = 0.35  # standard deviation of a blob


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Blobs of equal masses for three classes, of random masses for four."""
    n_four = 4 * params.n_per_class_four
    four_mass = rng.exponential(size=n_four)
    iris, iris_labels = real_data("iris")
    wine, wine_labels = real_data("wine")
    return {
        "triangle": np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]]),
        "blobs": np.array([blobs(3, params.n_per_class, rng) for _ in range(params.n_draws)]),
        "blob_labels": np.repeat(np.arange(3), params.n_per_class),
        "four": blobs(4, params.n_per_class_four, rng),
        "four_labels": np.repeat(np.arange(4), params.n_per_class_four),
        "four_mass": four_mass / four_mass.sum(),
        "iris": iris,
        "iris_labels": iris_labels,
        "wine": wine,
        "wine_labels": wine_labels,
    }


def blobs(n_classes: int, n_per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Planar points (n_classes * n_per_class, 2), class by class."""
    centres = np.repeat(CENTRES[:n_classes], n_per_class, axis=0)
    return centres + SPREAD * rng.standard_normal(centres.shape)


def real_data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Iris as it is, (150, 4) in cm; wine standardised and projected on two principal components, (178, 2)."""
    from sklearn.datasets import load_iris, load_wine

    features, labels = {"iris": load_iris, "wine": load_wine}[name](return_X_y=True)
    if name == "wine":
        features = (features - features.mean(axis=0)) / features.std(axis=0)
        left, singular, _ = np.linalg.svd(features, full_matrices=False)
        features = left[:, :2] * singular[:2]
        features *= np.sign(features[np.abs(features).argmax(axis=0), [0, 1]])
    return features, labels
