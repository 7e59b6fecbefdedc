from types import SimpleNamespace

import numpy as np
import pytest

from papers.compression.bit_allocation import allocate, allocate_exhaustively
from papers.compression.gaussian_grids import gaussian_distortion, lloyd_max, planar_grid
from papers.compression.higgs_linearity.data import generate
from papers.compression.higgs_linearity.experiment import random_share
from papers.compression.higgs_linearity.method import (
    gaussian_error,
    higgs,
    higgs_bits,
    layer_weight,
    slope_through_origin,
    variance_explained,
)
from papers.compression.scalar_quantisers import nf4, relative_squared_error


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("shape", ["gaussian", "student_t", "sparse"])
def test_rotation_makes_every_matrix_look_gaussian_to_the_grid(rng: np.random.Generator, shape: str) -> None:
    matrix = {
        "gaussian": rng.standard_normal((2000, 64)),
        "student_t": rng.standard_t(4, size=(2000, 64)),
        "sparse": rng.standard_normal((2000, 64)) * (rng.random((2000, 64)) < 0.3),
    }[shape]
    error = relative_squared_error(higgs(matrix, lloyd_max(16), 64, rng), matrix)
    # a group of 64 normalised to its own length has slightly lighter tails than a Gaussian
    assert error == pytest.approx(gaussian_distortion(lloyd_max(16)), rel=0.12)


def test_without_rotation_heavy_tails_cost(rng: np.random.Generator) -> None:
    matrix = rng.standard_t(4, size=(1000, 64))
    rotated, plain = (higgs(matrix, lloyd_max(16), 64, rng, rotated) for rotated in (True, False))
    assert relative_squared_error(plain, matrix) > 2 * relative_squared_error(rotated, matrix)


def test_higgs_does_what_its_steps_say(rng: np.random.Generator) -> None:
    grid = lloyd_max(4)[:, 0]
    weight = rng.standard_normal((1, 2))
    signs = np.random.default_rng(7).choice([-1.0, 1.0], size=(1, 1, 2))[0, 0]
    hadamard = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    rotated = hadamard @ (signs * weight[0])
    scale = np.sqrt(np.mean(weight**2))
    rounded = np.array([grid[np.abs(grid - value / scale).argmin()] for value in rotated])
    expected = signs * (hadamard.T @ (scale * rounded))
    np.testing.assert_allclose(higgs(weight, lloyd_max(4), 2, np.random.default_rng(7))[0], expected, atol=1e-12)


def test_planar_grid_has_less_error_at_equal_bits(rng: np.random.Generator) -> None:
    matrix = rng.laplace(size=(500, 64))
    assert higgs_bits(planar_grid(16), 64) == higgs_bits(lloyd_max(4), 64) == 2.25
    planar, scalar = (higgs(matrix, grid, 64, rng) for grid in (planar_grid(16), lloyd_max(4)))
    assert relative_squared_error(planar, matrix) < 0.95 * relative_squared_error(scalar, matrix)


def test_higgs_is_scale_free_and_keeps_zeros(rng: np.random.Generator) -> None:
    matrix = rng.standard_normal((4, 32))
    once, scaled = (higgs(m, lloyd_max(8), 32, np.random.default_rng(3)) for m in (matrix, 1e3 * matrix))
    np.testing.assert_allclose(scaled, 1e3 * once)
    assert not higgs(np.zeros((2, 32)), lloyd_max(8), 32, rng).any()


def test_nf4_is_better_on_gaussian_and_worse_on_heavy_tails(rng: np.random.Generator) -> None:
    for matrix, higgs_wins in ((rng.standard_normal((2000, 64)), False), (rng.standard_t(4, size=(2000, 64)), True)):
        errors = [relative_squared_error(q, matrix) for q in (higgs(matrix, lloyd_max(16), 64, rng), nf4(matrix))]
        assert (errors[0] < errors[1]) == higgs_wins


def test_gaussian_error_has_the_size_asked_for(rng: np.random.Generator) -> None:
    weight = rng.standard_normal((30, 20)) + 5
    assert relative_squared_error(weight + gaussian_error(weight, 0.03, rng), weight) == pytest.approx(0.03)


def test_layer_weight_of_a_quadratic_loss_is_its_trace(rng: np.random.Generator) -> None:
    # L(W) = tr(W' H W) / 2 around W has the gradient H W, which the two signs of every draw cancel;
    # isotropic noise of size t ||W|| costs t^2 ||W||^2 tr(H) / (2 rows)
    weight = rng.standard_normal((12, 30))
    root = rng.standard_normal((12, 12))
    hessian = root @ root.T

    def loss(matrix: np.ndarray) -> float:
        return np.trace(matrix.T @ hessian @ matrix) / 2

    estimates = layer_weight(weight, lambda w: loss(w) - loss(weight), (0.02, 0.05), draws=40, rng=rng)
    expected = np.sum(weight**2) * np.trace(hessian) / (2 * 12)
    assert estimates.shape == (2, 40)
    np.testing.assert_allclose(estimates.mean(axis=1), expected, rtol=0.05)


def test_fit_statistics() -> None:
    predicted = np.array([1.0, 2.0, 4.0])
    assert slope_through_origin(predicted, 1.5 * predicted) == pytest.approx(1.5)
    assert variance_explained(predicted, predicted) == 1.0
    assert variance_explained(np.full(3, 7 / 3), predicted) == pytest.approx(0.0)
    assert variance_explained(1.5 * predicted, predicted) < 0.0


def test_allocation_is_optimal_on_the_experiments_instances() -> None:
    params = SimpleNamespace(n_windows=2, window_length=8, matrix_rows=4, instances=30)
    data = generate(params, np.random.default_rng(1))
    layers = np.arange(5)
    for loss, cost, budget in zip(data["instance_loss"], data["instance_cost"], data["instance_budget"], strict=True):
        chosen, best = allocate(loss, cost, budget), allocate_exhaustively(loss, cost, budget)
        assert cost[layers, chosen].sum() <= budget
        assert loss[layers, chosen].sum() == pytest.approx(loss[layers, best].sum(), rel=1e-12)


def test_random_share_is_exact(rng: np.random.Generator) -> None:
    sizes = np.tile([3, 1, 4, 4], 3)
    for _ in range(20):
        assert sizes[random_share(sizes, 0.25, rng)].sum() == 9
