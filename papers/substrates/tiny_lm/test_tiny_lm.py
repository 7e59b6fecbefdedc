from types import SimpleNamespace

import numpy as np
import pytest
import torch

from litmus.datasets import standard_library_text
from litmus.errors import LitmusError
from papers.substrates.tiny_lm import activations as reader
from papers.substrates.tiny_lm.activations import activations
from papers.substrates.tiny_lm.corpus import END_OF_FILE, SPLITS, detokenise, split_of, split_tokens, tokenise, windows
from papers.substrates.tiny_lm.evaluate import PairedLoss, mean_loss, token_losses
from papers.substrates.tiny_lm.model import (
    Shape,
    TinyLM,
    from_arrays,
    initialise,
    load,
    replaced,
    to_arrays,
)
from papers.substrates.tiny_lm.sampling import continue_text
from papers.substrates.tiny_lm.train import schedule, train

SMALL = Shape(width=32, blocks=2, heads=2, context=24)
FEW_STEPS = SimpleNamespace(
    width=32, blocks=2, heads=2, context=24, steps=12, batch=4, learning_rate=3e-3, warmup_steps=3, weight_decay=0.1
)


@pytest.fixture
def model() -> TinyLM:
    return initialise(SMALL, torch.Generator().manual_seed(1)).eval()


@pytest.fixture
def text() -> np.ndarray:
    return windows("held_out", 6, 24)


def logits(model: TinyLM, tokens: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(tokens)).numpy()


def test_tokens_are_the_bytes_of_the_text() -> None:
    text = "def f(x):\n\treturn 'naïve ∑'\n"
    tokens = tokenise(text)
    assert tokens.tolist() == list(text.encode())
    assert detokenise(tokens) == text
    assert detokenise(tokenise("∑")[:1]) == "\N{REPLACEMENT CHARACTER}"


def test_every_file_is_in_exactly_one_split() -> None:
    sources = standard_library_text()
    sizes = dict.fromkeys(SPLITS, 0)
    for name, text in sources.items():
        sizes[split_of(name)] += 1 + len(text.encode())
    assert {split: len(split_tokens(split)) for split in SPLITS} == sizes
    assert sum(sizes.values()) == sum(len(text.encode()) + 1 for text in sources.values())
    shares = {split: size / sum(sizes.values()) for split, size in sizes.items()}
    assert shares["train"] > 0.75
    assert min(shares.values()) > 0.02


def test_held_out_files_are_not_read_in_training() -> None:
    train_bytes = split_tokens("train").tobytes()
    held_out = [text.encode() for name, text in standard_library_text().items() if split_of(name) == "held_out"]
    assert not any(text in train_bytes for text in held_out if len(text) > 2000)
    assert all(text in split_tokens("held_out").tobytes() for text in held_out)
    assert (split_tokens("held_out") == END_OF_FILE).sum() == len(held_out)


def test_windows_without_a_generator_are_fixed_and_spread_over_the_split() -> None:
    chosen = windows("validation", 5, 40)
    assert np.array_equal(chosen, windows("validation", 5, 40))
    tokens = split_tokens("validation")
    np.testing.assert_array_equal(chosen[[0, -1]], [tokens[:40], tokens[-40:]])


