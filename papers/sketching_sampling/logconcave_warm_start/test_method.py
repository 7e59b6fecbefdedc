"""The sampler against exact laws, closed forms against integration, and the functional B against known constants."""

from math import inf, sqrt
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, norm, truncnorm

from papers.sketching_sampling.logconcave_warm_start.data import generate
from papers.sketching_sampling.logconcave_warm_start.in_and_out import Body, in_and_out, truncated_gaussian
from papers.sketching_sampling.logconcave_warm_start.method import (
    FOURTH_MOMENT,
    HALF_WIDTH,
    anneal,
    annealing_variances,
    bobkov_goetze,
    fitted_precision,
    log_partition,
    mean_square,
    renyi_2,
    renyi_infinity,
    truncated_laplace,
)

LEVEL = 1e-3  # of the Kolmogorov-Smirnov tests; the seeds are fixed
INTERVAL = Body(np.eye(1), 1.0)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def rotated_cube(dimension, rng):
    return Body(generate(SimpleNamespace(dimensions=[dimension]), rng)[f"normals_{dimension}"], HALF_WIDTH)


def test_one_step_leaves_the_uniform_law_invariant(rng):
    start = rng.uniform(-1, 1, (20000, 1))
    states, queries, failures = in_and_out(INTERVAL, start, inf, 0.02, 1, 10**4, rng)
    assert failures == 0
    assert queries > 20000
    assert (states != start).all()
    assert kstest(states[:, 0], "uniform", (-1, 2)).pvalue > LEVEL
    clipped = np.clip(start + np.sqrt(0.04) * rng.standard_normal(start.shape), -1, 1)  # what rejection is for
    assert kstest(clipped[:, 0], "uniform", (-1, 2)).pvalue < 1e-20


@pytest.mark.parametrize("max_trials", [1, 3, 10**4])
def test_gaussians_on_the_interval_are_invariant_for_any_number_of_trials(rng, max_trials):
    s = 0.3
    law = truncnorm(-1 / sqrt(s), 1 / sqrt(s), scale=sqrt(s))
    start = law.rvs((20000, 1), random_state=rng)
    states, _, failures = in_and_out(INTERVAL, start, s, 0.02, 4, max_trials, rng)
    assert (failures > 0) == (max_trials < 10**4)
    assert kstest(states[:, 0], law.cdf).pvalue > LEVEL


def test_one_step_from_a_point_has_the_law_of_the_two_stages(rng):
    """Given y, x' is a truncated normal; the law of x' and the expected number of trials by integration over y."""
    x, s, h = 0.7, 0.5, 0.15
    shrink = 1 / (1 + h / s)
    y = np.linspace(x - 6 * sqrt(h), x + 6 * sqrt(h), 1001)
    weights = norm.pdf(y, x, sqrt(h)) * (y[1] - y[0])
    back = norm(shrink * y, sqrt(shrink * h))
    inside = back.cdf(1) - back.cdf(-1)
    trials = 40
    success = 1 - (1 - inside) ** trials

    grid = np.linspace(-1, 1, 401)
    moved = (back.cdf(grid[:, None]) - back.cdf(-1)) / inside
    distribution = (moved * success) @ weights / (success @ weights)

    start = np.full((20000, 1), x)
    states, queries, failures = in_and_out(INTERVAL, start, s, h, 1, trials, rng)
    moved = states[states != x]
    assert len(moved) == 20000 - failures
    assert kstest(moved, lambda points: np.interp(points, grid, distribution)).pvalue > LEVEL
    failed = (1 - success) @ weights
    assert abs(failures - 20000 * failed) < 4.5 * sqrt(20000 * failed)
    assert queries / 20000 == pytest.approx((success / inside) @ weights, rel=0.05)


