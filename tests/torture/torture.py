"""Tries to break a run of the suite, and checks that nothing is lost, nothing is wrong and every error is clear.

    python tests/torture/torture.py [--keep]

In copies of the repository, at smoke scale: twenty SIGKILLs, a full disk, read-only papers, two runs at once, damaged
results of every kind, a clock set back, hostile papers, and 500 mutated paper.yaml. Ten minutes at most. Steps that
need root or `mount` are skipped, with the reason, where there is none; so are those for which a slow machine leaves no
time.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from helpers import edit
from suite_runs import (
    REPOSITORY,
    Failure,
    Skip,
    clone,
    compare,
    deterministic,
    expect,
    finish,
    script,
    snakemake,
    start,
    wait_until,
)

from litmus import outcome
from litmus.errors import DamagedError
from litmus.files import read_sealed, saved_arrays

PAPERS = (
    "alignment_decoding/best_of_n_kl", "alignment_decoding/multidraft_speculative_sampling",
    "graphs/bottom_up_communities", "numerics_pde/sor_bandit_relaxation",
    "optimal_transport/displacement_particle_descent", "optimal_transport/multimarginal_adversarial",
    "privacy/dp_fairness_lipschitz", "privacy/residue_subset_selection", "quantum/quasi_chebyshev_search",
    "sketching_sampling/coordinated_matrix_product", "sketching_sampling/pivotal_leverage_sampling",
    "sketching_sampling/qmc_fast_kernels",
)  # fmt: skip
FEW = ("alignment_decoding/best_of_n_kl", "graphs/bottom_up_communities", "quantum/quasi_chebyshev_search")
READER = "torture/reader"  # a paper that uses a substrate
KILLS, DAMAGES, MUTATIONS = 20, 1000, 500
MINUTES = 10
LAST_START = 7  # minutes after which no step begins
RUN = ("--cores", "2", "smoke")


def steps(folder: Path) -> None:
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60 * MINUTES)
    began = time.monotonic()
    reference = clone(folder / "reference")
    expect(snakemake(reference, *RUN, papers=PAPERS), 0)
    say(f"{len(PAPERS)} papers run undisturbed, to compare with", began)
    endless, endless_began = start_endless_figure(folder), time.monotonic()
    for step in (
        kills, full_disk, two_runs, read_only_papers, damaged_results, damaged_bytes, clock_set_back, hostile_papers,
        mutated_papers,
    ):  # fmt: skip
        began = time.monotonic()
        try:
            if began - endless_began > 60 * LAST_START:
                raise Skip("no time left on this machine")
            say(step(folder, reference), began)
        except Skip as reason:
            say(f"{step.__name__}: skipped: {reason}", began)
    say(end_endless_figure(folder, endless), endless_began)


def say(text: str, began: float) -> None:
    print(f"torture: {text} ({time.monotonic() - began:.0f} s)", flush=True)


def too_long(*_: object) -> None:
    raise Failure(f"more than {MINUTES} minutes")


# --- Runs that are cut short ------------------------------------------------------------------------------------------


def kills(folder: Path, reference: Path) -> str:
    """SIGKILL to the whole process group at random moments; then one more call, and the same bits."""
    copy, chance = clone(folder / "killed"), random.Random(20)
    killed, runs = 0, 1
    while killed < KILLS:
        process = start(copy, *RUN, papers=PAPERS)
        try:
            process.communicate(timeout=chance.uniform(2, 6))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            continue
        if process.returncode:
            raise Failure(f"after {killed} kills a run ended with {process.returncode}")
        compare(reference, copy, PAPERS)  # it was faster than the kills: once more from nothing
        runs += 1
        for name in ("results", "figures", "logs", "benchmarks", ".snakemake"):
            shutil.rmtree(copy / name)
    done = len(list(copy.glob("results/smoke/*/*/verdicts.json")))
    expect(snakemake(copy, *RUN, papers=PAPERS), 0)
    compare(reference, copy, PAPERS)
    no_halves(copy)
    times = "once" if runs == 1 else f"{runs} times"
    return f"{killed} SIGKILLs, all papers done {times}, {done} of {len(PAPERS)} before the last call: same bits"


def full_disk(folder: Path, reference: Path) -> str:
    """A disk that is full when a tenth of the results is written: an error that says so; with room, it goes on."""
    copy = clone(folder / "full")
    results = copy / "results"
    need = sum(file.stat().st_size for file in (reference / "results").rglob("*") if file.is_file())
    with mounted("-t", "tmpfs", "-o", f"size={need // 10}", "none", str(results)):
        output = expect(snakemake(copy, *RUN, papers=PAPERS), 1)
        refused = len(re.findall(r"litmus: error: .*No space left on device", output))
        if not refused:
            raise Failure(f"no job said that the disk is full:\n{output[-3000:]}")
        no_halves(copy)
        mount("-o", f"remount,size={4 * need}", str(results))
        expect(snakemake(copy, *RUN, papers=PAPERS), 0)
        compare(reference, copy, PAPERS)
    return f"a disk full after {need / 1e7:.1f} MB: {refused} jobs said so; with room the run ends with the same bits"


def two_runs(folder: Path, reference: Path) -> str:
    """The second of two runs says that there is another; the first is not disturbed."""
    copy = clone(folder / "two")
    first = start(copy, *RUN, papers=FEW)
    wait_until(lambda: list(copy.glob(".snakemake/locks/*.lock")), 60, "the first run does not start")
    code, output = snakemake(copy, *RUN, papers=FEW)
    if code == 0 or "cannot be locked" not in output:
        raise Failure(f"the second run ended with {code}, without a word of the first:\n{output[-3000:]}")
    expect(finish(first), 0)
    compare(reference, copy, FEW)
    return "a second run at once is refused in words; the first ends with the same bits"


def no_halves(copy: Path) -> None:
    if halves := [str(file) for file in (copy / "results").rglob(".*.part*")]:
        raise Failure(f"half-written files are left: {', '.join(halves)}")


@contextmanager
def mounted(*arguments: str) -> Iterator[None]:
    """Something mounted on the last of `arguments` while the block runs."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        raise Skip("it takes root, and mount")
    try:
        mount(*arguments)
    except Failure as problem:
        raise Skip(str(problem)) from None
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", arguments[-1]], check=False)


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


