"""Runs the suite on a real Slurm cluster of one node, this machine, and compares it with a local run.

    python tests/cluster/slurm.py [--keep]

1. The smoke scale of nine papers, locally and through ``profiles/slurm``: same verdicts, same bits.
2. One job is ended by ``scancel``: Snakemake reports it, the other papers are done all the same, and the next call
   resumes to the same bits.
3. A job gets too little memory: Slurm ends it, and its retry, which asks for more, succeeds.

It installs Slurm and munge where Debian's apt-get can, starts their daemons on ports of its own, and stops them in
the end. It says why and does nothing (exit status 0) where it lacks root or apt, or where there is a cluster already.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGURATION = Path("/etc/slurm/slurm.conf")  # where a job's own srun looks, whatever the environment says
PAPERS = (
    "alignment_decoding/best_of_n_kl", "approximation/effective_dimension_rank", "graphs/bottom_up_communities",
    "numerics_pde/membrane_feedback_bistability", "numerics_pde/sor_bandit_relaxation",
    "optimal_transport/linear_circular_transport", "privacy/fano_reconstruction", "privacy/residue_subset_selection",
    "quantum/quasi_chebyshev_search",
)  # fmt: skip
CANCELLED = "privacy/residue_subset_selection"
STARVED = "numerics_pde/sor_bandit_relaxation"
MINUTES = 8  # no step takes longer


class Skip(Exception):
    """A reason not to run here."""


class Failure(Exception):
    """Something is not as it should be."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave the working folder for a look")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="litmus-slurm-"))
    try:
        install()
        with cluster(folder / "slurm"):
            same_as_local(folder)
            cancelled_job(folder)
            starved_job(folder)
    except Skip as reason:
        print(f"slurm: skipped: {reason}")
    except Failure as problem:
        print(f"slurm: FAILED: {problem}", file=sys.stderr)
        options.keep = True
        print(f"slurm: see {folder}", file=sys.stderr)
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


# --- The cluster ------------------------------------------------------------------------------------------------------


