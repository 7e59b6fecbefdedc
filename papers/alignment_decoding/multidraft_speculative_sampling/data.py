"""Random pairs of target and draft laws, different drafts, and real text with contexts in it."""

import numpy as np

from litmus.datasets import standard_library_text
from litmus.params import Params

from .language import TARGET_ORDER, context_indices, encode

LARGEST_ALPHABET = 8
DIFFERENT_ALPHABET = 7


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Laws as rows, and the text as symbol numbers.

    Returns
    -------
    dict
        ``pair_target``, ``pair_draft`` (n_pairs, 8): alphabets of 2 to 8 tokens, the rest of a row is zero.
        ``different_target``, ``different_draft_1``, ``different_draft_2`` (n_different, 7): uniform on the simplex.
        ``text`` (length,): the named standard-library modules. ``contexts`` (n_contexts,): random places in it.
    """
    pairs = [random_pair(rng) for _ in range(params.n_pairs)]
    target, draft_1, draft_2 = rng.dirichlet(np.ones(DIFFERENT_ALPHABET), (3, params.n_different))
    text = encode("\n".join(standard_library_text(params.modules).values()))
    positions = rng.integers(TARGET_ORDER - 1, len(text), params.n_contexts)
    return {
        "pair_target": padded([pair_target for pair_target, _ in pairs]),
        "pair_draft": padded([pair_draft for _, pair_draft in pairs]),
        "different_target": target,
        "different_draft_1": draft_1,
        "different_draft_2": draft_2,
        "text": text,
        "contexts": context_indices(text, positions),
    }


def random_pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A target and a draft law on 2 to 8 tokens; three in ten lie near the limit of certain acceptance.

    There the target is proportional to p^2 + 2 p (1 - p) u with uniform u: what a token can be given at least
    (it is drafted twice) and at most (it is drafted at all).
    """
    n_tokens = rng.integers(2, LARGEST_ALPHABET + 1)
    concentration = np.full(n_tokens, rng.choice([0.3, 1.0, 3.0]))
    draft = rng.dirichlet(concentration).clip(1e-6)
    draft /= draft.sum()
    if rng.random() < 0.3:
        target = draft**2 + 2 * draft * (1 - draft) * rng.random(n_tokens)
        return target / target.sum(), draft
    return rng.dirichlet(concentration), draft


def padded(laws: list[np.ndarray]) -> np.ndarray:
    """Laws of different lengths as one array, filled up with tokens of probability zero."""
    return np.stack([np.pad(law, (0, LARGEST_ALPHABET - len(law))) for law in laws])
