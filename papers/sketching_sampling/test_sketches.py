"""Sketches against their dense matrices, their moments and their known variances."""

import numpy as np
import pytest
from scipy.linalg import hadamard
from scipy.sparse import csc_array, csr_array

from papers.sketching_sampling.sketches import (
    HadamardSketch,
    SparseSketch,
    count_sketch,
    gaussian_sketch,
    hadamard_sketch,
    sign_sketch,
    sparse_sketch,
)


def osnap(n_rows, n, rng):
    return sparse_sketch(n_rows, n, rng, nonzeros=4)


SKETCHES = [gaussian_sketch, sign_sketch, count_sketch, osnap, hadamard_sketch]


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.mark.parametrize("n", [13, 32])
@pytest.mark.parametrize("draw", SKETCHES)
def test_sketches_are_linear_maps_of_vectors_and_of_dense_and_sparse_matrices(draw, n, rng):
    sketch = draw(8, n, rng)
    matrix = rng.standard_normal((n, 3)) * (rng.random((n, 3)) < 0.4)
    before = matrix.copy()
    dense = sketch @ np.eye(n)
    assert sketch.shape == dense.shape == (8, n)
    for form in (matrix, csr_array(matrix), csc_array(matrix), np.asfortranarray(matrix)):
        product = sketch @ form
        assert type(product) is np.ndarray
        np.testing.assert_allclose(product, dense @ matrix, atol=1e-12)
    np.testing.assert_allclose(sketch @ matrix[:, 0], dense @ matrix[:, 0], atol=1e-12)
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("draw", SKETCHES)
def test_the_same_seed_draws_the_same_sketch_and_another_another(draw):
    first, again, other = (draw(8, 20, np.random.default_rng(seed)) @ np.eye(20) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("draw", SKETCHES)
def test_inner_products_are_unbiased_with_the_known_variance(draw, rng):
    """Var <Sx, Sy> = (||x||^2 ||y||^2 + <x, y>^2 - 2 sum x_i^2 y_i^2) / m for independent signs and CountSketch.

    Gaussians lack the last term. For OSNAP s times 1 / (s^2 m / s) is 1 / m again; rows of H that are drawn with
    replacement are uncorrelated given D, and pairwise products of signs are as if independent.
    """
    n, n_rows, n_draws = 16, 8, 3000
    x, y = rng.standard_normal((2, n))
    pair = np.stack([x, y], axis=1)
    products = np.empty((n_draws, 2))
    for k in range(n_draws):
        sketched = draw(n_rows, n, rng) @ pair
        products[k] = sketched[:, 0] @ sketched[:, 1], sketched[:, 0] @ sketched[:, 0]
    error = products - [x @ y, x @ x]
    assert (np.abs(error.mean(axis=0)) < 4 * error.std(axis=0) / np.sqrt(n_draws)).all()
    fourth = 0 if draw is gaussian_sketch else 2 * np.sum(x**2 * y**2)
    variance = ((x @ x) * (y @ y) + (x @ y) ** 2 - fourth) / n_rows
    square = error[:, 0] ** 2
    assert abs(square.mean() - variance) < 4 * square.std() / np.sqrt(n_draws)


@pytest.mark.parametrize("nonzeros", [1, 2, 4, 8])
def test_sparse_columns_have_one_entry_in_each_block(nonzeros, rng):
    dense = sparse_sketch(24, 500, rng, nonzeros) @ np.eye(500)
    blocks = dense.reshape(nonzeros, 24 // nonzeros, 500)
    assert (np.count_nonzero(blocks, axis=1) == 1).all()
    np.testing.assert_allclose(np.abs(dense[dense != 0]), nonzeros**-0.5)
    counts = np.count_nonzero(dense, axis=1)
    expected = 500 * nonzeros / 24
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    assert abs(np.sign(dense).sum()) < 5 * np.sqrt(500 * nonzeros)


def test_rows_that_meet_are_added(rng):
    sketch = SparseSketch(np.array([[1], [0], [1]]), np.array([[1.0], [1.0], [-1.0]]), 2)
    np.testing.assert_array_equal(sketch @ np.array([[1.0, 2], [3, 4], [5, 7]]), [[3, 4], [-4, -5]])


@pytest.mark.parametrize("n", [16, 11])
def test_hadamard_sketch_is_the_product_of_its_three_matrices(n, rng):
    signs, rows = rng.choice([-1.0, 1.0], n), np.array([3, 0, 3, 15, 8])
    expected = (hadamard(16)[rows][:, :n] * signs) / np.sqrt(5)
    np.testing.assert_allclose(HadamardSketch(signs, rows) @ np.eye(n), expected, atol=1e-13)


def test_all_rows_of_the_hadamard_matrix_keep_norms(rng):
    x = rng.standard_normal((16, 3))
    sketched = HadamardSketch(rng.choice([-1.0, 1.0], 16), np.arange(16)) @ x
    np.testing.assert_allclose(sketched.T @ sketched, x.T @ x, atol=1e-12)


def test_hadamard_rows_are_uniform_over_all_of_them(rng):
    rows = hadamard_sketch(8000, 5, rng).rows  # 5 are filled up to 8
    assert np.abs(np.bincount(rows, minlength=8) - 1000).max() < 5 * np.sqrt(1000)


@pytest.mark.parametrize("draw", SKETCHES)
def test_the_number_of_rows_is_checked(draw, rng):
    with pytest.raises(ValueError, match="expected 20 rows"):
        draw(8, 20, rng) @ np.ones((19, 2))


@pytest.mark.parametrize("nonzeros", [0, -1, 3, 16])
def test_blocks_must_be_whole(nonzeros, rng):
    with pytest.raises(ValueError, match="multiple"):
        sparse_sketch(8, 20, rng, nonzeros)
