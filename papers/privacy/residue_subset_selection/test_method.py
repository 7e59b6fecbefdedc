"""ModularSubsetSelection against dense linear algebra, its whole channel, and simulation."""

import math
from itertools import combinations

import numpy as np
import pytest

from papers.privacy import frequency_oracles as oracles
from papers.privacy.residue_subset_selection import method
from papers.privacy.residue_subset_selection.method import ResidueScheme
from papers.privacy.residue_subset_selection.moduli import draw_scheme, packed_scheme, search_scheme

SCHEME = ResidueScheme(30, (23, 17, 19, 29), epsilon=1.0)


def dense_design(domain_size, moduli):
    return np.array([[x % m == a for x in range(domain_size)] for m in moduli for a in range(m)], float)


def random_coprime_moduli(domain_size, rng):
    moduli = []
    for candidate in rng.permutation(np.arange(2, domain_size)):
        if all(math.gcd(candidate, m) == 1 for m in moduli):
            moduli.append(int(candidate))
    return tuple(moduli[: rng.integers(2, 6)])


# --- The scheme -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_rank_of_the_design(seed):
    rng = np.random.default_rng(seed)
    domain_size = int(rng.integers(20, 60))
    moduli = random_coprime_moduli(domain_size, rng)
    dense = dense_design(domain_size, moduli)
    np.testing.assert_array_equal(method.design_matrix(domain_size, moduli).toarray(), dense)
    assert method.identifiable_rank(domain_size, moduli) == np.linalg.matrix_rank(dense)


@pytest.mark.parametrize(
    ("moduli", "message"),
    [((23, 30), "must lie"), ((14, 21, 23), "coprime"), ((13, 17), "do not determine")],
)
def test_unusable_moduli_are_refused(moduli, message):
    with pytest.raises(ValueError, match=message):
        ResidueScheme(30, moduli, 1.0)


def test_information_against_dense_algebra():
    variances = np.repeat([rates.variance() for rates in SCHEME.rates], SCHEME.moduli)
    weighted = dense_design(30, SCHEME.moduli) / np.sqrt(len(SCHEME.moduli) * variances)[:, None]
    assert SCHEME.condition_number == pytest.approx(np.linalg.cond(weighted) ** 2, rel=1e-3)
    assert SCHEME.predicted_mse(100) == pytest.approx(np.linalg.norm(np.linalg.pinv(weighted)) ** 2 / 3000)


def test_drawn_moduli_are_well_conditioned_primes_and_packed_ones_are_not():
    rng = np.random.default_rng(0)
    drawn = draw_scheme(200, 1.0, rng)
    assert len(drawn.moduli) == math.ceil(2 * math.log(200))
    assert all(100 <= m < 200 and all(m % d for d in range(2, m)) for m in drawn.moduli)
    assert drawn.condition_number <= 10 < packed_scheme(200, 1.0).condition_number
    with pytest.raises(ValueError, match="no moduli"):
        draw_scheme(200, 1.0, rng, max_condition=1.0)
    with pytest.raises(ValueError, match="primes needed"):
        draw_scheme(20, 1.0, rng)


def test_search_keeps_the_best_draw():
    best = search_scheme(200, 1.0, np.random.default_rng(0), n_draws=5)
    rng = np.random.default_rng(0)
    errors = [draw_scheme(200, 1.0, rng).predicted_mse(1) for _ in range(5)]
    assert best.predicted_mse(1) == min(errors) < max(errors)


# --- The decoder ----------------------------------------------------------------------------------------------


def test_exact_residue_histograms_give_back_the_histogram():
    frequencies = np.random.default_rng(0).dirichlet(np.ones(30))
    exact = dense_design(30, SCHEME.moduli) @ frequencies
    recovered, _ = method.solve(SCHEME, exact, np.ones_like(exact), tolerance=1e-10)
    np.testing.assert_allclose(recovered, frequencies, atol=1e-6)


def test_noiseless_reports_give_back_the_histogram():
    # At a huge budget w = 1 and p* = 1. All users report all residues, so that the marginals are exact.
    scheme = ResidueScheme(30, SCHEME.moduli, epsilon=50.0)
    values = np.random.default_rng(0).integers(30, size=500)
    subsets = method.all_residue_reports(values, scheme, np.random.default_rng(1))
    np.testing.assert_allclose(method.decode(subsets, scheme), np.bincount(values, minlength=30) / 500, atol=1e-6)


def test_solver_minimises_the_weighted_residual():
    rng = np.random.default_rng(1)
    n_rows = sum(SCHEME.moduli)
    targets, weights = rng.standard_normal(n_rows), rng.uniform(0.5, 2, n_rows)
    solution, _ = method.solve(SCHEME, targets, weights, tolerance=1e-10)
    dense = weights[:, None] * dense_design(30, SCHEME.moduli)
    np.testing.assert_allclose(solution, np.linalg.lstsq(dense, weights * targets)[0], atol=1e-6)


@pytest.mark.parametrize("domain_size", [200, 2000])
def test_solver_keeps_to_the_iteration_bound(domain_size):
    rng = np.random.default_rng(2)
    scheme = draw_scheme(domain_size, 1.0, rng)
    n_rows = sum(scheme.moduli)
    _, n_iterations = method.solve(scheme, rng.standard_normal(n_rows), np.ones(n_rows), tolerance=1e-6)
    assert n_iterations <= method.iteration_bound(scheme.condition_number, 1e-6)


