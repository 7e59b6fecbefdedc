"""Train tiny_lm: AdamW with a warm-up and a cosine decay, on random windows of the training files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from litmus.datasets import standard_library_digest

from .corpus import windows
from .evaluate import mean_loss
from .model import Shape, TinyLM, initialise, to_arrays


def train(params: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Train from scratch; the same bits for the same `rng`, library and machine.

    Parameters
    ----------
    params
        ``width``, ``blocks``, ``heads``, ``context`` (bytes), ``steps``, ``batch`` (windows), ``learning_rate``
        (peak), ``warmup_steps``, ``weight_decay``.
    rng : numpy.random.Generator
        Source of the initial weights and of the order of the text.

    Returns
    -------
    dict of str to ndarray
        ``shape/*`` and ``weight/*`` (see `model.to_arrays`), ``training_loss`` (one per step, nats per byte),
        ``held_out_loss`` (scalar, nats per byte) and ``corpus_digest``.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs 5 % of the time
    shape = Shape(params.width, params.blocks, params.heads, params.context)
    model = initialise(shape, torch.Generator().manual_seed(int(rng.integers(2**63))))
    optimiser = _optimiser(model, params.weight_decay)

    training_loss = np.empty(params.steps)
    for step in range(params.steps):
        rate = params.learning_rate * schedule(step, params.steps, params.warmup_steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        tokens = torch.from_numpy(windows("train", params.batch, params.context + 1, rng))
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        training_loss[step] = loss.item()

    model.eval()
    return to_arrays(model) | {
        "training_loss": training_loss,
        "held_out_loss": np.float64(mean_loss(model, windows("held_out", 512, params.context + 1))),
        "corpus_digest": np.str_(standard_library_digest()),
    }


def schedule(step: int, steps: int, warmup_steps: int) -> float:
    """Share of the peak learning rate at a step: linear up, then a cosine down to zero."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps)))


def _optimiser(model: TinyLM, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; gains, biases and embeddings are not decayed."""
    matrices = list(model.matrices().values())
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
