"""The text that tiny_lm reads: bytes of the standard library's sources, split by file.

A token is one byte of UTF-8. Files follow one another in name order, each preceded by `END_OF_FILE`, a byte that no
source holds.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from litmus.datasets import standard_library_text

N_TOKENS = 256
END_OF_FILE = 0
SPLITS = ("train", "validation", "held_out")


def tokenise(text: str) -> np.ndarray:
    """The bytes of `text` as uint8 tokens."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def detokenise(tokens: np.ndarray) -> str:
    """The text of a token sequence; bytes that are no UTF-8 become the replacement character."""
    return np.asarray(tokens, dtype=np.uint8).tobytes().decode(errors="replace")


def split_of(module: str) -> str:
    """The split of a module's file, by a hash of its name: 85 % train, 5 % validation, 10 % held out.

    The hash keeps a file in its split whatever other files a Python release adds or drops.
    """
    twentieth = int.from_bytes(hashlib.sha256(module.encode()).digest()[:8], "little") % 20
    return "validation" if twentieth == 0 else "held_out" if twentieth <= 2 else "train"


@cache
def split_tokens(split: str) -> np.ndarray:
    """All tokens of one split, uint8, read-only."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
    separator = bytes([END_OF_FILE])
    stream = b"".join(
        separator + text.encode() for module, text in standard_library_text().items() if split_of(module) == split
    )
    return np.frombuffer(stream, dtype=np.uint8)


def windows(split: str, n: int, length: int, rng: np.random.Generator | None = None) -> np.ndarray:
    """`n` windows of `length` bytes from one split.

    Parameters
    ----------
    split : {"train", "validation", "held_out"}
    n, length : int
        Number of windows and bytes per window.
    rng : numpy.random.Generator, optional
        Start positions are drawn uniformly from it; without it they are evenly spaced over the split, the same at
        every call.

    Returns
    -------
    ndarray of int64, shape (n, length)

    Raises
    ------
    ValueError
        If the split is unknown or shorter than one window.
    """
    tokens = split_tokens(split)
    last_start = len(tokens) - length
    if last_start < 0:
        raise ValueError(f"the {split} split has {len(tokens)} bytes, fewer than a window of {length}")
    if rng is None:
        starts = np.linspace(0, last_start, n).round().astype(np.int64)
    else:
        starts = rng.integers(last_start + 1, size=n)
    return tokens[starts[:, None] + np.arange(length)].astype(np.int64)
