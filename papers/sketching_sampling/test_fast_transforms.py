"""Fast transforms against the dense Hadamard matrix and NumPy's FFT."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from papers.sketching_sampling.fast_transforms import (
    bit_reversal,
    fourier_bit_reversed,
    inverse_fourier_bit_reversed,
    walsh_hadamard,
)

LENGTHS = [1, 2, 4, 8, 64, 256]


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("n", LENGTHS)
def test_walsh_hadamard_is_the_product_with_the_sylvester_matrix(rng, n):
    values = rng.standard_normal((n, 3))
    np.testing.assert_allclose(walsh_hadamard(values), hadamard(n) @ values, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(walsh_hadamard(np.eye(n)), hadamard(n))
    np.testing.assert_allclose(walsh_hadamard(walsh_hadamard(values)), n * values, rtol=1e-12, atol=1e-12)
    assert not np.shares_memory(walsh_hadamard(values), values)


def test_walsh_hadamard_of_a_vector_of_integers_and_of_complex_numbers(rng):
    integers = rng.integers(-9, 9, 32)
    np.testing.assert_array_equal(walsh_hadamard(integers), hadamard(32) @ integers)
    values = rng.standard_normal(32) + 1j * rng.standard_normal(32)
    np.testing.assert_allclose(walsh_hadamard(values), hadamard(32) @ values, atol=1e-12)
    assert walsh_hadamard(np.ones(4, dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_any_axis_and_memory_layout(rng, axis):
    values = np.asfortranarray(rng.standard_normal((8, 16, 4)))
    before = values.copy()
    moved = np.moveaxis(values, axis, 0)
    n = len(moved)
    expected = np.moveaxis(np.tensordot(hadamard(n), moved, 1), 0, axis)
    np.testing.assert_allclose(walsh_hadamard(values, axis), expected, atol=1e-12)
    spectrum = np.moveaxis(np.fft.fft(moved[bit_reversal(n)], axis=0), 0, axis)
    np.testing.assert_allclose(fourier_bit_reversed(values, axis), spectrum, atol=1e-12)
    np.testing.assert_allclose(inverse_fourier_bit_reversed(spectrum, axis), values, atol=1e-12)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("n", LENGTHS)
def test_fourier_of_bit_reversed_values_is_numpys(rng, n):
    values = rng.standard_normal((n, 2)) + 1j * rng.standard_normal((n, 2))
    reverse = bit_reversal(n)
    spectrum = np.fft.fft(values, axis=0)
    np.testing.assert_allclose(fourier_bit_reversed(values[reverse]), spectrum, atol=1e-11)
    np.testing.assert_allclose(inverse_fourier_bit_reversed(spectrum), values[reverse], atol=1e-12)


def test_no_columns():
    assert walsh_hadamard(np.empty((4, 0))).shape == (4, 0)
    assert fourier_bit_reversed(np.empty((4, 0))).shape == (4, 0)


def test_long_transforms_keep_their_accuracy(rng):
    n = 1 << 16
    values = rng.standard_normal(n)
    np.testing.assert_allclose(walsh_hadamard(walsh_hadamard(values)) / n, values, atol=1e-12)
    spectrum = fourier_bit_reversed(values)
    np.testing.assert_allclose(spectrum, np.fft.fft(values[bit_reversal(n)]), atol=1e-9)
    np.testing.assert_allclose(inverse_fourier_bit_reversed(spectrum), values, atol=1e-12)


def test_bit_reversal():
    np.testing.assert_array_equal(bit_reversal(8), [0, 4, 2, 6, 1, 5, 3, 7])
    np.testing.assert_array_equal(bit_reversal(1), [0])


@pytest.mark.parametrize("transform", [walsh_hadamard, fourier_bit_reversed, inverse_fourier_bit_reversed])
@pytest.mark.parametrize("n", [3, 12])
def test_lengths_must_be_powers_of_two(transform, n):
    with pytest.raises(ValueError, match="power of 2"):
        transform(np.ones(n))
