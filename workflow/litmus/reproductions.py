"""REPRODUCTIONS.md: the committed table of all papers with the verdicts of the last desk run."""

import subprocess
from pathlib import Path

from litmus import catalog, summary
from litmus.errors import LitmusError
from litmus.files import write_text
from litmus.paths import root

TITLE = "Reproductions"


def write() -> Path:
    """Write REPRODUCTIONS.md from results/desk; all papers, whatever config.yaml selects.

    Raises
    ------
    LitmusError
        If a paper has not been run at desk scale: the page would be incomplete.
    """
    found = summary.rows(map(catalog.load, catalog.slugs()), "desk")
    if missing := sorted({row["paper"] for row in found if row["verdict"] == summary.NOT_RUN}):
        raise LitmusError(f"results/desk: {missing[0]} has not been run; `snakemake --cores` runs all papers")
    note = (
        f"Measured at desk scale from commit {_commit()}. `make reproduce` makes these numbers again; "
        "`make reproductions` writes this page. A claim that fails *as recorded* is one whose paper.yaml says "
        "that, and why, it does not hold."
    )
    file = root() / "REPRODUCTIONS.md"
    write_text(file, summary.as_markdown(found, TITLE, note))
    return file


def _commit() -> str:
    """The commit that the working tree is at, marked if the papers or the kit have changed since."""

    def git(*arguments: str) -> str:
        result = subprocess.run(["git", *arguments], cwd=root(), capture_output=True, text=True, check=False)
        return result.stdout.strip()

    commit = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return commit + (" with changes" if git("status", "--porcelain", "--", "papers", "workflow") else "")
