"""Chains multiplied out as channels, calibrations against their equations, clients against their rates."""

import math

import numpy as np
import pytest

from papers.privacy import longitudinal as chains
from papers.privacy.frequency_oracles import SupportRates, oue_rates, sue_rates

BUDGETS = [(0.5, 0.05), (1.0, 0.5), (3.0, 1.2), (5.0, 3.0)]
UNARY = {"L-SUE": chains.l_sue, "L-OSUE": chains.l_osue, "L-OUE": chains.l_oue, "L-SOUE": chains.l_soue}


def channel(domain_size, rates):
    return np.full((domain_size, domain_size), rates.false) + (rates.true - rates.false) * np.eye(domain_size)


@pytest.mark.parametrize("domain_size", [2, 3, 8, 50])
@pytest.mark.parametrize(("epsilon_inf", "epsilon_first"), BUDGETS)
def test_double_grr_as_a_product_of_channels(domain_size, epsilon_inf, epsilon_first):
    epsilon_irr = chains.second_round_epsilon(epsilon_inf, epsilon_first)
    chain = chains.grr_chain(domain_size, epsilon_inf, epsilon_irr)
    product = channel(domain_size, chain.first) @ channel(domain_size, chain.second)
    assert product.sum(axis=1) == pytest.approx(1)
    assert np.log(product.max(axis=0) / product.min(axis=0)).max() == pytest.approx(
        chains.grr_chain_epsilon(domain_size, chain)
    )
    assert chain.rates.true == pytest.approx(product[0, 0])
    # q1 p2 + (1-q1) q2 counts the other memos as one more: it is the rate of another value, too.
    assert chain.rates.false == pytest.approx(product[0, 1])
    if domain_size == 2:
        assert chains.grr_chain_epsilon(2, chain) == pytest.approx(epsilon_first)
    else:
        assert chains.grr_chain_epsilon(domain_size, chain) < epsilon_first


@pytest.mark.parametrize("budgets", [(1.0, 1.0), (1.0, 0.0), (1.0, 2.0)])
def test_first_report_must_get_less(budgets):
    with pytest.raises(ValueError, match="less than the memo"):
        chains.second_round_epsilon(*budgets)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize(("epsilon_inf", "epsilon_first"), BUDGETS)
def test_unary_chains_reveal_the_two_budgets(name, epsilon_inf, epsilon_first):
    if name in ("L-OUE", "L-SOUE"):  # a second round with p2 = 1/2 cannot reveal as much
        epsilon_first /= 2
    chain = UNARY[name](epsilon_inf, epsilon_first)
    assert chains.unary_epsilon(chain.first) == pytest.approx(epsilon_inf)
    both = np.array([[chain.first.true, 1 - chain.first.true], [chain.first.false, 1 - chain.first.false]]) @ [
        [chain.second.true, 1 - chain.second.true],
        [chain.second.false, 1 - chain.second.false],
    ]
    assert math.log(both[0, 0] * both[1, 1] / (both[1, 0] * both[0, 1])) == pytest.approx(epsilon_first, abs=1e-10)
    assert chain.first == (sue_rates if name in ("L-SUE", "L-SOUE") else oue_rates)(epsilon_inf)
    assert chain.second.true == pytest.approx(1 - chain.second.false if name.endswith("SUE") else 0.5)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("epsilon_first", [-0.1, 0.0, 1.5])
def test_unreachable_first_reports_are_refused(name, epsilon_first):
    with pytest.raises(ValueError, match="different signs"):
        UNARY[name](1.0, epsilon_first)


@pytest.mark.parametrize(("epsilon_inf", "epsilon_first"), BUDGETS)
def test_l_osue_in_closed_form(epsilon_inf, epsilon_first):
    whole = math.exp(epsilon_inf + epsilon_first)
    p2 = (whole - 1) / (math.exp(epsilon_inf) - math.exp(epsilon_first) + whole - 1)
    assert chains.l_osue(epsilon_inf, epsilon_first).second == pytest.approx((p2, 1 - p2), abs=1e-10)


