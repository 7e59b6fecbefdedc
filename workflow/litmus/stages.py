"""One stage of one paper or substrate: read its inputs, call the paper, write its outputs.

The only module of the kit that touches results. Every output appears whole or not at all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litmus import catalog, outcome, simulate, summary
from litmus.catalog import Paper
from litmus.claims import FAILS, HOLDS, evaluate
from litmus.errors import LitmusError
from litmus.files import saved_arrays, whole_file, write_sealed, write_text
from litmus.paths import figure_file, results_dir, root, shown, substrate_weights

if TYPE_CHECKING:
    import numpy as np

_READ = "parameters_read"


def data(paper: Paper, scale: str, seeds: Sequence[int], folder: Path | None = None) -> None:
    """Write data.npz: the arrays of every seed as <seed>/<name>, and the names of the parameters read."""
    import numpy as np

    folder = folder or results_dir(paper.slug, scale)
    arrays: dict[str, Any] = {}
    read: set[str] = set()
    for seed in seeds:
        generated, names = simulate.generate(paper, paper.params(scale), seed)
        arrays |= {f"{seed}/{name}": array for name, array in generated.items()}
        read |= names
    arrays[_READ] = np.array(sorted(read), dtype=str)
    with whole_file(folder / "data.npz") as temporary:
        np.savez(temporary, **arrays)


def experiment(
    paper: Paper, scale: str, seeds: Sequence[int], shard: int | None = None, folder: Path | None = None
) -> None:
    """Write outcome.json and tables/ of all seeds.

    A paper with several shards runs each as a job of its own (`shard`), whose outcome goes to shards/<shard>;
    without `shard` those are then put together.
    """
    folder = folder or results_dir(paper.slug, scale)
    if paper.shards > 1 and shard is None:
        _gather(paper, folder, seeds)
        return
    mine = [seed for i, seed in enumerate(seeds) if shard is None or i % paper.shards == shard]
    outcomes = {}
    params = paper.params(scale)
    for seed in mine:
        arrays, read_by_data = _load_data(folder / "data.npz", seed)
        params.read |= read_by_data
        outcomes[seed] = simulate.run(paper, arrays, params, seed)
    if mine and params.unread:
        name = min(params.unread)
        raise LitmusError(
            f"papers/{paper.slug}/paper.yaml: scales.{scale}.{name}: neither data.py nor experiment.py reads it"
        )
    target = folder if shard is None else folder / "shards" / str(shard)
    metrics, tables = outcome.combine(outcomes, paper.slug) if outcomes else ({}, {})
    outcome.save(target, metrics, tables)


def _gather(paper: Paper, folder: Path, seeds: Sequence[int]) -> None:
    import pandas as pd

    parts = [folder / "shards" / str(shard) for shard in range(paper.shards)]
    metrics = {seed: values for part in parts for seed, values in outcome.load_metrics(part).items()}
    tables: dict[str, list[Any]] = {}
    for part in parts:
        for name, table in outcome.load_tables(part).items():
            tables.setdefault(name, []).append(table)
    stacked = {
        name: pd.concat(found).sort_values("seed", kind="stable", ignore_index=True) for name, found in tables.items()
    }
    outcome.save(folder, {seed: metrics[seed] for seed in seeds}, stacked)


def _load_data(file: Path, seed: int) -> tuple[dict[str, np.ndarray], set[str]]:
    try:
        with saved_arrays(file) as archive:
            prefix = f"{seed}/"
            arrays = {name.removeprefix(prefix): archive[name] for name in archive.files if name.startswith(prefix)}
            return arrays, set(archive[_READ].tolist())
    except FileNotFoundError:
        raise LitmusError(f"{shown(file)}: missing; run the data stage first") from None


def forget_what_follows(paper: Paper, scale: str, stage: str) -> None:
    """Remove the results that `stage`, about to run, makes out of date.

    Snakemake does not make a missing file again while what follows from it is there, so that a stage that fails
    would otherwise leave an old verdict behind, for good.
    """
    if stage in ("data", "experiment"):
        folder, picture = results_dir(paper.slug, scale), figure_file(paper.slug, scale)
        following = [folder / "verdicts.json", picture, picture.with_suffix(".png")]
        for file in [folder / "outcome.json", *following] if stage == "data" else following:
            file.unlink(missing_ok=True)


def figure(paper: Paper, scale: str, folder: Path | None = None, file: Path | None = None) -> None:
    """Write the figure as SVG (`file`) and, beside it, as PNG."""
    from litmus import plotting

    tables = outcome.load_tables(folder or results_dir(paper.slug, scale))
    drawn = simulate.draw(paper, tables)
    file = file or figure_file(paper.slug, scale)
    plotting.save(drawn, file.with_suffix(".png"))
    plotting.save(drawn, file)


def check(paper: Paper, scale: str, folder: Path | None = None) -> list[dict[str, Any]]:
    """Write verdicts.json and verdicts.html: every claim of the scale against its expectation."""
    folder = folder or results_dir(paper.slug, scale)
    metrics = outcome.load_metrics(folder)
    verdicts = [verdict_record(evaluate(claim, metrics)) for claim in paper.claims_at(scale)]
    write_text(folder / "verdicts.html", summary.as_html(paper, scale, verdicts))
    write_sealed(folder / "verdicts.json", {"claims": verdicts})
    return verdicts


def verdict_record(verdict: Any) -> dict[str, Any]:
    """A verdict as JSON; infinities as text."""
    record = dataclasses.asdict(verdict) | {"as_expected": verdict.as_expected}
    record["values"] = {str(seed): outcome.encode(value) for seed, value in verdict.values.items()}
    for field in ("value", "spread", "margin"):
        if isinstance(record[field], float):
            record[field] = outcome.encode(record[field])
    return record


def control(paper: Paper, control_id: str, file: Path | None = None) -> dict[str, Any]:
    """Run one control at smoke scale and write its record.

    The record's `result` is "broken" if every claim that the control names fails, "survived" otherwise, and
    "not intact" if, at the control's own sizes, a named claim fails even without the control.

    Raises
    ------
    LitmusError
        If a named claim's metric is missing or NaN: a control must break a claim by value.
    """
    known = {control.id: control for control in paper.controls}
    if control_id not in known:
        raise LitmusError(f"{paper.slug}: no control '{control_id}'{catalog.nearest(control_id, known)}")
    chosen = known[control_id]
    claims = [claim for claim in paper.claims if claim.id in chosen.breaks]
    seeds = paper.seed_list("smoke")
    intact_values = paper.parameters("smoke") | dict(chosen.at or {})

    def verdicts(values: Mapping[str, Any]) -> list[dict[str, Any]]:
        outcomes = simulate.simulate(paper, values, seeds)
        metrics = {seed: outcome.metrics for seed, outcome in outcomes.items()}
        records = [verdict_record(evaluate(claim, metrics)) for claim in claims]
        for record in records:
            if record["message"]:
                raise LitmusError(
                    f"{paper.slug}: control '{control_id}': claim '{record['claim']}': {record['message']}"
                )
        return records

    intact = verdicts(intact_values) if chosen.at is not None else []
    broken = verdicts(intact_values | dict(chosen.set))
    if any(record["verdict"] != HOLDS for record in intact):
        result = "not intact"
    else:
        result = "broken" if all(record["verdict"] == FAILS for record in broken) else "survived"
    record = {
        "paper": paper.slug,
        "control": control_id,
        "result": result,
        "claims": broken,
        "intact": intact,
    }
    write_sealed(file or results_dir(paper.slug, "smoke") / "controls" / f"{control_id}.json", record)
    return record


def substrate(name: str) -> None:
    """Make a substrate and save its arrays where papers load them."""
    import importlib
    import sys

    import numpy as np

    from litmus import seeding
    from litmus.params import Params

    description = catalog.load_substrate(name)
    if str(root()) not in sys.path:
        sys.path.insert(0, str(root()))
    train = importlib.import_module(f"papers.substrates.{name}.train").train
    params = Params(description.params, f"papers/substrates/{name}/substrate.yaml: params")
    arrays = simulate.call(train, params, seeding.generator(f"substrates/{name}", "train", 0))
    if params.unread:
        raise LitmusError(
            f"papers/substrates/{name}/substrate.yaml: params.{min(params.unread)}: train.py does not read it"
        )
    with whole_file(substrate_weights(name)) as temporary:
        np.savez(temporary, **arrays)
