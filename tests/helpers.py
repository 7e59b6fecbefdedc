"""What tests share: editing files, running the stages of a paper, and running Snakemake."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from litmus import catalog, stages

REPOSITORY = Path(__file__).resolve().parent.parent


def edit(file: Path, old: str, new: str) -> None:
    """Replace `old`, which must be there, by `new`."""
    text = file.read_text()
    assert old in text, f"{file.name} has no {old!r}"
    file.write_text(text.replace(old, new))


def run_stages(slug: str, scale: str = "smoke") -> list[dict[str, Any]]:
    """All stages of a paper in this process; its verdicts."""
    paper = catalog.load(slug)
    seeds = paper.seed_list(scale)
    stages.data(paper, scale, seeds)
    for shard in range(paper.shards) if paper.shards > 1 else []:
        stages.experiment(paper, scale, seeds, shard=shard)
    stages.experiment(paper, scale, seeds)
    stages.figure(paper, scale)
    return stages.check(paper, scale)


def snakemake_call(*arguments: str, cores: int = 2) -> dict[str, object]:
    """Arguments for `subprocess` that run the real workflow as its users do."""
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--cores", str(cores)]
    environment = {k: v for k, v in os.environ.items() if k not in ("LITMUS_ROOT", "PYTHONPATH")} | {"COLUMNS": "150"}
    return {"args": [*command, *arguments], "env": environment}


def snakemake(repository: Path, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
    """Run the real workflow on the fixture papers."""
    call = snakemake_call(*arguments, cores=cores)
    return subprocess.run(**call, cwd=repository, capture_output=True, text=True, check=False, timeout=300)