def test_one_memo_for_each_distinct_input():
    streams = np.array([[3, 1, 3, 3], [1, 1, 1, 1], [0, 1, 2, 3]])
    table = chains.memo_table(streams, 4)
    np.testing.assert_array_equal(table.inputs[table.entries], streams)
    np.testing.assert_array_equal(table.users[table.entries], np.arange(3)[:, None] + 0 * streams)
    np.testing.assert_array_equal(table.entries_per_user(), [2, 1, 4])
    fresh = chains.memo_table(streams, 4, memoise=False)
    np.testing.assert_array_equal(fresh.inputs[fresh.entries], streams)
    np.testing.assert_array_equal(fresh.entries_per_user(), [4, 4, 4])


def test_grr_clients_keep_their_memo():
    streams = np.tile([0, 1], (20_000, 20))
    rng = np.random.default_rng(0)
    memos = chains.grr_chain_reports(chains.memo_table(streams, 3), 3, 1.0, math.inf, rng)
    assert (memos[:, ::2] == memos[:, :1]).all()
    assert (memos[:, 0] == 0).mean() == pytest.approx(math.e / (math.e + 2), abs=0.015)
    reports = chains.grr_chain_reports(chains.memo_table(streams, 3), 3, 1.0, 0.7, rng)
    chain = chains.grr_chain(3, 1.0, 0.7)
    assert (reports[:, 0] == 0).mean() == pytest.approx(chain.rates.true, abs=0.015)
    assert (reports[:, 0] == 1).mean() == pytest.approx(chain.rates.false, abs=0.015)
    # Two reports of one memo agree more often than two independent ones.
    agree = (reports[:, 0] == reports[:, 2]).mean()
    p2, q2 = chain.second
    assert agree == pytest.approx(p2**2 + 2 * q2**2, abs=0.015)


def test_unary_counts_have_the_mean_and_variance_of_both_rounds():
    streams = np.zeros((400, 2), dtype=int)
    table, chain = chains.memo_table(streams, 2), chains.l_sue(2.0, 1.0)
    rng = np.random.default_rng(1)
    counts = np.array(
        [
            chains.unary_support_counts(table, chains.unary_memos(table, 2, chain.first, rng), chain.second, rng)
            for _ in range(1500)
        ]
    )
    for value, rate in enumerate(chain.rates):
        assert counts[:, 0, value].mean() == pytest.approx(
            400 * rate, abs=4 * math.sqrt(400 * rate * (1 - rate) / 1500)
        )
        assert counts[:, 0, value].var() == pytest.approx(400 * rate * (1 - rate), rel=0.16)
        first = chain.first[value]
        shared = 400 * first * (1 - first) * (chain.second.true - chain.second.false) ** 2
        assert np.cov(counts[:, 0, value], counts[:, 1, value])[0, 1] == pytest.approx(shared, abs=12)


def test_no_second_round_is_the_first_alone():
    first = SupportRates(0.7, 0.1)
    assert chains.Chain(first, chains.NO_SECOND_ROUND).rates == first


def test_unary_reports_repeat_a_memo_with_fresh_bits():
    streams = np.tile([0, 1, 0], (20_000, 1))
    table, chain = chains.memo_table(streams, 2), chains.l_osue(2.0, 1.0)
    rng = np.random.default_rng(3)
    reports = chains.unary_chain_reports(table, chains.unary_memos(table, 2, chain.first, rng), chain.second, rng)
    assert reports.shape == (20_000, 3, 2)
    shares = reports.mean(axis=0)
    assert shares == pytest.approx(np.where(np.eye(2, dtype=bool)[[0, 1, 0]], *chain.rates), abs=0.015)
    # The first and the last report come from one memo: both bits are set with the square of the second round's rates.
    (p1, _), (p2, q2) = chain
    both = (reports[:, 0, 0] & reports[:, 2, 0]).mean()
    assert both == pytest.approx(p1 * p2**2 + (1 - p1) * q2**2, abs=0.015)
