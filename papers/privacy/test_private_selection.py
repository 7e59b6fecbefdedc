"""Selection mechanisms against softmax and quadrature, and audits of what they choose on neighbouring inputs."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2_contingency, chisquare, laplace

from papers.privacy.auditing import epsilon_interval
from papers.privacy.private_selection import above_threshold, above_threshold_on_ramps, exponential_mechanism

N_RUNS = 100_000


def test_exponential_mechanism_draws_a_softmax():
    utilities, epsilon, sensitivity = np.array([0.0, 1.0, -2.0, 3.5]), 0.8, 2.0
    choices = exponential_mechanism(np.tile(utilities, (N_RUNS, 1)), epsilon, np.random.default_rng(0), sensitivity)
    weights = np.exp(epsilon * utilities / (2 * sensitivity))
    assert chisquare(np.bincount(choices, minlength=4), weights / weights.sum() * N_RUNS).pvalue > 1e-3


@pytest.mark.parametrize(("shift", "share"), [(0.0, 0.5), (8.0, 0.966)])
def test_audit_of_the_exponential_mechanism(shift, share):
    """The chosen one of two candidates, whose utilities move by 1 in opposite directions.

    The exact loss is ln(s(shift + 1)/s(shift - 1)) with the softmax s: half of epsilon where the two are even, and
    close to all of it where the first is far behind.
    """
    epsilon, rng = 1.0, np.random.default_rng(1)
    inputs = (np.array([1.0, shift]), np.array([0.0, shift + 1]))
    hits = [(exponential_mechanism(np.tile(pair, (N_RUNS, 1)), epsilon, rng) == 0).sum() for pair in inputs]
    low, high = epsilon_interval(*hits, N_RUNS)
    assert low < share * epsilon < high
    assert low <= epsilon


def exact_law(queries, threshold, epsilon):
    """Probabilities that the first crossing is at each query, or at none, by quadrature over the threshold's noise."""

    def probability(index):
        def integrand(noise):
            below = laplace.cdf(threshold + noise - np.array(queries, dtype=float), scale=4 / epsilon)
            here = 1 - below[index] if index < len(queries) else 1.0
            return laplace.pdf(noise, scale=2 / epsilon) * below[:index].prod() * here

        return quad(integrand, -60 / epsilon, 60 / epsilon, points=[0, *(q - threshold for q in queries)], limit=200)[0]

    return np.array([probability(index) for index in range(len(queries) + 1)])


NEIGHBOURS = [([0, 0, 1], [1, 1, 0]), ([1, 1, 1], [0, 0, 0]), ([2, 3, 3], [2, 2, 4])]


@pytest.mark.parametrize("pair", NEIGHBOURS)
def test_above_threshold_loses_at_most_the_budget_on_short_neighbouring_streams(pair):
    epsilon, threshold, rng = 1.2, 2.0, np.random.default_rng(2)
    laws = np.array([exact_law(queries, threshold, epsilon) for queries in pair])
    np.testing.assert_allclose(laws.sum(axis=1), 1, atol=1e-6)
    counts = [
        np.bincount(above_threshold(np.tile(queries, (N_RUNS, 1)), threshold, epsilon, rng), minlength=4)
        for queries in pair
    ]
    for count, law in zip(counts, laws, strict=True):
        assert chisquare(count, law / law.sum() * N_RUNS).pvalue > 1e-3
    for first, second in (counts, counts[::-1]):
        assert (epsilon_interval(first, second, N_RUNS)[0] <= epsilon).all()
    assert np.abs(np.log(laws[0] / laws[1])).max() <= epsilon


def test_audit_of_above_threshold_comes_close_to_its_budget():
    """Ten queries fall by 1 and a last one rises: its crossing tells of both the threshold's noise and its own."""
    epsilon, threshold, n_runs, rng = 1.0, 0.0, 200_000, np.random.default_rng(3)
    pair = [0.0] * 10 + [1.0], [1.0] * 10 + [0.0]
    exact = np.log(exact_law(pair[0], threshold, epsilon)[10] / exact_law(pair[1], threshold, epsilon)[10])
    hits = [(above_threshold(np.tile(queries, (n_runs, 1)), threshold, epsilon, rng) == 10).sum() for queries in pair]
    low, high = epsilon_interval(*hits, n_runs)
    assert low < exact < high
    assert 0.5 * epsilon < low <= epsilon


@pytest.mark.parametrize(("n_flat", "n_queries", "threshold"), [(0, 40, 12.0), (25, 60, 15.0), (30, 30, 8.0)])
def test_ramps_have_the_law_of_the_literal_mechanism(n_flat, n_queries, threshold):
    epsilon, n_runs = 2.0, 10_000
    queries = np.concatenate([np.zeros(n_flat), np.arange(1, n_queries - n_flat + 1)])
    literal = above_threshold(np.tile(queries, (n_runs, 1)), threshold, epsilon, np.random.default_rng(4))
    sizes = [np.full(n_runs, size) for size in (n_flat, n_queries)]
    jumped = above_threshold_on_ramps(*sizes, threshold, epsilon, np.random.default_rng(5))
    table = np.array([np.bincount(indices, minlength=n_queries + 1) for indices in (literal, jumped)])
    assert chi2_contingency(table[:, table.sum(axis=0) > 20]).pvalue > 1e-3


def test_without_noise_the_first_query_above_is_found():
    rng = np.random.default_rng(6)
    assert above_threshold([0.0, 2.0, 1.0, 5.0], 1.5, 1e9, rng) == 1
    assert above_threshold([0.0, 1.0], 1.5, 1e9, rng) == 2
    flat, n_queries = np.array([0, 7, 7, 7]), np.array([20, 20, 9, 3])
    np.testing.assert_array_equal(above_threshold_on_ramps(flat, n_queries, 2.5, 1e9, rng), [2, 9, 9, 3])


def test_budgets_must_be_positive():
    rng = np.random.default_rng(7)
    with pytest.raises(ValueError, match="epsilon"):
        exponential_mechanism([0.0, 1.0], 0.0, rng)
    with pytest.raises(ValueError, match="epsilon"):
        above_threshold([0.0], 1.0, -1.0, rng)
