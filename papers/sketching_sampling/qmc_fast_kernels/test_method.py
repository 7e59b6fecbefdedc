"""Point sets against SciPy and their equidistribution; kernels against their series; Gram algebra against dense."""

import numpy as np
import pytest
from scipy.integrate import nquad
from scipy.stats import qmc

from papers.sketching_sampling.fast_transforms import walsh_hadamard
from papers.sketching_sampling.qmc_fast_kernels import point_sets as ps
from papers.sketching_sampling.qmc_fast_kernels.method import (
    DenseGram,
    bernoulli_kernel,
    g_function,
    lattice_gram,
    net_gram,
    smooth_line,
    smooth_square,
    walsh_kernel,
    walsh_series,
)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def radical_inverse(i, base):
    value, place = 0.0, 1.0 / base
    while i:
        i, digit = divmod(i, base)
        value, place = value + digit * place, place / base
    return value


def assert_one_point_per_interval(points, n_intervals):
    """Exactly n / n_intervals points in each interval of every coordinate."""
    counts = np.stack([np.bincount(column, minlength=n_intervals) for column in (points * n_intervals).astype(int).T])
    assert (counts == len(points) // n_intervals).all()


# --- Point sets -------------------------------------------------------------------------------------------------------


def test_sobol_points_are_scipys_up_to_the_gray_code():
    points = ps.to_unit_interval(ps.net_points(ps.sobol_columns(9, 9)))
    gray = np.arange(512) ^ np.arange(512) >> 1
    np.testing.assert_array_equal(points[gray], qmc.Sobol(9, scramble=False).random_base2(9))
    with pytest.raises(ValueError, match=r"dimension in 1\.\.9"):
        ps.sobol_columns(10, 4)


def test_randomised_nets_keep_one_point_in_each_interval(rng):
    columns = ps.sobol_columns(3, 7)
    net = ps.net_points(columns)
    sets = {
        "shift": ps.digital_shift(net, 4, rng),
        "matrix": ps.digital_shift(ps.net_points(ps.linear_matrix_scramble(columns, 4, rng)), 4, rng),
        "nested": ps.nested_uniform_scramble(net, 4, rng),
    }
    for points in sets.values():
        assert points.shape == (4, 128, 3)
        assert len(np.unique(points[:, 0, 0])) == 4
        for replicate in ps.to_unit_interval(points):
            assert_one_point_per_interval(replicate, 128)
            pair = replicate[:, :2]  # the first two dimensions make a (0, m, 2)-net: all dyadic boxes are filled alike
            cells = (pair[:, 0] * 8).astype(int) * 16 + (pair[:, 1] * 16).astype(int)
            assert (np.bincount(cells, minlength=128) == 1).all()


def test_randomised_points_are_uniform(rng):
    columns = ps.sobol_columns(2, 3)
    net = ps.net_points(columns)
    n_replicates = 4000
    for points in (
        ps.to_unit_interval(ps.digital_shift(net, n_replicates, rng)),
        ps.to_unit_interval(ps.nested_uniform_scramble(net, n_replicates, rng)),
        ps.halton_points(8, 2, n_replicates, rng),
        ps.random_shift(ps.lattice_points(3, 2), n_replicates, rng),
    ):
        np.testing.assert_allclose(points.mean(axis=0), 0.5, atol=5 / np.sqrt(12 * n_replicates))
        np.testing.assert_allclose(points.var(axis=0), 1 / 12, atol=5 * np.sqrt(1 / 180 / n_replicates))


def test_nested_scrambling_keeps_common_digits_and_no_more(rng):
    net = ps.net_points(ps.sobol_columns(1, 4))
    scrambled = ps.nested_uniform_scramble(net, 2000, rng)[..., 0]
    order = np.argsort(net[:, 0])
    first, second, third = (scrambled[:, order[k]] for k in (0, 1, 8))  # 0000..., 0001..., 1000... in base 2
    common = ps.DIGITS - np.frexp((first ^ second).astype(float))[1]
    assert (common == 3).all()
    assert (ps.DIGITS - np.frexp((first ^ third).astype(float))[1] == 0).all()
    second_digits = [(values >> np.uint64(ps.DIGITS - 2) & np.uint64(1)).astype(int) for values in (first, third)]
    assert abs(np.corrcoef(*second_digits)[0, 1]) < 0.1  # a digital shift would flip both alike
    with pytest.raises(ValueError, match="dyadic intervals"):
        ps.nested_uniform_scramble(np.zeros((4, 1), dtype=np.uint64), 1, rng)


def test_matrix_scrambling_is_linear_and_lower_triangular(rng):
    columns = ps.sobol_columns(1, 6)
    scrambled = ps.linear_matrix_scramble(columns, 3, rng)
    leading = [np.frexp(values.astype(float))[1] for values in (columns[0], scrambled[0, 0])]
    np.testing.assert_array_equal(*leading)  # the unit diagonal keeps the first one of a column
    points = ps.net_points(scrambled)
    i, j = rng.integers(64, size=(2, 50))
    np.testing.assert_array_equal(points[:, i] ^ points[:, j], points[:, i ^ j])


def test_interlacing_deals_the_digits_in_turn():
    top = np.uint64(1) << np.uint64(ps.DIGITS - 1)
    components = np.array([[top, top >> np.uint64(1)], [top | top >> np.uint64(2), np.uint64(0)]])
    np.testing.assert_array_equal(ps.to_unit_interval(ps.interlace(components, 2))[:, 0], [9 / 16, 17 / 32])
    np.testing.assert_array_equal(ps.interlace(components, 1), components)
    assert ps.interlace(np.zeros((3, 5, 6), dtype=np.uint64), 3).shape == (3, 5, 2)


def test_lattice_is_embedded_and_in_radical_inverse_order():
    whole = ps.lattice_points(6, 3)
    np.testing.assert_array_equal(whole[:16], ps.lattice_points(4, 3))
    inverse = [radical_inverse(i, 2) for i in range(64)]
    np.testing.assert_allclose(whole, np.outer(inverse, ps.LATTICE_VECTOR[:3]) % 1, atol=1e-9)
    assert_one_point_per_interval(whole, 64)


def test_lattice_vector_is_as_good_as_the_best_of_random_ones(rng):
    n = 1 << 10

    def korobov_error(vector):
        return np.prod(1 + bernoulli_kernel(np.outer(np.arange(n), vector) % n / n, 2) / 100, axis=1).mean() - 1

    others = [korobov_error(2 * rng.integers(n // 2, size=3) + 1) for _ in range(60)]
    assert korobov_error(ps.LATTICE_VECTOR[:3]) < np.quantile(others, 0.1)


def test_halton_points_without_permutations_are_scipys():
    class Identity:
        def permuted(self, values, axis):
            return values

    points = ps.halton_points(100, 3, 2, Identity())
    np.testing.assert_allclose(points[1], qmc.Halton(3, scramble=False).random(100), atol=1e-14)


def test_permuted_halton_points_fill_the_intervals(rng):
    points = ps.halton_points(8 * 9, 2, 1, rng)[0]
    assert_one_point_per_interval(points[:8, :1], 8)
    assert_one_point_per_interval(points[:9, 1:], 9)
    cells = (points[:, 0] * 8).astype(int) * 9 + (points[:, 1] * 9).astype(int)
    assert (np.bincount(cells, minlength=72) == 1).all()


# --- Kernels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "tolerance"), [(1, 1e-3), (2, 1e-9), (3, 1e-12)])
def test_bernoulli_kernel_is_its_cosine_series(order, tolerance):
    x = np.array([0.0, 0.1, 0.25, 0.5, 0.77])
    k = np.arange(1.0, 4001.0)
    series = 2 * np.cos(2 * np.pi * x[:, None] * k) @ (k ** (-2 * order))
    np.testing.assert_allclose(bernoulli_kernel(x, order), series, atol=tolerance)


@pytest.mark.parametrize(("order", "tolerance"), [(2, 5e-5), (3, 2e-5), (4, 2e-5)])
def test_walsh_kernel_is_the_truncated_series(order, tolerance):
    """Weights summed over the bits of every k < 2^18, and a Walsh-Hadamard transform for the sums."""
    n_bits = 18
    k = np.arange(1 << n_bits)
    remaining, weight = k.copy(), np.ones(len(k))
    for _ in range(order):
        position = np.frexp(remaining)[1]  # of the largest one, 0 if none is left
        weight *= 0.5**position
        remaining = np.where(position > 0, remaining ^ (1 << position >> 1), 0)
    weight[0] = 0
    sums = walsh_hadamard(weight)  # at index sum_j x_j 2^(j-1): the j-th digit of x meets the j-th bit of k
    index = np.arange(4096)
    digits = sum((index >> j & 1).astype(np.uint64) << np.uint64(ps.DIGITS - 1 - j) for j in range(12))
    np.testing.assert_allclose(walsh_kernel(digits, order), sums[:4096], atol=tolerance)
    np.testing.assert_allclose(walsh_series(digits, 0 * digits, order), sums[:4096], atol=tolerance)


def test_walsh_kernels_at_zero_and_unknown_orders():
    zero = np.zeros(1, dtype=np.uint64)
    for order, value in ((2, 5 / 2), (3, 43 / 18), (4, 701 / 294)):
        assert walsh_kernel(zero, order)[0] == pytest.approx(value - 1)
    for kernel, order in ((walsh_kernel, 1), (walsh_kernel, 5), (bernoulli_kernel, 4)):
        with pytest.raises(ValueError, match="expected an order"):
            kernel(zero, order)


def test_walsh_series_depends_on_the_xor_and_sees_every_digit(rng):
    x, y = rng.integers(1 << ps.DIGITS, size=(2, 20), dtype=np.uint64)
    for order in (2, 3, 4):
        np.testing.assert_allclose(walsh_series(x, y, order), walsh_series(x ^ y, 0 * x, order), rtol=1e-12)
        assert walsh_series(x[:1], x[:1], order)[0] == pytest.approx(walsh_kernel(0 * x[:1], order)[0], rel=1e-13)


# --- Gram matrices ----------------------------------------------------------------------------------------------------


def gram_pairs(m, rng):
    """(fast, dense) of each kind, in two dimensions."""
    net = ps.net_points(ps.linear_matrix_scramble(ps.sobol_columns(2, m), 1, rng))[0]
    net = ps.digital_shift(net, 1, rng)[0]
    lattice = ps.random_shift(ps.lattice_points(m, 2), 1, rng)[0]
    for order in (2, 3):
        dense = np.prod(1 + 0.7 * walsh_kernel(net[:, None] ^ net, order), axis=-1)
        yield net_gram(dense[:, 0].copy()), DenseGram(dense)
        dense = np.prod(1 + 0.7 * bernoulli_kernel((lattice[:, None] - lattice) % 1, order), axis=-1)
        yield lattice_gram(dense[:, 0].copy()), DenseGram(dense)


def test_fast_gram_algebra_is_dense_algebra(rng):
    y = rng.standard_normal(64)
    for fast, dense in gram_pairs(6, rng):
        np.testing.assert_allclose(np.sort(fast.eigenvalues), np.linalg.eigvalsh(dense.matrix), atol=1e-10)
        np.testing.assert_allclose(fast.product(y), dense.product(y), atol=1e-10)
        np.testing.assert_allclose(fast.solve(y, 0.01), np.linalg.solve(dense.matrix + 0.01 * np.eye(64), y), atol=1e-8)
        np.testing.assert_allclose(dense.solve(y, 0.01), fast.solve(y, 0.01), atol=1e-8)


# --- Integrands -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "dimension"), [(smooth_line, 1), (smooth_square, 2), (g_function, 1), (g_function, 2)]
)
def test_integrands_have_mean_zero(function, dimension):
    options = {"points": [0.5]} if function is g_function else {}
    integral, _ = nquad(lambda *x: function(np.array(x)), [(0, 1)] * dimension, opts=options)
    assert integral == pytest.approx(0, abs=1e-9)
