"""The command line of Snakemake's jobs: ``python -m litmus STAGE ...``. Lean: it imports only what the stage needs."""

import argparse
import faulthandler
import os
import sys
import traceback

from litmus.errors import DamagedError, LitmusError

STAGES = ("data", "experiment", "figure", "check", "control-job", "substrate", "summary", "gate")
WHOLE = ("summary", "gate")  # stages of all papers together


def single_thread() -> None:
    """One thread per job; must come before NumPy is imported."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"


def main(arguments: list[str]) -> int:
    """Run one stage; 0 if it worked, 1 if not (the reason is the last line on standard error)."""
    parser = argparse.ArgumentParser(prog="litmus", description="One stage of the workflow.")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("name", nargs="?", help="theme/paper, or the name of a substrate")
    parser.add_argument("--scale", default="smoke")
    parser.add_argument("--seeds", type=int, help="number of seeds in place of the paper's own")
    parser.add_argument("--shard", type=int)
    parser.add_argument("--id", help="control: which one")
    parser.add_argument("--controls", action="store_true", help="summary and gate: of the controls")
    parser.add_argument("--lenient", action="store_true", help="gate: report, but do not fail")
    options = parser.parse_args(arguments)
    if options.name is None and options.stage not in WHOLE:
        parser.error(f"{options.stage}: expected the name of a paper or substrate")
    single_thread()
    try:
        return _run(options)
    except DamagedError as error:
        from litmus.files import condemn

        condemn(error)
    except LitmusError as error:
        print(f"litmus: error: {error}", file=sys.stderr)
    except Exception as error:
        traceback.print_exc()
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"litmus: error: {options.name}: stage '{options.stage}' raised {problem}", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    from litmus import catalog, costs

    scale = options.scale
    if options.stage in WHOLE:
        from litmus import summary

        if options.stage == "gate":
            return summary.gate_controls() if options.controls else summary.gate(scale, lenient=options.lenient)
        if options.controls:
            summary.write_controls()
        else:
            summary.write(scale)
        return 0

    from litmus import stages

    if options.stage == "substrate":
        resources = catalog.load_substrate(options.name).resources
        _limit(resources)
        with costs.recorded(costs.cost_file(f"substrates/{options.name}", "all", "train")):
            stages.substrate(options.name)
        return 0
    paper = catalog.find(options.name)
    _limit(paper.resources)
    seeds = paper.seed_list(scale, options.seeds)
    name = options.stage if options.shard is None else f"{options.stage}_{options.shard}"
    if options.stage == "control-job":
        record = stages.control(paper, options.id)
        print(f"{paper.slug}: control '{options.id}': {record['result']}")
        return 0
    stages.forget_what_follows(paper, scale, options.stage)
    with costs.recorded(costs.cost_file(paper.slug, scale, name)):
        if options.stage == "data":
            stages.data(paper, scale, seeds)
        elif options.stage == "experiment":
            stages.experiment(paper, scale, seeds, shard=options.shard)
        elif options.stage == "figure":
            stages.figure(paper, scale)
        else:
            stages.check(paper, scale)
    return 0


def _limit(resources: object) -> None:
    """End the job, with a traceback of where it was, once its runtime is over."""
    minutes = resources.get("runtime", 0) if isinstance(resources, dict) else 0
    if minutes:
        faulthandler.dump_traceback_later(60 * minutes, exit=True)
