"""What is done before and after a run of Snakemake: mending what was left behind, and showing what came of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from litmus import catalog
from litmus.files import remove_condemned

STARTED = Path(".snakemake/litmus-started")
LOCKS = Path(".snakemake/locks")


def started() -> None:
    """Remember when the run began, and which process it is."""
    import psutil

    STARTED.parent.mkdir(exist_ok=True)
    STARTED.write_text(f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time()}\n")


def mend_what_was_left() -> None:
    """What a run does before it looks at the files: mend what earlier ones, or the clock, have left behind.

    Where another run is at work, whose lock then stays, its files are left alone.
    """
    release_lock_of_killed_run()
    if any(LOCKS.glob("*.lock")):
        return
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
