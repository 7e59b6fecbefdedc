"""Where things lie below the root of a Litmus repository."""

import os
from functools import cache
from pathlib import Path

from litmus.errors import LitmusError

KIT = Path(__file__).resolve().parent
SCHEMAS = KIT.parent / "schemas"


@cache
def root() -> Path:
    """The repository: ``$LITMUS_ROOT``, or the nearest folder upwards that holds papers/ and config.yaml."""
    if chosen := os.environ.get("LITMUS_ROOT"):
        return Path(chosen).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "papers").is_dir() and (folder / "config.yaml").is_file():
            return folder
    raise LitmusError(f"{here}: neither this folder nor one above it is a Litmus repository (papers/ and config.yaml)")


def paper_dir(slug: str) -> Path:
    """papers/<theme>/<paper>"""
    return root() / "papers" / slug


def substrate_dir(name: str) -> Path:
    """papers/substrates/<name>"""
    return root() / "papers" / "substrates" / name


def substrate_weights(name: str) -> Path:
    """Where the arrays of a substrate are saved."""
    return root() / "results" / "substrates" / name / "weights.npz"


def results_dir(slug: str, scale: str) -> Path:
    """results/<scale>/<theme>/<paper>"""
    return root() / "results" / scale / slug


def figure_file(slug: str, scale: str) -> Path:
    """figures/<scale>/<theme>/<paper>.svg"""
    return root() / "figures" / scale / f"{slug}.svg"


def log_file(slug: str, scale: str, stage: str) -> Path:
    """logs/<scale>/<theme>/<paper>/<stage>.log"""
    return root() / "logs" / scale / slug / f"{stage}.log"


def benchmark_file(slug: str, scale: str, stage: str) -> Path:
    """benchmarks/<scale>/<theme>/<paper>/<stage>.tsv, written by Snakemake."""
    return root() / "benchmarks" / scale / slug / f"{stage}.tsv"


def shown(path: Path) -> str:
    """`path` relative to the repository, for messages."""
    try:
        return str(path.resolve().relative_to(root()))
    except (ValueError, LitmusError):
        return str(path)
