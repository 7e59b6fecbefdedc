"""Closed forms against exact sums and simulations, the grid search against scipy, and channels against the budget."""

import math
from itertools import combinations, pairwise, product

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from papers.privacy import frequency_oracles as oracles
from papers.privacy import histogram_encodings as histogram
from papers.privacy.asr_mse_adaptive_ldp import method
from papers.privacy.asr_mse_adaptive_ldp.method import FAMILIES

GRID = list(product((6, 50, 1000), (0.5, 2.0, 6.0)))


def exact_unary_attack(domain_size, rates):
    """The sum over the number m of set bits, in 60 digits."""
    with mpmath.workdps(60):
        true, false = mpmath.mpf(rates.true), mpmath.mpf(rates.false)
        total = (1 - true) * (1 - false) ** (domain_size - 1) / domain_size
        for m in range(1, domain_size + 1):
            law = mpmath.binomial(domain_size - 1, m - 1) * false ** (m - 1) * (1 - false) ** (domain_size - m)
            total += true * law / m
        return float(total)


# --- Attacks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.5, 4.0, 10.0])
@pytest.mark.parametrize("family", ["UE", "THE"])
def test_closed_sum_is_the_binomial_sum(family, epsilon):
    for tuned in (
        method.standard_protocol(FAMILIES[family], 50, epsilon),
        method.adaptive_protocol(FAMILIES[family], 50, epsilon),
    ):
        rates = FAMILIES[family].rates(tuned.parameter, 50, epsilon)
        assert tuned.attack_success == pytest.approx(exact_unary_attack(50, rates), rel=1e-9)


def test_dropped_terms_matter_only_where_binomials_overflow():
    rates = histogram.threshold_rates(0.8, 4.0)
    for domain_size in (50, 1000):
        closed = oracles.unary_attack_success(domain_size, rates)
        assert method.overflowing_attack(domain_size, rates) == pytest.approx(closed, rel=1e-8)
    closed = oracles.unary_attack_success(2500, rates)
    assert closed == pytest.approx(exact_unary_attack(2500, rates), rel=1e-9)
    assert method.overflowing_attack(2500, rates) < closed / 10


@pytest.mark.parametrize("epsilon", [1.0, 4.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_played_attack_succeeds_as_often_as_the_closed_form_says(family, epsilon):
    k, n_users = 12, 20_000
    values = np.random.default_rng(1).integers(k, size=n_users)
    for tuned in (
        method.standard_protocol(FAMILIES[family], k, epsilon),
        method.adaptive_protocol(FAMILIES[family], k, epsilon),
    ):
        rngs = np.random.default_rng(2).spawn(2)
        share = method.attacked_share(family, tuned.parameter, values, k, epsilon, *rngs)
        rate = tuned.attack_success
        assert share == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / n_users))


def test_hashing_formula_of_the_paper_is_exact_for_few_cells_only():
    family, epsilon = FAMILIES["LH"], 12.0  # the cell is kept nearly always
    few, many = (method.protocol(family, n_cells, 1000, epsilon) for n_cells in (5, 1000))
    assert few.modelled_success == pytest.approx(few.attack_success, rel=1e-3)
    # With g = k cells, 1 + Poisson(1) values share the user's: the paper counts one, the mean of 1/size is 1 - 1/e.
    assert many.attack_success / many.modelled_success == pytest.approx(1 - math.exp(-1), rel=0.01)


# --- Rates and privacy ------------------------------------------------------------------------------------


def test_rates_of_arrays_are_the_shared_rates():
    sizes, thresholds = np.array([1, 3, 20]), np.array([0.5, 0.7, 1.0])
    for got, each in (
        (method.subset_rates(sizes, 30, 1.7), [oracles.subset_selection_rates(30, 1.7, size) for size in sizes]),
        (method.threshold_rates(thresholds, 30, 1.7), [histogram.threshold_rates(t, 1.7) for t in thresholds]),
    ):
        np.testing.assert_allclose(np.array(got).T, np.array(each))


