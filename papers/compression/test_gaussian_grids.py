import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from papers.compression.gaussian_grids import (
    gaussian_distortion,
    gaussian_quantiles,
    lloyd_max,
    nearest_point,
    planar_grid,
)


@pytest.mark.parametrize(("n", "distortion"), [(1, 1.0), (2, 1 - 2 / np.pi), (4, 0.1175), (8, 0.03454), (16, 0.009497)])
def test_lloyd_max_reaches_the_tabulated_distortions(n: int, distortion: float) -> None:
    # Max, Quantizing for minimum distortion (1960), table I
    assert gaussian_distortion(lloyd_max(n)) == pytest.approx(distortion, rel=1e-3)


def test_two_levels_in_closed_form() -> None:
    np.testing.assert_allclose(lloyd_max(2)[:, 0], [-np.sqrt(2 / np.pi), np.sqrt(2 / np.pi)], atol=1e-10)


def test_distortion_is_the_integral_over_the_density() -> None:
    grid = np.array([[-1.3], [0.2], [0.9]])
    integral = quad(lambda x: np.min((x - grid[:, 0]) ** 2) * norm.pdf(x), -12, 12, limit=200, points=[-0.55, 0.55])[0]
    assert gaussian_distortion(grid) == pytest.approx(integral, abs=1e-8)


@pytest.mark.parametrize("n", [3, 8, 16])
def test_no_small_change_of_the_levels_helps(n: int) -> None:
    best = gaussian_distortion(lloyd_max(n))
    rng = np.random.default_rng(0)
    assert all(gaussian_distortion(lloyd_max(n) + 0.01 * rng.standard_normal((n, 1))) > best for _ in range(50))
    assert gaussian_distortion(gaussian_quantiles(n)) > best


def test_planar_grids_beat_products_of_scalar_grids() -> None:
    sample = np.random.default_rng(3).standard_normal((200_000, 2))
    for n, bound in ((16, 0.110), (64, 0.0305), (256, 0.0081)):
        error = np.mean((nearest_point(sample, planar_grid(n)) - sample) ** 2)
        scalar = gaussian_distortion(lloyd_max(int(np.sqrt(n))))
        shannon = 1 / n  # distortion per coordinate at log2(n) / 2 bits each
        assert shannon < error < bound < scalar


def test_four_planar_points_are_no_better_than_two_levels_twice() -> None:
    sample = np.random.default_rng(3).standard_normal((200_000, 2))
    error = np.mean((nearest_point(sample, planar_grid(4)) - sample) ** 2)
    assert error == pytest.approx(1 - 2 / np.pi, rel=0.01)


@pytest.mark.parametrize("p", [1, 2])
def test_nearest_point_is_nearest(p: int) -> None:
    rng = np.random.default_rng(1)
    values, grid = rng.standard_normal((7, 5, 4)), rng.standard_normal((9, p))
    tuples = values.reshape(-1, p)
    distances = ((tuples[:, None] - grid) ** 2).sum(axis=2)
    np.testing.assert_array_equal(nearest_point(values, grid), grid[distances.argmin(axis=1)].reshape(values.shape))


def test_grids_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        lloyd_max(4)[0] = 0.0
