"""The set-up of .venv, with a stand-in for Python that installs nothing."""

import ast
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "workflow" / "setup_venv.py"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

# It answers to what the set-up asks of an interpreter, and notes what it was asked for in the file `calls`.
STAND_IN = """#!/bin/sh
case "$*" in
    *--check*) exec {python} "$@" ;;
    *ensurepip*) printf '%s %s' {version} "$0"; exit {probe_status} ;;
    *"-m venv"*) echo venv >> calls; for venv; do :; done; mkdir -p "$venv/bin"; cp "$0" "$venv/bin/python" ;;
    *requirements.lock) echo pip >> calls; . ./pip.sh ;;
    *"-e "*) echo project >> calls ;;
esac
"""
WORKING_PIP = "echo 'Collecting six==1.0'; echo 'Installing collected packages: six'; sleep 0.1"


def stand_in(path: Path, version: str = VERSION, probe_status: int = 0) -> Path:
    path.write_text(STAND_IN.format(python=sys.executable, version=version, probe_status=probe_status))
    path.chmod(0o755)
    return path


class Project:
    """A folder with the set-up script, a lock, and the stand-in as PYTHON."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "workflow").mkdir(parents=True)
        shutil.copy(SCRIPT, root / "workflow")
        (root / "requirements.lock").write_text("# one package\nsix==1.0\n")
        (root / "pyproject.toml").write_text("[project]\n")
        self.pip(WORKING_PIP)
        self.python = stand_in(root / "python")

    def pip(self, shell: str) -> None:
        (self.root / "pip.sh").write_text(shell + "\n")

    def start(self, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-S", "workflow/setup_venv.py"],
            cwd=self.root,
            env={**os.environ, "PYTHON": str(self.root / "python"), **env},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def setup(self, **env: str) -> tuple[int, str]:
        process = self.start(**env)
        said = process.communicate(timeout=60)[1]
        return process.returncode, said

    def calls(self) -> list[str]:
        """What was asked of Python since the last time, checks and probes left out."""
        calls = self.root / "calls"
        names = calls.read_text().split() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return names

    def stamps(self) -> list[Path]:
        return list(self.root.glob(".venv/.litmus-*"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "a place with spaces")


@pytest.fixture
def made(project: Project) -> Project:
    assert project.setup()[0] == 0
    assert project.calls() == ["venv", "pip", "project"]
    return project


@pytest.fixture
def module(project: Project, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, for what can't be had from outside."""
    spec = importlib.util.spec_from_file_location("setup_under_test", project.root / "workflow" / "setup_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(project.root)
    return module


def assert_one_sentence(result: tuple[int, str], *words: str) -> None:
    status, said = result
    last = said.rstrip().splitlines()[-1]
    assert status == 2
    assert "Traceback" not in said
    assert last.startswith("Set-up: ")
    assert last.endswith(".")
    for word in words:
        assert word in last


def test_first_call_makes_it(project):
    status, said = project.setup()
    assert status == 0
    assert said.startswith(f"Setting up .venv with Python {VERSION}")
    assert project.calls() == ["venv", "pip", "project"]
    assert len(project.stamps()) == 1
    assert "Collecting six" in (project.root / ".venv-setup.log").read_text()
    assert not (project.root / ".venv" / "tmp").exists()


def test_second_call_says_and_does_nothing(made):
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        assert made.setup() == (0, "")
        seconds.append(time.perf_counter() - begin)
    assert made.calls() == []
    assert min(seconds) < 0.5  # 0.05 on an idle machine


def remove_stamp(project):
    project.stamps()[0].unlink()


def remove_interpreter(project):
    (project.root / ".venv" / "bin" / "python").unlink()


def break_interpreter(project):
    (project.root / ".venv" / "bin" / "python").write_text("#!/bin/sh\nexit 127\n")


@pytest.mark.parametrize("damage", [remove_stamp, remove_interpreter, break_interpreter])
def test_half_made_venv_is_made_anew(made, damage):
    (made.root / ".venv" / "leftover").touch()
    damage(made)
    assert made.setup()[0] == 0
    assert made.calls() == ["venv", "pip", "project"]
    assert not (made.root / ".venv" / "leftover").exists()
    assert made.setup() == (0, "")


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_change_brings_a_complete_venv_up_to_date(made, name):
    with open(made.root / name, "a") as file:
        file.write("# changed\n")
    assert made.setup()[0] == 0
    assert made.calls() == ["pip", "project"]
    assert len(made.stamps()) == 1


def test_failed_update_is_half_made(made):
    (made.root / "requirements.lock").write_text("six==2.0\n")
    made.pip("exit 1")
    assert_one_sentence(made.setup())
    made.pip(WORKING_PIP)
    made.calls()
    assert made.setup()[0] == 0
    assert made.calls() == ["venv", "pip", "project"]


def test_moved_project_is_set_up_anew(made, tmp_path):
    made.root = made.root.rename(tmp_path / "elsewhere")
    assert made.setup()[0] == 0
    assert made.calls() == ["venv", "pip", "project"]


def test_killed_setup_is_made_anew(project):
    project.pip("echo 'Collecting six==1.0'; touch started; sleep 60")
    process = project.start()
    while not (project.root / "started").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert project.stamps() == []
    project.pip(WORKING_PIP)
    project.calls()
    assert project.setup()[0] == 0
    assert project.calls() == ["venv", "pip", "project"]


def test_two_at_once_install_once(project):
    project.pip("sleep 0.5")
    processes = [project.start(), project.start()]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert project.calls() == ["venv", "pip", "project"]
    assert sum("Another set-up is at work" in text for text in said) == 1


@pytest.mark.parametrize(
    ("pip_says", "words"),
    [
        ("WARNING: Retrying (...) broken by 'NewConnectionError(...)'\nERROR: no six", "no network"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: No matching distribution found for six==1.0", "pip failed: No matching distribution found"),
        ("", "pip failed"),
    ],
    ids=["no network", "disk full", "no such package", "silent"],
)
def test_failing_pip(project, pip_says, words):
    project.pip(f"cat <<END\n{pip_says}\nEND\nexit 1")
    for _ in range(2):
        assert_one_sentence(project.setup(), ".venv-setup.log", words)
        assert project.stamps() == []
    project.pip(WORKING_PIP)
    assert project.setup()[0] == 0


def test_disk_too_small_is_seen_beforehand(module, project, monkeypatch, capsys):
    monkeypatch.setenv("PYTHON", str(project.python))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**11, 10**11, 10**9))
    assert_one_sentence((module.main([]), capsys.readouterr().err), "disk is full", "1.0 GB are free")
    assert project.calls() == []


