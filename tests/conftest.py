"""Small repositories of fixture papers, in the shape of the real one."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import REPOSITORY, edit

from litmus import paths, scaffolding


def _forget_papers() -> None:
    for name in [name for name in sys.modules if name == "papers" or name.startswith("papers.")]:
        del sys.modules[name]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty repository (papers/, config.yaml) that is the current one for the kit; papers by `add_paper`."""
    (tmp_path / "papers").mkdir()
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    monkeypatch.setenv("LITMUS_ROOT", str(tmp_path))
    monkeypatch.delenv("LITMUS_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    kept = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "papers"}
    _forget_papers()
    paths.root.cache_clear()
    yield tmp_path
    _forget_papers()
    sys.modules.update(kept)
    monkeypatch.undo()
    paths.root.cache_clear()


@pytest.fixture
def add_paper(repository: Path) -> Callable[..., Path]:
    """Add a paper from the scaffold; keywords replace text in its files: ``add_paper("t/a", paper={"old": "new"})``."""

    def add(slug: str, **replacements: dict[str, str]) -> Path:
        folder = scaffolding.create(slug)[0].parent
        for stem, changes in replacements.items():
            for old, new in changes.items():
                edit(folder / ("paper.yaml" if stem == "paper" else f"{stem}.py"), old, new)
        return folder

    return add
