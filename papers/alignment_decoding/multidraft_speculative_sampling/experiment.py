"""Optimal acceptance by formula and by programs on random laws; acceptance and block efficiency on text."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from .decoding import decode, k_seq_rule, law_deviation, recursive_rule, selection_rule
from .language import ModelPair
from .method import (
    acceptance,
    all_subsets,
    best_selection,
    joint_optimum,
    k_seq_acceptance,
    optimum_by_prefixes,
    recursive_acceptance,
    smallest_slack,
)

BASELINES = ["recursive", "K-SEQ"]  # the other rules for two drafts


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Check the theorems on random laws, then measure the rules on the character models of real text."""
    identical = identical_drafts(data["pair_target"], data["pair_draft"], params)
    different = different_drafts(data["different_target"], data["different_draft_1"], data["different_draft_2"], params)
    programs = pd.concat([identical, different], ignore_index=True)
    text = pd.concat(
        (text_acceptance(data, temperature, params) for temperature in params.temperatures), ignore_index=True
    )
    blocks = block_decoding(data, params, rng)

    mean = text.set_index(["temperature", "rule"]).acceptance.unstack()
    plain = mean.loc[params.temperatures[0]]
    efficiency = blocks.set_index("rule").block_efficiency
    certain = identical.smallest_slack >= -1e-12
    metrics = {
        "formula_lp_gap": (identical.formula - identical.joint).abs().max(),
        "decomposition_gap": (programs.two_step - programs.joint).abs().max(),
        "condition_mismatches": (certain != (identical.joint > 1 - 1e-8)).sum(),
        "certain_share": certain.mean(),
        "rrs_relative_gain": plain["optimal"] / plain["recursive"] - 1,
        "truncated_over_best_baseline": (mean["truncated LP"] / mean[BASELINES].max(axis=1)).min(),
        "block_gain_over_single": efficiency["truncated LP"] / efficiency["single draft"],
        "block_gain_over_best_baseline": efficiency["truncated LP"] / efficiency[BASELINES].max(),
        "output_law_score_max": blocks.law_deviation.abs().max(),
    }
    tables = {"binary": binary_alphabet(params), "programs": programs, "text": text, "blocks": blocks}
    return Outcome(metrics, tables)


# --- Random laws --------------------------------------------------------------------------------------------


def identical_drafts(target: np.ndarray, draft: np.ndarray, params: Params) -> pd.DataFrame:
    """The optimum by the joint program, by the two steps and by the formula."""
    slack = formula_slack(target, draft, params)
    table = two_programs(target, draft, draft, params)
    return table.assign(drafts="identical", formula=1 + slack, smallest_slack=slack)


def different_drafts(target: np.ndarray, draft_1: np.ndarray, draft_2: np.ndarray, params: Params) -> pd.DataFrame:
    """The optimum by the joint program and by the two steps; the formula does not apply."""
    return two_programs(target, draft_1, draft_2, params).assign(drafts="different")


def two_programs(target: np.ndarray, draft_1: np.ndarray, draft_2: np.ndarray, params: Params) -> pd.DataFrame:
    """Joint program and two-step program for rows of laws."""
    law = best_selection(target, draft_1, draft_2, None if params.optimise_selection else 0).law
    two_step = acceptance(target, law) if params.second_step else law.sum(axis=1)
    joint = [joint_optimum(*laws) for laws in zip(target, draft_1, draft_2, strict=True)]
    return pd.DataFrame({"joint": joint, "two_step": two_step})


def formula_slack(target: np.ndarray, draft: np.ndarray, params: Params) -> np.ndarray:
    """The smallest q(S) - p(S)^2; the control looks at single tokens (and the empty set) only."""
    n_tokens = target.shape[-1]
    singles = np.vstack([np.zeros(n_tokens), np.eye(n_tokens)])
    return smallest_slack(target, draft, singles if params.single_tokens_only else all_subsets(n_tokens))


def binary_alphabet(params: Params) -> pd.DataFrame:
    """Acceptance over q(1), for a few p(1): two tokens, so that the curves can be drawn."""
    parts = []
    for draft_one in params.binary_drafts:
        target_one = np.linspace(0, 1, 101)
        target = np.column_stack([target_one, 1 - target_one])
        draft = np.broadcast_to([draft_one, 1 - draft_one], target.shape)
        curves = {
            "optimal": 1 + formula_slack(target, draft, params),
            "two-step program": acceptance(target, best_selection(target, draft, draft).law),
            "recursive": recursive_acceptance(target, draft),
            "K-SEQ": k_seq_acceptance(target, draft),
        }
        parts += [
            pd.DataFrame({"draft_one": draft_one, "target_one": target_one, "rule": rule, "acceptance": curve})
            for rule, curve in curves.items()
        ]
    return pd.concat(parts, ignore_index=True)


# --- Text ---------------------------------------------------------------------------------------------------


def text_acceptance(data: dict[str, np.ndarray], temperature: float, params: Params) -> pd.DataFrame:
    """Exact acceptance of every rule, averaged over contexts of the text."""
    models = ModelPair.fitted(data["text"], temperature)
    contexts, repeats = np.unique(data["contexts"], return_counts=True)
    target, draft = models.target_law(contexts), models.draft_law(contexts)
    selection = best_selection(target, draft, draft, n_kept(params))
    if params.single_tokens_only:
        optimal = 1 + formula_slack(target, draft, params)
    else:
        optimal = optimum_by_prefixes(target, draft)
    rules = {
        "single draft": acceptance(target, draft),
        "recursive": recursive_acceptance(target, draft),
        "K-SEQ": k_seq_acceptance(target, draft),
        "truncated LP": acceptance(target, selection.law),
        "optimal": optimal,
    }
    rows = [(temperature, rule, np.average(values, weights=repeats)) for rule, values in rules.items()]
    return pd.DataFrame(rows, columns=["temperature", "rule", "acceptance"])


def block_decoding(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Tokens per target call of every rule, with streams that begin at the contexts."""
    models = ModelPair.fitted(data["text"], params.temperatures[0])
    rules = {
        "single draft": None,
        "recursive": recursive_rule(models),
        "K-SEQ": k_seq_rule(models),
        "truncated LP": selection_rule(models, n_kept(params), params.second_step),
    }
    rows = []
    for name, rule in rules.items():
        decoded = decode(models, rule, data["contexts"], params.n_rounds, params.draft_length, rng)
        rows.append((name, decoded.block_efficiency, law_deviation(decoded, models)))
    return pd.DataFrame(rows, columns=["rule", "block_efficiency", "law_deviation"])


def n_kept(params: Params) -> int:
    """Tokens in the truncated program; the control optimises over none, which is to select a random draft."""
    return params.n_kept if params.optimise_selection else 0
