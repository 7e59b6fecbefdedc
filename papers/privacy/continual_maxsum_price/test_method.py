"""Mechanisms against loops, closed forms and audits of their outputs; the reduction and the attack by brute force."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare, norm

from papers.privacy.continual_maxsum_price.data import draw_rows
from papers.privacy.continual_maxsum_price.method import (
    batch_maximum,
    block_maximum,
    block_selection,
    candidate_periods,
    overtaking_sums,
    rising_maxima,
    selection_gap,
    tree_maximum,
    tree_noise,
)
from papers.privacy.continual_maxsum_price.reduction import (
    TracingGame,
    allowed_advantage,
    empirical_advantage,
    read_marginals,
    reading_steps,
    reduction_maxima,
    reduction_stream,
    squared_distances,
    stream_length,
    tracing_scores,
)

NO_NOISE = 1e18  # a budget so large that the noise is below every digit compared here


def brute_force_maxima(stream):
    sums, maxima = [0] * stream.shape[1], []
    for record in stream:
        sums = [total + bit for total, bit in zip(sums, record, strict=True)]
        maxima.append(max(sums))
    return np.array(maxima)


# --- The mechanisms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 3, 5, 17, 20])
def test_blocks_hold_the_last_released_maximum(period):
    maxima = np.cumsum(np.random.default_rng(0).integers(0, 2, 20)).astype(float)
    expected = [maxima[(t // period) * period - 1] if t >= period else 0.0 for t in range(1, 21)]
    outputs = block_maximum(maxima, period, NO_NOISE, np.random.default_rng(1))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_noise_of_all_releases_composes_to_the_budget():
    n_steps, period, rho = 4096, 4, 0.3
    outputs = block_maximum(np.zeros(n_steps), period, rho, np.random.default_rng(2))
    released = outputs[period - 1 :: period]
    # The relative standard error of a variance from 1024 draws is 0.044.
    assert released.size / (2 * released.var()) == pytest.approx(rho, rel=0.15)


def test_the_best_test_between_neighbouring_streams_gains_what_the_budget_allows():
    """A record at the start moves every release by 1; the sum of the releases is then the likelihood ratio."""
    rng, rho, period, n_runs = np.random.default_rng(3), 0.2, 8, 20_000
    maxima = [np.arange(64.0), np.arange(64.0) + 1]
    sums = [
        np.array([block_maximum(series, period, rho, rng)[period - 1 :: period].sum() for _ in range(n_runs)])
        for series in maxima
    ]
    gain = empirical_advantage(sums[1], sums[0])
    # Standard error 0.005; the best of many thresholds adds about as much.
    assert gain == pytest.approx(2 * norm.cdf(math.sqrt(2 * rho) / 2) - 1, abs=0.025)


@pytest.mark.parametrize("period", [4, 32])
def test_mean_error_of_blocks_on_the_worst_stream_in_closed_form(period):
    """A held release z errs by max(z, r - 1 - z), and the value before the first by r - 1."""
    n_steps, rho = 1024, 0.05
    n_releases = n_steps // period
    sd = math.sqrt(n_releases / (2 * rho))
    x = np.linspace((period - 1) / 2, period + 9 * sd, 20_000)
    inside = np.clip(norm.cdf(x / sd) - norm.cdf((period - 1 - x) / sd), 0, 1)
    # The release at T is held for one step, so that its error is |z|; this hardly matters among many.
    expected = x[0] + np.trapezoid(1 - inside**n_releases * (x >= period - 1), x)
    maxima, rng = rising_maxima(n_steps), np.random.default_rng(4)
    errors = [np.abs(block_maximum(maxima, period, rho, rng) - maxima).max() for _ in range(600)]
    assert np.mean(errors) == pytest.approx(expected, rel=0.02)


def test_one_release_errs_by_a_single_gaussian():
    errors = np.abs(batch_maximum(7.0, 0.05, np.random.default_rng(5), 50_000) - 7.0)
    assert errors.mean() == pytest.approx(math.sqrt(2 / math.pi) / math.sqrt(0.1), rel=0.02)


def test_selection_is_the_exponential_mechanism_at_its_share_of_the_budget():
    sums = np.tile([0.0, 1.0, 3.0], (60_000, 1))
    rho = 60_000 * 0.4**2 / 8  # epsilon = 0.4 a release
    choices = block_selection(sums, 1, rho, np.random.default_rng(6))
    weights = np.exp(0.4 * sums[0] / 2)
    counts = np.bincount(choices, minlength=3)
    assert chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 1e-3


def test_selection_without_noise_lags_by_at_most_a_period():
    sums = overtaking_sums(256, 6)
    gap = selection_gap(sums, sums.max(axis=1), block_selection(sums, 8, NO_NOISE, np.random.default_rng(7)))
    assert 0 < gap <= 8


def test_halves_overtake_each_other_by_a_ninth_of_the_stream():
    sums = overtaking_sums(256, 6)
    records = np.diff(sums, axis=0, prepend=0)
    assert set(np.unique(records)) == {0, 1}
    lead = sums[:, 0] - sums[:, -1]
    assert (lead.max(), lead.min()) == (28, -28)
    assert (sums[:, :3] == sums[:, :1]).all()
    assert (sums[:, 3:] == sums[:, -1:]).all()


def test_candidate_periods_span_all():
    periods = candidate_periods(1024)
    assert (periods[0], periods[-1]) == (1, 1024)
    assert (np.diff(periods) > 0).all()


def test_tree_maximum_without_noise_is_exact():
    sums = np.cumsum(np.random.default_rng(8).integers(0, 2, (37, 5)), axis=0)
    noise = tree_noise(37, 5, NO_NOISE, np.random.default_rng(9))
    np.testing.assert_allclose(tree_maximum(sums, noise), sums.max(axis=1), atol=1e-6)


@pytest.mark.parametrize("every", [1, 4])
def test_tree_noise_has_the_variance_of_its_nodes(every):
    n_steps, n_coordinates, rho = 16, 40_000, 0.5
    noise = tree_noise(n_steps, n_coordinates, rho, np.random.default_rng(10), every)
    node_variance = n_coordinates * 5 / (2 * rho)  # sensitivity sqrt(d), five levels
    expected = [step.bit_count() * node_variance for step in range(every, n_steps + 1, every)]
    np.testing.assert_allclose(noise.var(axis=1), expected, rtol=0.04)


# --- The reduction ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5), (1, 2), (8, 3)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_maxima_of_the_reduction_by_brute_force(shape, seed):
    table = np.random.default_rng(seed).random(shape) < 0.5
    stream = reduction_stream(table)
    assert stream.shape == (stream_length(*shape), shape[1])
    np.testing.assert_array_equal(reduction_maxima(table), brute_force_maxima(stream))


def test_marginals_are_read_exactly_while_their_coordinate_leads():
    table = np.random.default_rng(11).random((6, 9)) < 0.5
    maxima = brute_force_maxima(reduction_stream(table))
    np.testing.assert_array_equal(read_marginals(maxima, 6, 9), table.sum(axis=0))
    assert (read_marginals(maxima, 6, 9, late=True) == table.sum(axis=0).max()).all()
    assert reading_steps(6, 9)[-1] + 6 == maxima.size


def test_a_row_of_the_table_is_one_record_of_the_stream():
    table = np.random.default_rng(12).random((6, 9)) < 0.5
    other = table.copy()
    other[2] = ~other[2]
    changed = (reduction_stream(table) != reduction_stream(other)).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [2]


# --- Tracing ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def game_data():
    rng = np.random.default_rng(13)
    marginals = rng.uniform(0.25, 0.75, (20, 1024))
    return draw_rows(marginals, 32, rng), draw_rows(marginals, 32, rng), marginals


def test_scores_and_distances_row_by_row(game_data):
    members, _, marginals = (array[:3] for array in game_data)
    frequencies = np.random.default_rng(14).random(marginals.shape)
    for table in range(3):
        for row in range(2):
            deviation = members[table, row] - marginals[table]
            score = deviation @ (frequencies[table] - marginals[table])
            assert tracing_scores(members, marginals, frequencies)[table, row] == pytest.approx(score)
            assert squared_distances(members, marginals)[table, row] == pytest.approx(deviation @ deviation)


def test_advantage_is_the_best_threshold():
    members, fresh = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.5, 2.0])
    expected = max((members > t).mean() - (fresh > t).mean() for t in np.linspace(-1, 4, 1001))
    assert empirical_advantage(members, fresh) == pytest.approx(expected)
    assert allowed_advantage(1.0) == pytest.approx((math.e - 1) / (math.e + 1))


def test_exact_marginals_are_traced_and_drowned_ones_are_not(game_data):
    game = TracingGame(*game_data)
    assert game.advantage(0.0) > 0.95
    assert game.advantage(1e6) < 0.01
    # Against fresh rows on both sides there is nothing to find: sampling error of 640 scores.
    _, fresh, marginals = game_data
    frequencies = game_data[0].mean(axis=1)
    assert empirical_advantage(*(tracing_scores(rows, marginals, frequencies) for rows in np.split(fresh, 2, 1))) < 0.15


@pytest.mark.parametrize("sigma", [2.0, 12.0])
def test_mean_over_the_error_against_drawn_errors(game_data, sigma):
    members, fresh, marginals = game_data
    rng, scores = np.random.default_rng(15), ([], [])
    for _ in range(10):
        answers = members.sum(axis=1) + rng.normal(0, sigma, marginals.shape)
        for rows, collected in zip((members, fresh), scores, strict=True):
            collected.append(tracing_scores(rows, marginals, answers / 32))
    drawn = empirical_advantage(np.array(scores[0]), np.array(scores[1]))
    # 200 draws of table and error; all rows of a table share its error, which gives a standard error of 0.01.
    assert TracingGame(*game_data).advantage(sigma) == pytest.approx(drawn, abs=0.04)


def test_noise_threshold_solves_for_the_allowed_advantage_and_agrees_with_two_gaussians(game_data):
    game = TracingGame(*game_data)
    sigma = game.noise_threshold(allowed_advantage(1.0))
    assert game.advantage(sigma) == pytest.approx(allowed_advantage(1.0), abs=0.005)
    # Scores times n: means apart by v d, variance v d sigma^2 + n d E[p(1-p)]^2 for p uniform on [0.25, 0.75].
    v, squared = 1 / 4 - 1 / 48, 1 / 16 - 1 / 96 + 1 / 1280
    separation = 2 * norm.ppf((1 + allowed_advantage(1.0)) / 2)
    expected = math.sqrt(((v * 1024 / separation) ** 2 - 32 * 1024 * squared) / (v * 1024))
    assert sigma == pytest.approx(expected, rel=0.06)
