"""What tests of the workflow share: editing files, and running Snakemake."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def edit(file: Path, old: str, new: str) -> None:
    """Replace `old`, which must be there, by `new`."""
    text = file.read_text()
    assert old in text, f"{file.name} has no {old!r}"
    file.write_text(text.replace(old, new))


def snakemake_call(*arguments: str, cores: int = 2) -> dict[str, object]:
    """Arguments for `subprocess` that run the real workflow as its users do."""
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--cores", str(cores)]
    environment = {k: v for k, v in os.environ.items() if k not in ("LITMUS_ROOT", "PYTHONPATH")} | {"COLUMNS": "150"}
    return {"args": [*command, *arguments], "env": environment}


def snakemake(repository: Path, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
    """Run the real workflow on the fixture papers."""
    call = snakemake_call(*arguments, cores=cores)
    return subprocess.run(**call, cwd=repository, capture_output=True, text=True, check=False, timeout=300)
