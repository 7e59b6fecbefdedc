"""ALLOMFREE against Table 1 of the paper, enumerated channels, brute force and simulated clients."""

import itertools
import math

import numpy as np
import pytest

from papers.privacy import longitudinal
from papers.privacy.allomfree_adaptive import data, method

# n = 10,000: L-GRR on 2, 32 and 1024 values, L-OSUE, L-SUE, L-SOUE, L-OUE.
TABLE_1 = {
    (0.5, 0.30): [0.001103, 0.980969, 26706.64042, 0.004411, 0.004436, 0.005306, 0.005549],
    (4.0, 2.40): [0.000011, 0.000078, 0.25903, 0.000044, 0.000062, 0.000045, 0.000057],
    (2.0, 1.00): [0.000092, 0.013926, 281.0433, 0.000368, 0.000392, 0.000389, 0.000447],
    (1.0, 0.10): [0.009992, 20.613446, 620584.58635, 0.039967, 0.039992, 0.040201, 0.040424],
}
BUDGETS = [(0.5, 0.05), (2.0, 1.0), (4.0, 2.4)]


def channel(domain_size, rates):
    return np.full((domain_size, domain_size), rates.false) + (rates.true - rates.false) * np.eye(domain_size)


# --- Calibration and variances ----------------------------------------------------------------------------


@pytest.mark.parametrize("budgets", TABLE_1)
def test_variances_are_those_of_table_1(budgets):
    ours = [method.l_grr(k, *budgets).chain.rates.variance() / 1e4 for k in (2, 32, 1024)]
    ours += [
        method.double_unary(name, 2, *budgets).chain.rates.variance() / 1e4
        for name in ("L-OSUE", "L-SUE", "L-SOUE", "L-OUE")
    ]
    printed = np.array(TABLE_1[budgets])
    half_units = np.array([0.5, 0.5, 5, 0.5, 0.5, 0.5, 0.5]) * 1e-6
    assert (np.abs(ours - printed) < 1.01 * half_units).all()


@pytest.mark.parametrize(("epsilon", "first"), BUDGETS)
@pytest.mark.parametrize("k", [2, 7, 32])
def test_second_round_of_eq_13_and_the_exact_one(k, epsilon, first):
    big, small = math.exp(epsilon), math.exp(first)
    p2 = (big * small - 1) / (-k * small + (k - 1) * big + small + big * small - 1)
    assert method.l_grr(k, epsilon, first).chain.second == pytest.approx((p2, (1 - p2) / (k - 1)))
    chain = method.exact_l_grr(k, epsilon, first).chain
    product = channel(k, chain.first) @ channel(k, chain.second)
    assert np.log(product[0, 0] / product[0, 1]) == pytest.approx(first)
    assert chain.rates.variance() <= method.l_grr(k, epsilon, first).chain.rates.variance() * (1 + 1e-9)


def test_choice_and_crossover_by_brute_force():
    epsilon, first = 4.0, 2.4
    unary = method.double_unary("L-OSUE", 2, epsilon, first).chain.rates.variance()
    wins = [k for k in range(2, 60) if method.l_grr(k, epsilon, first).chain.rates.variance() < unary]
    direct = [k for k in range(2, 60) if isinstance(method.adaptive_protocol(k, epsilon, first), method.DoubleGrr)]
    assert wins == direct == list(range(2, 21))
    assert method.largest_domain(lambda k: method.l_grr(k, epsilon, first), unary) == 20
    assert method.largest_domain(lambda k: method.l_grr(k, epsilon, first), 0.0) == 1


# --- What reports reveal, by enumeration of the joint channel ---------------------------------------------


def joint_law(inputs, first, second, n_reports):
    """P(reports | input) for all report sequences: the sum over the memo of P(memo | input) prod P(report | memo)."""
    outputs = range(second.shape[1])
    sequences = itertools.product(outputs, repeat=n_reports)
    return np.array([first[inputs] @ np.prod(second[:, list(seq)], axis=1) for seq in sequences]).T


def bit_channels(chain):
    """Channels of a memo and of a report as bit pairs 00, 01, 10, 11, for the two values (first rows: 10, then 01)."""
    pairs = list(itertools.product((0, 1), repeat=2))

    def flip(rates, given, bits):
        chances = [rates.true if bit else rates.false for bit in given]
        return math.prod(c if bit else 1 - c for c, bit in zip(chances, bits, strict=True))

    first = np.array([[flip(chain.first, value, memo) for memo in pairs] for value in ((1, 0), (0, 1))])
    return first, np.array([[flip(chain.second, memo, report) for report in pairs] for memo in pairs])


@pytest.mark.parametrize(("epsilon", "first"), BUDGETS)
@pytest.mark.parametrize("n_reports", [1, 2, 5])
def test_loss_of_several_reports_by_enumeration(epsilon, first, n_reports):
    second_epsilon = longitudinal.second_round_epsilon(epsilon, first)
    grr = method.l_grr(2, epsilon, first).chain
    law = joint_law([0, 1], channel(2, grr.first), channel(2, grr.second), n_reports)
    exact = method.loss_after_reports(epsilon, second_epsilon, n_reports)
    assert law.sum(axis=1) == pytest.approx(1)
    assert np.log(law[0] / law[1]).max() == pytest.approx(exact)
    unary = method.double_unary("L-OSUE", 2, epsilon, first).chain
    law = joint_law([0, 1], *bit_channels(unary), n_reports)
    assert np.log(law[0] / law[1]).max() == pytest.approx(exact)
    assert exact <= min(epsilon, n_reports * first) + 1e-9
    assert exact > method.loss_after_reports(epsilon, first, n_reports)  # Eq. 16 as printed
    if n_reports == 1:
        assert exact == pytest.approx(first)


