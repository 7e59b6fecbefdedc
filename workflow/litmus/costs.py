"""What a job costs: CPU seconds, wall seconds and peak memory.

Snakemake's own `benchmark:` samples a job every half second, which misses most of a short one, so each job
leaves its exact figures beside Snakemake's file.
"""

from __future__ import annotations

import csv
import io
import json
import resource
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from litmus.files import write_text
from litmus.paths import benchmark_file

STAGES = ("data", "experiment", "figure", "check")


@contextmanager
def recorded(file: Path) -> Iterator[None]:
    """Write the cost of this process so far to `file` (JSON) when the block ends without an error."""
    from litmus import simulate

    start = time.monotonic()
    yield
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {
        "cpu_seconds": round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 3),
        "own_cpu_seconds": round(simulate.own_seconds, 3),
        "wall_seconds": round(time.monotonic() - start, 3),
        "peak_mb": round(max(own.ru_maxrss, children.ru_maxrss) / 1024, 1),
    }
    write_text(file, json.dumps(cost) + "\n")


def cost_file(slug: str, scale: str, stage: str) -> Path:
    """Where a job leaves its cost, beside Snakemake's benchmark file."""
    return benchmark_file(slug, scale, stage).with_suffix(".json")


def load(slug: str, scale: str, stage: str) -> dict[str, float] | None:
    """The cost of a job, with the wall seconds that Snakemake measured (start of the process included)."""
    try:
        cost = json.loads(cost_file(slug, scale, stage).read_text())
    except (OSError, ValueError):
        return None
    try:
        rows = list(csv.DictReader(benchmark_file(slug, scale, stage).open(newline=""), delimiter="\t"))
        cost["wall_seconds"] = float(rows[0]["s"])
    except (OSError, ValueError, KeyError, IndexError):
        pass
    return dict(cost)


def rows(slugs: Iterable[str], scale: str) -> list[dict[str, Any]]:
    """One row per paper and stage that has run."""
    return [
        {"paper": slug, "stage": stage, **cost}
        for slug in slugs
        for stage in STAGES
        if (cost := load(slug, scale, stage)) is not None
    ]


def substrate_rows(names: Iterable[str]) -> list[dict[str, Any]]:
    """One row per substrate that has been made."""
    found = ((f"substrates/{name}", load(f"substrates/{name}", "all", "train")) for name in names)
    return [{"paper": slug, "stage": "train", **cost} for slug, cost in found if cost is not None]


def as_csv(records: Iterable[dict[str, Any]]) -> str:
    """The rows as the text of costs.csv."""
    buffer = io.StringIO()
    fields = ["paper", "stage", "cpu_seconds", "own_cpu_seconds", "wall_seconds", "peak_mb"]
    writer = csv.DictWriter(buffer, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()
