"""The real Snakemake on fixture papers: what reruns, what a fault stops, what a killed run leaves behind."""

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from helpers import edit, snakemake, snakemake_call

from litmus import lifecycle
from litmus.errors import DamagedError
from litmus.files import condemn

pytestmark = pytest.mark.workflow


def jobs(result):
    """The stages that ran, such as {"data toy/a", "check toy/b"}."""
    return {" ".join(match) for match in re.findall(r"^Job \d+: (\w+) +(\w+/\w+)", result.stdout + result.stderr, re.M)}


def metrics(repository, scale="smoke"):
    return {
        str(file.relative_to(repository)): file.read_bytes()
        for name in ("outcome.json", "tables/*.csv", "verdicts.json")
        for file in sorted((repository / "results" / scale).glob(f"*/*/{name}"))
    }


def verdicts(repository, scale="smoke"):
    text = (repository / "results" / scale / "verdicts.csv").read_text()
    return {row["paper"]: row for row in csv.DictReader(text.splitlines())}


def test_reruns_exactly_what_changed(repository, add_paper):
    for slug in ("toy/a", "toy/b"):
        add_paper(slug)
    folder = repository / "papers/toy/a"
    first = snakemake(repository, "smoke")
    assert first.returncode == 0, first.stderr
    assert len(jobs(first)) == 8
    assert "every verdict is the expected one" in first.stdout

    assert "Nothing to be done" in snakemake(repository, "smoke").stderr

    edit(folder / "method.py", "deviations**2", "deviations * deviations")
    assert jobs(snakemake(repository, "smoke")) == {"experiment toy/a", "figure toy/a", "check toy/a"}
    edit(folder / "paper.yaml", "abs: 0.05", "abs: 0.06")
    assert jobs(snakemake(repository, "smoke")) == {"check toy/a"}
    edit(folder / "paper.yaml", "smoke: {n_samples: 10", "smoke: {n_samples: 11")
    edit(folder / "paper.yaml", "desk: {n_samples: 10", "desk: {n_samples: 11")
    result = snakemake(repository, "smoke")
    assert jobs(result) == {"data toy/a", "experiment toy/a", "figure toy/a", "check toy/a"}
    edit(folder / "figure.py", "bins=40", "bins=30")
    assert jobs(snakemake(repository, "smoke")) == {"figure toy/a"}
    (folder / "data.py").touch()
    assert "Nothing to be done" in snakemake(repository, "smoke").stderr


def test_one_figure_is_one_target(repository, add_paper):
    for slug in ("toy/a", "toy/b"):
        add_paper(slug)
    result = snakemake(repository, "figures/desk/toy/a.svg")
    assert result.returncode == 0
    assert jobs(result) == {"data toy/a", "experiment toy/a", "figure toy/a"}
    assert (repository / "figures/desk/toy/a.svg").is_file()


def test_failing_papers_stop_nobody_else(repository, add_paper):
    add_paper("toy/good")
    add_paper("toy/raises", method={"    n = samples": "    raise RuntimeError('boom')\n    n = samples"})
    add_paper("toy/nan", experiment={"estimates.mean()": "float('nan')"})
    add_paper("toy/missing", experiment={'"mean_variance_estimate"': '"another"'})
    add_paper("toy/empty", experiment={'{"estimate": estimates}': '{"estimate": []}'})
    add_paper("toy/nofigure", figure={"return figure": "return None"})
    add_paper("toy/syntax", method={"    n = samples": "    n = = samples"})
    add_paper("toy/unexpected", paper={"equals: 1.0": "equals: 2.0"})
    result = snakemake(repository, "smoke")
    assert result.returncode != 0
    found = {}
    for row in verdicts(repository).values():
        found[row["paper"]] = (row["verdict"], row["message"])
    assert found["toy/good"][0] == "holds"
    assert found["toy/unexpected"][0] == "fails"
    for slug, log in {
        "toy/raises": "logs/smoke/toy/raises/experiment.log",
        "toy/nan": "logs/smoke/toy/nan/experiment.log",
        "toy/missing": "logs/smoke/toy/missing/experiment.log",
        "toy/empty": "logs/smoke/toy/empty/experiment.log",
        "toy/syntax": "logs/smoke/toy/syntax/experiment.log",
        "toy/nofigure": "logs/smoke/toy/nofigure/figure.log",
    }.items():
        assert found[slug][0] == "error", slug
        assert log in found[slug][1]
        assert (repository / log).is_file()
    assert "boom" in (repository / "logs/smoke/toy/raises/experiment.log").read_text()
    assert "not as expected" in result.stdout

    # Mended, the same command goes on where it stopped.
    edit(repository / "papers/toy/raises/method.py", "raise RuntimeError('boom')", "pass")
    for slug in ("nan", "missing", "empty", "syntax", "nofigure", "unexpected"):
        shutil.rmtree(repository / "papers/toy" / slug)
    mended = snakemake(repository, "smoke")
    assert mended.returncode == 0, mended.stderr
    assert jobs(mended) == {"experiment toy/raises", "figure toy/raises", "check toy/raises"}


