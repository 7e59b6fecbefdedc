"""The audit against closed forms, sums over support sizes, whole channels, and clients without noise."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom

from papers.privacy import frequency_oracles as oracles
from papers.privacy import gaussian_mechanism as gaussian
from papers.privacy import local_hashing as hashing
from papers.privacy.ldp_auditor import method
from papers.privacy.ldp_auditor.method import Mechanism

DOMAIN_SIZE, EPSILON, DELTA, N_TRIALS = 9, 1.3, 1e-5, 30_000
MECHANISMS = {
    **method.pure_mechanisms(DOMAIN_SIZE, EPSILON),
    **method.approximate_mechanisms(DOMAIN_SIZE, EPSILON, DELTA),
    "SUE, faulty": method.faulty_unary_mechanism(DOMAIN_SIZE, oracles.sue_rates(EPSILON)),
    "OUE, faulty": method.faulty_unary_mechanism(DOMAIN_SIZE, oracles.oue_rates(EPSILON)),
    "hash only": method.hashing_mechanism(DOMAIN_SIZE, 3, math.inf),
}


def play(mechanism, domain_size=DOMAIN_SIZE, n_trials=N_TRIALS, seed=0):
    inputs = np.array([0, domain_size - 1])
    return method.play_audit(mechanism, inputs, n_trials, *np.random.default_rng(seed).spawn(2))


# --- Rates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MECHANISMS)
def test_simulated_rates_are_the_closed_forms(name):
    mechanism = MECHANISMS[name]
    true_rate = mechanism.success
    false_rate = true_rate / math.exp(method.predicted_log_ratio(true_rate, DOMAIN_SIZE))
    for count, rate in zip(play(mechanism), (true_rate, false_rate), strict=True):
        assert count / N_TRIALS == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / N_TRIALS))


@pytest.mark.parametrize("epsilon", [0.25, 1.0, 4.0])
def test_direct_encoding_of_two_values_shows_its_whole_budget(epsilon):
    assert method.predicted_log_ratio(oracles.grr_attack_success(2, epsilon), 2) == pytest.approx(epsilon)


@pytest.mark.parametrize("rates", [oracles.sue_rates(1.0), oracles.oue_rates(2.0)])
def test_false_positives_of_unary_encodings_by_support_size(rates):
    k, (p, q) = 25, rates
    others = np.arange(k - 1)  # set bits among the k-2 values that are neither v1 nor v2
    seen = binom.pmf(others, k - 2, q) * (p / (others + 2) + (1 - p) / (others + 1))
    false_rate = (1 - p) * (1 - q) ** (k - 1) / k + q * seen.sum()
    success = oracles.unary_attack_success(k, rates)
    assert method.predicted_log_ratio(success, k) == pytest.approx(math.log(success / false_rate))


@pytest.mark.parametrize("sigma", [0.4, 3.0])
def test_gaussian_attack_on_two_values(sigma):
    expected = 0.5 * (1 + math.erf(1 / (2 * sigma)))  # two independent entries differ by less than 1
    assert method.gaussian_attack_success(2, sigma) == pytest.approx(expected)


@pytest.mark.parametrize(("epsilon", "private"), [(0.25, True), (1.0, True), (4.0, True), (6.0, True), (10.0, False)])
def test_classical_calibration_is_private_up_to_a_budget_of_six(epsilon, private):
    least = gaussian.gaussian_sigma(epsilon, DELTA)
    assert (gaussian.classical_gaussian_sigma(epsilon, DELTA) >= least) == private


# --- The attacks ------------------------------------------------------------------------------------------


def test_guesses_are_uniform_in_the_support():
    rng = np.random.default_rng(1)
    rows = np.array([[0, 1, 0, 1, 1], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]], bool)
    guesses = method.guess_supported(np.repeat(rows, 20_000, axis=0), rng).reshape(3, -1)
    shares = np.array([np.bincount(row, minlength=5) for row in guesses]) / 20_000
    np.testing.assert_allclose(shares[0], [0, 1 / 3, 0, 1 / 3, 1 / 3], atol=0.015)
    np.testing.assert_allclose(shares[1], 0.2, atol=0.015)
    np.testing.assert_array_equal(shares[2], [0, 0, 1, 0, 0])
    assert (method.guess_supported(np.zeros((4, 5), bool), rng) < 5).all()


def test_ties_between_counts_are_broken_at_random():
    guesses = method.guess_most_supported(np.tile([3, 7, 7], (20_000, 1)), np.random.default_rng(2))
    np.testing.assert_allclose(np.bincount(guesses) / 20_000, [0, 0.5, 0.5], atol=0.015)


# --- The faulty library -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rates", [oracles.sue_rates(0.5), oracles.oue_rates(0.5)])
def test_faulty_client_sets_the_true_bit_too_often(rates):
    values = np.full(N_TRIALS, 3)
    shares = method.faulty_unary_reports(values, 6, rates, np.random.default_rng(3)).mean(axis=0)
    expected = np.full(6, rates.false)
    expected[3] = rates.true + (1 - rates.true) * rates.false
    np.testing.assert_allclose(shares, expected, atol=4 * math.sqrt(0.25 / N_TRIALS))
    assert method.faulty_unary_rates(rates) == pytest.approx((expected[3], rates.false))


@pytest.mark.parametrize("rates", [oracles.sue_rates(0.5), method.faulty_unary_rates(oracles.sue_rates(0.5))])
def test_privacy_loss_is_that_of_the_channel(rates):
    bits = np.array(list(product([0, 1], repeat=3)))
    first, second = (np.where(np.arange(3) == value, rates.true, rates.false) for value in (0, 2))
    law = [np.where(bits == 1, set_, 1 - set_).prod(axis=1) for set_ in (first, second)]
    assert method.unary_privacy_loss(rates) == pytest.approx(np.log(law[0] / law[1]).max())


def test_correct_clients_spend_their_budget():
    assert method.unary_privacy_loss(oracles.oue_rates(0.7)) == pytest.approx(0.7)
    assert method.unary_privacy_loss(oracles.sue_rates(0.7)) == pytest.approx(0.7)


# --- The audit --------------------------------------------------------------------------------------------


def test_counts_of_attacks_without_noise():
    def honest(values, rng):
        return values

    n_trials = 2 * method.BLOCK + 17
    assert play(Mechanism(honest, lambda reports, rng: reports, 1.0), n_trials=n_trials) == (n_trials, 0)
    assert play(Mechanism(honest, lambda reports, rng: 0 * reports, 1.0), n_trials=n_trials) == (n_trials, n_trials)
    assert play(Mechanism(honest, lambda reports, rng: 0 * reports + 8, 1.0), n_trials=7) == (0, 0)


def test_fresh_hashes_hide_what_a_shared_one_shows():
    keys = hashing.draw_hashes(20, np.random.default_rng(4))
    key = next(key for key in keys if np.diff(hashing.hash_values(key, np.array([0, DOMAIN_SIZE - 1]), 4)) != 0)
    shared = method.hashing_mechanism(DOMAIN_SIZE, 4, EPSILON, key)
    hits = play(shared)
    error = math.sqrt(1 / hits[0] + 1 / hits[1])
    assert math.log(hits[0] / hits[1]) == pytest.approx(EPSILON, abs=4 * error)
    fresh = method.hashing_mechanism(DOMAIN_SIZE, 4, EPSILON)
    assert method.predicted_log_ratio(fresh.success, DOMAIN_SIZE) < EPSILON - 4 * error


def test_most_frequent_report_of_two_values():
    client = method.repeated_support_clients(2, EPSILON)["GRR"]
    report_numbers = [1, 2, 5]
    rngs = np.random.default_rng(5).spawn(2)
    counts = method.play_longitudinal_audit(client, np.array([0, 1]), 2, report_numbers, N_TRIALS, *rngs)
    truth = oracles.grr_rates(2, EPSILON).true
    for n_reports in report_numbers:
        votes = np.arange(n_reports + 1)
        law = binom.pmf(votes, n_reports, truth)
        success = law[2 * votes > n_reports].sum() + law[2 * votes == n_reports].sum() / 2
        error = math.sqrt(success * (1 - success) / N_TRIALS)
        assert np.array(counts[n_reports]) / N_TRIALS == pytest.approx((success, 1 - success), abs=4 * error)


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("GRR", oracles.grr_rates(6, EPSILON)),
        ("OUE", oracles.oue_rates(EPSILON)),
        ("OLH", hashing.local_hashing_rates(hashing.optimal_cells(EPSILON), EPSILON)),
    ],
)
def test_supports_of_repeated_reports(name, rates):
    supports = method.repeated_support_clients(6, EPSILON)[name](np.full(N_TRIALS, 2), np.random.default_rng(6))
    probabilities = np.where(np.arange(6) == 2, rates.true, rates.false)
    np.testing.assert_allclose(supports.mean(axis=0), probabilities, atol=4 * math.sqrt(0.25 / N_TRIALS))
