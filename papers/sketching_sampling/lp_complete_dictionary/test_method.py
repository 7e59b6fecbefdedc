"""The power method, its baselines and the population gradient against other formulas, sampling and known solutions."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.linalg import polar as scipy_polar
from scipy.linalg import sqrtm
from scipy.stats import kstest

from papers.sketching_sampling.lp_complete_dictionary.data import generate
from papers.sketching_sampling.lp_complete_dictionary.method import (
    alternation,
    l1_descent,
    normalise,
    objective,
    off_component,
    polar,
    population_gradient,
    population_path,
    power_method,
    precondition,
    random_orthogonal,
    recovery_error,
    signed_power,
    supports,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def draw(rng, n=8, r=1500, theta=0.3, sigma=0.0):
    truth = random_orthogonal(n, rng)
    codes = np.where(rng.random((n, r)) < theta, rng.standard_normal((n, r)), 0)
    return truth @ codes + sigma * rng.standard_normal((n, r)), random_orthogonal(n, rng), truth, codes


def test_polar_is_the_closest_orthogonal_matrix(rng):
    matrix = rng.standard_normal((6, 6))
    np.testing.assert_allclose(polar(matrix), scipy_polar(matrix)[0], atol=1e-12)
    others = [np.sum(matrix * random_orthogonal(6, rng)) for _ in range(500)]
    assert np.sum(matrix * polar(matrix)) > max(others)


def test_random_orthogonal_matrices_are_haar_distributed(rng):
    draws = np.array([random_orthogonal(3, rng) for _ in range(1500)])
    np.testing.assert_allclose(np.swapaxes(draws, 1, 2) @ draws, np.tile(np.eye(3), (1500, 1, 1)), atol=1e-12)
    for entry in draws.reshape(1500, 9).T:  # in three dimensions a coordinate of the sphere is uniform
        assert kstest(entry, "uniform", (-1, 2)).pvalue > 1e-4


@pytest.mark.parametrize("p", [3, 4, 5, 6])
def test_signed_power_is_the_gradient_of_the_p_norm(rng, p):
    z, step = rng.standard_normal((4, 7)), 1e-6
    difference = (np.abs(z + step) ** p - np.abs(z - step) ** p) / (2 * step * p)
    np.testing.assert_allclose(signed_power(z, p), difference, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(signed_power(z, p), np.sign(z) * np.abs(z) ** (p - 1), atol=1e-14)


def test_p_4_is_matching_stretching_and_projection(rng):
    observations, start = rng.standard_normal((5, 5)), random_orthogonal(5, rng)
    # Zhai et al. iterate A on A Y: dA = (A Y)^{o3} Y^T, A <- U V^T
    left, _, right = np.linalg.svd((start.T @ observations) ** 3 @ observations.T)
    found = power_method(observations, start, 4, max_iterations=1)[1]
    np.testing.assert_allclose(found, (left @ right).T, atol=1e-12)


@pytest.mark.parametrize("p", [3, 4, 5, 6])
def test_objective_never_falls_and_iterates_stay_orthogonal(rng, p):
    observations, start, *_ = draw(rng, sigma=0.3)
    iterates = power_method(observations, start, p, max_iterations=60)
    values = np.array([objective(q, observations, p) for q in iterates])
    assert values[0] == pytest.approx(np.linalg.norm((start.T @ observations).ravel(), p) ** p)
    assert (np.diff(values) >= -1e-12 * values[-1]).all()
    assert values[-1] > 1.1 * values[0]
    for path in (iterates, l1_descent(observations, start, 5.0, 0.95, 60), alternation(observations, start, 2, 60)):
        assert np.abs(np.swapaxes(path, 1, 2) @ path - np.eye(8)).max() < 1e-12
        np.testing.assert_array_equal(path[0], start)


def test_iterations_end_when_nothing_moves_or_at_the_cap(rng):
    observations, start, *_ = draw(rng)
    iterates = power_method(observations, start, 3)
    assert 5 < len(iterates) <= 200
    assert np.linalg.norm(iterates[-1] - iterates[-2]) <= 1e-10 * np.sqrt(8)
    assert np.linalg.norm(iterates[-2] - iterates[-3]) > 1e-10 * np.sqrt(8)
    assert len(power_method(observations, start, 3, max_iterations=4)) == 5


def test_error_ignores_signed_permutations_and_nothing_else(rng):
    truth = random_orthogonal(4, rng)
    for order in permutations(range(4)):
        assert recovery_error(truth[:, list(order)] * [1, -1, -1, 1], truth) == pytest.approx(0, abs=1e-12)
    one, other = random_orthogonal(4, rng), random_orthogonal(4, rng)
    assert recovery_error(one, truth) == pytest.approx(recovery_error(one, -truth[:, [2, 0, 3, 1]]))
    expected = 1 - np.sum((one.T @ truth) ** 4) / 4
    np.testing.assert_allclose(recovery_error(np.array([one, other]), truth)[0], expected)
    assert expected > 0.1


@pytest.mark.parametrize(("p", "limit"), [(3, 0.01), (4, 0.02), (5, 0.05)])
def test_the_power_method_recovers_a_dictionary(rng, p, limit):
    observations, start, truth, _ = draw(rng, r=4000)
    path = recovery_error(power_method(observations, start, p), truth)
    assert path[-1] < limit < 0.5 < path[0]


def test_l1_descent_recovers_exactly_without_noise_and_takes_subgradient_steps(rng):
    observations, start, truth, _ = draw(rng)
    path = l1_descent(observations, start, 5.0, 0.95)
    assert recovery_error(path[-1], truth) < 1e-4
    tiny = l1_descent(observations, start, 1e-6, 0.5, 2)
    norms = [np.abs(q.T @ observations).mean() * 8 for q in tiny]
    velocities = [np.linalg.norm(tiny[t + 1] - tiny[t]) for t in range(2)]
    # to first order the objective falls by the squared length of the tangent per unit of step
    assert norms[0] - norms[1] == pytest.approx(velocities[0] ** 2 / 1e-6, rel=1e-3)
    assert velocities[1] == pytest.approx(velocities[0] / 2, rel=1e-3)


def test_alternation_is_matching_pursuit_and_procrustes(rng):
    observations, start, truth, codes = draw(rng, r=40)
    found = alternation(observations, start, 3, max_iterations=1)[1]
    sparse = np.zeros((8, 40))
    for column, y in enumerate(observations.T):  # orthogonal matching pursuit, atom by atom
        residual, chosen = y.copy(), []
        for _ in range(3):
            chosen.append(int(np.argmax(np.abs(start.T @ residual))))
            fit = np.linalg.lstsq(start[:, chosen], y)[0]
            residual = y - start[:, chosen] @ fit
        sparse[chosen, column] = fit
    np.testing.assert_allclose(found, scipy_polar(observations @ sparse.T)[0], atol=1e-10)
    kept = codes[:, (codes != 0).sum(axis=0) <= 3]
    still = alternation(truth @ kept, truth, 3)
    np.testing.assert_allclose(still[-1], truth, atol=1e-10)  # the truth is a fixed point where codes are sparse


def test_preconditioning_whitens_and_forgets_the_condition_number(rng):
    observations, _, truth, codes = draw(rng, r=20000)
    whitened = precondition(observations, 0.3)
    np.testing.assert_allclose(whitened @ whitened.T / 20000, 0.3 * np.eye(8), atol=1e-12)
    inverse_root = np.linalg.inv(np.real(sqrtm(observations @ observations.T / (20000 * 0.3))))
    np.testing.assert_allclose(whitened, inverse_root @ observations, atol=1e-10)
    mixing = truth * np.geomspace(1, 0.05, 8) @ random_orthogonal(8, rng)
    whitened, start = precondition(mixing @ codes, 0.3), random_orthogonal(8, rng)
    assert recovery_error(power_method(whitened, start, 3)[-1], polar(mixing)) < 0.01
    assert recovery_error(power_method(mixing @ codes, start, 3)[-1], polar(mixing)) > 0.1


def test_supports_are_all_different():
    table = supports(5)
    assert table.shape == (32, 5)
    assert len({tuple(row) for row in table}) == 32
    assert set(table.ravel()) == {0, 1}


@pytest.mark.parametrize("p", [3, 4, 5])
def test_population_gradient_equals_a_sample_mean(rng, p):
    theta, q = 0.3, normalise(rng.standard_normal(5))
    x = np.where(rng.random((1_000_000, 5)) < theta, rng.standard_normal((1_000_000, 5)), 0)
    samples = signed_power(x @ q, p)[:, None] * x
    moment = 2 ** (p / 2) * {3: 1, 4: 3 * np.sqrt(np.pi) / 4, 5: 2}[p] / np.sqrt(np.pi)  # E|g|^p, g standard normal
    expected = moment * population_gradient(q[None], theta, p)[0]
    error = samples.std(axis=0) / 1000
    assert (np.abs(samples.mean(axis=0) - expected) < 4 * error).all()
    assert (error < 0.03 * np.abs(expected)).any()


def test_population_method_contracts_at_rate_theta_and_ascent_does_not(rng):
    starts = normalise(rng.standard_normal((6, 5)))
    for theta, p in ((0.2, 3), (0.4, 4), (0.4, 5)):
        path = population_path(starts, theta, p)
        late = (path[:-1] < 1e-4) & (path[1:] > 1e-11)
        np.testing.assert_allclose((path[1:][late] / path[:-1][late]), theta, rtol=1e-3)
        assert path[-1].max() <= 1e-11
    path = population_path(starts, 0.2, 4, step=0.5)
    late = (path[:-1] < 1e-4) & (path[1:] > 1e-11)
    np.testing.assert_allclose(path[1:][late] / path[:-1][late], (1 + 0.5 * 0.2) / 1.5, rtol=1e-3)


def test_off_component_is_the_distance_from_an_axis():
    np.testing.assert_allclose(off_component(np.array([[0.6, 0.0, -0.8], [0, -1, 1e-9]])), [0.6, 1e-9])


def test_generated_numbers_have_the_sizes_and_laws_asked_for(rng):
    params = SimpleNamespace(n_starts=4, population_n=6, sizes=[[5, 4000, 3], [7, 10, 1]])
    data = generate(params, rng)
    assert data["dictionary_5"].shape == data["mixing_5"].shape == data["start_5"].shape == (3, 5, 5)
    assert data["codes_7"].shape == (1, 7, 10)
    assert not np.allclose(data["dictionary_5"][0], data["start_5"][0])
    np.testing.assert_allclose(np.linalg.norm(data["population_starts"], axis=1), 1)
    assert np.mean(data["uniform_5"] < 0.3) == pytest.approx(0.3, abs=0.01)
    for name in ("codes_5", "noise_5"):
        assert data[name].std() == pytest.approx(1, abs=0.02)
        assert abs(data[name].mean()) < 0.02
