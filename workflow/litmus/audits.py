"""How firm a verdict is: the same paper with fresh seeds or changed parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from litmus import simulate, stages, summary
from litmus.catalog import Paper, nearest
from litmus.claims import evaluate
from litmus.errors import LitmusError


def parse_seeds(text: str) -> list[int]:
    """ "100:105" as [100, ..., 104]; "7" as [7]."""
    if not (match := re.fullmatch(r"(\d+)(?::(\d+))?", text)):
        raise LitmusError(f"--seeds {text}: expected FIRST:LAST such as 100:105, or one seed")
    first, last = int(match[1]), int(match[2]) if match[2] else int(match[1]) + 1
    if last <= first:
        raise LitmusError(f"--seeds {text}: expected LAST to be larger than FIRST")
    return list(range(first, last))


def parse_settings(texts: Sequence[str]) -> dict[str, Any]:
    """["n=5", "debias=false"] as {"n": 5, "debias": False}."""
    settings = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier():
            raise LitmusError(f"--set {text}: expected NAME=VALUE")
        try:
            settings[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise LitmusError(f"--set {text}: the value is not readable as YAML") from None
    return settings


def audit(paper: Paper, scale: str, seeds: Sequence[int], settings: Mapping[str, Any], console: Any) -> list[str]:
    """Print stated and fresh verdicts side by side; return the ids of the claims whose verdict moved."""
    from rich.markup import escape
    from rich.table import Table

    values = paper.parameters(scale)
    for name in settings:
        if name not in values:
            raise LitmusError(
                f"{paper.slug}: no parameter '{name}'{nearest(name, values)}; there are: {', '.join(values)}"
            )
    outcomes = simulate.simulate(paper, values | dict(settings), seeds)
    metrics = {seed: outcome.metrics for seed, outcome in outcomes.items()}
    table = Table(
        show_edge=False,
        header_style="bold",
        title=f"{paper.slug} at {scale}, seeds {seeds[0]} to {seeds[-1]}",
    )
    for column in ("claim", "stated", "fresh", "measured", "smallest", "largest", "expectation", "margin"):
        table.add_column(column)
    moved = []
    for claim in paper.claims_at(scale):
        verdict = evaluate(claim, metrics)
        row = stages.verdict_record(verdict) | {"measured": verdict.value}
        if not verdict.as_expected:
            moved.append(claim.id)
        spread = sorted(verdict.values.values()) or [float("nan")]
        table.add_row(
            claim.id,
            claim.outcome,
            verdict.verdict,
            escape(summary.measured(row)),
            f"{spread[0]:.4g}",
            f"{spread[-1]:.4g}",
            escape(claim.expectation),
            summary.margin(row),
            style="" if verdict.as_expected else "bold red",
        )
    console.print(table)
    console.print(
        f"{len(moved)} of {len(paper.claims_at(scale))} verdicts moved" + (f": {', '.join(moved)}" if moved else "")
    )
    return moved
