"""A claim as a picture: the interval that it allows, what every seed measured, and what the paper reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, EDGE = 240.0, 34.0, 6.0
BASELINE = 12.0
LOG_RATIO = 30.0  # positive numbers that differ by more stand on a logarithmic axis


@dataclass(frozen=True)
class Axis:
    """Maps numbers to horizontal positions in the picture."""

    first: float
    last: float
    logarithmic: bool

    @classmethod
    def holding(cls, numbers: Iterable[float]) -> Axis:
        """The axis on which all `numbers` have room, with a margin."""
        finite = [number for number in numbers if math.isfinite(number)]
        low, high = min(finite), max(finite)
        logarithmic = low > 0 and high / low > LOG_RATIO
        if logarithmic:
            low, high = math.log10(low), math.log10(high)
        margin = 0.15 * (high - low) or 0.15 * abs(high) or 1.0
        return cls(low - margin, high + margin, logarithmic)

    def position(self, number: float) -> float:
        """Position of `number`; an infinite one, or one beyond a logarithm, is at the edge."""
        if number == math.inf:
            return WIDTH
        if number == -math.inf or (self.logarithmic and number <= 0):
            return 0.0
        number = math.log10(number) if self.logarithmic else number
        return EDGE + (WIDTH - 2 * EDGE) * (number - self.first) / (self.last - self.first)


def interval_plot(
    limits: tuple[float, float], value: float, values: Sequence[float], reported: float | None, holds: bool
) -> Markup:
    """Inline SVG: the allowed interval as a band, seeds as dots, the measured value as a bar, a reported as a diamond.

    Parameters
    ----------
    limits : (low, high)
        Either may be infinite, not both.
    value : float
        What was compared with the limits.
    values : sequence of float
        One per seed.
    reported : float or None
    holds : bool
    """
    low, high = limits
    shown = [number for number in (low, high, value, *values, *([] if reported is None else [reported]))]
    axis = Axis.holding(shown)
    left, right = axis.position(low), axis.position(high)
    parts = [
        f'<rect class="allowed" x="{left:.1f}" y="{BASELINE - 8:g}" width="{max(right - left, 1):.1f}" height="16"/>',
        f'<line class="axis" x1="0" x2="{WIDTH:g}" y1="{BASELINE:g}" y2="{BASELINE:g}"/>',
    ]
    for seed_value in values:
        if math.isfinite(seed_value):
            parts.append(f'<circle class="seed" cx="{axis.position(seed_value):.1f}" cy="{BASELINE:g}" r="2.5"/>')
    if reported is not None:
        x = axis.position(reported)
        parts.append(f'<path class="reported" d="M{x:.1f} {BASELINE - 6:g}l5 6l-5 6l-5-6z"/>')
    x = min(max(axis.position(value), 1.0), WIDTH - 1.0)
    state = "holds" if holds else "fails"
    parts.append(f'<line class="value {state}" x1="{x:.1f}" x2="{x:.1f}" y1="{BASELINE - 9:g}" y2="{BASELINE + 9:g}"/>')
    for limit in dict.fromkeys(limits):
        if math.isfinite(limit):
            x = axis.position(limit)
            anchor = "start" if x < WIDTH / 4 else "end" if x > 3 * WIDTH / 4 else "middle"
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 2:g}" text-anchor="{anchor}">{limit:.4g}</text>')
    words = f"Allowed: {_interval_text(low, high)}. Measured: {value:.4g}"
    if len(values) > 1:
        words += f", single seeds {min(values):.4g} to {max(values):.4g}"
    words += "." if reported is None else f". Reported: {reported:.4g}."
    if axis.logarithmic:
        words += " Logarithmic axis."
    return Markup(
        f'<svg class="interval" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{words}">'
        f"<title>{words}</title>{''.join(parts)}</svg>"
    )


def _interval_text(low: float, high: float) -> str:
    if low == -math.inf:
        return f"at most {high:.4g}"
    return f"at least {low:.4g}" if high == math.inf else f"{low:.4g} to {high:.4g}"
