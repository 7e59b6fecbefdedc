import numpy as np
import pytest

from papers.compression.hadamard_rotation import random_signs, rotate, rotate_back


@pytest.mark.parametrize("g", [1, 2, 32, 64])
def test_rotation_is_orthogonal_and_inverts(g: int) -> None:
    rng = np.random.default_rng(0)
    signs = random_signs((g,), rng)
    matrix = rotate(np.eye(g), signs)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(g), atol=1e-12)
    values = rng.standard_normal((3, 4, g))
    np.testing.assert_allclose(rotate_back(rotate(values, signs), signs), values, atol=1e-12)


def test_errors_keep_their_size() -> None:
    rng = np.random.default_rng(1)
    values, error = rng.standard_normal((2, 10, 32))
    signs = random_signs((10, 32), rng)
    distorted = rotate_back(rotate(values, signs) + error, signs)
    assert np.sum((distorted - values) ** 2) == pytest.approx(np.sum(error**2))


def test_a_spike_is_spread_over_its_group() -> None:
    spike = np.zeros(64)
    spike[17] = 8.0
    np.testing.assert_allclose(np.abs(rotate(spike, np.ones(64))), 1.0)


def test_signs_are_fair() -> None:
    signs = random_signs((100, 100), np.random.default_rng(2))
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.04


def test_group_must_be_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two"):
        rotate(np.ones(48), np.ones(48))
