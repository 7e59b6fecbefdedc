"""LOLOHA and its rivals against brute force, closed forms, and streams whose memos can be counted by hand."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from papers.privacy import local_hashing as hashing
from papers.privacy import longitudinal
from papers.privacy.frequency_oracles import sue_rates
from papers.privacy.loloha_longitudinal import data, method

GRID = [(epsilon, alpha) for epsilon in (0.5, 1.0, 2.0, 3.5, 5.0) for alpha in (0.1, 0.3, 0.45, 0.6)]


def squared_errors(estimate, truth, n_runs):
    """Mean over runs of the squared error of each value, and the mean error over its standard error."""
    errors = np.array([estimate() - truth for _ in range(n_runs)])
    return (errors**2).mean(axis=0), errors.mean(axis=0) / (errors.std(axis=0) / math.sqrt(n_runs))


# --- The number of cells ----------------------------------------------------------------------------------


def variance_over_reals(g, epsilon, alpha):
    """The variance for any real g, written out from both rounds."""
    a, b = math.exp(epsilon), math.exp(alpha * epsilon)
    irr = (a * b - 1) / (a - b)
    p1, p2, q2 = a / (a + g - 1), irr / (irr + g - 1), 1 / (irr + g - 1)
    return (1 / g) * (1 - 1 / g) / ((p1 - 1 / g) * (p2 - q2)) ** 2


@pytest.mark.parametrize(("epsilon", "alpha"), GRID)
def test_number_of_cells_minimises_the_variance(epsilon, alpha):
    search = minimize_scalar(
        variance_over_reals, bounds=(1.01, 400), args=(epsilon, alpha), method="bounded", options={"xatol": 1e-9}
    )
    assert method.optimal_cells_real(epsilon, alpha) == pytest.approx(search.x, rel=1e-4)
    variances = [method.loloha_variance(g, epsilon, alpha * epsilon) for g in range(2, 81)]
    assert variances[3] == pytest.approx(variance_over_reals(5, epsilon, alpha))
    assert abs(method.ololoha_cells(epsilon, alpha) - (2 + int(np.argmin(variances)))) <= 1


# --- Errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_cells", [2, 5])
def test_loloha_errors(n_cells):
    n_users, k, protocol = 300, 6, method.loloha(n_cells, 2.0, 1.0)
    values = np.repeat([0, 1, 2], [150, 100, 50])[:, None]
    truth = np.bincount(values[:, 0], minlength=k) / n_users
    rng = np.random.default_rng(n_cells)
    mse, bias = squared_errors(
        lambda: protocol.rates.estimate(protocol.support_counts(values, k, rng), n_users)[0], truth, 1000
    )
    assert np.abs(bias).max() < 4
    assert mse == pytest.approx(protocol.rates.variance(truth) / n_users, rel=0.2)
    assert protocol.rates.false == pytest.approx(1 / n_cells)  # a report is a uniform cell, for any other value
    wrong = protocol.chain.rates.estimate(n_users * protocol.rates.false, n_users)
    assert wrong > 0.1  # the server that forgets the collisions


@pytest.mark.parametrize("name", ["RAPPOR", "L-OSUE", "L-GRR", "1BitFlipPM", "2BitFlipPM", "bBitFlipPM"])
def test_rivals_errors(name):
    n_users, k, epsilon, first = 200, 6, 2.0, 1.0
    values = np.repeat([0, 1, 2], [100, 60, 40])[:, None]
    truth = np.bincount(values[:, 0], minlength=k) / n_users
    rng = np.random.default_rng(3)
    if "BitFlip" in name:
        n_bits = {"1": 1, "2": 2, "b": k}[name[0]]
        variance = method.bit_flip_variance(k, n_bits, epsilon, truth)
        run = lambda: method.bit_flip_estimates(values, k, n_bits, epsilon, rng)[0]  # noqa: E731
    elif name == "L-GRR":
        second = longitudinal.second_round_epsilon(epsilon, first)
        variance = longitudinal.grr_chain(k, epsilon, second).rates.variance(truth)
        run = lambda: method.grr_chain_estimates(values, k, epsilon, first, rng)[0]  # noqa: E731
    else:
        chain = {"RAPPOR": longitudinal.l_sue, "L-OSUE": longitudinal.l_osue}[name](epsilon, first)
        variance = chain.rates.variance(truth)
        run = lambda: method.unary_chain_estimates(values, k, chain, rng)[0]  # noqa: E731
    mse, bias = squared_errors(run, truth, 1500)
    assert np.abs(bias).max() < 4
    assert mse == pytest.approx(variance / n_users, rel=0.18)


def test_clipping():
    np.testing.assert_allclose(method.clipped(np.array([[0.6, -0.1, 0.6]])), [[0.5, 0, 0.5]])


# --- Memos ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_cells", [2, 4])
def test_a_user_has_one_memo_per_cell_visited(n_cells):
    values = data.changing_values(200, 40, np.random.default_rng(0))
    keys = hashing.draw_hashes(200, np.random.default_rng(1))
    table = method.loloha(n_cells, 1.0, 0.5).memos(values, keys)
    by_hand = [len(set(hashing.hash_values(key, row, n_cells).tolist())) for key, row in zip(keys, values, strict=True)]
    np.testing.assert_array_equal(table.entries_per_user(), by_hand)
    assert max(by_hand) == n_cells


@pytest.mark.parametrize("n_bits", [1, 3, 6])
def test_bit_flips_have_a_memo_per_pattern(n_bits):
    rng = np.random.default_rng(2)
    values = rng.integers(6, size=(100, 60))
    sampled = method.sample_buckets(100, 6, n_bits, rng)
    assert all(len(set(row)) == n_bits for row in sampled.tolist())
    table = method.bit_flip_memos(values, sampled, 6)
    by_hand = [len({tuple(row == value) for value in own.tolist()}) for row, own in zip(sampled, values, strict=True)]
    np.testing.assert_array_equal(table.entries_per_user(), by_hand)
    assert table.entries_per_user().max() == min(n_bits + 1, 6)


def test_bit_flip_responses_have_the_rates_of_sue():
    n_users = 20_000
    values, sampled = np.tile([[1, 4]], (n_users, 1)), np.tile([[1, 2]], (n_users, 1))
    table = method.bit_flip_memos(values, sampled, 6)
    responses = method.bit_flip_responses(table, 2, 1.0, np.random.default_rng(4))
    p, q = sue_rates(1.0)
    shares = [responses[column].mean(axis=0) for column in table.entries.T]
    assert np.array(shares) == pytest.approx(np.array([[p, q], [q, q]]), abs=0.015)


def test_visible_changes_by_hand():
    values = np.array([[0, 1, 0, 2], [2, 2, 2, 2], [0, 1, 2, 2]])
    table = longitudinal.memo_table(values, 3)  # entries: user 0: 0, 1, 2; user 1: 2; user 2: 0, 1, 2
    responses = np.array([[0, 1], [1, 1], [0, 0], [0, 1], [1, 0], [1, 0], [1, 1]], bool)
    tracked, visible = method.visible_changes(table, responses, values)
    assert (tracked, visible) == pytest.approx((2 / 3, 4 / 5))


# --- Attacks and streams ----------------------------------------------------------------------------------


def test_attack_separates_memos_by_phase():
    cells = np.tile([0, 1], (3, 3))
    reports = np.array([[0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1], [1, 0, 1, 0, 1, 0]])
    rng = np.random.default_rng(5)
    assert method.names_first_stream(reports, cells, 2, rng).tolist() == [True, False, False]
    assert method.names_first_stream(reports[:, :1], cells[:, :1], 2, rng).tolist() == [True, False, False]
    coin = method.names_first_stream(np.tile([0, 1], (4000, 1)), np.zeros((4000, 2)), 1, rng)
    assert coin.mean() == pytest.approx(0.5, abs=0.04)


def test_separating_keys():
    keys = method.separating_keys(np.array([3, 8]), 500, 2, np.random.default_rng(6))
    assert len(keys) == 500
    assert (hashing.hash_values(keys, np.full(500, 3), 2) != hashing.hash_values(keys, np.full(500, 8), 2)).all()


def test_streams():
    values = data.changing_values(4000, 30, np.random.default_rng(7))
    changed = (values[:, 1:] != values[:, :-1]).mean()
    assert changed == pytest.approx(0.25 * 359 / 360, abs=0.006)
    assert np.bincount(values.ravel(), minlength=360).min() > 0
    skewed = data.permuted_values(500, 10, np.random.default_rng(8))
    histograms = np.array([np.bincount(column, minlength=96) for column in skewed.T])
    assert (histograms == histograms[0]).all()
    assert not (skewed[:, 0] == skewed[:, 1]).all()


def test_mean_number_of_memos_on_the_stream():
    # A value is still unseen after 120 collections if the first draw and 119 steps miss it.
    values = data.changing_values(10_000, 120, np.random.default_rng(9))
    expected = 360 * (1 - (359 / 360) * (1 - 0.25 / 360) ** 119)
    assert longitudinal.memo_table(values, 360).entries_per_user().mean() == pytest.approx(expected, rel=0.008)
    keys = hashing.draw_hashes(10_000, np.random.default_rng(10))
    memos = method.loloha(2, 1.0, 0.5).memos(values, keys).entries_per_user().mean()
    assert expected / memos == pytest.approx(14.75, rel=0.002)
