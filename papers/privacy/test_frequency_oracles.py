"""Frequency oracles against their whole channels, written out report by report, and against simulation."""

import math
from itertools import combinations, product

import numpy as np
import pytest

from papers.privacy import frequency_oracles as oracles
from papers.privacy.frequency_oracles import SupportRates

EPSILON = 1.2


# Each channel is a matrix P(report | value) with one row per value, together with a 0/1 matrix of the same shape that
# says which values a report supports. They are built from the definition of the protocol, not from its closed forms.


def grr_channel(domain_size):
    odds = math.exp(EPSILON)
    channel = np.where(np.eye(domain_size, dtype=bool), odds, 1.0) / (odds + domain_size - 1)
    return channel, np.eye(domain_size)


def subset_channel(domain_size, size):
    subsets = list(combinations(range(domain_size), size))
    supports = np.array([[value in subset for subset in subsets] for value in range(domain_size)], float)
    channel = np.where(supports == 1, math.exp(EPSILON), 1.0)
    return channel / channel.sum(axis=1, keepdims=True), supports


def unary_channel(domain_size, rates):
    supports = np.array(list(product([0, 1], repeat=domain_size)), float).T
    channel = np.empty_like(supports)
    for value in range(domain_size):
        set_probability = np.full(domain_size, rates.false)
        set_probability[value] = rates.true
        bits = np.where(supports == 1, set_probability[:, None], 1 - set_probability[:, None])
        channel[value] = bits.prod(axis=0)
    return channel, supports


def projective_channel(space, domain_size):
    supports = space.incidence[:domain_size].astype(float)
    channel = np.where(supports == 1, math.exp(EPSILON), 1.0)
    return channel / channel.sum(axis=1, keepdims=True), supports


def all_channels():
    """Name, channel, supports, stated rates, stated attack success."""
    fano, larger = oracles.ProjectiveSpace(2, 3), oracles.ProjectiveSpace(3, 3)
    yield "GRR", *grr_channel(5), oracles.grr_rates(5, EPSILON), oracles.grr_attack_success(5, EPSILON)
    for size in (None, 1, 3):
        yield (
            f"SS, w={size}",
            *subset_channel(7, size or oracles.subset_size(7, EPSILON)),
            oracles.subset_selection_rates(7, EPSILON, size),
            oracles.subset_selection_attack_success(7, EPSILON, size),
        )
    unary = {
        "OUE": oracles.oue_rates(EPSILON),
        "SUE": oracles.sue_rates(EPSILON),
        "UE": oracles.unary_rates(EPSILON, 0.7),
    }
    for name, rates in unary.items():
        yield name, *unary_channel(4, rates), rates, oracles.unary_attack_success(4, rates)
    for name, space, k in (("PGR", fano, 7), ("PGR, larger", larger, 13), ("PGR, cut", larger, 5)):
        yield (
            name,
            *projective_channel(space, k),
            oracles.projective_rates(space, EPSILON),
            oracles.projective_attack_success(space, k, EPSILON),
        )


CHANNELS = [pytest.param(*case[1:], id=case[0]) for case in all_channels()]


@pytest.mark.parametrize(("channel", "supports", "rates", "success"), CHANNELS)
class TestChannels:
    def test_rates_are_the_support_probabilities(self, channel, supports, rates, success):
        probability = channel @ supports.T  # entry (x, v): a report of a user with value x supports v
        off_diagonal = probability[~np.eye(len(channel), dtype=bool)]
        np.testing.assert_allclose(np.diag(probability), rates.true)
        np.testing.assert_allclose(off_diagonal, rates.false)

    def test_budget_is_spent_exactly(self, channel, supports, rates, success):
        np.testing.assert_allclose(channel.sum(axis=1), 1)
        leakage = np.log(channel.max(axis=0) / channel.min(axis=0)).max()
        assert leakage == pytest.approx(EPSILON)

    def test_attack_success_is_that_of_the_bayes_rule(self, channel, supports, rates, success):
        assert success == pytest.approx(channel.max(axis=0).sum() / len(channel))


