"""Reading YAML and results with care, and writing files that are whole or absent."""

import hashlib
import json
import os
import re
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from litmus.errors import DamagedError, LitmusError
from litmus.paths import root, shown

MAX_YAML_BYTES = 256_000
MAX_YAML_DEPTH = 50

_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc]
    """Safe loader that also refuses repeated keys and reads 1e-9 as a number (YAML 1.1 reads it as text)."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key '{key.value}' stands twice", key.start_mark)
            seen.add(key.value)
        return dict(super().construct_mapping(node, deep=deep))


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path, name: str) -> Any:
    """The content of a YAML file, or a `LitmusError` that starts with `name`."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LitmusError(f"{name}: expected a regular file")
        if status.st_size > MAX_YAML_BYTES:
            raise LitmusError(f"{name}: the file is larger than {MAX_YAML_BYTES // 1000} kB")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LitmusError(f"{name}: expected UTF-8 text, found a bad byte at position {error.start}") from None
    except OSError as error:
        raise LitmusError(f"{name}: cannot be read ({error.strerror})") from None
    try:
        _refuse_traps(text, name)
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise LitmusError(f"{name}: {where}{' '.join(str(problem).split())}") from None
    except (ValueError, RecursionError) as error:
        raise LitmusError(f"{name}: not readable as YAML ({' '.join(str(error).split())})") from None


def _refuse_traps(text: str, name: str) -> None:
    """No aliases, by which a small file becomes a huge structure; no nesting that overflows the parser's stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise LitmusError(f"{name}: YAML aliases (*name) are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_YAML_DEPTH:
            raise LitmusError(f"{name}: nested deeper than {MAX_YAML_DEPTH} levels")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place once the block ends without an error.

    The name is always the same, so that what a killed process left is overwritten by the next one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Like `whole_file` for a folder, which replaces the old one."""
    temporary = path.with_name(f".{path.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with a checksum of its content, which `read_sealed` wants to find."""
    write_text(path, json.dumps({**content, "sha256": _checksum(content)}, indent=1) + "\n")


def read_sealed(path: Path) -> dict[str, Any]:
    """The content that `write_sealed` wrote.

    Raises
    ------
    OSError
        If the file cannot be read.
    DamagedError
        If it holds anything else.
    """
    text = path.read_bytes()
    try:
        content = json.loads(text)
        checksum = content.pop("sha256")
        if checksum != _checksum(content):
            raise ValueError("another checksum")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DamagedError(f"{shown(path)}: damaged (not what was written)", path) from None
    return dict(content)


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def condemn(error: DamagedError) -> None:
    """Say what is damaged, and let the next run remove it; other jobs of this one may be waiting for the file."""
    _condemned().parent.mkdir(exist_ok=True)
    with _condemned().open("a", encoding="utf-8") as names:
        names.writelines(f"{os.path.relpath(file, root())}\n" for file in error.files)
    print(f"litmus: error: {error.what}; the next run makes it again", file=sys.stderr)


def remove_condemned() -> None:
    """Remove what `condemn` has named."""
    if _condemned().is_file():
        for name in _condemned().read_text(encoding="utf-8").splitlines():
            (root() / name).unlink(missing_ok=True)
        _condemned().unlink()


def _condemned() -> Path:
    return root() / ".snakemake" / "litmus-damaged"


@contextmanager
def saved_arrays(path: Path) -> Iterator[Any]:
    """The arrays of an .npz file, to be read inside the block; each is checked as it is read.

    Raises
    ------
    DamagedError
        If the file, or an array that is read, is not what was written.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError):
        raise DamagedError(f"{shown(path)}: damaged", path) from None