@pytest.mark.parametrize("name", method.UNARY_CHAINS)
def test_first_report_of_unary_chains_by_enumeration(name):
    law = joint_law([0, 1], *bit_channels(method.double_unary(name, 2, 2.0, 1.0).chain), 1)
    assert np.log(law[0] / law[1]).max() == pytest.approx(1.0)


@pytest.mark.parametrize("k", [3, 5])
def test_double_grr_on_more_values_stays_below_its_budgets(k):
    chain = method.l_grr(k, 2.0, 1.0).chain
    for n_reports in (1, 2, 4):
        law = joint_law([0, 1], channel(k, chain.first), channel(k, chain.second), n_reports)
        assert np.log(law[0] / law[1]).max() < min(2.0, n_reports * 1.0)


def test_losses_of_very_many_reports_are_finite():
    assert method.loss_after_reports(2.0, 1.4, 10_000) == pytest.approx(2.0)


def test_attack_needs_most_reports():
    supports = np.array([[[1, 0], [1, 0], [0, 1]], [[1, 1], [1, 1], [0, 0]], [[0, 0], [1, 0], [0, 0]]], dtype=bool)
    assert method.names_first_value(supports).tolist() == [True, False, False]


# --- Estimates --------------------------------------------------------------------------------------------

PROTOCOLS = {"L-GRR": method.l_grr(5, 2.0, 1.0)} | {
    name: method.double_unary(name, 5, 2.0, 1.0) for name in method.UNARY_CHAINS
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_counts_have_the_law_of_simulated_clients(name):
    protocol, rng = PROTOCOLS[name], np.random.default_rng(0)
    values = np.repeat([0, 1, 2], [30, 20, 10])
    table = longitudinal.memo_table(values[:, None], 5)
    counts = np.array([protocol.support_counts(values, rng) for _ in range(1500)])
    clients = np.array([protocol.supports(table, rng)[:, 0].sum(axis=0) for _ in range(1500)])
    error = np.sqrt(counts.var(axis=0) * 2 / 1500)
    assert (np.abs(counts.mean(axis=0) - clients.mean(axis=0)) < 4.5 * error).all()
    assert counts.var(axis=0) == pytest.approx(clients.var(axis=0), rel=0.25)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_unbiased_under_sampling_with_known_variance(name):
    protocol, rng = PROTOCOLS[name], np.random.default_rng(1)
    first = np.repeat([0, 1, 2], [450, 300, 150])
    users = np.column_stack([first, rng.permutation(first), rng.permutation(first)])
    truth = np.array([1 / 2, 1 / 3, 1 / 6, 0, 0])
    errors = np.array(
        [method.estimate(method.sample_attributes(users, rng)[1], protocol, rng) - truth for _ in range(1500)]
    )
    assert (np.abs(errors.mean(axis=0)) < 4.2 * errors.std(axis=0) / math.sqrt(1500)).all()
    predicted = method.sampling_variance(truth, protocol.chain.rates, 3) / len(users)
    assert (errors**2).mean(axis=0) == pytest.approx(predicted, rel=0.17)
    # A server that inverts one round only is biased: its estimates differ less than the frequencies do.
    server = protocol.chain.first
    gap = server.estimate(protocol.chain.rates.true, 1) - server.estimate(protocol.chain.rates.false, 1)
    assert gap == pytest.approx(protocol.chain.second.true - protocol.chain.second.false)
    assert gap < 0.75


def test_variance_at_any_frequency():
    """With independent users gamma(1-gamma) as in Theorem 2, but gamma is f c + (1-f) s: the printed one fits L-SUE."""
    for name in ("L-SUE", "L-OSUE"):
        chain = method.double_unary(name, 5, 2.0, 1.0).chain
        (p1, q1), (p2, q2) = chain
        f, scale = 0.3, (p1 - q1) * (p2 - q2)
        gamma = f * chain.rates.true + (1 - f) * chain.rates.false
        assert chain.rates.variance(f) + f * (1 - f) == pytest.approx(gamma * (1 - gamma) / scale**2)
        printed = f * (2 * p1 * p2 - 2 * p1 * q2 + 2 * q2 - 1) + p2 * q1 + q2 * (1 - q1)
        assert (printed == pytest.approx(gamma)) == (name == "L-SUE")


def test_everyone_samples_one_attribute():
    users = np.arange(4000)[:, None] * np.array([1, 1, 1]) + np.array([0, 10_000, 20_000])
    groups = method.sample_attributes(users, np.random.default_rng(2))
    assert all((group // 10_000 == j).all() for j, group in enumerate(groups))
    np.testing.assert_array_equal(np.sort(np.concatenate(groups) % 10_000), np.arange(4000))
    assert np.array([group.size for group in groups]) == pytest.approx(4000 / 3, abs=130)


def test_clipping():
    np.testing.assert_allclose(method.clipped(np.array([[0.6, -0.1, 0.6], [-1, -1, 0]])), [[0.5, 0, 0.5], [0, 0, 0]])


# --- Populations ------------------------------------------------------------------------------------------


def test_nursery():
    users = data.nursery_users(np.random.default_rng(3))
    assert users.shape == (12_960, 9)
    assert len(np.unique(users[:, :8], axis=0)) == 12_960
    for column, k in zip(users.T[:8], data.DOMAIN_SIZES["nursery"], strict=False):
        np.testing.assert_array_equal(np.bincount(column), np.full(k, 12_960 // k))
    np.testing.assert_array_equal(np.bincount(users[:, 8]), data.NURSERY_CLASSES)


def test_dirichlet_users_stay_in_their_domains():
    users = data.dirichlet_users(500, (2, 50), np.random.default_rng(4))
    assert users.shape == (500, 2)
    assert users.max(axis=0)[0] == 1
    assert users.max() < 50