def test_variance_is_that_of_the_estimate():
    rates, frequency, n_users = SupportRates(0.6, 0.2), 0.3, 50_000
    rng = np.random.default_rng(0)
    holders = round(frequency * n_users)
    counts = rng.binomial(holders, 0.6, 4000) + rng.binomial(n_users - holders, 0.2, 4000)
    estimates = rates.estimate(counts, n_users)
    assert estimates.mean() == pytest.approx(frequency, abs=4 * estimates.std() / math.sqrt(4000))
    assert estimates.var() * n_users == pytest.approx(rates.variance(frequency), rel=4 * math.sqrt(2 / 4000))


# --- Simulated reports ----------------------------------------------------------------------------------------


def support_shares(reports, value):
    """Share of the reports that support each value, among users who all hold ``value``, as (own, others)."""
    shares = reports.mean(axis=0)
    return shares[value], np.delete(shares, value)


def as_bits(subsets, domain_size):
    bits = np.zeros((len(subsets), domain_size), bool)
    np.put_along_axis(bits, subsets, True, axis=1)
    return bits


def simulate(protocol, values, domain_size, rng):
    """Reports as bits (n_users, domain_size): which values each supports."""
    if protocol == "GRR":
        return as_bits(oracles.grr_reports(values, domain_size, EPSILON, rng)[:, None], domain_size)
    if protocol == "SS":
        return as_bits(oracles.subset_selection_reports(values, domain_size, EPSILON, rng), domain_size)
    if protocol == "OUE":
        return oracles.unary_reports(values, domain_size, oracles.oue_rates(EPSILON), rng)
    space = oracles.ProjectiveSpace(3, 3)
    return space.incidence[oracles.projective_reports(values, space, EPSILON, rng)][:, :domain_size]


@pytest.mark.parametrize(
    ("protocol", "rates"),
    [
        ("GRR", oracles.grr_rates(13, EPSILON)),
        ("SS", oracles.subset_selection_rates(13, EPSILON)),
        ("OUE", oracles.oue_rates(EPSILON)),
        ("PGR", oracles.projective_rates(oracles.ProjectiveSpace(3, 3), EPSILON)),
    ],
)
@pytest.mark.parametrize("value", [0, 5, 12])
def test_simulated_reports_support_values_at_the_stated_rates(protocol, rates, value):
    n_users = 40_000
    reports = simulate(protocol, np.full(n_users, value), 13, np.random.default_rng(value))
    own, others = support_shares(reports, value)
    assert own == pytest.approx(rates.true, abs=4 * math.sqrt(rates.true * (1 - rates.true) / n_users))
    assert others == pytest.approx(rates.false, abs=4 * math.sqrt(rates.false * (1 - rates.false) / n_users))


def test_subsets_have_distinct_members_and_all_subsets_are_equally_likely():
    values = np.full(60_000, 2)
    subsets = np.sort(oracles.subset_selection_reports(values, 6, EPSILON, np.random.default_rng(1), size=3))
    assert (np.diff(subsets, axis=1) > 0).all()
    kept = (subsets == 2).any(axis=1)
    for group, n_subsets in ((subsets[kept], math.comb(5, 2)), (subsets[~kept], math.comb(5, 3))):
        _, counts = np.unique(group, axis=0, return_counts=True)
        assert len(counts) == n_subsets
        assert counts == pytest.approx(len(group) / n_subsets, abs=4 * math.sqrt(len(group) / n_subsets))


def test_support_counts_agree_with_the_reports():
    rng = np.random.default_rng(2)
    values = rng.integers(13, size=300)
    subsets = oracles.subset_selection_reports(values, 13, EPSILON, rng)
    np.testing.assert_array_equal(oracles.count_items(subsets, 13), as_bits(subsets, 13).sum(axis=0))
    space = oracles.ProjectiveSpace(3, 3)
    points = oracles.projective_reports(values, space, EPSILON, rng)
    np.testing.assert_array_equal(
        oracles.projective_support_counts(points, space, 13), space.incidence[points].sum(axis=0)
    )


