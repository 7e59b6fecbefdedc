import numpy as np
import pytest

from papers.combinatorial.symmetric_vectors import (
    position,
    project_semidefinite,
    to_matrix,
    to_vector,
    vector_length,
)


def random_symmetric(order: int, seed: int = 0) -> np.ndarray:
    matrix = np.random.default_rng(seed).normal(size=(order, order))
    return matrix + matrix.T


def test_vector_is_the_upper_triangle_column_by_column():
    matrix = np.array([[1.0, 2.0, 4.0], [2.0, 3.0, 5.0], [4.0, 5.0, 6.0]])
    root = np.sqrt(2)
    np.testing.assert_allclose(to_vector(matrix), [1, 2 * root, 3, 4 * root, 5 * root, 6])


@pytest.mark.parametrize("order", [1, 2, 7])
def test_round_trip_keeps_inner_products(order):
    first, second = random_symmetric(order, 1), random_symmetric(order, 2)
    assert to_vector(first).size == vector_length(order)
    np.testing.assert_allclose(to_matrix(to_vector(first), order), first, atol=1e-14)
    assert to_vector(first) @ to_vector(second) == pytest.approx(np.sum(first * second))


def test_stack_of_matrices():
    stack = np.stack([random_symmetric(4, seed) for seed in range(3)])
    np.testing.assert_array_equal(to_vector(stack)[1], to_vector(stack[1]))


def test_position_finds_every_entry():
    matrix = random_symmetric(5)
    vector = to_vector(matrix)
    for row in range(5):
        for column in range(5):
            weight = 1 if row == column else np.sqrt(2)
            assert vector[position(row, column)] == pytest.approx(weight * matrix[row, column])


def test_leading_block_comes_first():
    matrix = random_symmetric(6)
    np.testing.assert_array_equal(to_vector(matrix)[: vector_length(4)], to_vector(matrix[:4, :4]))


def test_semidefinite_projection_is_the_nearest_semidefinite_matrix():
    matrix = random_symmetric(6)
    projected = to_matrix(project_semidefinite(to_vector(matrix), 6), 6)
    remainder = projected - matrix
    assert np.linalg.eigvalsh(projected).min() > -1e-12
    assert np.linalg.eigvalsh(remainder).min() > -1e-12
    assert abs(np.sum(projected * remainder)) < 1e-12


def test_wrong_length_is_an_error():
    with pytest.raises(ValueError, match="order 3 needs a vector of length 6"):
        to_matrix(np.zeros(5), 3)
