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

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from suite_runs import REPOSITORY, Failure, Skip, clone, compare, expect, finish, script, snakemake, start, wait_until

CONFIGURATION = Path("/etc/slurm/slurm.conf")  # where a job's own srun looks, whatever the environment says
PAPERS = (
    "alignment_decoding/best_of_n_kl", "approximation/effective_dimension_rank", "graphs/bottom_up_communities",
    "numerics_pde/membrane_feedback_bistability", "numerics_pde/sor_bandit_relaxation",
    "optimal_transport/linear_circular_transport", "privacy/fano_reconstruction", "privacy/residue_subset_selection",
    "quantum/quasi_chebyshev_search",
)  # fmt: skip
CANCELLED = "privacy/residue_subset_selection"
STARVED = "numerics_pde/sor_bandit_relaxation"


def steps(folder: Path) -> None:
    install()
    with cluster(folder / "slurm"):
        same_as_local(folder)
        cancelled_job(folder)
        starved_job(folder)


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
    status, log = finish(process)
    if status == 0 or CANCELLED.split("/")[1] not in log or "CANCELLED" not in log.upper():
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
    # 120 MB are not enough: Slurm ends the job.
    expect(snakemake(copy, "--profile", "profiles/slurm", "smoke", papers=[STARVED]), 0, "Trying to restart")
    compare(folder / "local", copy, [STARVED])
    print("slurm: a job with too little memory was ended by Slurm, and its retry with more succeeded")


def running_job(paper: str) -> str | None:
    """The number of the running Slurm job whose comment names the paper."""
    for line in run("squeue", "--noheader", "--states=RUNNING", "--format=%A|%k").splitlines():
        number, comment = line.split("|", 1)
        if paper in comment:
            return number
    return None


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(script("slurm", __doc__.split("\n")[0], steps))
