"""What holds for every paper of this repository, whatever it is about."""

import ast
from pathlib import Path

import pytest
from helpers import REPOSITORY

from litmus import catalog
from litmus.catalog import STAGE_FILES
from litmus.code_inputs import ImportScanner

SLUGS = catalog.slugs(REPOSITORY)
pytestmark = pytest.mark.parametrize("slug", SLUGS)


@pytest.fixture(autouse=True)
def in_repository(monkeypatch):
    monkeypatch.chdir(REPOSITORY)


def sources(slug):
    return sorted((REPOSITORY / "papers" / slug).glob("*.py"))


def test_paper_is_valid_and_complete(slug):
    paper = catalog.load(slug)
    missing = [file for file in STAGE_FILES if not (REPOSITORY / "papers" / slug / file).is_file()]
    assert not missing
    assert paper.controls


def test_imports_run_one_way(slug):
    """A paper imports the kit, its theme's modules, substrates and itself; its figure neither method nor experiment."""
    theme = slug.split("/")[0]
    for file in sources(slug):
        for found in map(Path, ImportScanner().inputs(file)):
            if found.parts[0] == "papers":
                shared = len(found.parts) == 3 and found.parts[1] == theme
                assert shared or found.parts[1] == "substrates" or "/".join(found.parts[1:3]) == slug, (
                    f"{file}: {found}"
                )
    drawn_from = {Path(found).name for found in ImportScanner().inputs(REPOSITORY / "papers" / slug / "figure.py")}
    assert not drawn_from & {"method.py", "experiment.py", "data.py"}


def test_no_global_state(slug):
    """No pyplot, no global generators, no pickles, no stage of the kit inside a paper."""
    banned = ("matplotlib.pyplot", "pylab", "pickle", "litmus.stages", "litmus.simulate", "litmus.seeding")
    for file in sources(slug):
        tree = ast.parse(file.read_text())
        imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        imported += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in imported if name.startswith(banned)], file
        assert "np.random.seed" not in file.read_text(), file


EXTRA = {"core": set(), "convex": {"cvxpy", "clarabel", "scs"}, "torch": {"cvxpy", "clarabel", "scs", "torch"}}


def test_environment_has_what_is_imported(slug):
    """Packages beyond the core environment are imported only by papers whose environment holds them."""
    needed = set()
    for file in sources(slug):
        if file.name.startswith("test_"):
            continue  # tests may compare with any package of the lock
        for found in ImportScanner().inputs(file):
            tree = ast.parse((REPOSITORY / found).read_text())
            names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
            names += [
                node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level
            ]
            needed |= {name.split(".")[0] for name in names} & EXTRA["torch"]
    assert needed <= EXTRA[catalog.load(slug).env]


def test_modules_are_short(slug):
    long = {file.name: lines for file in sources(slug) if (lines := len(file.read_text().splitlines())) > 400}
    assert not long
