"""The network: a pre-norm causal transformer over bytes, with learned positions and tied embeddings.

Every part is a named submodule, so that a weight or an activation has one name everywhere: ``embedding``,
``positions``, ``blocks.<i>`` with ``attention_norm``, ``attention.qkv``, ``attention.out``, ``mlp_norm``, ``mlp.up``,
``mlp.activation`` and ``mlp.down``, and ``final_norm``.

The linear maps carry no bias, the layer norms a gain and a bias, and the read-out is the embedding transposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from litmus.errors import LitmusError
from litmus.files import saved_arrays
from litmus.paths import shown, substrate_weights

from .corpus import N_TOKENS

MATRICES = ("attention.qkv", "attention.out", "mlp.up", "mlp.down")
"""The weight matrices of a block, in the order in which they act."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network: width of the residual stream, blocks, attention heads, longest context in bytes."""

    width: int
    blocks: int
    heads: int
    context: int


class Attention(nn.Module):
    """Causal multi-head attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        n, length, width = x.shape
        qkv = self.qkv(x).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None)
        return self.out(mixed.transpose(1, 2).reshape(n, length, width))


class MLP(nn.Module):
    """Two linear maps around a GELU, four times the width in between."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.up = nn.Linear(shape.width, 4 * shape.width, bias=False)
        self.activation = nn.GELU()
        self.down = nn.Linear(4 * shape.width, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))


class Block(nn.Module):
    """Attention and MLP, each added to the residual stream after a layer norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(shape.width)
        self.attention = Attention(shape)
        self.mlp_norm = nn.LayerNorm(shape.width)
        self.mlp = MLP(shape)

    def forward(self, stream: Tensor, mask: Tensor | None = None) -> Tensor:
        stream = stream + self.attention(self.attention_norm(stream), mask)
        return stream + self.mlp(self.mlp_norm(stream))


class TinyLM(nn.Module):
    """The language model: ``model(tokens)`` gives the logits of every next byte."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(N_TOKENS, shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.final_norm = nn.LayerNorm(shape.width)

    def embed(self, tokens: Tensor) -> Tensor:
        """Residual stream before the first block, (n, length, width), of tokens (n, length)."""
        length = tokens.shape[1]
        if length > self.shape.context:
            raise ValueError(f"{length} bytes do not fit into a context of {self.shape.context}")
        return self.embedding(tokens) + self.positions.weight[:length]

    def read_out(self, stream: Tensor) -> Tensor:
        """Logits (n, length, 256) of the residual stream after the last block."""
        return F.linear(self.final_norm(stream), self.embedding.weight)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (n, length, 256): entry [:, t] predicts byte t + 1 from bytes 0..t.

        `mask`, boolean and broadcastable to (n, heads, length, length), says which keys (last axis) a query may
        attend to, in place of all earlier ones.
        """
        return self.resume(self.embed(tokens), 0, mask)

    def resume(self, stream: Tensor, first_block: int, mask: Tensor | None = None) -> Tensor:
        """Logits of a residual stream (n, length, width) that enters block `first_block`."""
        for block in self.blocks[first_block:]:
            stream = block(stream, mask)
        return self.read_out(stream)

    def matrices(self) -> dict[str, nn.Parameter]:
        """The weight matrices of all blocks by name, (outputs, inputs) each, in the order in which they act."""
        return {
            name: self.get_parameter(name)
            for name in (f"blocks.{i}.{matrix}.weight" for i in range(self.shape.blocks) for matrix in MATRICES)
        }


def initialise(shape: Shape, generator: torch.Generator) -> TinyLM:
    """An untrained model.

    Embeddings are N(0, 0.02^2); positions start as sinusoids of the same size, from which attention to near
    neighbours is learned sooner than from noise; matrices are N(0, 1/inputs), smaller where they write to the stream.
    """
    model = TinyLM(shape)
    normal = partial(nn.init.normal_, generator=generator)
    normal(model.embedding.weight, std=0.02)
    model.positions.weight.data = 0.02 * 2**0.5 * sinusoids(shape.context, shape.width)
    for name, weight in model.matrices().items():
        writes_to_stream = name.endswith(("out.weight", "down.weight"))
        normal(weight, std=(weight.shape[1] * (2 * shape.blocks if writes_to_stream else 1)) ** -0.5)
    return model


def sinusoids(length: int, width: int) -> Tensor:
    """Sines and cosines of the position, (length, width), with wavelengths from 2 pi to 2 pi times the length."""
    wavelengths = length ** torch.linspace(0, 1, width // 2)
    angles = torch.arange(length)[:, None] / wavelengths
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@contextmanager
def replaced(model: TinyLM, weights: Mapping[str, Tensor]) -> Iterator[TinyLM]:
    """The model with some weights replaced by name, until the block ends."""
    parameters = {name: model.get_parameter(name) for name in weights}
    originals = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, parameter in parameters.items():
            parameter.data = weights[name].to(parameter)
        yield model
    finally:
        for name, parameter in parameters.items():
            parameter.data = originals[name]


def to_arrays(model: TinyLM) -> dict[str, np.ndarray]:
    """Shape and weights as named arrays; `from_arrays` inverts."""
    shape = {f"shape/{name}": np.int64(size) for name, size in asdict(model.shape).items()}
    return shape | {f"weight/{name}": tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> TinyLM:
    """The model that `to_arrays` saved, in evaluation mode."""
    shape = Shape(**{name: int(arrays[f"shape/{name}"]) for name in Shape.__dataclass_fields__})
    model = TinyLM(shape)
    model.load_state_dict({name: torch.from_numpy(arrays[f"weight/{name}"]) for name in model.state_dict()})
    return model.eval()


def load(path: Path | None = None) -> TinyLM:
    """The trained model: a fresh copy at every call, so that a paper may change its weights.

    Raises
    ------
    LitmusError
        If it has not been trained yet.
    """
    path = path or substrate_weights("tiny_lm")
    if not path.is_file():
        raise LitmusError(f"{shown(path)} is missing: `python -m litmus substrate tiny_lm` makes it (1-2 minutes)")
    with saved_arrays(path) as arrays:
        return from_arrays(arrays)
