"""Programs, formulas and samplers against brute force, independent solvers and each other."""

import networkx as nx
import numpy as np
import pytest
from scipy.stats import chisquare

from papers.alignment_decoding.multidraft_speculative_sampling import decoding, language, method
from papers.alignment_decoding.multidraft_speculative_sampling.language import ModelPair


def random_laws(n_tokens, n=1, concentration=0.7, seed=0):
    """Target and draft laws (n, n_tokens)."""
    return np.random.default_rng(seed).dirichlet(np.full(n_tokens, concentration), (2, n))


def maximum_flow(target, draft_1, draft_2, units=10**6):
    """The optimal acceptance as a flow from pairs to tokens, with capacities in millionths."""
    graph = nx.DiGraph()
    for x, p in enumerate(draft_1):
        for y, r in enumerate(draft_2):
            graph.add_edge("source", (x, y), capacity=round(p * r * units))
            graph.add_edge((x, y), x)
            graph.add_edge((x, y), y)
    for token, q in enumerate(target):
        graph.add_edge(token, "sink", capacity=round(q * units))
    return nx.maximum_flow_value(graph, "source", "sink") / units


# --- The optimum --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_joint_program_is_a_maximum_flow(seed):
    target, draft_1, draft_2 = np.random.default_rng(seed).dirichlet(np.full(5, 0.7), 3)
    flow = maximum_flow(target, draft_1, draft_2)
    assert method.joint_optimum(target, draft_1, draft_2) == pytest.approx(flow, abs=5e-5)


@pytest.mark.parametrize("n_tokens", [2, 4, 7])
def test_two_steps_reach_the_joint_optimum_for_different_drafts(n_tokens):
    target, draft_1, draft_2 = np.random.default_rng(n_tokens).dirichlet(np.ones(n_tokens), (3, 10))
    selection = method.best_selection(target, draft_1, draft_2)
    joint = [method.joint_optimum(*laws) for laws in zip(target, draft_1, draft_2, strict=True)]
    np.testing.assert_allclose(method.acceptance(target, selection.law), joint, atol=1e-9)


def test_formula_is_the_joint_optimum_for_identical_drafts():
    target, draft = random_laws(6, 30)
    formula = 1 + method.smallest_slack(target, draft, method.all_subsets(6))
    joint = [method.joint_optimum(q, p, p) for q, p in zip(target, draft, strict=True)]
    np.testing.assert_allclose(formula, joint, atol=1e-9)


def test_formula_in_the_words_of_the_theorem():
    """min_S q(S) + p(S^c)^2 + 2 p(S) p(S^c), subset by subset."""
    (target,), (draft,) = random_laws(5, seed=3)
    values = []
    for code in range(2**5):
        inside = np.array([code >> token & 1 for token in range(5)], bool)
        p_in, p_out = draft[inside].sum(), draft[~inside].sum()
        values.append(target[inside].sum() + p_out**2 + 2 * p_in * p_out)
    slack = method.smallest_slack(target, draft, method.all_subsets(5))
    assert 1 + slack == pytest.approx(min(values), abs=1e-12)


@pytest.mark.parametrize("concentration", [0.3, 1.0, 3.0])
def test_prefixes_are_enough(concentration):
    for n_tokens in (2, 5, 9):
        target, draft = random_laws(n_tokens, 70, concentration, seed=n_tokens)
        enumerated = 1 + method.smallest_slack(target, draft, method.all_subsets(n_tokens))
        np.testing.assert_allclose(method.optimum_by_prefixes(target, draft), enumerated, atol=1e-12)


def test_binary_alphabet_by_hand():
    """With p = (a, 1-a), acceptance is certain for a^2 <= q(1) <= 1 - (1-a)^2, else it lacks the difference."""
    target_one = np.linspace(0, 1, 21)
    target = np.column_stack([target_one, 1 - target_one])
    draft = np.broadcast_to([0.3, 0.7], target.shape)
    expected = 1 - np.maximum(0, np.maximum(0.09 - target_one, target_one - 0.51))
    np.testing.assert_allclose(method.optimum_by_prefixes(target, draft), expected, atol=1e-12)