def privacy_loss(family, parameter, domain_size, epsilon):
    """Largest log-likelihood ratio over reports and pairs of values, from the channel that the rates define."""
    if family == "SS":
        size = int(parameter)
        true = FAMILIES[family].rates(size, domain_size, epsilon).true
        inside, outside = true / math.comb(domain_size - 1, size - 1), (1 - true) / math.comb(domain_size - 1, size)
        channel = np.array(
            [
                [inside if value in subset else outside for value in range(domain_size)]
                for subset in combinations(range(domain_size), size)
            ]
        )
        np.testing.assert_allclose(channel.sum(axis=0), 1)
        return np.log(channel.max(axis=1) / channel.min(axis=1)).max()
    if family == "LH":
        true = FAMILIES[family].rates(parameter, domain_size, epsilon).true
        return math.log(true / ((1 - true) / (parameter - 1)))
    true, false = FAMILIES[family].rates(parameter, domain_size, epsilon)  # two bits differ
    return math.log(true * (1 - false) / (false * (1 - true)))


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("family", ["SS", "UE", "LH"])
def test_chosen_parameters_spend_the_budget(family, epsilon):
    for domain_size in (5, 9):
        tuned = method.adaptive_protocol(FAMILIES[family], domain_size, epsilon)
        assert privacy_loss(family, tuned.parameter, domain_size, epsilon) == pytest.approx(epsilon)


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 6.0])
def test_bits_above_a_threshold_stay_within_the_budget(epsilon):
    tuned = method.adaptive_protocol(FAMILIES["THE"], 50, epsilon)
    true, false = method.threshold_rates(tuned.parameter, 50, epsilon)
    assert math.log(true * (1 - false) / (false * (1 - true))) <= epsilon


# --- Tuning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("domain_size", "epsilon"), GRID)
@pytest.mark.parametrize("family", ["UE", "THE"])
def test_grid_search_finds_the_minimum(family, domain_size, epsilon):
    family = FAMILIES[family]
    candidates = family.candidates(domain_size, epsilon)

    def score(parameter):
        return float(method.objective(family, parameter, domain_size, epsilon))

    # J of a unary encoding can have two dips, so that each stretch of the range is searched on its own.
    edges = np.linspace(candidates[0], candidates[-1], 21)
    searches = [minimize_scalar(score, bounds=pair, method="bounded") for pair in pairwise(edges)]
    least = min(*(search.fun for search in searches), *map(score, edges))
    tuned = method.adaptive_protocol(family, domain_size, epsilon)
    assert least - 1e-12 <= score(tuned.parameter) <= least * 1.01


@pytest.mark.parametrize(("domain_size", "epsilon"), GRID)
def test_without_weight_on_the_attack_the_standard_parameters_return(domain_size, epsilon):
    spacing = {"SS": 1, "UE": 0, "LH": 1, "THE": 0.5 / 99}
    for name, family in FAMILIES.items():
        usual = method.standard_protocol(family, domain_size, epsilon)
        tuned = method.adaptive_protocol(family, domain_size, epsilon, attack_weight=0)
        assert abs(tuned.parameter - usual.parameter) <= spacing[name]
        assert tuned.variance <= usual.variance * (1 + 1e-3)


def test_all_weight_on_the_attack_gives_the_lowest_attack():
    for family in FAMILIES.values():
        lowest = method.adaptive_protocol(family, 40, 3.0, attack_weight=1)
        candidates = family.candidates(40, 3.0)
        assert all(
            lowest.modelled_success <= method.protocol(family, c, 40, 3.0).modelled_success + 1e-15 for c in candidates
        )


def test_variance_is_that_of_the_estimates():
    k, epsilon, n_users = 10, 3.0, 200_000
    tuned = method.adaptive_protocol(FAMILIES["SS"], k, epsilon)
    values = np.zeros(n_users, dtype=int)  # value 0 holds all; the others have frequency 0
    reports = oracles.subset_selection_reports(values, k, epsilon, np.random.default_rng(3), int(tuned.parameter))
    rates = method.subset_rates(tuned.parameter, k, epsilon)
    users = np.array([oracles.count_items(chunk, k) for chunk in np.split(reports, 2000)])
    estimates = rates.estimate(users, n_users // 2000)[:, 1:]
    assert estimates.var() * n_users / 2000 == pytest.approx(tuned.variance, rel=0.06)
    assert abs(estimates.mean()) < 0.01


def test_weight_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match="weight"):
        method.adaptive_protocol(FAMILIES["SS"], 10, 1.0, attack_weight=1.5)