def test_a_hexagon_is_sampled_uniformly_from_its_centre(rng):
    angles = np.pi / 3 * np.arange(3)
    hexagon = Body(np.stack([np.cos(angles), np.sin(angles)], axis=1), 1.0)
    states, _, _ = in_and_out(hexagon, np.zeros((4000, 2)), inf, 0.1, 60, 200, rng)
    assert hexagon.contains(states).all()
    scaled = np.abs(states @ hexagon.normals.T).max(axis=1) ** 2  # uniform, as areas scale with the square
    assert kstest(scaled, "uniform").pvalue > LEVEL


def test_annealed_chains_end_with_uniform_independent_coordinates(rng):
    body = rotated_cube(3, rng)
    run = anneal(body, annealing_variances(3, 0.5), 3000, 0.25, 0.5, 3.0, 200, rng)
    coordinates = run.states @ body.normals.T
    for column in coordinates.T:
        assert kstest(column, "uniform", (-HALF_WIDTH, 2 * HALF_WIDTH)).pvalue > LEVEL
    squares = coordinates**2
    np.testing.assert_allclose(np.corrcoef(squares.T), np.eye(3), atol=4.5 / sqrt(3000))
    assert np.mean(coordinates**4) == pytest.approx(FOURTH_MOMENT, rel=4.5 * 4 / 3 / sqrt(9000))


def test_far_from_the_facets_variances_follow_the_linear_recursion(rng):
    variances = np.array([0.01, 0.02, 0.04, 0.03, inf])
    body = rotated_cube(4, rng)
    run = anneal(body, variances, 4000, 0.01, 0.5, 0.0, 200, rng)
    h, found = 0.01 / 16, 0.01
    expected = [found]
    for s in variances[1:-1]:
        shrink = 1 / (1 + h / s)
        for _ in range(int(np.ceil(0.5 * s / h))):
            found = shrink**2 * (found + h) + shrink * h
        expected.append(found)
    np.testing.assert_allclose(run.mean_squares, expected, rtol=4.5 * sqrt(2 / 16000))
    assert run.steps == 4000 * (16 + 32 + 24)
    assert run.queries == 4000 + run.steps  # nothing is rejected


