"""Tables of verdicts, and the exit status that follows from them."""

import csv
import io

import pytest
from helpers import edit, run_stages
from rich.console import Console

from litmus import paths, reproductions, summary
from litmus.errors import LitmusError


@pytest.fixture
def run(add_paper):
    """Add a paper and run its stages."""

    def run(slug, scale="smoke", **replacements):
        add_paper(slug, **replacements)
        run_stages(slug, scale)

    return run


FAILS = {
    "equals: 1.0": "equals: 2.0",
    "    scales: [smoke, desk]": "    scales: [smoke, desk]\n    outcome: fails\n    because: a < b | c",
    "controls:": "  - {id: other, says: x, source: x, reported: null, metric: mean_variance_estimate,"
    " expect: {at_least: 0.95}, tolerance: x, scales: [smoke, desk]}\ncontrols:",
    "breaks: [unbiased_variance]": "breaks: [other]",
}


def shown(records):
    console = Console(file=io.StringIO(), width=200)
    summary.show(records, "title", console)
    return console.file.getvalue()


def test_table_counts_and_marks(run, add_paper):
    run("one/good")
    run("one/recorded", paper=FAILS)
    run("two/odd", paper={"equals: 1.0": "equals: 2.0"})
    add_paper("two/idle")
    records = summary.rows(summary.selected(), "smoke")
    assert [(row["paper"], row["claim"], row["verdict"]) for row in records] == [
        ("one/good", "unbiased_variance", "holds"),
        ("one/recorded", "unbiased_variance", "fails"),
        ("one/recorded", "other", "holds"),
        ("two/idle", "unbiased_variance", "not run"),
        ("two/odd", "unbiased_variance", "fails"),
    ]
    text = shown(records)
    assert "fails (as recorded)" in text
    assert "fails (unexpected)" in text
    assert "5 claims of 4 papers: 2 holds, 2 fails, 1 not run" in text
    assert summary.gate("smoke") == 1
    assert summary.gate("smoke", lenient=True) == 0


def test_gate_is_open_only_if_all_is_as_expected(run, capsys):
    run("one/good")
    run("one/recorded", paper=FAILS)
    assert summary.gate("smoke") == 0
    paths.figure_file("one/good", "smoke").unlink()
    assert summary.gate("smoke") == 1
    assert "one/good: (figure)" in capsys.readouterr().err


def test_recorded_failure_that_holds_is_unexpected(run):
    run("one/fixed", paper={**FAILS, "equals: 1.0": "equals: 1.0"})
    assert summary.gate("smoke") == 1


def test_paper_whose_stage_died_names_its_log(run):
    run("one/good")
    (paths.results_dir("one/good", "smoke") / "outcome.json").unlink()
    log = paths.log_file("one/good", "smoke", "experiment")
    log.parent.mkdir(parents=True)
    log.write_text("boom")
    (row,) = summary.rows(summary.selected(), "smoke")
    assert row["verdict"] == "error"
    assert "logs/smoke/one/good/experiment.log" in row["message"]


def test_written_tables_agree(run, repository):
    run("one/good")
    summary.write("smoke")
    (row,) = csv.DictReader((repository / "results/smoke/verdicts.csv").open())
    assert row["verdict"] == "holds"
    assert row["as_expected"] == "True"
    assert float(row["measured"]) == pytest.approx(1, abs=0.05)
    assert "| variance" not in (repository / "results/smoke/verdicts.md").read_text()
    assert "| good | unbiased_variance |" in (repository / "results/smoke/verdicts.md").read_text()


def test_text_of_papers_is_escaped(run, repository):
    hostile = "<script>alert(1)</script> | [bold]x"
    run(
        "one/good", paper={"    source: theorem": f"    source: '{hostile}'", "says: The sample": "says: <b>The sample"}
    )
    text = summary.as_markdown(summary.rows(summary.selected(), "smoke"), "title")
    assert "<script>" not in text
    assert "\\| [bold]x" in text
    page = (paths.results_dir("one/good", "smoke") / "verdicts.html").read_text()
    assert "<script>" not in page
    assert "&lt;b&gt;The sample" in page


def test_reproductions_page(run, add_paper):
    run("one/good", scale="desk")
    page = reproductions.write().read_text()
    assert "| good | unbiased_variance |" in page
    assert "Measured at desk scale from commit" in page
    add_paper("one/idle")
    with pytest.raises(LitmusError, match="one/idle has not been run"):
        reproductions.write()


def test_changed_tolerance_waits_for_its_check(run, repository):
    run("one/good")
    edit(repository / "papers/one/good/paper.yaml", "id: unbiased_variance", "id: renamed")
    edit(repository / "papers/one/good/paper.yaml", "breaks: [unbiased_variance]", "breaks: [renamed]")
    (row,) = summary.rows(summary.selected(), "smoke")
    assert row["verdict"] == "not run"
