"""What the Snakemake rules ask of the catalog: inputs, parameters and resources of each job."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from litmus import catalog
from litmus.catalog import Control, Paper, Substrate
from litmus.code_inputs import ImportScanner, parameters_read
from litmus.errors import LitmusError
from litmus.files import remove_condemned
from litmus.paths import KIT, root

InputFunction = Callable[[Any], list[str]]
STARTED = Path(".snakemake/litmus-started")
LOCKS = Path(".snakemake/locks")


def prepare_environment(config: Mapping[str, Any]) -> None:
    """Let jobs (plain ``python -m litmus`` calls) find this interpreter, kit, repository and `config`."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(KIT.parent), os.environ.get("PYTHONPATH")]))
    os.environ["LITMUS_ROOT"] = os.getcwd()
    os.environ["LITMUS_CONFIG"] = json.dumps(dict(config))
    root.cache_clear()


class Suite:
    """The papers that a run covers, and one method per thing that a rule asks.

    Methods that take `wildcards` are Snakemake's input and parameter functions. Text that ends up in `params`
    decides when a job is rerun, so it holds what the job's result depends on and nothing else.

    Raises
    ------
    LitmusError
        If a YAML file is wrong; the message has one line per complaint.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        complaints: list[str] = []

        def collect(load: Callable[[str], Any], names: list[str]) -> dict[str, Any]:
            found = {}
            for name in names:
                try:
                    found[name] = load(name)
                except LitmusError as error:
                    complaints.append(str(error))
            return found

        self.settings = catalog.load_config(config)
        self.papers: dict[str, Paper] = collect(catalog.load, catalog.select(self.settings))
        collect(catalog.check_files, list(self.papers))
        needed = sorted({name for paper in self.papers.values() for name in paper.substrates})
        self.substrates: dict[str, Substrate] = collect(catalog.load_substrate, needed)
        if complaints:
            raise LitmusError("\n".join(complaints))
        self._checksums: dict[str, bytes] = {}
        self._scanner = ImportScanner(cache=Path(".snakemake/litmus-imports.json"))

    def paper(self, wildcards: Any) -> Paper:
        slug = f"{wildcards.theme}/{wildcards.paper}"
        if slug not in self.papers:
            raise LitmusError(f"no paper '{slug}'{catalog.nearest(slug, self.papers)}")
        return self.papers[slug]

    def control(self, wildcards: Any) -> Control:
        paper = self.paper(wildcards)
        controls = {control.id: control for control in paper.controls}
        if wildcards.control not in controls:
            raise LitmusError(
                f"{paper.slug}: no control '{wildcards.control}'{catalog.nearest(wildcards.control, controls)}"
            )
        return controls[wildcards.control]

    # Inputs

    def code(self, *files: str) -> InputFunction:
        """The named files of the paper, and all repository files that they import."""

        def inputs(wildcards: Any) -> list[str]:
            folder = root() / "papers" / wildcards.theme / wildcards.paper
            return sorted({found for file in files for found in self._scanner.inputs(folder / file)})

        return inputs

    def substrate_code(self, wildcards: Any) -> list[str]:
        return self._scanner.inputs(root() / "papers" / "substrates" / wildcards.substrate / "train.py")

    def digest(self, inputs: InputFunction) -> Callable[[Any], str]:
        """Of the contents of these files: what changed is rerun even where a clock was set back."""

        def checksum(wildcards: Any) -> str:
            total = hashlib.sha256()
            for file in inputs(wildcards):
                if file not in self._checksums:
                    content = (root() / file).read_bytes() if (root() / file).is_file() else b""
                    self._checksums[file] = hashlib.sha256(content).digest()
                total.update(file.encode() + b"\0" + self._checksums[file])
            return total.hexdigest()[:16]

        return checksum

    def check_code(self, wildcards: Any) -> list[str]:
        return self._scanner.inputs(KIT / "claims.py")

    def substrate_weights(self, wildcards: Any) -> list[str]:
        return [f"results/substrates/{name}/weights.npz" for name in self.paper(wildcards).substrates]

    def shards(self, wildcards: Any) -> list[str]:
        paper = self.paper(wildcards)
        folder = f"results/{wildcards.scale}/{paper.slug}/shards"
        return [f"{folder}/{shard}/outcome.json" for shard in range(paper.shards)] if paper.shards > 1 else []

    def all_papers(self, pattern: str) -> InputFunction:
        """`pattern` for every paper that has the scale."""

        def inputs(wildcards: Any) -> list[str]:
            scale = wildcards.scale
            return [
                pattern.format(scale=scale, slug=slug) for slug, paper in self.papers.items() if scale in paper.scales
            ]

        return inputs

    def all_controls(self, wildcards: Any) -> list[str]:
        return [
            f"results/smoke/{slug}/controls/{control.id}.json"
            for slug, paper in self.papers.items()
            for control in paper.controls
        ]

    def save_cache(self) -> None:
        """Remember the imports that were read, for the next run."""
        self._scanner.save()

    # Parameters

    def n_seeds(self, wildcards: Any) -> int:
        return len(self.paper(wildcards).seed_list(wildcards.scale, self.settings["seeds"]))

    def seed_option(self, wildcards: Any) -> str:
        return f"--seeds {self.settings['seeds']}" if self.settings["seeds"] else ""

    def values(self, wildcards: Any) -> str:
        return _text(self.paper(wildcards).parameters(wildcards.scale))

    def values_of_data(self, wildcards: Any) -> str:
        """The parameters that data.py reads; the experiment's others cannot change the data."""
        paper = self.paper(wildcards)
        names = parameters_read(root() / "papers" / paper.slug / "data.py")
        values = paper.parameters(wildcards.scale)
        return _text({name: value for name, value in values.items() if names is None or name in names})

    def substrate_values(self, wildcards: Any) -> str:
        return _text(self.substrates[wildcards.substrate].params)

    def claims(self, wildcards: Any) -> str:
        return _text([vars(claim) for claim in self.paper(wildcards).claims_at(wildcards.scale)])

    def control_values(self, wildcards: Any) -> str:
        paper, control = self.paper(wildcards), self.control(wildcards)
        claims = [(c.id, c.metric, c.expect, c.over) for c in paper.claims if c.id in control.breaks]
        return _text([paper.parameters("smoke"), paper.seed_list("smoke"), control.set, control.at, claims])

    # Resources

    def environment(self, wildcards: Any) -> str:
        return str(KIT.parent.parent / "envs" / f"{self.paper(wildcards).env}.yaml")

    def memory(self, wildcards: Any, attempt: int) -> int:
        """Megabytes; more at each retry."""
        return _resource(self.paper(wildcards), "mem_mb") * attempt

    def runtime(self, wildcards: Any) -> int:
        """Minutes."""
        return _resource(self.paper(wildcards), "runtime")

    def substrate_memory(self, wildcards: Any, attempt: int) -> int:
        return _resource(self.substrates[wildcards.substrate], "mem_mb") * attempt

    def substrate_runtime(self, wildcards: Any) -> int:
        return _resource(self.substrates[wildcards.substrate], "runtime")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _resource(owner: Paper | Substrate, name: str) -> int:
    return (owner.resources or catalog.DEFAULT_RESOURCES)[name]


