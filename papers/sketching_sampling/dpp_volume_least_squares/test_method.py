"""The laws of the points and the weighted fit against enumeration, dense algebra and known reproductions."""

from itertools import combinations, product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import eval_hermitenorm, eval_legendre
from scipy.stats import chisquare

from papers.sketching_sampling.dpp import projection_dpp
from papers.sketching_sampling.dpp_volume_least_squares.data import generate
from papers.sketching_sampling.dpp_volume_least_squares.method import (
    SINGULAR,
    bias_scores,
    block_gram_eigenvalues,
    christoffel_probabilities,
    error_ratios,
    gram_matrices,
    independent_samples,
    inverse_gram_traces,
    least_squares,
    repeated_dpp_samples,
    volume_samples,
    weighted_rows,
)

LEVEL = 1e-3  # of the chi-square tests; the seed is fixed


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def tiny(rng):
    """Q, targets and a base measure other than nu_m on five nodes."""
    basis = np.linalg.qr(rng.standard_normal((5, 2)))[0]
    return basis, rng.standard_normal((5, 3)), np.array([0.1, 0.3, 0.2, 0.15, 0.25])


@pytest.fixture
def space(rng):
    masses = rng.dirichlet(np.full(60, 2.0))
    basis = np.linalg.qr(np.sqrt(masses)[:, None] * np.vander(np.linspace(-1, 1, 60), 4))[0]
    return basis, np.sqrt(masses)[:, None] * rng.standard_normal((60, 2)), masses


def all_sequences(n_nodes, n_points):
    return np.array(list(product(range(n_nodes), repeat=n_points)))


def volume_law(basis, base, n_points):
    """All sequences of points, and det(sum_i w_i phi phi^T) under the base measure, normalised."""
    sequences = all_sequences(len(basis), n_points)
    densities = np.linalg.det(gram_matrices(weighted_rows(basis, base, sequences))) * base[sequences].prod(axis=1)
    return sequences, densities / densities.sum()


@pytest.mark.parametrize("optimal", [True, False])
def test_volume_samples_follow_the_determinant_under_any_base_measure(tiny, rng, optimal):
    basis, _, base = tiny
    base = christoffel_probabilities(basis) if optimal else base
    sequences, law = volume_law(basis, base, 3)
    n_draws = 40000
    dpp = projection_dpp(basis, n_draws, rng)
    drawn = volume_samples(dpp, independent_samples(base, 1, n_draws, rng), rng)
    counts = np.bincount(drawn @ [25, 5, 1], minlength=125)
    assert (sequences @ [25, 5, 1] == np.arange(125)).all()
    common = law * n_draws >= 5
    observed = np.append(counts[common], counts[~common].sum())
    expected = n_draws * np.append(law[common], law[~common].sum())
    assert common.sum() > 80
    assert (counts[law < 1e-12] == 0).all()
    assert chisquare(observed, expected).pvalue > LEVEL


@pytest.mark.parametrize("n_points", [2, 3, 4])
def test_expected_inverse_gram_matrix_is_a_multiple_of_the_identity(tiny, n_points):
    """Up to the sequences of one repeated node: singular, so never drawn, but with an adjugate that is not zero."""
    basis, _, base = tiny
    sequences, law = volume_law(basis, base, n_points)
    rows = weighted_rows(basis, base, sequences)
    possible = law > 1e-14
    assert (~possible).sum() == 5
    grams = gram_matrices(rows)
    mean = np.einsum("s,sij->ij", law[possible], np.linalg.inv(grams[possible]))
    adjugates = np.trace(grams[~possible], axis1=1, axis2=2)[:, None, None] * np.eye(2) - grams[~possible]
    normaliser = (n_points - 1) / n_points  # expected determinant of G
    missing = np.einsum("s,sij->ij", base[sequences[~possible]].prod(axis=1), adjugates) / normaliser
    np.testing.assert_allclose(mean + missing, n_points / (n_points - 1) * np.eye(2), atol=1e-10)
    traces = inverse_gram_traces(rows)
    assert np.isinf(traces[~possible]).all()
    assert law[possible] @ traces[possible] == pytest.approx(np.trace(mean))