@pytest.mark.parametrize(
    ("version", "probe_status", "words"),
    [
        ("3.9", 0, ["Python 3.11, 3.12 or 3.13 is needed", "is 3.9", "PYTHON="]),
        ("2.7", 1, ["is 2.7"]),
        (VERSION, 1, ["lacks venv and ensurepip"]),
        ("", 127, ["does not run"]),
    ],
    ids=["too old", "Python 2", "no venv", "broken"],
)
def test_unfit_python(project, version, probe_status, words):
    python = project.root / "unfit"
    stand_in(python, version, probe_status)
    assert_one_sentence(project.setup(PYTHON=str(python)), *words)
    assert_one_sentence(project.setup(PYTHON=str(python)), *words)
    assert project.calls() == []


def test_missing_python(project):
    assert_one_sentence(project.setup(PYTHON="no-such-python"), "no-such-python does not run")


def test_old_python_finds_a_fit_one(module, project, monkeypatch):
    folder = project.root / "bin"
    folder.mkdir()
    monkeypatch.delenv("PYTHON", raising=False)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(stand_in(folder / "python3", "3.8")))
    for version in module.VERSIONS:  # 3.11 lacks venv, 3.12 is fit, 3.13 does not run
        stand_in(folder / f"python{version}", version, int(version == "3.11"))
    stand_in(folder / "python3.13", "", 127)
    assert module.choose_python() == ("3.12", str(folder / "python3.12"))


def test_newer_python_only_if_asked_for(module, project, monkeypatch):
    python = str(stand_in(project.root / "new", "3.14"))
    monkeypatch.setenv("PYTHON", python)
    assert module.choose_python() == ("3.14", python)
    monkeypatch.delenv("PYTHON")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(module.SetupError, match=r"is 3\.14"):
        module.choose_python()


def test_linked_venv_is_left_alone(project, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (project.root / ".venv").symlink_to(tmp_path / "precious")
    assert_one_sentence(project.setup(), "link")
    assert (tmp_path / "precious" / "file").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_place(project):
    project.root.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert_one_sentence(project.setup(), "Permission denied")
    project.root.chmod(stat.S_IRWXU)


def test_script_is_python_3_6():
    ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