# --- Files that are not what was written ------------------------------------------------------------------------------


def read_only_papers(folder: Path, reference: Path) -> str:
    """Nothing is written below papers/."""
    copy = clone(folder / "read_only")
    papers = str(copy / "papers")
    with mounted("--bind", papers, papers):
        mount("-o", "remount,ro,bind", papers)
        expect(snakemake(copy, *RUN, papers=FEW), 0)
    compare(reference, copy, FEW)
    return "papers/ on a read-only file system: same bits"


def damaged_results(folder: Path, reference: Path) -> str:
    """Each kind of result, cut short or with a bit flipped: the stage that reads it refuses, the next run mends it."""
    copy, papers = clone(folder / "damaged"), (*FEW, READER)
    add_reader(copy)
    expect(snakemake(copy, *RUN, papers=papers), 0)
    before = {paper: deterministic(copy, paper) for paper in papers}
    smoke = Path("results/smoke")
    table = min((copy / smoke / FEW[2] / "tables").glob("*.csv")).relative_to(copy)
    readers = {  # which target reads which file
        smoke / FEW[0] / "data.npz": smoke / FEW[0] / "outcome.json",
        smoke / FEW[1] / "outcome.json": smoke / FEW[1] / "verdicts.json",
        table: Path(f"figures/smoke/{FEW[2]}.svg"),
        Path("results/substrates/tiny_lm/weights.npz"): smoke / READER / "data.npz",
    }
    verdicts = smoke / FEW[0] / "verdicts.json"
    for damage in (cut_short, flip_a_bit):
        for victims, forced in ((readers, list(readers.values())), ([verdicts], [smoke / "verdicts.csv"])):
            for victim in victims:
                damage(copy / victim)
            output = expect(snakemake(copy, *RUN, "--forcerun", *map(str, forced), papers=papers), 1)
            for victim in victims:
                if not re.search(rf"{victim}: damaged.*; the next run makes it again", output):
                    raise Failure(f"{damage.__name__}: nobody refused {victim}:\n{output[-6000:]}")
            expect(snakemake(copy, *RUN, papers=papers), 0)
            if {paper: deterministic(copy, paper) for paper in papers} != before:
                raise Failure(f"{damage.__name__}: other bits after it was mended")
    kinds = ", ".join(file.name for file in (*readers, verdicts))
    return f"{kinds}, cut short and with one bit flipped: refused, removed, made again with the same bits"


