"""Which repository files a module imports, transitively, found by reading the source.

The modules of a repository are ``papers.*`` below its root and ``litmus.*`` of the kit. Snakemake takes these
files as inputs of a stage, so that editing one of them reruns its dependents and nothing else.
"""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path

from litmus.files import write_text
from litmus.paths import KIT, root

# The generators decide every bit of a result, though no paper imports this module.
ALWAYS = (KIT / "seeding.py",)


class ImportScanner:
    """Reads imports of files, and remembers them between runs in a cache keyed by size and time of change."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache_file = cache
        self._root = root()
        self._direct: dict[str, tuple[tuple[int, int], list[str]]] = {}
        self._files: dict[str, list[Path]] = {}
        self._closures: dict[Path, frozenset[Path]] = {}
        self._changed = False
        if cache is not None and cache.is_file():
            try:
                stored = json.loads(cache.read_text())
                self._direct = {file: (tuple(stamp), names) for file, (stamp, names) in stored.items()}
            except (ValueError, TypeError):
                self._direct = {}  # a damaged cache is only a slower start

    def inputs(self, file: Path) -> list[str]:
        """`file` and all repository files it imports, transitively; paths relative to the root where possible."""
        files = {file, *self._closure(file), *ALWAYS}
        return sorted(os.path.relpath(path, self._root) for path in files)

    def save(self) -> None:
        """Keep the cache for the next run."""
        if self._changed and self._cache_file is not None:
            write_text(self._cache_file, json.dumps(self._direct))

    def _closure(self, file: Path) -> frozenset[Path]:
        if file not in self._closures:
            seen, waiting = {file}, [file]
            while waiting:
                new = {found for name in self._imports(waiting.pop()) for found in self._files_of(name)} - seen
                seen |= new
                waiting.extend(new)
            self._closures[file] = frozenset(seen)
        return self._closures[file]

    def _imports(self, file: Path) -> list[str]:
        try:
            status = file.stat()
        except OSError:
            return []
        stamp, key = (status.st_mtime_ns, status.st_size), str(file)
        known = self._direct.get(key)
        if known is None or known[0] != stamp:
            self._direct[key] = known = (stamp, self._read(file))
            self._changed = True
        return known[1]

    def _read(self, file: Path) -> list[str]:
        tree = _parsed(file)
        names = set(_imported_names(tree, self._package(file))) if tree else set()
        return sorted(name for name in names if name.split(".")[0] in ("papers", "litmus"))

    def _package(self, file: Path) -> str:
        """Dotted name of the package a file lies in."""
        for base in (self._root, KIT.parent):
            if file.is_relative_to(base):
                return ".".join(file.relative_to(base).parent.parts)
        return ""

    def _files_of(self, name: str) -> list[Path]:
        """Files that importing the dotted `name` executes: the module and the __init__.py files on the way."""
        if name not in self._files:
            parts, files = name.split("."), []
            base = self._root if parts[0] == "papers" else KIT.parent
            for i in range(1, len(parts) + 1):
                path = base.joinpath(*parts[:i])
                if (module := path.with_suffix(".py")).is_file():
                    files.append(module)
                    break
                if (package := path / "__init__.py").is_file():
                    files.append(package)
            self._files[name] = files
        return self._files[name]


def _parsed(file: Path) -> ast.Module | None:
    """The syntax tree, or None where the file is not Python: the stage that imports it says so, and fails alone."""
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _imported_names(tree: ast.Module, package: str) -> Iterator[str]:
    """Absolute dotted names of everything imported anywhere in the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")
                kept = parents[: len(parents) - node.level + 1]
                base = ".".join([*kept, base] if base else kept)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def parameters_read(file: Path) -> set[str] | None:
    """Names that ``generate(params, ...)`` reads as ``params.name`` or ``params["name"]``.

    None where `params` is also used in another way (handed on, say), so that the names cannot be known.
    """
    tree = _parsed(file)
    for node in tree.body if tree else []:
        if isinstance(node, ast.FunctionDef) and node.name == "generate" and node.args.args:
            return _reads(node, node.args.args[0].arg)
    return None


def _reads(function: ast.FunctionDef, params: str) -> set[str] | None:
    names: set[str] = set()
    accounted = 0
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == params:
            names.add(node.attr)
            accounted += 1
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == params:
            if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
                return None
            names.add(node.slice.value)
            accounted += 1
    uses = sum(isinstance(node, ast.Name) and node.id == params for node in ast.walk(function))
    return names if uses == accounted else None