def test_controls(repository, add_paper):
    add_paper("toy/a")
    assert snakemake(repository, "controls").returncode == 0
    edit(repository / "papers/toy/a/paper.yaml", "set: {unbiased: false}", "set: {n_samples: 12}")
    survived = snakemake(repository, "controls")
    assert survived.returncode != 0
    assert "control 'divide_by_n': survived" in survived.stdout + survived.stderr
    edit(repository / "papers/toy/a/paper.yaml", "set: {n_samples: 12}", "set: {unbiased: false}")
    edit(repository / "papers/toy/a/method.py", "else n)", "else 1 / 0)")
    died = snakemake(repository, "controls")
    assert died.returncode != 0
    assert "ZeroDivisionError" in died.stdout + died.stderr


def test_bad_paper_stops_before_anything_runs(repository, add_paper):
    add_paper("toy/a")
    edit(add_paper("toy/b") / "paper.yaml", "evidence: exact", "evidence: exat")
    result = snakemake(repository, "smoke")
    assert result.returncode != 0
    assert "papers/toy/b/paper.yaml: evidence: expected one of exact" in result.stdout + result.stderr
    assert not (repository / "results").exists()


def test_report_has_figures_and_claims(repository, add_paper):
    add_paper("toy/a")
    assert snakemake(repository, "smoke").returncode == 0
    assert snakemake(repository, "smoke", "--report", "report.zip").returncode == 0
    assert (repository / "report.zip").stat().st_size > 100_000


SLOW = {"    estimates = ": "    import time\n\n    time.sleep(0.4)\n    estimates = "}


def test_killed_run_ends_with_the_same_bits(repository, add_paper):
    for slug in ("toy/a", "toy/b", "toy/c"):
        add_paper(slug, experiment=SLOW)
    assert snakemake(repository, "smoke", cores=1).returncode == 0
    unbroken = metrics(repository)
    assert len(unbroken) == 9

    moments = random.Random(0)
    for name in ("results", "figures", "logs", "benchmarks", ".snakemake"):
        shutil.rmtree(repository / name, ignore_errors=True)
    for _ in range(5):
        process = subprocess.Popen(
            **snakemake_call("smoke"),
            cwd=repository,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(2.0 + 5 * moments.random())
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    result = snakemake(repository, "smoke")
    assert result.returncode == 0, result.stderr
    assert metrics(repository) == unbroken
    assert not list((repository / "results").rglob(".*.part*"))


def test_edits_are_seen_with_a_clock_set_back(repository, add_paper):
    folder = add_paper("toy/a")
    assert snakemake(repository, "smoke").returncode == 0
    tomorrow = time.time() + 86_400
    for file in repository.rglob("*"):
        os.utime(file, (tomorrow, tomorrow))
    assert "Nothing to be done" in snakemake(repository, "smoke").stderr
    edit(folder / "method.py", "deviations**2", "deviations * deviations")
    result = snakemake(repository, "smoke")
    assert result.returncode == 0
    assert jobs(result) == {"experiment toy/a", "figure toy/a", "check toy/a"}


def test_damaged_results_are_made_again(repository, add_paper):
    folder = add_paper("toy/a")
    assert snakemake(repository, "smoke").returncode == 0
    unbroken = metrics(repository)
    results = repository / "results/smoke/toy/a"
    for name, reader, change in (
        ("data.npz", "method.py", ("deviations**2", "deviations * deviations")),
        ("outcome.json", "figure.py", ("bins=40", "bins=30")),
        ("tables/estimates.csv", "figure.py", ("bins=30", "bins=20")),
    ):
        file = results / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        edit(folder / reader, *change)  # somebody has a reason to read it
        failed = snakemake(repository, "smoke")
        assert failed.returncode != 0
        assert f"{name}: damaged" in failed.stderr
        assert "the next run makes it again" in failed.stderr
        mended = snakemake(repository, "smoke")
        assert mended.returncode == 0, mended.stderr
        assert metrics(repository) == unbroken
    file = results / "verdicts.json"
    file.write_text(file.read_text().replace('"holds"', '"fails"', 1))
    (repository / "results/smoke/verdicts.csv").unlink()
    failed = snakemake(repository, "smoke")
    assert failed.returncode != 0
    assert "verdicts.json: damaged" in failed.stdout + failed.stderr
    assert verdicts(repository)["toy/a"]["verdict"] == "error"
    assert snakemake(repository, "smoke").returncode == 0
    assert metrics(repository) == unbroken

    control = results / "controls/divide_by_n.json"
    assert snakemake(repository, "controls").returncode == 0
    control.write_text(control.read_text().replace("broken", "intact"))
    (repository / "results/smoke/controls.csv").unlink()
    assert snakemake(repository, "controls").returncode != 0
    assert snakemake(repository, "controls").returncode == 0


def test_damaged_files_of_a_run_at_work_are_left_to_it(repository):
    file, lock = repository / "results/a.npz", repository / ".snakemake/locks/0.output.lock"
    for path in (file, lock):
        path.parent.mkdir(parents=True)
        path.touch()
    condemn(DamagedError("a.npz: damaged", file))
    lifecycle.mend_what_was_left()
    assert file.exists()
    lock.unlink()
    lifecycle.mend_what_was_left()
    assert not file.exists()


def test_costs_are_collected(repository, add_paper):
    add_paper("toy/a")
    assert snakemake(repository, "smoke").returncode == 0
    lines = (repository / "results/smoke/costs.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("paper,stage,cpu_seconds")
    cost = json.loads((repository / "benchmarks/smoke/toy/a/experiment.json").read_text())
    assert 0 < cost["own_cpu_seconds"] < cost["cpu_seconds"] < 60
