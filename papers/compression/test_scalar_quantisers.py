import numpy as np
import pytest

from papers.compression.scalar_quantisers import (
    nf4,
    nf4_bits,
    nf4_levels,
    relative_squared_error,
    round_to_nearest,
    round_to_nearest_bits,
)


def test_round_to_nearest_uses_evenly_spaced_levels_between_the_extremes() -> None:
    weight = np.array([[0.0, 0.4, 1.1, 3.0], [5.0, 5.0, 5.0, 5.0]])
    np.testing.assert_allclose(round_to_nearest(weight, bits=2), [[0, 0, 1, 3], [5, 5, 5, 5]])


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_round_to_nearest_error_is_at_most_half_a_step(bits: int) -> None:
    weight = np.random.default_rng(0).standard_normal((20, 128))
    quantised = round_to_nearest(weight, bits, group=32)
    groups, errors = weight.reshape(20, 4, 32), (quantised - weight).reshape(20, 4, 32)
    step = np.ptp(groups, axis=2) / (2**bits - 1)
    assert np.all(np.abs(errors).max(axis=2) <= step / 2 + 1e-12)
    assert all(len(np.unique(np.round(group, 9))) <= 2**bits for group in quantised.reshape(-1, 32))


def test_smaller_groups_have_smaller_errors() -> None:
    weight = np.random.default_rng(1).standard_t(4, size=(50, 128))
    whole, grouped = round_to_nearest(weight, 4), round_to_nearest(weight, 4, group=32)
    assert relative_squared_error(grouped, weight) < relative_squared_error(whole, weight)


def test_nf4_levels_are_the_published_ones() -> None:
    published = [-1.0, -0.69619280, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0]
    published += [0.07958030, 0.16093020, 0.24611230, 0.33791524, 0.44070983, 0.56261700, 0.72295684, 1.0]
    np.testing.assert_allclose(nf4_levels(), published, atol=2e-6)


def test_nf4_keeps_zeros_and_positive_extremes_and_rounds_to_the_nearest_level() -> None:
    weight = np.array([[0.0, 2.0, -1.0, 1.1]])
    expected = 2 * nf4_levels()[np.abs(nf4_levels() - weight.T / 2).argmin(axis=1)]
    np.testing.assert_allclose(nf4(weight, group=4)[0], expected)
    assert nf4(weight, group=4)[0, :2].tolist() == [0.0, 2.0]
    assert not nf4(np.zeros((2, 64))).any()


def test_bits_count_the_scales() -> None:
    assert nf4_bits(64) == 4.25
    assert round_to_nearest_bits(3, 64) == 3.5


def test_groups_must_divide_the_rows() -> None:
    with pytest.raises(ValueError, match="groups of 64 do not divide rows of 96"):
        nf4(np.ones((2, 96)))
