"""The embedding against its definition, POT's transport to the uniform law, and an exact formula for LCOT."""

import numpy as np
import ot
import pytest
from matplotlib.colors import rgb_to_hsv

from papers.optimal_transport.circular_ot import circular_ot, cut_ot, pairwise
from papers.optimal_transport.linear_circular_transport import data, method

N_GRID = 1000


@pytest.fixture(scope="module")
def measures():
    """Twelve samples of 50 points, two of each family."""
    return data.mixed_families(12, 50, np.random.default_rng(0))


def exact_lcot(x, y):
    """For samples of one size: the difference of the embeddings takes n values for 1 - f of x and n others for f."""
    n = x.size
    turns, first = np.divmod(np.arange(-n, 2 * n), n)
    lifted = np.sort(y)[first] + turns
    shift = n * (x.mean() - y.mean())
    whole, fraction = int(np.floor(shift)), shift - np.floor(shift)
    costs = [(method.wrap(np.sort(x) - lifted[n + whole + step :][:n]) ** 2).mean() for step in (0, 1)]
    return np.sqrt((1 - fraction) * costs[0] + fraction * costs[1])


@pytest.mark.parametrize("level", [-1.3, -0.2, 0.0, 0.1, 0.25, 0.9, 1.0, 1.1, 2.75])
def test_quantile_is_the_least_point_that_the_continued_cdf_lifts_to_the_level(level):
    sample = np.array([0.1, 0.4, 0.4, 0.8])
    candidates = np.sort(np.concatenate([sample + turn for turn in range(-4, 5)]))
    cdf = [np.floor(y) + (sample <= y - np.floor(y) + 1e-9).mean() for y in candidates]
    expected = candidates[np.array(cdf) >= level - 1e-12][0]
    assert method.quantile(sample, np.array([level]))[0] == pytest.approx(expected)


def test_unextended_quantile_stops_at_the_extreme_points():
    sample = np.array([0.1, 0.4])
    np.testing.assert_array_equal(method.quantile(sample, np.array([-0.3, 0.2, 1.4]), extend=False), [0.1, 0.1, 0.4])


def test_shift_of_the_mean_is_the_cheapest_of_a_thousand_shifts(measures):
    grid = method.reference_points(N_GRID)
    for sample, norm in zip(measures, method.norm(method.embed(measures, N_GRID)), strict=True):
        shifts = sample.mean() - 0.5 + np.arange(-500, 500) / N_GRID
        quantiles = method.quantile(np.sort(sample), (grid - shifts[:, None]).ravel()).reshape(1000, N_GRID)
        costs = ((quantiles - grid) ** 2).mean(axis=1)
        assert costs.argmin() == 500
        assert norm**2 == pytest.approx(costs[500], rel=1e-9)


def test_norm_equals_transport_to_the_uniform_law(measures):
    expected = [np.sqrt(ot.semidiscrete_wasserstein2_unif_circle(sample)[0]) for sample in measures]
    np.testing.assert_allclose(method.norm(method.embed(measures, 20_000)), expected, rtol=1e-5)


def test_norm_equals_the_general_solver_with_many_uniform_atoms(measures):
    copies = np.repeat(np.sort(measures), 100, axis=1)
    expected = circular_ot(method.reference_points(5000), copies)
    np.testing.assert_allclose(method.norm(method.embed(measures, 5000)), expected, rtol=1e-5)


def test_displacements_are_at_most_half_a_turn(measures):
    assert np.abs(method.embed(measures, N_GRID)).max() <= 0.5


def test_dirac_is_embedded_as_the_way_to_it():
    for point in (0.0, 0.3, 0.9):
        way = point - method.reference_points(N_GRID)
        embedding = method.embed(np.full(5, point), N_GRID)
        np.testing.assert_allclose(method.wrap(embedding - way), 0, atol=1e-12)
        assert np.abs(embedding).max() <= 0.5


@pytest.mark.parametrize(("x", "y", "arc"), [(0.1, 0.3, 0.2), (0.95, 0.1, 0.15), (0.0, 0.5, 0.5)])
def test_diracs_are_an_arc_apart(x, y, arc):
    first, second = method.embed(np.array([[x], [y]]), N_GRID)
    assert method.lcot(first, second[None])[0] == pytest.approx(arc)


def test_distance_equals_the_exact_formula(measures):
    matrix = pairwise(method.lcot, method.embed(measures, 50_000))
    exact = [[exact_lcot(x, y) for y in measures] for x in measures]
    np.testing.assert_allclose(matrix, exact, atol=5e-4)


def test_distance_is_between_cot_and_the_sum_of_the_norms(measures):
    embeddings = method.embed(measures, N_GRID)
    matrix, norms = pairwise(method.lcot, embeddings), method.norm(embeddings)
    assert (matrix >= pairwise(circular_ot, np.sort(measures)) - 1e-12).all()
    assert (matrix <= norms[:, None] + norms + 1e-12).all()


def test_turn_by_whole_cells_permutes_the_embedding(measures):
    turned = method.embed(np.mod(measures + 0.137, 1), N_GRID)
    np.testing.assert_allclose(turned, np.roll(method.embed(measures, N_GRID), 137, axis=1), atol=1e-12)


def test_push_forward_recovers_the_sample(measures):
    points = np.sort(method.push_forward(method.embed(measures, N_GRID)), axis=1)
    np.testing.assert_allclose(points, np.repeat(np.sort(measures), N_GRID // 50, axis=1), atol=1e-12)


def test_geodesic_has_constant_speed(measures):
    first, second = method.embed(measures[2:4], N_GRID)
    length = method.lcot(first, second[None])[0]
    for time in (0.0, 0.3, 1.0):
        between = method.geodesic(first, second, time)[None]
        assert method.lcot(first, between)[0] == pytest.approx(time * length)
        assert method.lcot(second, between)[0] == pytest.approx((1 - time) * length)


def test_without_shift_and_wrap_it_is_transport_on_the_interval(measures):
    embeddings = method.embed(measures, N_GRID, shift=False)
    expected = pairwise(cut_ot, np.sort(measures))
    np.testing.assert_allclose(pairwise(method.interval_distance, embeddings), expected, atol=1e-12)


@pytest.mark.parametrize("samples", [np.array([0.2, 1.0]), np.array([-0.1, 0.5])])
def test_samples_outside_the_circle_are_refused(samples):
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        method.embed(samples, 10)


def test_fewer_reference_points_than_samples_are_refused():
    with pytest.raises(ValueError, match="at least 5 reference points"):
        method.embed(np.linspace(0, 0.9, 5), 4)


def test_hue_equals_matplotlib():
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    image[0] = image[0, :, :1]  # grey
    hue, chroma = data.hue_and_chroma(image)
    np.testing.assert_allclose(hue, rgb_to_hsv(image / 255)[..., 0], atol=1e-12)
    assert (chroma[0] == 0).all()
