"""What an experiment returns, and how it is saved and loaded.

An outcome is saved as ``outcome.json`` (metrics of every seed, a checksum of every table) and one CSV per
table in ``tables/``, with a leading `seed` column. Floats are written so that they read back to the bit.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litmus.errors import DamagedError, LitmusError
from litmus.files import read_sealed, whole_folder, write_sealed
from litmus.paths import shown

if TYPE_CHECKING:
    import pandas as pd

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")


@dataclass
class Outcome:
    """What ``run`` returns for one seed.

    Parameters
    ----------
    metrics : mapping of name to number
        The scalars that claims are about.
    tables : mapping of name to DataFrame
        Tidy tables, all that the figure needs. No `seed` column; the kit adds it.
    """

    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def checked(self, owner: str) -> Outcome:
        """The same outcome with plain floats, or a `LitmusError` that names what is wrong with it."""
        metrics = {}
        given: Mapping[str, Any] = self.metrics
        for name, value in given.items():
            _check_name(name, owner, "metric")
            try:
                if isinstance(value, str | bytes):
                    raise TypeError
                metrics[name] = float(value)
            except (TypeError, ValueError):
                kind = type(value).__name__
                raise LitmusError(f"{owner}: metric '{name}': expected a number, found {kind}") from None
        for name, table in self.tables.items():
            _check_name(name, owner, "table")
            if not hasattr(table, "columns"):
                raise LitmusError(f"{owner}: table '{name}': expected a DataFrame, found {type(table).__name__}")
            if len(table) == 0:
                raise LitmusError(f"{owner}: table '{name}' has no rows")
            if "seed" in table.columns:
                raise LitmusError(f"{owner}: table '{name}' has a column 'seed'; the kit adds that column")
        return Outcome(metrics, self.tables)


def _check_name(name: object, owner: str, kind: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise LitmusError(f"{owner}: {kind} '{name}': expected a name of lower-case letters, digits and _")


def combine(outcomes: Mapping[int, Outcome], owner: str) -> tuple[dict[int, Mapping[str, float]], dict[str, Any]]:
    """Metrics by seed, and the tables of all seeds stacked under a `seed` column."""
    import pandas as pd

    metrics = {seed: outcome.metrics for seed, outcome in outcomes.items()}
    names = {frozenset(outcome.tables) for outcome in outcomes.values()}
    if len(names) > 1:
        raise LitmusError(f"{owner}: seeds return different tables: {sorted(map(sorted, names))}")
    tables = {}
    for name in next(iter(outcomes.values())).tables:
        parts = []
        for seed, outcome in outcomes.items():
            part = outcome.tables[name].reset_index(drop=True)
            part.insert(0, "seed", seed)
            parts.append(part)
        tables[name] = pd.concat(parts, ignore_index=True)
    return metrics, tables


def save(folder: Path, metrics: Mapping[int, Mapping[str, float]], tables: Mapping[str, pd.DataFrame]) -> None:
    """Write outcome.json and tables/ into `folder`; the tables first, so that an outcome.json is never alone."""
    checksums = {}
    with whole_folder(folder / "tables") as temporary:
        for name, table in tables.items():
            content = table.to_csv(index=False, lineterminator="\n").encode()
            (temporary / f"{name}.csv").write_bytes(content)
            checksums[name] = hashlib.sha256(content).hexdigest()
    record = {
        "metrics": {str(seed): {k: encode(v) for k, v in values.items()} for seed, values in metrics.items()},
        "tables": checksums,
    }
    write_sealed(folder / "outcome.json", record)


def load_metrics(folder: Path) -> dict[int, dict[str, float]]:
    """Metrics by seed."""
    record = _load_record(folder)
    return {int(seed): {k: float(v) for k, v in values.items()} for seed, values in record["metrics"].items()}


def load_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of all seeds, each checked against its checksum."""
    import io

    import pandas as pd

    tables = {}
    for name, checksum in _load_record(folder)["tables"].items():
        file = folder / "tables" / f"{name}.csv"
        try:
            content = file.read_bytes()
        except OSError as error:
            problem = f"{shown(file)}: cannot be read ({error.strerror})"
            raise DamagedError(problem, folder / "outcome.json") from None
        if hashlib.sha256(content).hexdigest() != checksum:
            raise DamagedError(f"{shown(file)}: damaged (its checksum differs)", folder / "outcome.json", file)
        tables[name] = pd.read_csv(io.BytesIO(content), keep_default_na=False, na_values=[""])
    return tables


def _load_record(folder: Path) -> dict[str, Any]:
    file = folder / "outcome.json"
    try:
        return read_sealed(file)
    except OSError as error:
        raise LitmusError(f"{shown(file)}: cannot be read ({error.strerror})") from None


def encode(value: float) -> float | str:
    """JSON has no infinities and no NaN: these are written as text."""
    return value if math.isfinite(value) else str(value)
