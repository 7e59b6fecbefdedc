"""Evaluating a claim: one number against one expectation."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HOLDS, FAILS, ERROR = "holds", "fails", "error"


@dataclass(frozen=True)
class Claim:
    """One claim of a paper, as paper.yaml states it."""

    id: str
    says: str
    source: str
    reported: float | str | None
    metric: str
    expect: Mapping[str, Any]
    tolerance: str
    scales: Sequence[str]
    over: str = "mean"
    outcome: str = HOLDS
    because: str | None = None
    uncontrolled: str | None = None

    @property
    def limits(self) -> tuple[float, float]:
        """The closed interval in which the metric must lie."""
        return limits(self.expect)

    @property
    def expectation(self) -> str:
        """The expectation as a short text, such as "≤ 0.1"."""
        expect = self.expect
        if "equals" in expect:
            slack = f"{expect['rel']:g} × {abs(expect['equals']):g}" if "rel" in expect else f"{expect['abs']:g}"
            return f"= {expect['equals']:g} ± {slack}"
        if "between" in expect:
            return f"in [{expect['between'][0]:g}, {expect['between'][1]:g}]"
        return f"≥ {expect['at_least']:g}" if "at_least" in expect else f"≤ {expect['at_most']:g}"


@dataclass(frozen=True)
class Verdict:
    """What came of a claim.

    `margin` is the distance to the nearest limit, positive inside: in standard errors over the seeds
    (`margin_unit` "se"), or with a single seed or no spread relative to the limit ("rel"; "abs" where the limit is 0).
    """

    claim: str
    metric: str
    verdict: str
    expected: str
    value: float | None = None
    spread: float | None = None
    n_seeds: int = 0
    margin: float | None = None
    margin_unit: str | None = None
    message: str | None = None
    values: Mapping[int, float] = field(default_factory=dict)

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that paper.yaml states."""
        return self.verdict == self.expected


def limits(expect: Mapping[str, Any]) -> tuple[float, float]:
    """The closed interval of an expectation."""
    if "equals" in expect:
        centre = float(expect["equals"])
        slack = float(expect["abs"]) if "abs" in expect else float(expect["rel"]) * abs(centre)
        return centre - slack, centre + slack
    if "between" in expect:
        low, high = expect["between"]
        return float(low), float(high)
    return float(expect.get("at_least", -math.inf)), float(expect.get("at_most", math.inf))


def evaluate(claim: Claim, metrics: Mapping[int, Mapping[str, float]]) -> Verdict:
    """Compare the metric over all seeds with the expectation.

    Parameters
    ----------
    metrics : mapping of seed to (mapping of metric to value)

    Returns
    -------
    Verdict
        "error" where the metric is missing or NaN for any seed, or there is no seed.
    """

    def error(message: str) -> Verdict:
        return Verdict(claim.id, claim.metric, ERROR, claim.outcome, n_seeds=len(metrics), message=message)

    if not metrics:
        return error("no seed was run")
    for seed, produced in metrics.items():
        if claim.metric not in produced:
            found = ", ".join(sorted(produced)) or "none"
            return error(f"metric '{claim.metric}' was not produced for seed {seed} (produced: {found})")
        if math.isnan(produced[claim.metric]):
            return error(f"metric '{claim.metric}' is NaN for seed {seed}")
    values = {seed: metrics[seed][claim.metric] for seed in metrics}
    low, high = claim.limits
    value = _aggregate(list(values.values()), claim.over, low, high)
    if math.isnan(value):
        return error(f"metric '{claim.metric}' has no {claim.over} (infinities of both signs)")
    margin, unit, spread = _margin(list(values.values()), claim.over, value, low, high)
    return Verdict(
        claim=claim.id,
        metric=claim.metric,
        verdict=HOLDS if low <= value <= high else FAILS,
        expected=claim.outcome,
        value=value,
        spread=spread,
        n_seeds=len(values),
        margin=margin,
        margin_unit=unit,
        values=values,
    )


def _distance(value: float, low: float, high: float) -> float:
    """Signed distance to the nearest limit, positive inside."""
    return min(value - low, high - value)


def _aggregate(values: list[float], over: str, low: float, high: float) -> float:
    if over == "worst":
        return min(values, key=lambda value: _distance(value, low, high))
    return statistics.fmean(values) if over == "mean" else statistics.median(values)


def _margin(values: list[float], over: str, value: float, low: float, high: float) -> tuple[float, str, float | None]:
    """Margin, its unit, and the standard deviation over the seeds (None with one seed)."""
    distance = _distance(value, low, high)
    finite = all(map(math.isfinite, values))
    spread = statistics.stdev(values) if len(values) > 1 and finite else None
    # Standard error of a mean, or of a median (variance pi/2 times as large); one value's own spread for the worst.
    factor = {
        "mean": 1 / math.sqrt(len(values)),
        "median": math.sqrt(math.pi / 2 / len(values)),
        "worst": 1.0,
    }[over]
    if spread and math.isfinite(distance):
        return distance / (factor * spread), "se", spread
    limit = low if value - low <= high - value else high
    return (distance / abs(limit), "rel", spread) if limit != 0 else (distance, "abs", spread)
