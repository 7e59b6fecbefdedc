"""Local hashing: the hash family against independent uniform cells, the protocol against its rates."""

import math

import numpy as np
import pytest
from scipy.stats import binom, chisquare

from papers.privacy import local_hashing as hashing
from papers.privacy.frequency_oracles import SupportRates, guess_from_bits

EPSILON, DOMAIN_SIZE, N_USERS = 1.2, 12, 40_000


def standard_error(probability):
    return math.sqrt(probability * (1 - probability) / N_USERS)


@pytest.mark.parametrize("n_cells", [2, 3, 8])
@pytest.mark.parametrize("keys", ["random", "consecutive"])
def test_cells_of_different_values_are_independent_and_uniform(n_cells, keys):
    drawn = hashing.draw_hashes(N_USERS, np.random.default_rng(n_cells)) if keys == "random" else np.arange(N_USERS)
    cells = hashing.hash_values(drawn[:, None], np.arange(DOMAIN_SIZE), n_cells)
    for value in range(DOMAIN_SIZE):
        assert chisquare(np.bincount(cells[:, value], minlength=n_cells)).pvalue > 1e-4
    pairs = cells[:, 0] * n_cells + cells[:, 1]
    assert chisquare(np.bincount(pairs, minlength=n_cells**2)).pvalue > 1e-4
    # More than pairwise: the number of values that share a cell with the first one is binomial.
    company = (cells[:, 1:] == cells[:, :1]).sum(axis=1)
    expected = N_USERS * binom.pmf(np.arange(DOMAIN_SIZE), DOMAIN_SIZE - 1, 1 / n_cells)
    common = expected > 5
    observed = np.bincount(company, minlength=DOMAIN_SIZE)[common]
    assert chisquare(observed, expected[common] * observed.sum() / expected[common].sum()).pvalue > 1e-4


def test_a_key_names_one_function():
    keys = hashing.draw_hashes(50, np.random.default_rng(0))
    table = hashing.hash_values(keys[:, None], np.arange(DOMAIN_SIZE), 5)
    np.testing.assert_array_equal(hashing.hash_values(keys, np.full(50, 7), 5), table[:, 7])
    assert 0 <= table.min() < table.max() < 5
    assert len(np.unique(table, axis=0)) == 50


@pytest.mark.parametrize("n_cells", [hashing.BINARY_CELLS, hashing.optimal_cells(EPSILON)])
def test_reports_support_values_at_the_stated_rates(n_cells):
    rng = np.random.default_rng(1)
    rates = hashing.local_hashing_rates(n_cells, EPSILON)
    keys = hashing.draw_hashes(N_USERS, rng)
    cells = hashing.local_hashing_reports(np.full(N_USERS, 4), keys, n_cells, EPSILON, rng)
    shares = hashing.supported_values(keys, cells, DOMAIN_SIZE, n_cells).mean(axis=0)
    assert shares[4] == pytest.approx(rates.true, abs=4 * standard_error(rates.true))
    assert np.delete(shares, 4) == pytest.approx(rates.false, abs=4 * standard_error(rates.false))
    np.testing.assert_array_equal(
        hashing.local_hashing_support_counts(keys, cells, DOMAIN_SIZE, n_cells), np.rint(shares * N_USERS)
    )


def test_budget_from_outputs_under_one_hash():
    rng = np.random.default_rng(2)
    key = next(key for key in hashing.draw_hashes(99, rng) if len(set(hashing.hash_values(key, np.arange(2), 4))) == 2)
    keys = np.full(N_USERS, key)
    shares = [
        np.bincount(hashing.local_hashing_reports(np.full(N_USERS, value), keys, 4, EPSILON, rng), minlength=4)
        / N_USERS
        for value in (0, 1)
    ]
    loss = np.log(shares[0] / shares[1]).max()
    error = math.sqrt(sum((1 - share.min()) / (share.min() * N_USERS) for share in shares))
    assert loss == pytest.approx(EPSILON, abs=4 * error)


def test_optimal_number_of_cells_has_the_least_variance():
    epsilon = math.log(3)
    variances = [hashing.local_hashing_rates(n_cells, epsilon).variance() for n_cells in range(2, 20)]
    assert hashing.optimal_cells(epsilon) == 2 + int(np.argmin(variances)) == 4
    assert min(variances) == pytest.approx(4 * 3 / (3 - 1) ** 2)


@pytest.mark.parametrize("rates", [hashing.local_hashing_rates(4, EPSILON), SupportRates(1.0, 1 / 3)])
def test_attack_success_is_the_mean_over_support_sizes(rates):
    company = np.arange(DOMAIN_SIZE)
    law = binom.pmf(company, DOMAIN_SIZE - 1, rates.false)
    expected = rates.true * (law / (1 + company)).sum() + (1 - rates.true) * law[0] / DOMAIN_SIZE
    assert hashing.local_hashing_attack_success(DOMAIN_SIZE, rates) == pytest.approx(expected)


def test_attacker_succeeds_as_often_as_stated():
    rng = np.random.default_rng(3)
    rates = hashing.local_hashing_rates(4, EPSILON)
    values = rng.integers(DOMAIN_SIZE, size=N_USERS)
    keys = hashing.draw_hashes(N_USERS, rng)
    cells = hashing.local_hashing_reports(values, keys, 4, EPSILON, rng)
    guesses = guess_from_bits(hashing.supported_values(keys, cells, DOMAIN_SIZE, 4), rng)
    success = hashing.local_hashing_attack_success(DOMAIN_SIZE, rates)
    assert (guesses == values).mean() == pytest.approx(success, abs=4 * standard_error(success))
