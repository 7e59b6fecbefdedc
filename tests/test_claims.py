"""Verdicts, aggregates and margins."""

import math

import pytest

from litmus.claims import Claim, evaluate


def claim(expect, over="mean", **keywords):
    return Claim("c", "says", "abstract", None, "m", expect, "theory", ["smoke"], over=over, **keywords)


def verdict(expect, values, over="mean"):
    return evaluate(claim(expect, over), {seed: {"m": value} for seed, value in enumerate(values)})


@pytest.mark.parametrize(
    ("expect", "value", "expected"),
    [
        ({"at_least": 1.0}, 1.0, "holds"),
        ({"at_least": 1.0}, 0.999, "fails"),
        ({"at_most": 1.0}, 1.0, "holds"),
        ({"at_most": 1.0}, 1.001, "fails"),
        ({"between": [1, 2]}, 2, "holds"),
        ({"between": [1, 2]}, 2.001, "fails"),
        ({"equals": 2.0, "rel": 0.1}, 2.2, "holds"),
        ({"equals": 2.0, "rel": 0.1}, 2.21, "fails"),
        ({"equals": -2.0, "rel": 0.1}, -2.1, "holds"),
        ({"equals": 0, "abs": 0}, 0, "holds"),
        ({"equals": 0, "abs": 0}, 1, "fails"),
        ({"at_most": 1.0}, math.inf, "fails"),
        ({"at_least": 1.0}, math.inf, "holds"),
    ],
)
def test_verdict_of_one_value(expect, value, expected):
    assert verdict(expect, [value]).verdict == expected


@pytest.mark.parametrize(
    ("over", "expect", "value"),
    [
        ("mean", {"at_most": 9}, 3.0),
        ("median", {"at_most": 9}, 2.0),
        ("worst", {"at_most": 9}, 6.0),
        ("worst", {"at_least": 0}, 1.0),
        ("worst", {"equals": 2, "abs": 1}, 6.0),
        ("worst", {"between": [0.9, 100]}, 1.0),
    ],
)
def test_aggregate_over_seeds(over, expect, value):
    assert verdict(expect, [1.0, 2.0, 6.0], over).value == value


@pytest.mark.parametrize("values", [[math.nan], [1.0, math.nan], []])
def test_nan_or_nothing_is_an_error_not_a_pass(values):
    found = verdict({"at_least": -math.inf}, values)
    assert found.verdict == "error"
    assert found.message


def test_missing_metric_is_an_error_that_lists_what_was_produced():
    found = evaluate(claim({"at_least": 0}), {0: {"other": 1.0}})
    assert found.verdict == "error"
    assert "other" in found.message


def test_margin_in_standard_errors():
    # mean 2, standard deviation 1, standard error 1/sqrt(3); the limit is 1 away.
    found = verdict({"at_least": 1.0}, [1.0, 2.0, 3.0])
    assert found.margin_unit == "se"
    assert found.margin == pytest.approx(math.sqrt(3))
    assert verdict({"at_least": 3.0}, [1.0, 2.0, 3.0]).margin == pytest.approx(-math.sqrt(3))


def test_margin_is_relative_without_a_spread():
    assert verdict({"at_most": 4.0}, [3.0]).margin == pytest.approx(0.25)
    assert verdict({"at_most": 4.0}, [3.0, 3.0]).margin_unit == "rel"
    assert verdict({"at_most": 0.0}, [3.0]).margin_unit == "abs"


def test_failing_claim_that_holds_is_not_as_expected():
    strict = claim({"at_least": 0}, outcome="fails", because="of a reason")
    assert not evaluate(strict, {0: {"m": 1.0}}).as_expected
    assert evaluate(strict, {0: {"m": -1.0}}).as_expected
    assert not evaluate(strict, {0: {"m": math.nan}}).as_expected
