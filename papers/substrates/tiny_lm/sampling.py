"""Text that a model writes."""

from __future__ import annotations

import numpy as np
import torch

from .model import TinyLM


@torch.no_grad()
def continue_text(
    model: TinyLM, prompts: np.ndarray, n_bytes: int, rng: np.random.Generator, temperature: float = 1.0
) -> np.ndarray:
    """Prompts with `n_bytes` further bytes each, drawn one by one from the model.

    Parameters
    ----------
    model : TinyLM
    prompts : ndarray of int, shape (n, length)
        At least one byte each; of more than the model's context, the last ones are read.
    n_bytes : int
    rng : numpy.random.Generator
        One uniform number per byte, turned into a byte by the inverse distribution function: two models that agree
        write the same text from the same generator.
    temperature : float
        Divides the logits; 0 always takes the most probable byte.

    Returns
    -------
    ndarray of int64, shape (n, length + n_bytes)
    """
    text = np.asarray(prompts, dtype=np.int64)
    for _ in range(n_bytes):
        context = torch.from_numpy(text[:, -model.shape.context :])
        logits = model(context)[:, -1].double().numpy()
        uniform = rng.random(len(text))
        if temperature == 0:
            chosen = logits.argmax(axis=1)
        else:
            scaled = logits / temperature
            cumulative = np.exp(scaled - scaled.max(axis=1, keepdims=True)).cumsum(axis=1)
            chosen = (cumulative < uniform[:, None] * cumulative[:, -1:]).sum(axis=1)
        text = np.concatenate([text, chosen[:, None]], axis=1)
    return text