def started() -> None:
    """Remember when the run began, and which process it is."""
    import psutil

    STARTED.parent.mkdir(exist_ok=True)
    STARTED.write_text(f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}\n")


def mend_what_was_left() -> None:
    """What a run does before it looks at the files: mend what earlier ones, or the clock, have left behind."""
    release_lock_of_killed_run()
    bring_back_from_the_future()
    remove_condemned()


def release_lock_of_killed_run() -> None:
    """Remove Snakemake's lock if the run that took it was one of this machine and has been killed.

    A run locks the folder and then calls `started`. So a lock that is younger than what `started` left is that of a
    run which is just beginning, and stays.
    """
    locks = list(LOCKS.glob("*.lock"))
    try:
        host, process, created = STARTED.read_text().split()
        if not locks or max(lock.stat().st_mtime for lock in locks) > STARTED.stat().st_mtime:
            return
    except (OSError, ValueError):
        return
    if host == socket.gethostname() and not _lives(int(process), float(created)):
        for lock in locks:
            lock.unlink(missing_ok=True)
        print("The last run was killed; going on where it stopped.", file=sys.stderr)


def _lives(process: int, created: float) -> bool:
    import psutil

    try:
        return bool(abs(psutil.Process(process).create_time() - created) < 1)
    except psutil.Error:
        return False


def bring_back_from_the_future() -> None:
    """Where the clock was set back since the last run, give files from the future times just before now.

    Their order stays. Snakemake fails a job whose output is older than an input, which it would always be.
    """
    now = time.time_ns()
    if not STARTED.is_file() or STARTED.stat().st_mtime_ns <= now:
        return
    times = {
        file: file.lstat().st_mtime_ns
        for folder in ("papers", "workflow", "results", "figures")
        for file in Path(folder).rglob("*")
    }
    order = sorted({changed for changed in times.values() if changed > now}, reverse=True)
    renewed = {changed: now - 1000 * rank for rank, changed in enumerate(order)}
    for file, changed in times.items():
        if changed > now:
            os.utime(file, ns=(renewed[changed], renewed[changed]), follow_symlinks=False)
    print(
        "The clock was set back since the last run; files from the future were given the present time.", file=sys.stderr
    )


def finished(failed: bool) -> None:
    """Print the table of every scale that this run was about.

    Where a job failed, Snakemake does not come to the rule that writes the tables, but they are wanted most then.
    """
    remove_condemned()
    for scale in catalog.SCALES:
        if failed:
            logs = [f"logs/{scale}/*/*/{stage}*.log" for stage in ("data", "experiment", "figure", "check")]
            if not any(_since_start([*logs, f"logs/{scale}/as_expected.log"])):
                continue
            Path(f"results/{scale}/as_expected").unlink(missing_ok=True)
            _litmus("summary", "--scale", scale)
        elif not any(_since_start([f"results/{scale}/verdicts.csv"])):
            continue
        if os.environ.get("LITMUS_TABLE") != "no":
            _litmus("verdicts", "--scale", scale)


def _since_start(patterns: list[str]) -> Iterator[Path]:
    start = STARTED.stat().st_mtime if STARTED.is_file() else 0.0
    return (file for pattern in patterns for file in Path().glob(pattern) if file.stat().st_mtime >= start)


def _litmus(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "litmus", *arguments], check=False)
