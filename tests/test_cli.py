"""The command line for people."""

import pytest
from helpers import edit
from typer.testing import CliRunner

from litmus import cli
from litmus.errors import LitmusError

runner = CliRunner()


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setattr(cli.console, "_width", 200)


def invoke(*arguments):
    return runner.invoke(cli.app, list(arguments))


def fail(*arguments):
    """The message of the `LitmusError` that a call ends with."""
    result = invoke(*arguments)
    assert isinstance(result.exception, LitmusError), result.output
    return str(result.exception)


def test_help_teaches():
    output = invoke("--help").output
    for command in ("list", "show", "run", "new", "verdicts", "audit", "control", "reproductions"):
        assert command in output


def test_new_run_control_audit(repository):
    assert invoke("new", "toy/a").exit_code == 0
    result = invoke("run", "toy/a")
    assert result.exit_code == 0, result.output
    assert "holds" in result.output
    assert (repository / "results/dev/smoke/toy/a/figure.png").is_file()
    assert not (repository / "results/smoke").exists()
    assert invoke("control", "toy/a").exit_code == 0
    result = invoke("audit", "toy/a", "--seeds", "100:103", "--scale", "smoke")
    assert result.exit_code == 0
    assert "0 of 1 verdicts moved" in result.output
    moved = invoke("audit", "a", "--scale", "smoke", "--seeds", "7", "--set", "unbiased=false")
    assert moved.exit_code == 1
    assert "1 of 1 verdicts moved: unbiased_variance" in moved.output


def test_list_and_show(add_paper):
    add_paper("toy/a")
    assert "toy/a" in invoke("list").output
    shown = invoke("show", "a").output
    for part in ("Somebody et al.", "unbiased_variance", "divide_by_n", "not run"):
        assert part in shown


def test_run_exits_with_one_if_a_verdict_is_unexpected(add_paper):
    edit(add_paper("toy/a") / "paper.yaml", "equals: 1.0", "equals: 2.0")
    assert invoke("run", "toy/a").exit_code == 1


def test_clear_errors(repository, add_paper):
    add_paper("toy/variance")
    assert "did you mean toy/variance" in fail("run", "toy/varaince")
    assert "exists already" in fail("new", "toy/variance")
    assert "expected theme/paper" in fail("new", "toy/../x")
    assert "expected FIRST:LAST" in fail("audit", "variance", "--seeds", "a")
    assert "expected LAST to be larger" in fail("audit", "variance", "--seeds", "5:5")
    assert "expected NAME=VALUE" in fail("audit", "variance", "--set", "n")
    assert "did you mean n_samples" in fail("audit", "variance", "--set", "n_sample=3")
    assert "no scale 'huge'" in fail("run", "variance", "--scale", "huge")
    assert "no theme 'toi' (did you mean toy?)" in fail("list", "toi")


def test_outside_a_repository(tmp_path, monkeypatch):
    from litmus import paths

    monkeypatch.delenv("LITMUS_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    paths.root.cache_clear()
    assert "neither this folder nor one above it is a Litmus repository" in fail("list")
    paths.root.cache_clear()
