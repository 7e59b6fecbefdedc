"""What the workflow itself costs: `make bench`.

Generates synthetic papers of the real shape in a temporary folder and measures, as medians of repeated runs:
the time to find nothing to do, CPU seconds of overhead per paper (all that is not `generate`, `run` or `draw`),
and the peak memory of the Snakemake process. Prints Markdown for docs/performance.md.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(REPOSITORY / "workflow")]


def make_papers(folder: Path, number: int) -> None:
    """`number` papers in 28 themes, each with a module of its theme and as much text as a real paper has."""
    from litmus import paths, scaffolding

    shutil.copy(REPOSITORY / "config.yaml", folder)
    (folder / "papers").mkdir()
    os.environ["LITMUS_ROOT"] = str(folder)
    paths.root.cache_clear()
    filler = "".join(f"\n\ndef unused_{i}(x, y):\n    return [x * {i} + y for _ in range({i})]\n" for i in range(40))
    for i in range(number):
        theme = f"theme_{i % 28:02d}"
        method = scaffolding.create(f"{theme}/paper_{i:03d}")[2]
        (folder / "papers" / theme / "shared.py").write_text(f'"""Shared."""\n\nSCALE = 1.0\n{filler}')
        method.write_text(
            method.read_text().replace(
                "import numpy as np\n", "import numpy as np\n\nfrom ..shared import SCALE  # noqa\n"
            )
            + filler
        )
        paper = folder / "papers" / theme / f"paper_{i:03d}" / "paper.yaml"
        claims, controls = paper.read_text().split("controls:\n")
        head, claim = claims.split("claims:\n")
        copies = "".join(claim.replace("id: unbiased_variance", f"id: claim_{j}") for j in range(5))
        names = ", ".join(f"claim_{j}" for j in range(5))
        controls = controls.replace("[unbiased_variance]", f"[{names}]")
        paper.write_text(f"{head}claims:\n{copies}controls:\n{controls}")


def snakemake(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of one Snakemake run, jobs included in the CPU seconds."""
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), "--cores", "all", *arguments]
    measured = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.monotonic()\n"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([code, time.monotonic() - start, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024]))\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("LITMUS_ROOT", "PYTHONPATH")} | {
        "LITMUS_TABLE": "no"
    }
    output = subprocess.run(
        [sys.executable, "-c", measured, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    code, wall, cpu, peak = json.loads(output)
    if code:
        raise SystemExit(f"snakemake {' '.join(arguments)} ended with {code} in {folder}")
    return wall, cpu, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=376)
    parser.add_argument("--run", type=int, default=24, help="papers that are really run, for the overhead of a paper")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scaling", type=int, nargs="+", metavar="PAPERS", help="only Snakemake's own speed, at sizes")
    options = parser.parse_args()
    if options.scaling:
        scaling(options.scaling)
        return

    with tempfile.TemporaryDirectory(prefix="litmus-bench-") as name:
        few, many = Path(name, "few"), Path(name, "many")
        few.mkdir()
        many.mkdir()
        make_papers(few, options.run)
        overheads = []
        for _ in range(options.repeats):
            for output in ("results", "figures", "logs", "benchmarks", ".snakemake"):
                shutil.rmtree(few / output, ignore_errors=True)
            _, cpu, _ = snakemake(few, "smoke")
            costs = [json.loads(file.read_text()) for file in few.glob("benchmarks/smoke/*/*/*.json")]
            overheads.append((cpu - sum(cost["own_cpu_seconds"] for cost in costs)) / options.run)

        make_papers(many, options.papers)
        # Touching every output makes all of them present and up to date without 376 real runs.
        snakemake_outputs(many)
        idle = [snakemake(many, "smoke") for _ in range(options.repeats)]

    print(f"| measured on {os.cpu_count()} cores, median of {options.repeats} runs | |\n|---|---|")
    print(f"| nothing to do, {options.papers} papers | {statistics.median(run[0] for run in idle):.1f} s |")
    print(f"| its peak memory | {statistics.median(run[2] for run in idle):.0f} MB |")
    print(f"| overhead per paper (all but generate, run, draw) | {statistics.median(overheads):.2f} CPU-s |")


def scaling(sizes: list[int]) -> None:
    """How fast Snakemake itself goes through the jobs of so many papers: it touches their outputs and runs nothing."""
    print("| papers | jobs | nothing to do, CPU-s | all jobs scheduled, CPU-s | jobs a second | peak MB |")
    print("|---|---|---|---|---|---|")
    for number in sizes:
        with tempfile.TemporaryDirectory(prefix="litmus-bench-") as name:
            folder = Path(name)
            make_papers(folder, number)
            snakemake_outputs(folder)
            _, idle, _ = snakemake(folder, "smoke")
            _, busy, peak = snakemake(folder, "smoke", "--touch", "--forceall")
            jobs = 4 * number + 3
            print(
                f"| {number} | {jobs} | {idle:.1f} | {busy:.1f} | {jobs / (busy - idle):.0f} | {peak:.0f} |", flush=True
            )


def snakemake_outputs(folder: Path) -> None:
    """Write plausible outputs of every paper at smoke scale, oldest first, and let Snakemake adopt them."""
    stamp = time.time() - 1000
    for paper in sorted(folder.glob("papers/*/*/paper.yaml")):
        slug = f"{paper.parent.parent.name}/{paper.parent.name}"
        results = folder / "results" / "smoke" / slug
        (results / "tables").mkdir(parents=True)
        files = [results / "data.npz", results / "outcome.json", results / "verdicts.json", results / "verdicts.html"]
        files += [folder / "figures" / "smoke" / f"{slug}{ending}" for ending in (".svg", ".png")]
        for i, file in enumerate(files):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
            os.utime(file, (stamp + i, stamp + i))
    for name in ("verdicts.csv", "verdicts.md", "costs.csv", "as_expected"):
        (folder / "results" / "smoke" / name).write_text("x")
    snakemake(folder, "smoke", "--touch")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