def test_interpolation_at_a_dpp_costs_m_plus_one_exactly(rng):
    basis, targets = np.linalg.qr(rng.standard_normal((7, 3)))[0], rng.standard_normal((7, 2))
    sets = np.array(list(combinations(range(7), 3)))
    law = np.linalg.det(basis[sets]) ** 2
    fits = least_squares(basis, targets, christoffel_probabilities(basis), sets)
    np.testing.assert_allclose(law @ error_ratios(basis, targets, fits), 4)
    np.testing.assert_allclose(np.einsum("s,sjt->jt", law, fits), basis.T @ targets)
    fitted = np.einsum("nj,sjt->snt", basis, fits)
    for values, points in zip(fitted, sets, strict=True):  # n = m: the fit passes through the data
        np.testing.assert_allclose(values[points], targets[points], atol=1e-8)


@pytest.mark.parametrize("n_points", [3, 4])
def test_least_squares_is_unbiased_under_volume_sampling_only(tiny, n_points):
    basis, targets, base = tiny
    sequences, law = volume_law(basis, base, n_points)
    fits = least_squares(basis, targets, base, sequences[law > 1e-14])
    np.testing.assert_allclose(np.einsum("s,sjt->jt", law[law > 1e-14], fits), basis.T @ targets, atol=1e-9)
    unweighted = least_squares(basis, targets, np.ones(5), sequences[law > 1e-14])
    assert np.abs(np.einsum("s,sjt->jt", law[law > 1e-14], unweighted) - basis.T @ targets).max() > 0.01