def test_unary_counts_have_the_law_of_summed_bits():
    rng = np.random.default_rng(3)
    rates, values = oracles.oue_rates(EPSILON), np.array([0] * 30 + [1] * 10)
    direct = np.array([oracles.unary_support_counts(values, 3, rates, rng) for _ in range(4000)])
    summed = np.array([oracles.unary_reports(values, 3, rates, rng).sum(axis=0) for _ in range(4000)])
    difference = (direct.mean(axis=0) - summed.mean(axis=0)) / np.sqrt(direct.var(axis=0) * 2 / 4000)
    assert np.abs(difference).max() < 4
    np.testing.assert_allclose(direct.var(axis=0) / summed.var(axis=0), 1, atol=4 * math.sqrt(4 / 4000))


def test_attackers_succeed_as_often_as_stated():
    rng = np.random.default_rng(4)
    n_users, k = 50_000, 9
    values = rng.integers(k, size=n_users)
    rates = oracles.sue_rates(EPSILON)
    subsets = oracles.subset_selection_reports(values, k, EPSILON, rng)
    bits = oracles.unary_reports(values, k, rates, rng)
    for guesses, stated in (
        (oracles.guess_from_subsets(subsets, rng), oracles.subset_selection_attack_success(k, EPSILON)),
        (oracles.guess_from_bits(bits, rng), oracles.unary_attack_success(k, rates)),
    ):
        assert (guesses == values).mean() == pytest.approx(stated, abs=4 * math.sqrt(stated / n_users))


def test_attackers_guess_uniformly_among_supported_values():
    rng, n_users = np.random.default_rng(5), 20_000
    supported = np.array([False, True, False, True])
    for bits, candidates in ((supported, [1, 3]), (np.zeros(4, bool), [0, 1, 2, 3])):
        guesses = oracles.guess_from_bits(np.tile(bits, (n_users, 1)), rng)
        found, counts = np.unique(guesses, return_counts=True)
        assert found.tolist() == candidates
        assert counts == pytest.approx(n_users / len(candidates), abs=4 * math.sqrt(n_users / 4))
    guesses = oracles.guess_from_subsets(np.tile([3, 1], (n_users, 1)), rng)
    assert np.mean(guesses == 1) == pytest.approx(0.5, abs=2 / math.sqrt(n_users))


# --- Projective geometry --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "n_coordinates"), [(2, 3), (3, 2), (3, 3), (5, 3), (3, 4)])
def test_hyperplanes_have_the_stated_sizes(order, n_coordinates):
    space = oracles.ProjectiveSpace(order, n_coordinates)
    common = space.incidence.astype(int) @ space.incidence.astype(int).T
    assert common.shape == (space.n_points, space.n_points)
    assert (np.diag(common) == space.hyperplane_size).all()
    assert (common[~np.eye(len(common), dtype=bool)] == space.intersection_size).all()


def test_projective_space_fits_the_domain():
    assert oracles.projective_space(133, math.log(10)) == oracles.ProjectiveSpace(11, 3)
    assert oracles.projective_space(134, math.log(10)) == oracles.ProjectiveSpace(11, 4)
    assert oracles.projective_space(2, 0.1) == oracles.ProjectiveSpace(2, 2)


def test_projective_response_is_as_accurate_as_subset_selection():
    space, epsilon = oracles.ProjectiveSpace(11, 3), math.log(10)
    projective = oracles.projective_rates(space, epsilon).variance()
    subsets = oracles.subset_selection_rates(space.n_points, epsilon).variance()
    assert projective == pytest.approx(subsets, rel=0.02)


def test_primes():
    assert oracles.primes_below(30).tolist() == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    assert oracles.primes_below(2).size == 0
    assert oracles.primes_below(1000).size == 168


def test_impossible_subset_size_is_refused():
    with pytest.raises(ValueError, match="1 to 4"):
        oracles.subset_selection_rates(5, EPSILON, size=5)