def test_extremes():
    target, _ = random_laws(6, 4)
    half = np.array([[0.5, 0.5, 0.0, 0.0]])
    rules = (method.optimum_by_prefixes, method.recursive_acceptance, method.k_seq_acceptance)
    for rule in rules:
        np.testing.assert_allclose(rule(target, target), 1, atol=1e-9)
        np.testing.assert_allclose(rule(half, half[:, ::-1]), 0, atol=1e-9)
    assert method.joint_optimum(target[0], target[0], target[0]) == pytest.approx(1)
    assert method.joint_optimum(half[0], half[0, ::-1], half[0, ::-1]) == pytest.approx(0)


# --- Truncation ---------------------------------------------------------------------------------------------


def test_truncation_to_all_tokens_is_the_full_program_and_grows_towards_it():
    target, draft = random_laws(10, 20)
    acceptances = [
        method.acceptance(target, method.best_selection(target, draft, draft, n_kept).law) for n_kept in (0, 4, 7, 10)
    ]
    np.testing.assert_allclose(acceptances[0], method.acceptance(target, draft), atol=1e-12)
    np.testing.assert_allclose(acceptances[-1], method.optimum_by_prefixes(target, draft), atol=1e-9)
    assert (np.diff(acceptances, axis=0).mean(axis=1) > 0).all()
    assert (np.array(acceptances) < acceptances[-1] + 1e-9).all()


def test_selected_law_by_enumeration():
    target, draft_1 = random_laws(6, 2)
    _, draft_2 = random_laws(6, 2, seed=9)
    selection = method.best_selection(target, draft_1, draft_2, 3)
    law = np.zeros((2, 6))
    for x in range(6):
        for y in range(6):
            chance = draft_1[:, x] * draft_2[:, y]
            prefer = selection.preference[:, x, y] if x != y else 1
            law[:, x] += chance * prefer
            law[:, y] += chance * (1 - prefer)
    np.testing.assert_allclose(selection.law, law, atol=1e-12)
    both_ways = selection.preference + selection.preference.transpose(0, 2, 1)
    np.testing.assert_allclose(both_ways, 1, atol=1e-12)
    kept = np.argsort(-target, axis=1)
    for n in range(2):  # a kept token against one that is not, and two that are not
        assert selection.preference[n, kept[n, 2], kept[n, 3]] == 1
        assert selection.preference[n, kept[n, 4], kept[n, 5]] == 0.5


# --- Baselines ----------------------------------------------------------------------------------------------


def test_order_of_the_rules():
    target, draft = random_laws(8, 200)
    optimal = method.optimum_by_prefixes(target, draft)
    single = method.acceptance(target, draft)
    for acceptance in (method.recursive_acceptance(target, draft), method.k_seq_acceptance(target, draft)):
        assert (acceptance <= optimal + 1e-9).all()
        assert (acceptance >= single - 1e-9).all()
        assert acceptance.mean() > single.mean() + 0.02


def test_k_seq_factor_is_a_root():
    target, draft = random_laws(8, 50)
    factor = method.k_seq_factor(target, draft)
    accepted = np.minimum(draft, target / factor).sum(axis=1)
    np.testing.assert_allclose(1 - (1 - accepted) ** 2, factor[:, 0] * accepted, atol=1e-9)
    assert factor.min() >= 1
    assert factor.max() <= 2


# --- Samplers and decoding ----------------------------------------------------------------------------------


def small_models(n_symbols=5):
    """Memory of one symbol: the target's contexts are the symbols, the draft's as well."""
    target, draft = random_laws(n_symbols, n_symbols, 0.8, seed=4)
    return ModelPair(target, draft)


def rules(models):
    return {
        "recursive": (decoding.recursive_rule(models), method.recursive_acceptance),
        "k_seq": (decoding.k_seq_rule(models), method.k_seq_acceptance),
        "truncated": (decoding.selection_rule(models, 3), None),
        "optimal": (decoding.selection_rule(models, 5), method.optimum_by_prefixes),
    }


@pytest.mark.parametrize("name", ["recursive", "k_seq", "truncated", "optimal"])
def test_output_follows_the_target_and_acceptance_is_as_computed(name):
    models, rng = small_models(), np.random.default_rng(5)
    rule, acceptance = rules(models)[name]
    for context in range(5):
        contexts = np.full(20_000, context)
        first, second = (decoding.draw(models.draft_law(contexts), rng) for _ in range(2))
        tokens = rule(contexts, first, second, rng)
        frequencies = np.bincount(tokens, minlength=5)
        assert chisquare(frequencies, 20_000 * models.target[context]).pvalue > 1e-3
        if acceptance is not None:
            expected = acceptance(models.target[[context]], models.draft[[context]])[0]
            assert ((tokens == first) | (tokens == second)).mean() == pytest.approx(expected, abs=0.015)


