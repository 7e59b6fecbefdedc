"""Data that every installation already holds: the standard library's own sources, scikit-learn's digits."""

from __future__ import annotations

import hashlib
import os
import sysconfig
import tokenize
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

# Test suites, parts that distributions ship separately or have dropped, and generated tables.
_EXCLUDED_PARTS = frozenset(
    [
        "test",
        "tests",
        "idle_test",
        "site-packages",
        "dist-packages",
        "__pycache__",
        "lib-dynload",
        "__phello__",
        "idlelib",
        "lib2to3",
        "tkinter",
        "turtledemo",
        "turtle",
        "distutils",
        "ensurepip",
        "venv",
        "msilib",
        "encodings",
        "pydoc_data",
    ]
)
_EXCLUDED_PREFIXES = ("_sysconfigdata", "config-")

DIGITS_SCALINGS = ("unit", "signed", "standardised")


def standard_library_text(modules: Iterable[str] | None = None) -> dict[str, str]:
    """Source text of the running Python's standard library, by dotted module name.

    Left out: test suites, installed packages, parts that some distributions ship separately (idlelib, tkinter, ...)
    and tables that no person wrote (encodings, pydoc_data, build configuration).

    Parameters
    ----------
    modules : iterable of str, optional
        Names such as ``"argparse"`` or ``"json.decoder"`` (a package's name stands for its ``__init__``).
        All modules in name order when omitted.

    Returns
    -------
    dict of str to str
        In the order of ``modules``, or sorted by name. Line ends are ``\\n``.

    Raises
    ------
    KeyError
        If a name is not part of the collection.
    """
    texts = _all_standard_library_text()
    if modules is None:
        return dict(texts)
    chosen = list(modules)
    unknown = [name for name in chosen if name not in texts]
    if unknown:
        raise KeyError(f"not among the standard library's {len(texts)} collected modules: {', '.join(unknown)}")
    return {name: texts[name] for name in chosen}


@cache
def standard_library_digest() -> str:
    """SHA-256 of the collected names and texts: tells one Python release's library from another's."""
    digest = hashlib.sha256()
    for name, text in _all_standard_library_text().items():
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()


@cache
def _all_standard_library_text() -> dict[str, str]:
    root = Path(sysconfig.get_path("stdlib"))
    texts = {}
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if _is_collected(name)]  # never walks into site-packages
        for path in (Path(folder, name) for name in files if name.endswith(".py") and _is_collected(name[:-3])):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            texts[name] = _read_source(path)
    return dict(sorted(texts.items()))


def _is_collected(part: str) -> bool:
    return part not in _EXCLUDED_PARTS and not part.startswith(_EXCLUDED_PREFIXES)


def _read_source(path: Path) -> str:
    with tokenize.open(path) as source:  # honours the file's own encoding declaration
        return source.read()


class Digits(NamedTuple):
    """scikit-learn's 8 x 8 digits. ``x_*``: float64 (n, 64), row-major pixels; ``y_*``: int64 (n,), 0-9."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits(n_train: int = 1257, scaling: str = "standardised") -> Digits:
    """The 1797 handwritten digits, in one fixed shuffled order, split into train and test.

    Parameters
    ----------
    n_train : int
        Images in the training part; the other ``1797 - n_train`` are the test part. A larger training part
        contains a smaller one.
    scaling : {"unit", "signed", "standardised"}
        ``"unit"``: pixels in [0, 1]; ``"signed"``: pixels in [-1, 1]; ``"standardised"``: every pixel has mean 0
        and standard deviation 1 over the training part (pixels that never vary there are 0).

    Raises
    ------
    ValueError
        If ``n_train`` or ``scaling`` is out of range.
    """
    if scaling not in DIGITS_SCALINGS:
        raise ValueError(f"scaling must be one of {', '.join(DIGITS_SCALINGS)}, not {scaling!r}")
    pixels, labels = _shuffled_digits()
    if not 0 < n_train < len(labels):
        raise ValueError(f"n_train must lie between 1 and {len(labels) - 1}, not {n_train}")
    if scaling == "unit":
        pixels = pixels / 16.0
    elif scaling == "signed":
        pixels = (pixels - 8.0) / 8.0
    else:
        mean, spread = pixels[:n_train].mean(axis=0), pixels[:n_train].std(axis=0)
        varies = spread > 0
        pixels = np.where(varies, (pixels - mean) / np.where(varies, spread, 1.0), 0.0)
    return Digits(pixels[:n_train], labels[:n_train], pixels[n_train:], labels[n_train:])


@cache
def _shuffled_digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return pixels[order], labels[order].astype(np.int64)
