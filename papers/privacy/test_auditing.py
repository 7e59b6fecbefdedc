"""Limits and bounds of an audit against SciPy's exact test and exhaustive enumeration."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from papers.privacy import auditing


@pytest.mark.parametrize("alpha", [0.005, 0.1])
def test_limits_are_those_of_the_exact_binomial_test(alpha):
    successes = np.array([0, 1, 7, 29, 30])
    low, high = auditing.clopper_pearson(successes, 30, alpha)
    exact = [binomtest(int(s), 30).proportion_ci(1 - alpha, "exact") for s in successes]
    np.testing.assert_allclose(low, [interval.low for interval in exact], atol=1e-10)
    np.testing.assert_allclose(high, [interval.high for interval in exact], atol=1e-10)


def test_coverage_by_enumeration():
    n_trials, alpha = 30, 0.1
    low, high = auditing.clopper_pearson(np.arange(n_trials + 1), n_trials, alpha)
    probabilities = np.concatenate([np.linspace(0, 1, 301), low - 1e-9, high + 1e-9]).clip(0, 1)
    pmf = binom.pmf(np.arange(n_trials + 1), n_trials, probabilities[:, None])
    above = (pmf * (low > probabilities[:, None])).sum(axis=1)
    below = (pmf * (high < probabilities[:, None])).sum(axis=1)
    for misses in (above, below):
        assert misses.max() <= alpha / 2
        assert misses.max() == pytest.approx(alpha / 2, rel=1e-5)  # exact: just past a limit nothing is given away


def test_bound_on_randomised_response_is_rarely_wrong():
    n_trials, alpha, epsilon = 30, 0.2, 0.4
    truth = math.exp(epsilon) / (math.exp(epsilon) + 1)
    counts = np.arange(n_trials + 1)
    bound = auditing.epsilon_lower_bound(counts[:, None], counts, n_trials, alpha)
    law = binom.pmf(counts, n_trials, truth)[:, None] * binom.pmf(counts, n_trials, 1 - truth)
    failure = law[bound > epsilon].sum()
    assert 0 < failure <= alpha / 2


def test_ceiling_in_closed_form():
    tail = (0.01 / 4) ** (1 / 500)
    assert auditing.epsilon_ceiling(500, 0.01) == pytest.approx(math.log(tail / (1 - tail)))
    assert auditing.epsilon_lower_bound([499, 500], [0, 1], 500).max() < auditing.epsilon_ceiling(500)


def test_interval_holds_the_log_ratio_and_shrinks_to_it():
    low, high = auditing.epsilon_interval(np.array([60, 600_000]), np.array([20, 200_000]), np.array([100, 10**6]))
    assert (low < math.log(3)).all()
    assert (high > math.log(3)).all()
    assert high[1] - low[1] < 0.02 < high[0] - low[0]
    assert auditing.log_rate_ratio(600_000, 200_000) == pytest.approx(math.log(3), abs=1e-5)


def test_delta_lowers_the_bound():
    bounds = auditing.epsilon_lower_bound(50, 10, 100, delta=np.array([0.0, 0.1, 0.9]))
    tpr_low = auditing.clopper_pearson(50, 100, 0.005)[0]
    assert bounds[0] - bounds[1] == pytest.approx(math.log(tpr_low / (tpr_low - 0.1)))
    assert bounds[2] == -math.inf


@pytest.mark.parametrize(("successes", "n_trials", "alpha"), [(3, 2, 0.1), (-1, 2, 0.1), (0, 0, 0.1), (1, 2, 1.0)])
def test_impossible_counts_are_refused(successes, n_trials, alpha):
    with pytest.raises(ValueError, match="must"):
        auditing.clopper_pearson(successes, n_trials, alpha)