def add_reader(copy: Path) -> None:
    """A paper that uses a substrate, of which two steps of training are enough here."""
    new = subprocess.run([sys.executable, "-m", "litmus", "new", READER], cwd=copy, capture_output=True, check=False)
    if new.returncode:
        raise Failure(new.stderr.decode())
    folder = copy / "papers" / READER
    edit(folder / "paper.yaml", "env: core", "env: torch\nsubstrates: [tiny_lm]")
    edit(
        folder / "data.py",
        "import numpy as np\n",
        "import numpy as np\n\nfrom papers.substrates.tiny_lm import model\n",
    )
    edit(folder / "data.py", "    return {", "    model.load()\n    return {")
    edit(copy / "papers/substrates/tiny_lm/substrate.yaml", "steps: 2000", "steps: 2")


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def damaged_bytes(folder: Path, reference: Path) -> str:
    """Random damage to single files: what is read of them is what was written, or it is refused."""
    paper = Path(shutil.copytree(reference / "results" / "smoke" / FEW[2], folder / "bytes"))
    table = min(paper.glob("tables/*.csv"))
    readers: dict[Path, Callable[[], object]] = {
        paper / "data.npz": lambda: arrays(paper / "data.npz"),
        paper / "outcome.json": lambda: outcome.load_metrics(paper),
        paper / "verdicts.json": lambda: read_sealed(paper / "verdicts.json"),
        table: lambda: {name: content.to_csv() for name, content in outcome.load_tables(paper).items()},
    }
    chance, refused = random.Random(1), 0
    for trial in range(DAMAGES):
        file, read = list(readers.items())[trial % len(readers)]
        written, meant = file.read_bytes(), read()
        damaged, place = bytearray(written), chance.randrange(len(written))
        if chance.random() < 0.5:
            damaged[place] ^= 1 << chance.randrange(8)
        else:
            del damaged[place:]
        file.write_bytes(damaged)
        try:
            if read() != meant:
                raise Failure(f"{file.name}: damage at byte {place} was read as good")
        except DamagedError:
            refused += 1
        file.write_bytes(written)
    return f"{DAMAGES} random damages to single files: {refused} refused, the others without effect on what is read"


def arrays(file: Path) -> dict[str, tuple[str, bytes]]:
    with saved_arrays(file) as archive:
        return {name: (str(archive[name].dtype), archive[name].tobytes()) for name in archive.files}


def clock_set_back(folder: Path, reference: Path) -> str:
    """Results from a later day than the edits that follow them: what was edited is run again, and nothing else."""
    copy = clone(folder / "clock")
    expect(snakemake(copy, *RUN, papers=FEW), 0)
    tomorrow = time.time() + 86_400
    for file in copy.rglob("*"):
        os.utime(file, (tomorrow, tomorrow), follow_symlinks=False)
    expect(snakemake(copy, *RUN, papers=FEW), 0, "Nothing to be done")
    edit(copy / "papers" / FEW[0] / "figure.py", "def draw(", "# Edited.\n\n\ndef draw(")
    edit(copy / "papers" / FEW[2] / "paper.yaml", "at_most: 1.0e-11", "at_most: 1.1e-11")
    output = expect(snakemake(copy, *RUN, papers=FEW), 0)
    ran = {" ".join(match) for match in re.findall(r"^Job \d+: (\w+) +(\w+/\w+)", output, re.M)}
    if ran != {f"figure {FEW[0]}", f"check {FEW[2]}"}:
        raise Failure(f"these stages ran again: {', '.join(sorted(ran)) or 'none'}")
    return "results from tomorrow (a clock set back): what was edited ran again, nothing else"


# --- Papers that mean harm --------------------------------------------------------------------------------------------


def start_endless_figure(folder: Path) -> subprocess.Popen[str]:
    """A run in which one figure never returns; its limit is one minute, the shortest."""
    copy = clone(folder / "endless")
    paper = copy / "papers" / FEW[0]
    edit(paper / "figure.py", "def draw(", "import time\n\nwhile True:\n    time.sleep(1)\n\n\ndef draw(")
    page, found = re.subn(r"runtime: \d+", "runtime: 1", (paper / "paper.yaml").read_text())
    if not found:
        page += "resources: {runtime: 1}\n"
    (paper / "paper.yaml").write_text(page)
    return start(copy, *RUN, papers=FEW)


