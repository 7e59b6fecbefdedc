"""Outcomes survive saving to the bit, and damage is noticed."""

import math

import numpy as np
import pandas as pd
import pytest

from litmus import outcome
from litmus.errors import LitmusError
from litmus.outcome import Outcome


def save(folder, table):
    metrics, tables = outcome.combine(
        {0: Outcome({"m": 0.1}, {"t": table}), 1: Outcome({"m": math.inf}, {"t": table})}, "p"
    )
    outcome.save(folder, metrics, tables)


def test_round_trip_is_exact(repository):
    values = np.random.default_rng(0).standard_normal(100) * 10.0 ** np.arange(-50, 50)
    table = pd.DataFrame(
        {
            "x": values,
            "n": np.arange(100),
            "name": ["NA", "a,b", '"', *["é"] * 97],
            "flag": [True, False] * 50,
        }
    )
    save(repository, table)
    loaded = outcome.load_tables(repository)["t"]
    expected = pd.concat([table.assign(seed=0), table.assign(seed=1)], ignore_index=True)[["seed", *table.columns]]
    assert (loaded["x"].to_numpy() == expected["x"].to_numpy()).all()
    pd.testing.assert_frame_equal(loaded, expected)
    assert outcome.load_metrics(repository) == {0: {"m": 0.1}, 1: {"m": math.inf}}


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b.replace(b"1.5", b"2.5"), lambda b: b""])
def test_damaged_table_is_never_read_as_good(repository, damage):
    save(repository, pd.DataFrame({"x": [1.5, 2.0]}))
    file = repository / "tables" / "t.csv"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(LitmusError, match=r"t\.csv: damaged"):
        outcome.load_tables(repository)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metrics": {}}', '{"metrics": 1, "tables": 2}'])
def test_damaged_record_is_never_read_as_good(repository, content):
    save(repository, pd.DataFrame({"x": [1.5]}))
    (repository / "outcome.json").write_text(content)
    with pytest.raises(LitmusError, match=r"outcome\.json: damaged"):
        outcome.load_metrics(repository)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (Outcome({"m": "high"}), "metric 'm'"),
        (Outcome({"m": np.zeros(2)}), "metric 'm'"),
        (Outcome({"M m": 1.0}), "metric 'M m'"),
        (Outcome({"m": 1.0}, {"t": pd.DataFrame({"x": []})}), "no rows"),
        (Outcome({"m": 1.0}, {"t": pd.DataFrame({"seed": [1]})}), "seed"),
        (Outcome({"m": 1.0}, {"t": {"x": [1]}}), "DataFrame"),
        (Outcome({"m": 1.0}, {"../t": pd.DataFrame({"x": [1]})}), "../t"),
    ],
)
def test_bad_outcomes_are_named(bad, named):
    with pytest.raises(LitmusError) as caught:
        bad.checked("papers/toy/a/experiment.py")
    assert named in str(caught.value)


def test_numpy_scalars_are_numbers():
    metrics = Outcome({"a": np.float32(0.5), "b": np.int64(3), "c": np.array(2.0), "d": True}).checked("p").metrics
    assert metrics == {"a": 0.5, "b": 3.0, "c": 2.0, "d": 1.0}


def test_seeds_with_different_tables_are_an_error():
    table = pd.DataFrame({"x": [1]})
    with pytest.raises(LitmusError, match="different tables"):
        outcome.combine({0: Outcome({}, {"a": table}), 1: Outcome({}, {"b": table})}, "p")
