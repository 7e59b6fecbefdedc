"""Character models of real text: interpolated n-grams, a long one as the target and a short one as the draft."""

from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np

KEPT = ascii_lowercase + " \n_.,():"
SYMBOLS = KEPT + "0?"  # any digit, anything else
TARGET_ORDER, DRAFT_ORDER = 4, 2
PSEUDO_COUNT = 3.0


def encode(text: str) -> np.ndarray:
    """Text as indices into ``SYMBOLS``, uint8: lower case, digits and rare signs merged."""
    codes = np.frombuffer(text.lower().encode("ascii", "replace"), np.uint8)
    table = np.full(256, SYMBOLS.index("?"), np.uint8)
    table[[ord(digit) for digit in "0123456789"]] = SYMBOLS.index("0")
    table[[ord(symbol) for symbol in KEPT]] = np.arange(len(KEPT))
    return table[codes]


def context_indices(text: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The number of the target's context, the ``TARGET_ORDER - 1`` symbols before each position."""
    index = np.zeros(len(positions), np.int64)
    for back in range(TARGET_ORDER - 1, 0, -1):
        index = index * len(SYMBOLS) + text[positions - back]
    return index


def interpolated_ngram(text: np.ndarray, order: int) -> np.ndarray:
    """Next-symbol laws (V^(order-1), V), one row a context, its latest symbol varying fastest.

    Law of order k: (count + c law of order k-1)/(total + c) with c = ``PSEUDO_COUNT``, down to the uniform law.
    """
    n_symbols = len(SYMBOLS)
    law = np.full((1, n_symbols), 1 / n_symbols)
    for k in range(1, order + 1):
        grams = np.zeros(len(text) - k + 1, np.int64)
        for offset in range(k):
            grams = grams * n_symbols + text[offset : offset + len(grams)]
        counts = np.bincount(grams, minlength=n_symbols**k).reshape(-1, n_symbols)
        shorter = np.tile(law, (len(counts) // len(law), 1))  # the context less its oldest symbol
        law = (counts + PSEUDO_COUNT * shorter) / (counts.sum(axis=1, keepdims=True) + PSEUDO_COUNT)
    return law


@dataclass(frozen=True)
class ModelPair:
    """A target and a draft model over one alphabet; contexts are numbered as the target's rows."""

    target: np.ndarray
    draft: np.ndarray

    @classmethod
    def fitted(cls, text: np.ndarray, temperature: float = 1.0) -> "ModelPair":
        """Both models from the same text, the draft's laws proportional to p^(1/temperature)."""
        draft = interpolated_ngram(text, DRAFT_ORDER) ** (1 / temperature)
        return cls(interpolated_ngram(text, TARGET_ORDER), draft / draft.sum(axis=1, keepdims=True))

    def target_law(self, contexts: np.ndarray) -> np.ndarray:
        """q(. | context), shape (..., V)."""
        return self.target[contexts]

    def draft_law(self, contexts: np.ndarray) -> np.ndarray:
        """p(. | context), shape (..., V): the draft model sees the latest symbols only."""
        return self.draft[contexts % len(self.draft)]

    def extend(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The contexts after one more token each."""
        return (contexts * self.target.shape[1] + tokens) % len(self.target)