def test_single_draft_follows_the_target():
    models, rng = small_models(), np.random.default_rng(6)
    contexts = np.full(20_000, 2)
    offered = decoding.draw(models.draft_law(contexts), rng)
    tokens = decoding.single(models.target_law(contexts), models.draft_law(contexts), offered, rng)
    assert chisquare(np.bincount(tokens, minlength=5), 20_000 * models.target[2]).pvalue > 1e-3
    assert (tokens == offered).mean() == pytest.approx(method.acceptance(models.target, models.draft)[2], abs=0.015)


def test_decoding_perfect_drafts_are_always_accepted():
    models = ModelPair(small_models().target, small_models().target)
    for rule in (None, decoding.recursive_rule(models), decoding.selection_rule(models, 5)):
        decoded = decoding.decode(models, rule, np.zeros(50, int), 4, 3, np.random.default_rng(7))
        assert decoded.block_efficiency == 4


def test_block_efficiency_of_one_draft_without_memory():
    """With the same law in every context: 1 + a + ... + a^L tokens, a the acceptance probability."""
    (target,), (draft,) = random_laws(5, seed=8)
    models = ModelPair(np.tile(target, (5, 1)), np.tile(draft, (5, 1)))
    accepted = method.acceptance(target, draft)
    decoded = decoding.decode(models, None, np.zeros(2000, int), 10, 4, np.random.default_rng(9))
    assert decoded.block_efficiency == pytest.approx((accepted ** np.arange(5)).sum(), rel=0.02)


def test_decoded_transitions_follow_the_target():
    models = small_models()
    rule = decoding.selection_rule(models, 3)
    decoded = decoding.decode(models, rule, np.zeros(500, int), 20, 4, np.random.default_rng(10))
    for context in range(5):
        tokens = decoded.tokens[decoded.contexts == context]
        frequencies = np.bincount(tokens, minlength=5)
        assert chisquare(frequencies, len(tokens) * models.target[context]).pvalue > 1e-3
    assert abs(decoding.law_deviation(decoded, models)) < 4
    broken = decoding.selection_rule(models, 3, second_step=False)
    decoded = decoding.decode(models, broken, np.zeros(500, int), 20, 4, np.random.default_rng(10))
    assert abs(decoding.law_deviation(decoded, models)) > 8


# --- Language models ----------------------------------------------------------------------------------------


def test_ngram_by_counting():
    text = language.encode("the cat, THE HAT: 12 the\n\n(them) {then}" * 3)
    laws = language.interpolated_ngram(text, 3)
    n_symbols = len(language.SYMBOLS)
    assert laws.shape == (n_symbols**2, n_symbols)
    np.testing.assert_allclose(laws.sum(axis=1), 1)

    def law(context, symbol):
        follows = [i for i in range(len(context), len(text)) if (text[i - len(context) : i] == context).all()]
        hits = sum(text[i] == symbol for i in follows)
        shorter = law(context[1:], symbol) if len(context) else 1 / n_symbols
        return (hits + 3 * shorter) / (len(follows) + 3)

    for context, symbol in (("th", "e"), ("he", "m"), ("zz", "e"), (", ", "t")):
        context, (symbol,) = language.encode(context), language.encode(symbol)
        row = int(context[0]) * n_symbols + int(context[1])
        assert laws[row, symbol] == pytest.approx(law(context, symbol))


def test_contexts_are_numbered_as_rows():
    text = language.encode("abcdefgh")
    models = ModelPair.fitted(text)
    indices = language.context_indices(text, np.array([3, 4]))
    assert models.extend(indices[:1], text[3:4]) == indices[1]
    assert models.target_law(indices).argmax(axis=1).tolist() == [3, 4]
    np.testing.assert_array_equal(models.draft_law(indices)[0], models.draft[text[2]])


def test_encoding():
    assert "".join(language.SYMBOLS[i] for i in language.encode("Ab_1é{9}\n")) == "ab_0??0?\n"
    assert len(language.SYMBOLS) == 36