def test_estimate_is_unbiased_with_the_predicted_error():
    rng = np.random.default_rng(3)
    n_users, n_runs = 2000, 400
    values = rng.integers(30, size=n_users) // 2  # the upper half of the domain is empty
    truth = np.bincount(values, minlength=30) / n_users
    runs = np.array([method.decode(method.residue_reports(values, SCHEME, rng)[1], SCHEME) for _ in range(n_runs)])
    bias = (runs.mean(axis=0) - truth) / (runs.std(axis=0) / math.sqrt(n_runs))
    assert np.abs(bias).max() < 4
    # The prediction leaves out the sampling of a modulus and of users; at this budget that adds a few percent.
    assert np.mean((runs - truth) ** 2) == pytest.approx(SCHEME.predicted_mse(n_users), rel=0.08)


def test_decoder_weighs_moduli_by_their_users_and_noise():
    rng = np.random.default_rng(7)
    scheme = ResidueScheme(30, (11, 13, 29), epsilon=3.0)  # per-user variances differ by a factor of 1.6
    n_users = [40, 400, 4000]
    subsets = [
        oracles.subset_selection_reports(rng.integers(m, size=n), m, scheme.epsilon, rng)
        for m, n in zip(scheme.moduli, n_users, strict=True)
    ]
    rows, targets = [], []
    for m, n, reports in zip(scheme.moduli, n_users, subsets, strict=True):
        p, q = oracles.subset_selection_rates(m, scheme.epsilon)
        share = np.array([(reports == a).any(axis=1).mean() for a in range(m)])
        weight = math.sqrt(n / (q * (1 - q))) * (p - q)
        rows.append(weight * dense_design(30, [m]))
        targets.append(weight * (share - q) / (p - q))
    expected = np.linalg.lstsq(np.vstack(rows), np.concatenate(targets))[0]
    np.testing.assert_allclose(method.decode(subsets, scheme), expected, atol=1e-5)


def test_estimate_survives_a_modulus_without_users():
    subsets = method.residue_reports(np.arange(3), SCHEME, np.random.default_rng(4))[1]
    assert min(len(reports) for reports in subsets) == 0
    assert np.isfinite(method.decode(subsets, SCHEME)).all()


def test_raw_shares_are_biased():
    rng = np.random.default_rng(5)
    values = rng.integers(30, size=20_000)
    _, subsets = method.residue_reports(values, SCHEME, rng)
    truth = np.bincount(values, minlength=30) / values.size
    raw, debiased = (np.mean((method.decode(subsets, SCHEME, debias) - truth) ** 2) for debias in (False, True))
    assert raw > 20 * debiased


# --- Privacy, messages, attacks -------------------------------------------------------------------------------


def channel(scheme):
    """P(report | value) as a matrix: one column for each modulus and each subset of its residues."""
    columns = []
    for m in scheme.moduli:
        size = oracles.subset_size(m, scheme.epsilon)
        subsets = list(combinations(range(m), size))
        odds = np.array(
            [[math.exp(scheme.epsilon) ** (x % m in subset) for subset in subsets] for x in range(scheme.domain_size)]
        )
        columns.append(odds / odds.sum(axis=1, keepdims=True) / len(scheme.moduli))
    return np.hstack(columns)


SMALL = ResidueScheme(9, (5, 7), epsilon=0.8)


def test_report_spends_the_budget_and_no_more():
    likelihoods = channel(SMALL)
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1)
    assert np.log(likelihoods.max(axis=0) / likelihoods.min(axis=0)).max() == pytest.approx(SMALL.epsilon)


def test_split_budget_adds_up():
    part = method.with_split_budget(SMALL)
    assert part.moduli == SMALL.moduli
    assert part.epsilon * len(part.moduli) == pytest.approx(SMALL.epsilon)


def test_attack_success_is_that_of_the_bayes_rule():
    bayes = channel(SMALL).max(axis=0).sum() / SMALL.domain_size
    assert method.attack_success(SMALL) == pytest.approx(bayes)
    assert method.attack_success_eq7(SMALL) < 0.8 * bayes


def test_played_attack_succeeds_as_often_as_stated():
    rng = np.random.default_rng(6)
    values = rng.integers(30, size=50_000)
    index, subsets = method.residue_reports(values, SCHEME, rng)
    guesses = method.guess_values(index, subsets, SCHEME, rng)
    stated = method.attack_success(SCHEME)
    assert (guesses == values).mean() == pytest.approx(stated, abs=4 * math.sqrt(stated / values.size))


def test_attacker_guesses_any_value_with_a_reported_residue():
    rng = np.random.default_rng(8)
    values = np.full(20_000, 1)
    noiseless = ResidueScheme(9, (4, 7), epsilon=50.0)
    index, subsets = method.residue_reports(values, noiseless, rng)
    guesses = method.guess_values(index, subsets, noiseless, rng)
    for j, candidates in ((0, [1, 5]), (1, [1, 8])):
        found, counts = np.unique(guesses[index == j], return_counts=True)
        assert found.tolist() == candidates
        assert counts == pytest.approx(counts.sum() / 2, abs=2 * math.sqrt(counts.sum()))


def test_message_lengths():
    scheme = ResidueScheme(9, (5, 7), epsilon=0.1)  # subsets of 2 of 5 and of 3 of 7 residues
    assert method.message_bits(scheme) == pytest.approx(1 + (math.log2(10) + math.log2(35)) / 2)
    assert method.advertised_bits(scheme) == 1 + 3
