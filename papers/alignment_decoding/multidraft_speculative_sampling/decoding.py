"""Drawing tokens: every rule as a sampler, and block decoding with it.

A rule is a function of the context and of two offered tokens, ``rule(contexts, first, second, rng) -> tokens``,
for many independent streams at once (arrays (n,)).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .language import ModelPair
from .method import acceptance, best_selection, k_seq_factor, residual

Rule = Callable[[np.ndarray, np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def draw(laws: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One token (...,) from each law (..., V)."""
    cumulative = laws.cumsum(axis=-1)
    return (cumulative < rng.random(laws.shape[:-1])[..., None] * cumulative[..., -1:]).sum(axis=-1)


def single(target: np.ndarray, law: np.ndarray, offered: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Single-draft speculative sampling of tokens offered from ``law`` (n, V): accept, or draw the residual."""
    accepted = rng.random(len(offered)) * _at(law, offered) < _at(target, offered)
    return np.where(accepted, offered, draw(residual(target, law), rng))


def recursive_rule(models: ModelPair) -> Rule:
    """Recursive rejection sampling: the second token is tested against the residual of the first test."""

    def rule(contexts, first, second, rng):
        target, draft = models.target_law(contexts), models.draft_law(contexts)
        accepted = rng.random(len(first)) * _at(draft, first) < _at(target, first)
        return np.where(accepted, first, single(residual(target, draft), draft, second, rng))

    return rule


def k_seq_rule(models: ModelPair) -> Rule:
    """K-SEQ: both tokens are tested in turn with min(1, q/(rho p)); then the residual q - min(p, q/rho) a/b.

    a is the probability to accept one of the two, b to accept a given one.
    """

    def rule(contexts, first, second, rng):
        target, draft = models.target_law(contexts), models.draft_law(contexts)
        scaled = target / k_seq_factor(target, draft)
        each = acceptance(scaled, draft)[:, None]
        tokens = draw(residual(target, np.minimum(draft, scaled) * (1 - (1 - each) ** 2) / each), rng)
        for offered in (second, first):  # the first overrules the second
            accepted = rng.random(len(offered)) * _at(draft, offered) < _at(scaled, offered)
            tokens = np.where(accepted, offered, tokens)
        return tokens

    return rule


def selection_rule(models: ModelPair, n_kept: int, second_step: bool = True) -> Rule:
    """The two steps: select by the truncated program, then test the selected token by its law P_I.

    A context's program is solved when it is met first. With ``second_step=False`` the selected token is always
    accepted, which breaks the law of the output.
    """
    place = np.full(len(models.target), -1)  # of a context in the two stacks
    n_tokens = models.target.shape[1]
    preferences, laws = np.empty((0, n_tokens, n_tokens)), np.empty((0, n_tokens))

    def rule(contexts, first, second, rng):
        nonlocal preferences, laws
        new = np.unique(contexts[place[contexts] < 0])
        if new.size:
            draft = models.draft_law(new)
            selection = best_selection(models.target_law(new), draft, draft, n_kept)
            place[new] = len(laws) + np.arange(new.size)
            preferences = np.concatenate([preferences, selection.preference])
            laws = np.concatenate([laws, selection.law])
        known = place[contexts]
        selected = np.where(rng.random(len(first)) < preferences[known, first, second], first, second)
        if not second_step:
            return selected
        return single(models.target_law(contexts), laws[known], selected, rng)

    return rule


class Decoded(NamedTuple):
    """The emitted tokens of all streams with the contexts they were emitted in, and the number of target calls."""

    contexts: np.ndarray
    tokens: np.ndarray
    n_calls: int

    @property
    def block_efficiency(self) -> float:
        """Tokens per target call."""
        return len(self.tokens) / self.n_calls


def decode(
    models: ModelPair,
    rule: Rule | None,
    starts: np.ndarray,
    n_rounds: int,
    draft_length: int,
    rng: np.random.Generator,
) -> Decoded:
    """Emit tokens by ``n_rounds`` target calls in each of the streams that begin at ``starts``.

    Per call one (``rule=None``) or two drafts of ``draft_length`` tokens are offered. A position's list holds
    the next tokens of the drafts that agree with the output so far: two go to the rule, one to single-draft
    sampling. When no draft agrees any more the call ends; after ``draft_length`` agreements the target gives
    one token more.
    """
    contexts, n_streams = starts.copy(), len(starts)
    emitted: list[tuple[np.ndarray, np.ndarray]] = []

    def emit(streams: np.ndarray, tokens: np.ndarray) -> None:
        emitted.append((contexts[streams], tokens))
        contexts[streams] = models.extend(contexts[streams], tokens)

    for _ in range(n_rounds):
        drafts = draft_tokens(models, contexts, 1 if rule is None else 2, draft_length, rng)
        agrees = np.ones(drafts.shape[:2], bool)
        running = np.arange(n_streams)
        for offered in np.moveaxis(drafts, 2, 0):
            tokens = np.empty(len(running), np.int64)
            both = agrees[running].sum(axis=1) == 2
            if both.any():
                streams = running[both]
                tokens[both] = rule(contexts[streams], *offered[streams].T, rng)
            streams = running[~both]
            alone = offered[streams, agrees[streams].argmax(axis=1)]
            target, draft = models.target_law(contexts[streams]), models.draft_law(contexts[streams])
            tokens[~both] = single(target, draft, alone, rng)
            emit(running, tokens)
            agrees[running] &= offered[running] == tokens[:, None]
            running = running[agrees[running].any(axis=1)]
        emit(running, draw(models.target_law(contexts[running]), rng))
    all_contexts, all_tokens = (np.concatenate(parts) for parts in zip(*emitted, strict=True))
    return Decoded(all_contexts, all_tokens, n_rounds * n_streams)


def draft_tokens(
    models: ModelPair, contexts: np.ndarray, n_drafts: int, draft_length: int, rng: np.random.Generator
) -> np.ndarray:
    """Independent drafts (n, n_drafts, draft_length) that continue each context."""
    contexts = np.repeat(contexts[:, None], n_drafts, axis=1)
    tokens = np.empty((*contexts.shape, draft_length), np.int64)
    for position in range(draft_length):
        tokens[..., position] = draw(models.draft_law(contexts), rng)
        contexts = models.extend(contexts, tokens[..., position])
    return tokens


def law_deviation(decoded: Decoded, models: ModelPair) -> float:
    """Standard score of the output's log-likelihood under the target: standard normal if the law is kept.

    log q of a token drawn from q has a known mean and variance in every context, so that the sum of the
    deviations is a martingale.
    """
    target = models.target_law(decoded.contexts)
    log_target = np.log(target)
    expected = (target * log_target).sum(axis=1)
    variance = (target * log_target**2).sum(axis=1) - expected**2
    return float((_at(log_target, decoded.tokens) - expected).sum() / np.sqrt(variance.sum()))


def _at(laws: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """The probability of each row's token."""
    return np.take_along_axis(laws, tokens[:, None], axis=1)[:, 0]
