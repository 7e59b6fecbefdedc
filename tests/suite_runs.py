"""What scripts share that run the real suite in copies of the repository: copying, running, comparing to the bit."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
MINUTES = 8  # no run takes longer


class Skip(Exception):
    """A reason not to run here."""


class Failure(Exception):
    """Something is not as it should be."""


def script(name: str, description: str, steps: Callable[[Path], None]) -> int:
    """Exit status of a script whose `steps` work in a folder of their own, which is kept where something is wrong."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--keep", action="store_true", help="leave the working folder for a look")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix=f"litmus-{name}-"))
    try:
        steps(folder)
    except Skip as reason:
        print(f"{name}: skipped: {reason}")
    except Failure as problem:
        print(f"{name}: FAILED: {problem}\n{name}: see {folder}", file=sys.stderr)
        keep = True
        return 1
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def clone(target: Path) -> Path:
    """The files of this repository that git knows or would know, without any results."""
    listing = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise Skip(f"git does not list the files of {REPOSITORY}: {listed.stderr.strip()}")
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    return target


def start(folder: Path, *arguments: str, papers: Collection[str]) -> subprocess.Popen[str]:
    """Snakemake in a copy of the repository, in a process group of its own; its output as one text."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--config", f"papers=[{','.join(papers)}]"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LITMUS_", "SLURM_", "PYTHONPATH"))}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=clean | {"LITMUS_TABLE": "no", "COLUMNS": "160"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def snakemake(folder: Path, *arguments: str, papers: Collection[str]) -> tuple[int, str]:
    """Exit status and output of a whole run."""
    return finish(start(folder, *arguments, papers=papers))


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit status and output of a run, once it has ended."""
    try:
        output, _ = process.communicate(timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise Failure(f"{process.args} took more than {MINUTES} minutes") from None
    return process.returncode, output


def expect(result: tuple[int, str], status: int, *texts: str) -> str:
    """The output of a run that ended with `status` and said `texts`."""
    code, output = result
    if code != status:
        raise Failure(f"snakemake ended with {code} instead of {status}:\n{output[-5000:]}")
    for text in texts:
        if text not in output:
            raise Failure(f"snakemake did not say {text!r}:\n{output[-5000:]}")
    return output


def wait_until(condition: Callable[[], object], seconds: float, problem: str) -> str:
    """The first true value of `condition`, as text."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return str(value)
        time.sleep(0.2)
    raise Failure(problem)


def compare(one: Path, other: Path, papers: Collection[str]) -> None:
    """Metrics, tables and verdicts of the smoke scale are the same, timings left out."""
    for paper in papers:
        outcomes = [deterministic(folder, paper) for folder in (one, other)]
        if outcomes[0] != outcomes[1]:
            raise Failure(f"{paper}: different metrics, tables or verdicts in {one} and {other}")


def deterministic(folder: Path, paper: str) -> object:
    """What a paper produced and must produce again."""
    import pandas as pd
    import yaml

    page = yaml.safe_load((folder / "papers" / paper / "paper.yaml").read_text())
    timings = set(page.get("nondeterministic", []))
    results = folder / "results" / "smoke" / paper
    metrics = json.loads((results / "outcome.json").read_text())["metrics"]
    kept = {seed: {k: v for k, v in values.items() if k not in timings} for seed, values in metrics.items()}
    tables = {}
    for file in sorted((results / "tables").glob("*.csv")):
        table = pd.read_csv(file, dtype=str)
        tables[file.stem] = table.drop(columns=[c for c in table if f"{file.stem}.{c}" in timings]).to_csv()
    verdicts = {row["claim"]: row["verdict"] for row in json.loads((results / "verdicts.json").read_text())["claims"]}
    return kept, tables, verdicts