def end_endless_figure(folder: Path, process: subprocess.Popen[str]) -> str:
    expect(finish(process), 1, "Timeout (0:01:00)", f"papers/{FEW[0]}/figure.py")
    done = [paper for paper in FEW if (folder / f"endless/results/smoke/{paper}/verdicts.json").is_file()]
    drawn = [paper for paper in FEW if (folder / f"endless/figures/smoke/{paper}.svg").is_file()]
    if done != list(FEW) or drawn != list(FEW[1:]):
        raise Failure(f"verdicts of {', '.join(done)}; figures of {', '.join(drawn)}")
    return "a figure that never returns: ended by its limit, with its place in the code; all else was done"


def hostile_papers(folder: Path, reference: Path) -> str:
    """What cannot be a paper stops the run before anything is executed; what fails later stops nobody else."""
    copy = clone(folder / "hostile")
    pages: dict[str, Callable[[Path], object]] = {
        "zeros": lambda file: file.symlink_to("/dev/zero"),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
        "huge": huge,
        "laughs": lambda file: file.write_text(LAUGHS),
        "deep": lambda file: file.write_text("{a: " * 50_000),
        "code": lambda file: file.write_text("title: !!python/object/apply:os.system ['touch hacked']\n"),
        "nothing": Path.touch,
    }
    for name, make in pages.items():
        replace(copy, name, "paper.yaml", make)
    replace(copy, "stage", "experiment.py", lambda file: file.symlink_to("/dev/zero"))
    refuse(copy, "torture/*", *(f"papers/torture/{name}/paper.yaml: " for name in pages), "papers/torture/stage/exp")
    shutil.rmtree(copy / "papers" / "torture")
    replace(copy, "a; touch hacked", "method.py", Path.touch)
    refuse(copy, "torture/*", "'torture/a; touch hacked': expected theme/paper")
    shutil.rmtree(copy / "papers" / "torture")

    (copy / "papers/torture/around").mkdir(parents=True)
    (copy / "papers/torture/around/again").symlink_to("..")
    replace(copy, "syntax", "method.py", lambda file: file.write_text("def run(:\n"))
    replace(copy, "bytes", "data.py", lambda file: file.write_bytes(b"\xff\n"))
    output = expect(snakemake(copy, *RUN, papers=["torture/*", *FEW]), 1)
    for name, stage in (("syntax", "experiment"), ("bytes", "data")):
        if f"litmus: error: torture/{name}: stage '{stage}' raised SyntaxError" not in output:
            raise Failure(f"nobody complained of torture/{name}:\n{output[-5000:]}")
    compare(reference, copy, FEW)
    return (
        f"{len(pages) + 2} papers that are no papers: refused in a line that names the file, nothing is run; "
        "two that are no Python, and a loop of links: the other papers end with the same bits"
    )


LAUGHS = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstuvwxyz"))


def huge(file: Path) -> None:
    file.touch()
    os.truncate(file, 2**33)


def replace(copy: Path, name: str, file: str, make: Callable[[Path], object]) -> None:
    """A copy of a good paper, as torture/<name>, in which `file` is what `make` makes there."""
    target = Path(shutil.copytree(copy / "papers" / FEW[0], copy / "papers" / "torture" / name)) / file
    target.unlink()
    make(target)


def refuse(copy: Path, papers: str, *messages: str) -> None:
    """A run ends at once, says `messages` without a traceback, and has executed nothing."""
    output = expect(snakemake(copy, *RUN, papers=[papers]), 1, *messages)
    if "Traceback" in output:
        raise Failure(f"a traceback:\n{output[-5000:]}")
    if traces := [name for name in ("hacked", "logs", "figures") if (copy / name).exists()]:
        raise Failure(f"something was executed: {', '.join(traces)}")


def mutated_papers(folder: Path, reference: Path) -> str:
    """As tests/test_mutations.py says."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_mutations.py"]
    environment = os.environ | {"LITMUS_MUTATIONS": str(MUTATIONS)}
    done = subprocess.run(
        [*command, "--hypothesis-show-statistics"],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    shares = {event: float(share) for share, event in re.findall(r"\* +([\d.]+)%, (\w+)", done.stdout)}
    if done.returncode:
        raise Failure(f"mutated paper.yaml:\n{done.stdout[-5000:]}")
    refused = shares["refused"] / (shares["refused"] + shares["read"])
    return f"{MUTATIONS} mutated paper.yaml, {refused:.0%} of them refused: no traceback, nothing executed"


if __name__ == "__main__":
    sys.exit(script("torture", __doc__.split("\n")[0], steps))
