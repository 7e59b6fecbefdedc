"""The loss of a model on given windows, in nats per byte."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .model import TinyLM, replaced


@torch.no_grad()
def token_losses(model: TinyLM, windows: np.ndarray, batch: int = 64) -> np.ndarray:
    """Negative log-likelihood of every byte but the first of each window.

    Parameters
    ----------
    model : TinyLM
    windows : ndarray of int, shape (n, length)
    batch : int
        Windows per forward pass; bounds the memory.

    Returns
    -------
    ndarray of float64, shape (n, length - 1)
        Entry [i, t] is -log p(byte t + 1 | bytes 0..t), nats.
    """
    losses = []
    for tokens in torch.from_numpy(windows).split(batch):
        logits = model(tokens[:, :-1])
        losses.append(F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none"))
    return torch.cat(losses).double().numpy()


def mean_loss(model: TinyLM, windows: np.ndarray, batch: int = 64) -> float:
    """Mean of `token_losses`, nats per byte."""
    return float(token_losses(model, windows, batch).mean())


class PairedLoss:
    """Losses of altered models on fixed windows, each against the intact model's on the same windows.

    Byte by byte, so that a small increase is not lost in the spread between texts. All windows go through the model
    at once.

    Parameters
    ----------
    model : TinyLM
    windows : ndarray of int, shape (n, length)
    """

    def __init__(self, model: TinyLM, windows: np.ndarray) -> None:
        tokens = torch.from_numpy(windows)
        self.model, self._targets = model, tokens[:, 1:]
        with torch.no_grad():
            self._streams = [model.embed(tokens[:, :-1])]  # what enters each block of the intact model
            for block in model.blocks:
                self._streams.append(block(self._streams[-1]))
        self._intact = self._losses(self._streams[-1], len(model.blocks))

    @property
    def intact(self) -> float:
        """Mean loss of the intact model, nats per byte."""
        return float(self._intact.mean())

    def increase(self, matrices: Mapping[str, np.ndarray]) -> float:
        """Mean loss with some weights of the blocks replaced (by name) minus the intact one, nats per byte."""
        first = min(int(name.split(".")[1]) for name in matrices)  # blocks before it give what they gave before
        with replaced(self.model, {name: torch.from_numpy(matrix) for name, matrix in matrices.items()}):
            return float((self._losses(self._streams[first], first) - self._intact).mean())

    @torch.no_grad()
    def _losses(self, stream: Tensor, first_block: int) -> Tensor:
        logits = self.model.resume(stream, first_block)
        return F.cross_entropy(logits.flatten(0, 1), self._targets.flatten(), reduction="none").double()
