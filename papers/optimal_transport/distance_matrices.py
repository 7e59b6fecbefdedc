"""What can be done with a matrix of distances: draw it, classify by it, check that it is a metric."""

import numpy as np


def classical_scaling(distances: np.ndarray, n_dimensions: int = 2) -> np.ndarray:
    """Points (K, n_dimensions) whose Euclidean distances come near a matrix (K, K): classical multidimensional scaling.

    Signs are fixed: the entry of largest modulus of each coordinate is positive.
    """
    centring = np.eye(len(distances)) - 1 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * centring @ distances**2 @ centring)
    values, vectors = values[::-1][:n_dimensions], vectors[:, ::-1][:, :n_dimensions]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return vectors * signs * np.sqrt(np.maximum(values, 0))


def nearest_neighbour_accuracy(distances: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """Share of the measures outside `train` (truth values (K,)) whose nearest training measure has their label."""
    nearest = distances[~train][:, train].argmin(axis=1)
    return float((labels[train][nearest] == labels[~train]).mean())


def triangle_violation(distances: np.ndarray) -> float:
    """The largest d(i, k) - d(i, j) - d(j, k) over all triples; not positive for a metric."""
    return float(max((distances - (via[:, None] + via)).max() for via in distances))
