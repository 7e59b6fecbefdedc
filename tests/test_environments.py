"""The lists of packages agree: pyproject.toml, requirements.lock and the conda environments."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PIP_NAME = {"pytorch": "torch"}  # where conda-forge has another name
PYTHONS = ["3.11", "3.12", "3.13"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
LOCK = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in LINES)}
RUNTIME = [Requirement(text) for text in PROJECT["dependencies"]]
DEV = [Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]]
ENVS = sorted((ROOT / "envs").glob("*.yaml"))


def conda_versions(path: Path) -> dict[str, str]:
    """The pip names and versions of an environment's packages, Python left out."""
    pairs = (entry.split(" =") for entry in yaml.safe_load(path.read_text())["dependencies"][1:])
    return {PIP_NAME.get(name, name): version for name, version in pairs}


def test_lock_has_no_local_versions():
    assert all(version.local is None for version in LOCK.values())


@pytest.mark.parametrize("requirement", RUNTIME + DEV, ids=str)
def test_lock_satisfies_pyproject(requirement):
    assert LOCK[canonicalize_name(requirement.name)] in requirement.specifier


def test_cluster_plugins_are_not_locked():
    for text in PROJECT["optional-dependencies"]["cluster"]:
        assert canonicalize_name(Requirement(text).name) not in LOCK


@pytest.mark.parametrize("python", PYTHONS)
def test_lock_is_complete(python):
    """What a locked package needs on this Python is locked too, in a version that suits it."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    for name in LOCK.keys() - {"torch"}:  # a CUDA build of torch names its own companions
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate(environment):
                version = LOCK[canonicalize_name(need.name)]
                assert need.specifier.contains(version, prereleases=True), f"{name} needs {text}"


def test_lock_is_what_is_installed():
    installed = {name: Version(metadata.version(name)) for name in LOCK}
    assert {name: Version(version.public) for name, version in installed.items()} == LOCK


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.stem)
def test_conda_environment_matches_lock(path):
    versions = conda_versions(path)
    assert {name: Version(version) for name, version in versions.items()} == {
        name: LOCK[canonicalize_name(name)] for name in versions
    }
    assert versions.keys() <= {canonicalize_name(requirement.name) for requirement in RUNTIME}


@pytest.mark.parametrize("path", ENVS, ids=lambda path: path.stem)
def test_conda_environment_includes_core(path):
    assert conda_versions(path).items() >= conda_versions(ROOT / "envs" / "core.yaml").items()
    document = yaml.safe_load(path.read_text())
    assert document["channels"] == ["conda-forge", "nodefaults"]
    assert document["dependencies"][0] == f"python >={PYTHONS[0]},<3.{int(PYTHONS[-1][2:]) + 1}"