def test_windows_with_a_generator_follow_it() -> None:
    first, again, other = (windows("train", 8, 30, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first[0].astype(np.uint8).tobytes() in split_tokens("train").tobytes()


def test_windows_must_fit() -> None:
    with pytest.raises(ValueError, match="fewer than a window"):
        windows("validation", 1, 10**9)
    with pytest.raises(ValueError, match="one of train"):
        windows("test", 1, 10)


def test_future_bytes_do_not_change_past_logits(model: TinyLM, text: np.ndarray) -> None:
    changed = text.copy()
    changed[:, 15:] = (changed[:, 15:] + 7) % 256
    before, after = logits(model, text), logits(model, changed)
    assert np.array_equal(before[:, :15], after[:, :15])
    assert not np.allclose(before[:, 15], after[:, 15])


def test_causal_mask_given_by_hand_is_the_default(model: TinyLM, text: np.ndarray) -> None:
    causal = torch.ones(24, 24, dtype=torch.bool).tril()
    with torch.no_grad():
        masked = model(torch.from_numpy(text), causal).numpy()
    np.testing.assert_allclose(masked, logits(model, text), atol=1e-5)


def test_attention_is_the_textbook_formula(model: TinyLM) -> None:
    attention = model.blocks[0].attention
    x = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(0))
    query, key, value = (part.detach() for part in (x[0] @ attention.qkv.weight.T).split(32, dim=1))
    mixed = []
    for head in (slice(0, 16), slice(16, 32)):
        scores = (query[:, head] @ key[:, head].T) / 16**0.5
        scores[torch.ones(5, 5).triu(1).bool()] = -torch.inf
        mixed.append(scores.softmax(dim=1) @ value[:, head])
    expected = torch.cat(mixed, dim=1) @ attention.out.weight.T
    torch.testing.assert_close(attention(x)[0], expected, atol=1e-5, rtol=1e-4)


def test_context_is_bounded(model: TinyLM) -> None:
    with pytest.raises(ValueError, match="do not fit into a context of 24"):
        model(torch.zeros(1, 25, dtype=torch.int64))


def test_untrained_model_knows_nothing(model: TinyLM, text: np.ndarray) -> None:
    assert mean_loss(model, text) == pytest.approx(np.log(256), abs=0.05)


def test_token_losses_are_minus_log_softmax(model: TinyLM, text: np.ndarray) -> None:
    scores = logits(model, text)[:, :-1].astype(float)
    log_normaliser = np.log(np.exp(scores).sum(axis=2))
    expected = log_normaliser - np.take_along_axis(scores, text[:, 1:, None], axis=2)[..., 0]
    np.testing.assert_allclose(token_losses(model, text, batch=4), expected, atol=1e-5)


def test_matrices_are_those_of_the_blocks(model: TinyLM) -> None:
    matrices = model.matrices()
    assert len(matrices) == 8
    assert matrices["blocks.1.mlp.down.weight"] is model.blocks[1].mlp.down.weight
    assert sum(m.numel() for m in matrices.values()) == 2 * 12 * 32**2


def test_replaced_weights_come_back(model: TinyLM, text: np.ndarray) -> None:
    name = "blocks.0.mlp.up.weight"
    before = logits(model, text)
    with replaced(model, {name: torch.zeros_like(model.get_parameter(name))}):
        assert not np.allclose(logits(model, text), before)
    assert np.array_equal(logits(model, text), before)


def test_paired_loss_is_the_difference_of_full_passes(model: TinyLM, text: np.ndarray) -> None:
    paired = PairedLoss(model, text)
    names = ("blocks.1.mlp.up.weight", "blocks.0.mlp_norm.weight")
    generator = torch.Generator().manual_seed(2)
    for chosen in (names[:1], names):
        weights = {name: model.get_parameter(name).detach() for name in chosen}
        changed = {name: weight + torch.randn(weight.shape, generator=generator) for name, weight in weights.items()}
        with replaced(model, changed):
            expected = mean_loss(model, text) - paired.intact
        assert abs(expected) > 1e-3
        found = paired.increase({name: weight.numpy() for name, weight in changed.items()})
        assert found == pytest.approx(expected, abs=1e-6)
    assert paired.intact == pytest.approx(mean_loss(model, text), abs=1e-6)


def test_saved_model_loads_to_the_bit(model: TinyLM, text: np.ndarray, tmp_path) -> None:
    file = tmp_path / "weights.npz"
    np.savez(file, **to_arrays(model))
    assert np.array_equal(logits(load(file), text), logits(model, text))
    assert np.array_equal(logits(from_arrays(to_arrays(model)), text), logits(model, text))


def test_missing_weights_name_the_command(tmp_path) -> None:
    with pytest.raises(LitmusError, match="python -m litmus substrate tiny_lm"):
        load(tmp_path / "weights.npz")


def test_activations_agree_with_a_forward_pass(model: TinyLM, text: np.ndarray) -> None:
    sites = (
        "blocks.0:input",
        "blocks.0.attention",
        "blocks.0.mlp",
        "blocks.0",
        "blocks.1.mlp.activation",
        "final_norm",
    )
    found = activations(model, text, sites, batch=4)
    with torch.no_grad():
        embedded = model.embed(torch.from_numpy(text))
        scores = found["final_norm"] @ model.embedding.weight.numpy().T
    np.testing.assert_allclose(found["blocks.0:input"], embedded.numpy(), atol=1e-6)
    np.testing.assert_allclose(
        found["blocks.0"], found["blocks.0:input"] + found["blocks.0.attention"] + found["blocks.0.mlp"], atol=1e-5
    )
    np.testing.assert_allclose(scores, logits(model, text), atol=1e-5)
    with torch.no_grad():
        resumed = model.resume(torch.from_numpy(found["blocks.0"].copy()), first_block=1).numpy()
    np.testing.assert_allclose(resumed, logits(model, text), atol=1e-5)
    assert found["blocks.1.mlp.activation"].shape == (6, 24, 128)


def test_activations_are_remembered_by_content(model: TinyLM, text: np.ndarray) -> None:
    reader.forget()
    first = activations(model, text, ["blocks.1"])["blocks.1"]
    assert activations(model, text.copy(), ["blocks.1"])["blocks.1"] is first
    with replaced(model, {"final_norm.weight": torch.zeros(32)}):
        assert activations(model, text, ["blocks.1"])["blocks.1"] is not first
    with pytest.raises(ValueError, match="the model has no part"):
        activations(model, text, ["blocks.7"])


def test_greedy_text_is_the_most_probable_byte_each_time(model: TinyLM, text: np.ndarray) -> None:
    written = continue_text(model, text[:, :20], 8, np.random.default_rng(0), temperature=0)
    assert written.shape == (6, 28)
    np.testing.assert_array_equal(written[:, :20], text[:, :20])
    np.testing.assert_array_equal(written[:, 20], logits(model, written[:, :20])[:, -1].argmax(axis=1))
    np.testing.assert_array_equal(written[:, 27], logits(model, written[:, 3:27])[:, -1].argmax(axis=1))


def test_sampled_bytes_follow_the_models_distribution(model: TinyLM, text: np.ndarray) -> None:
    with replaced(model, {"embedding.weight": 10 * model.embedding.weight.detach()}):  # a peaked distribution
        prompts = np.repeat(text[:1, :10], 20_000, axis=0)
        scores = logits(model, prompts[:1])[0, -1].astype(float) / 0.7
        drawn = continue_text(model, prompts, 1, np.random.default_rng(0), temperature=0.7)[:, -1]
    probabilities = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    counts = np.bincount(drawn, minlength=256) / len(drawn)
    assert np.abs(counts - probabilities).max() < 4 * np.sqrt(probabilities.max() / len(drawn))


def test_training_is_deterministic_and_learns() -> None:
    first, again = (train(FEW_STEPS, np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert first["training_loss"][-1] < first["training_loss"][0] - 0.5
    other = train(FEW_STEPS, np.random.default_rng(6))
    assert not np.array_equal(first["weight/embedding.weight"], other["weight/embedding.weight"])


def test_schedule_rises_then_falls_to_zero() -> None:
    rates = [schedule(step, 100, 10) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1.0, 10))
    assert np.all(np.diff(rates[10:]) < 0)
    assert 0 < rates[-1] < 0.01