def test_results_are_those_of_the_generator_and_inputs_are_kept(rng):
    body = rotated_cube(3, rng)
    arguments = (annealing_variances(3, 0.5), 5, 0.25, 0.5, 1.0, 200)
    runs = [anneal(body, *arguments, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(runs[0].states, runs[1].states)
    assert not np.array_equal(runs[0].states, runs[2].states)
    start = np.zeros((2, 3))
    in_and_out(body, start, inf, 0.1, 5, 200, rng)
    assert (start == 0).all()
    with pytest.raises(ValueError, match="inside"):
        in_and_out(body, start + 9, inf, 0.1, 5, 200, rng)
    with pytest.raises(ValueError, match="positive"):
        in_and_out(body, start, 0.0, 0.1, 5, 200, rng)


def test_truncated_gaussians_are_exact(rng):
    body = rotated_cube(2, rng)
    points, queries = truncated_gaussian(body, 2.0, 5000, rng)
    bound = HALF_WIDTH / sqrt(2)
    for column in (points @ body.normals.T).T:
        assert kstest(column, truncnorm(-bound, bound, scale=sqrt(2)).cdf).pvalue > LEVEL
    assert 5000 / queries == pytest.approx((2 * norm.cdf(bound) - 1) ** 2, rel=0.05)


def test_rotations_are_orthogonal_and_depend_on_the_generator(rng):
    data = generate(SimpleNamespace(dimensions=[3, 6]), rng)
    for d in (3, 6):
        np.testing.assert_allclose(data[f"normals_{d}"] @ data[f"normals_{d}"].T, np.eye(d), atol=1e-12)
    assert np.abs(data["normals_3"] - np.eye(3)).max() > 0.1


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_schedules(power):
    variances = annealing_variances(16, power)
    assert variances[0] == 1 / 16
    np.testing.assert_allclose(variances[1:-1] / variances[:-2], 1 + 16**-power)
    assert variances[-3] < 16 <= variances[-2]
    assert variances[-1] == inf
    assert len(variances) == {0.5: 27, 1.0: 94}[power]  # ln(256) / ln(1 + 16^-power), rounded up, and two more


def density(precision):
    return lambda x: np.exp(-precision * x**2 / 2)


@pytest.mark.parametrize("precision", [40.0, 2.0, 1e-6, 0.0, -0.5, -6.0])
def test_partition_functions_and_moments(precision):
    mass = quad(density(precision), -HALF_WIDTH, HALF_WIDTH, epsabs=0)[0]
    assert log_partition(precision) == pytest.approx(np.log(mass), abs=1e-9)
    second = quad(lambda x: x**2 * density(precision)(x), -HALF_WIDTH, HALF_WIDTH, epsabs=0)[0] / mass
    assert mean_square(precision) == pytest.approx(second, rel=1e-8)
    assert fitted_precision(second) == pytest.approx(precision, abs=1e-5)


def test_fitted_precision_refuses_moments_that_no_law_has():
    for moment in (0.0, 3.0):
        with pytest.raises(ValueError, match="second moment"):
            fitted_precision(moment)


@pytest.mark.parametrize(("precision", "reference"), [(16.0, 10.0), (1.0, 0.7), (0.4, 0.0), (1.0, 3.5)])
def test_divergences_against_integration(precision, reference):
    masses = [quad(density(value), -HALF_WIDTH, HALF_WIDTH, epsabs=0)[0] for value in (precision, reference)]

    def ratio(x):
        return density(precision)(x) / density(reference)(x) * masses[1] / masses[0]

    found = quad(lambda x: ratio(x) * density(precision)(x) / masses[0], -HALF_WIDTH, HALF_WIDTH, epsabs=0)[0]
    assert renyi_2(1, precision, reference) == pytest.approx(np.log(found), abs=1e-9)
    assert renyi_2(7, precision, reference) == pytest.approx(7 * np.log(found), abs=1e-8)
    if precision > reference:
        worst = np.log(ratio(np.linspace(-HALF_WIDTH, HALF_WIDTH, 1001))).max()
        assert renyi_infinity(3, precision, reference) == pytest.approx(3 * worst, abs=1e-9)


def test_divergences_of_gaussians_that_do_not_feel_the_facets():
    """R_2 = d/2 log(r^2 / (2 r - 1)) and R_infinity = d/2 log r for a ratio r of variances."""
    r = 1.125
    assert renyi_2(64, 64 * r, 64.0) == pytest.approx(32 * np.log(r**2 / (2 * r - 1)))
    assert renyi_infinity(64, 64 * r, 64.0) == pytest.approx(32 * np.log(r))


@pytest.mark.parametrize(
    ("x", "log_density", "best"),
    [
        (np.linspace(0, 1, 4001), lambda x: 0 * x, 2 / np.pi**2),
        (np.linspace(-8, 8, 8001), lambda x: -(x**2) / 2, 2.0),
    ],
)
def test_bobkov_goetze_brackets_known_log_sobolev_constants(x, log_density, best):
    low, high = (bobkov_goetze(x, log_density(x), constant) for constant in (0.5, np.e**2))
    assert low <= best <= 4 * high
    assert 4 * high / low < 25
    assert bobkov_goetze(3 * x, log_density(x)) == pytest.approx(9 * high)


def test_bobkov_goetze_of_the_laplace_law_and_of_a_lopsided_one():
    for length in (8.0, 40.0):
        x = np.linspace(0, length / 2, 200001)[1:-1]
        tail = (np.exp(-x) - np.exp(-length / 2)) / (2 * (1 - np.exp(-length / 2)))
        resistance = 2 * (1 - np.exp(-length / 2)) * np.expm1(x)
        law = truncated_laplace(length)
        assert law.functional == pytest.approx(np.max(tail * np.log1p(np.e**2 / tail) * resistance), rel=1e-3)
    assert truncated_laplace(60.0).deviation == pytest.approx(sqrt(2), rel=1e-3)
    x = np.linspace(0, 20, 20001)
    assert bobkov_goetze(x, -x) == pytest.approx(bobkov_goetze(x - 20, x - 20))  # its mirror image
