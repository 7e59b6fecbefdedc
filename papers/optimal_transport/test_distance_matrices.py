"""Scaling, neighbours and the triangle inequality against SciPy, scikit-learn and loops."""

from itertools import product

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.neighbors import KNeighborsClassifier

from papers.optimal_transport import distance_matrices

POINTS = np.random.default_rng(0).standard_normal((15, 2))
DISTANCES = squareform(pdist(POINTS))


def test_scaling_recovers_points_of_the_plane_up_to_a_motion():
    np.testing.assert_allclose(pdist(distance_matrices.classical_scaling(DISTANCES)), pdist(POINTS))


def test_scaling_to_one_dimension_is_the_first_principal_component():
    centred = POINTS - POINTS.mean(axis=0)
    component = centred @ np.linalg.svd(centred)[2][0]
    found = distance_matrices.classical_scaling(DISTANCES, 1)[:, 0]
    np.testing.assert_allclose(found, component * np.sign(component @ found))
    assert found[np.abs(found).argmax()] > 0


def test_neighbours_equal_scikit_learn():
    rng = np.random.default_rng(1)
    labels, train = rng.integers(3, size=15), np.arange(15) % 3 == 0
    model = KNeighborsClassifier(1).fit(POINTS[train], labels[train])
    expected = model.score(POINTS[~train], labels[~train])
    assert distance_matrices.nearest_neighbour_accuracy(DISTANCES, labels, train) == pytest.approx(expected)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_triangle_violation_equals_the_loop(power):
    matrix = DISTANCES[:8, :8] ** power
    expected = max(matrix[i, k] - matrix[i, j] - matrix[j, k] for i, j, k in product(range(8), repeat=3))
    found = distance_matrices.triangle_violation(matrix)
    assert found == pytest.approx(expected)
    assert (found > 0.01) == (power > 1)