def install() -> None:
    """Slurm, munge and the executor plugin, where they are missing."""
    if os.geteuid() != 0:
        raise Skip("it takes root to start Slurm's daemons")
    if CONFIGURATION.exists():
        raise Skip(f"{CONFIGURATION} is there: this machine has a cluster of its own")
    if not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch"))):
        if not shutil.which("apt-get"):
            raise Skip("Slurm is not installed, and there is no apt-get to install it")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in ("update", "install -y --no-install-recommends slurm-wlm munge"):
            done = subprocess.run(
                ["apt-get", "-qq", *command.split()], env=environment, capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise Skip(f"apt-get could not install Slurm: {done.stderr.strip()[-200:]}")
    plugin = [sys.executable, "-m", "pip", "install", "--quiet", "-c", "requirements.lock", plugin_requirement()]
    if subprocess.run(plugin, cwd=REPOSITORY, check=False).returncode:
        raise Skip("pip could not install Snakemake's executor plugin for Slurm")


def plugin_requirement() -> str:
    """The plugin as pyproject.toml names it."""
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return str(project["optional-dependencies"]["cluster"][0])


@contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Daemons of a cluster of one node with two processors, stopped at the end."""
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge").chmod(0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    host = socket.gethostname().split(".")[0]
    CONFIGURATION.parent.mkdir(exist_ok=True)
    cgroup = CONFIGURATION.with_name("cgroup.conf")
    own_cgroup = not cgroup.exists()
    try:
        if own_cgroup:
            cgroup.write_text("CgroupPlugin=cgroup/v1\n")
        CONFIGURATION.write_text(configuration(folder, host))
        munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        run("munged", "--force", *(f"--{option}={folder / 'munge' / name}" for option, name in munge.items()))
        run("slurmctld")
        run("slurmd")
        wait_until(lambda: "idle" in run("sinfo", "--noheader", "--format=%T"), 30, "the node is not idle")
        print(f"slurm: {run('slurmctld', '-V').strip()}, one node with {os.cpu_count()} processors")
        yield
    finally:
        for file in (folder / "slurmd.pid", folder / "slurmctld.pid", folder / "munge" / "pid"):
            if file.is_file():
                stop(int(file.read_text()))
        CONFIGURATION.unlink(missing_ok=True)
        if own_cgroup:
            cgroup.unlink(missing_ok=True)


def configuration(folder: Path, host: str) -> str:
    """slurm.conf: no accounting, no control groups; memory is watched every second."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return f"""ClusterName=litmus
SlurmctldHost={host}
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MinJobAge=300
KillWait=5
ReturnToService=2
MpiDefault=none
NodeName={host} CPUs={os.cpu_count()} RealMemory={memory * 9 // 10} State=UNKNOWN
PartitionName=litmus Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def stop(process: int) -> None:
    try:
        os.kill(process, signal.SIGTERM)
        for _ in range(100):
            os.kill(process, 0)
            time.sleep(0.1)
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


# --- What is checked --------------------------------------------------------------------------------------------------


def same_as_local(folder: Path) -> None:
    """A run through the cluster gives the verdicts and the bits of a local one."""
    local, remote = clone(folder / "local"), clone(folder / "remote")
    began = time.monotonic()
    expect(snakemake(local, "--cores", "2", "smoke", papers=PAPERS), 0)
    middle = time.monotonic()
    log = expect(snakemake(remote, "--profile", "profiles/slurm", "smoke", papers=PAPERS), 0)
    submissions = len(re.findall(r"has been submitted with SLURM jobid", log))
    if submissions != len(PAPERS):
        raise Failure(f"{submissions} submissions for {len(PAPERS)} papers; expected one for each")
    compare(local, remote, PAPERS)
    print(
        f"slurm: {len(PAPERS)} papers in {submissions} submissions give the verdicts and bits of the local run "
        f"({middle - began:.0f} s locally, {time.monotonic() - middle:.0f} s through Slurm)"
    )


def cancelled_job(folder: Path) -> None:
    """A job that somebody cancels is reported; the next call resumes."""
    copy = clone(folder / "cancelled")
    papers = (CANCELLED, "quantum/quasi_chebyshev_search")
    arguments = ("--profile", "profiles/slurm", "smoke")
    process = start(copy, *arguments, "--retries", "0", papers=papers)
    victim = wait_until(lambda: running_job(CANCELLED.split("/")[1]), 120, "the job to cancel does not start")
    run("scancel", victim)
    log, _ = process.communicate(timeout=60 * MINUTES)
    if process.returncode == 0 or CANCELLED.split("/")[1] not in log or "CANCELLED" not in log.upper():
        raise Failure("the cancelled job was not reported:\n" + log[-3000:])
    if (copy / "results" / "smoke" / CANCELLED / "verdicts.json").exists():
        raise Failure("the cancelled job has a verdict")
    if not (copy / "results" / "smoke" / papers[1] / "verdicts.json").exists():
        raise Failure("the other paper was not finished")
    expect(snakemake(copy, *arguments, papers=papers), 0)
    compare(folder / "local", copy, papers)
    print(f"slurm: job {victim} cancelled: reported, the other paper done, resumed to the same bits")


def starved_job(folder: Path) -> None:
    """A job that exceeds its memory is ended by Slurm and tried again with more."""
    copy = clone(folder / "starved")
    page = copy / "papers" / STARVED / "paper.yaml"
    text, changed = re.subn(r"mem_mb: \d+", "mem_mb: 120", page.read_text())
    if changed != 1:
        raise Failure(f"{page}: expected one mem_mb")
    page.write_text(text)
    log = expect(snakemake(copy, "--profile", "profiles/slurm", "smoke", papers=[STARVED]), 0)
    if "Trying to restart" not in log:
        raise Failure("120 MB were enough; expected Slurm to end the job:\n" + log[-3000:])
    compare(folder / "local", copy, [STARVED])
    print("slurm: a job with too little memory was ended by Slurm, and its retry with more succeeded")


def running_job(paper: str) -> str | None:
    """The number of the running Slurm job whose comment names the paper."""
    for line in run("squeue", "--noheader", "--states=RUNNING", "--format=%A|%k").splitlines():
        number, comment = line.split("|", 1)
        if paper in comment:
            return number
    return None


def compare(one: Path, other: Path, papers: tuple[str, ...] | list[str]) -> None:
    """Metrics, tables and verdicts are the same, timings left out."""
    for paper in papers:
        outcomes = [deterministic(folder, paper) for folder in (one, other)]
        if outcomes[0] != outcomes[1]:
            raise Failure(f"{paper}: different metrics or tables")


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


# --- Running things ---------------------------------------------------------------------------------------------------


def clone(target: Path) -> Path:
    """The files of this repository that git knows or would know, without any results."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    return target


def start(folder: Path, *arguments: str, papers: tuple[str, ...] | list[str]) -> subprocess.Popen[str]:
    """Snakemake in a copy of the repository; its output as one text."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--config", f"papers=[{','.join(papers)}]"]
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LITMUS_", "SLURM_", "PYTHONPATH"))}
    environment = clean | {"LITMUS_TABLE": "no", "COLUMNS": "160"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def snakemake(folder: Path, *arguments: str, papers: tuple[str, ...] | list[str]) -> tuple[int, str]:
    """Exit status and output of a whole run."""
    process = start(folder, *arguments, papers=papers)
    try:
        output, _ = process.communicate(timeout=60 * MINUTES)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure(f"snakemake {' '.join(arguments)} took more than {MINUTES} minutes") from None
    return process.returncode, output


def expect(result: tuple[int, str], status: int) -> str:
    code, output = result
    if code != status:
        raise Failure(f"snakemake ended with {code} instead of {status}:\n{output[-5000:]}")
    return output


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait_until(condition: Callable[[], object], seconds: float, problem: str) -> str:
    """The first true value of `condition`, as text."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return str(value)
        time.sleep(0.2)
    raise Failure(problem)


if __name__ == "__main__":
    sys.exit(main())