def test_intensities_are_those_of_the_optimal_measure(space, rng):
    basis, _, masses = space
    optimal, n_draws = christoffel_probabilities(basis), 8000
    np.testing.assert_allclose(optimal, np.sum((basis / np.sqrt(masses)[:, None]) ** 2, axis=1) * masses / 4)
    dpp = repeated_dpp_samples(basis, 1, n_draws, rng)
    for samples in (
        dpp,
        repeated_dpp_samples(basis, 3, n_draws // 3, rng),
        volume_samples(dpp, independent_samples(optimal, 5, n_draws, rng), rng),
        independent_samples(optimal, 9, n_draws, rng),
    ):
        found = np.bincount(samples.ravel(), minlength=60) / samples.size
        assert (np.abs(found - optimal) <= 4.5 * np.sqrt(optimal / samples.size)).all()


def test_repeated_dpps_come_in_independent_blocks(space, rng):
    samples = repeated_dpp_samples(space[0], 3, 2000, rng).reshape(-1, 3, 4)
    assert all(len(set(block)) == 4 for draw in samples[:200].tolist() for block in draw)
    first, second = samples[:, 0], samples[:, 1]
    across = np.mean((first[:, :, None] == second[:, None, :]).sum(axis=(1, 2)))
    leverages = np.sum(space[0] ** 2, axis=1)
    assert across == pytest.approx(leverages @ leverages, rel=0.1)


def draws_of_every_law(basis, n_points, rng):
    optimal = christoffel_probabilities(basis)
    m = basis.shape[1]
    dpp = repeated_dpp_samples(basis, 1, 40, rng)
    yield independent_samples(optimal, n_points, 40, rng)
    yield volume_samples(dpp, independent_samples(optimal, n_points - m, 40, rng), rng)
    yield repeated_dpp_samples(basis, n_points // m, 40, rng)


@pytest.mark.parametrize("n_points", [4, 8, 20])
def test_functions_of_the_space_are_reproduced(space, rng, n_points):
    basis = space[0]
    coefficients = rng.standard_normal((4, 3))
    optimal = christoffel_probabilities(basis)
    for samples in draws_of_every_law(basis, n_points, rng):
        fits = least_squares(basis, basis @ coefficients, optimal, samples)
        stable = np.linalg.eigvalsh(gram_matrices(weighted_rows(basis, optimal, samples)))[:, 0] > 1e-8
        assert stable.sum() > 15
        assert np.abs(fits[stable] - coefficients).max() < 1e-10


def test_the_fit_is_weighted_least_squares_in_function_values(space, rng):
    basis, targets, masses = space
    features, values = basis / np.sqrt(masses)[:, None], targets / np.sqrt(masses)[:, None]
    base = (christoffel_probabilities(basis) + masses) / 2
    samples = independent_samples(base, 12, 5, rng)
    fits = least_squares(basis, targets, base, samples)
    ratios = error_ratios(basis, targets, fits)
    best = features @ (features.T @ (masses[:, None] * values))
    optimum = masses @ (values - best) ** 2
    for points, fit, ratio in zip(samples, fits, ratios, strict=True):
        root = np.sqrt(masses[points] / base[points])[:, None]
        expected = np.linalg.lstsq(root * features[points], root * values[points])[0]
        np.testing.assert_allclose(fit, expected, rtol=1e-8)
        np.testing.assert_allclose(ratio, masses @ (values - features @ expected) ** 2 / optimum)


def test_singular_draws_count_as_infinite_errors(space):
    basis, targets, _ = space
    optimal = christoffel_probabilities(basis)
    samples = np.array([[3, 20, 40, 3], [3, 20, 40, 55]])
    fits = least_squares(basis, targets, optimal, samples)
    assert np.isinf(fits[0]).all()
    assert np.isinf(error_ratios(basis, targets, fits)[0]).all()
    assert np.isfinite(fits[1]).all()
    rows = weighted_rows(basis, optimal, samples)
    assert np.isinf(inverse_gram_traces(rows)).tolist() == [True, False]
    smallest = block_gram_eigenvalues(rows)[:, 0]
    assert smallest[0] < SINGULAR < smallest[1]


def test_gram_matrices_and_their_eigenvalues(space, rng):
    basis = space[0]
    optimal = christoffel_probabilities(basis)
    samples = independent_samples(optimal, 16, 6, rng)
    rows = weighted_rows(basis, optimal, samples)
    np.testing.assert_allclose(np.sum(rows**2, axis=2), 4)  # w(x) ||phi(x)||^2 = m
    found = block_gram_eigenvalues(rows)
    for draw, k in product(range(6), range(4)):
        points = samples[draw, : 4 * (k + 1)]
        gram = sum(np.outer(basis[i], basis[i]) / optimal[i] for i in points) / len(points)
        assert found[draw, k] == pytest.approx(np.linalg.eigvalsh(gram)[0], abs=1e-12)
    np.testing.assert_allclose(gram_matrices(rows)[-1], gram)
    assert inverse_gram_traces(rows)[-1] == pytest.approx(np.trace(np.linalg.inv(gram)))


def test_bias_scores_have_mean_square_one_without_bias_and_grow_with_it(space, rng):
    basis, targets, _ = space
    noisy = basis.T @ targets + rng.standard_normal((400, 4, 2)) * [[0.5, 3]]
    shifted = noisy + 0.4 * np.array([[0.5, 3]])
    assert np.mean(bias_scores(basis, targets, noisy) ** 2) < 3
    np.testing.assert_allclose(bias_scores(basis, targets, shifted), 0.4 * 20, atol=4)


def test_measures_polynomials_and_targets(rng):
    data = generate(SimpleNamespace(n_nodes=400, n_features=[5, 10]), rng)
    x = {name: data[f"{name}_nodes"] for name in ("legendre", "hermite")}
    for name in x:
        polynomials, masses = data[f"{name}_polynomials"], data[f"{name}_masses"]
        assert masses.sum() == pytest.approx(1)
        gram = polynomials.T @ (masses[:, None] * polynomials)
        np.testing.assert_allclose(gram / np.sqrt(np.outer(np.diag(gram), np.diag(gram))), np.eye(10), atol=1e-6)
    np.testing.assert_allclose(data["legendre_polynomials"][:, 7], eval_legendre(7, x["legendre"]), atol=1e-12)
    np.testing.assert_allclose(data["hermite_polynomials"][:, 7], eval_hermitenorm(7, x["hermite"]), rtol=1e-9)
    assert data["legendre_masses"] @ x["legendre"] ** 2 == pytest.approx(1 / 3)
    assert data["hermite_masses"] @ x["hermite"] ** 2 == pytest.approx(1)
    np.testing.assert_allclose(data["hermite_targets"][:, 2], np.abs(x["hermite"]))
