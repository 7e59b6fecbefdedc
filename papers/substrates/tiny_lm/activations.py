"""What happens inside a model on given windows, by the name of the place.

A site is the name of a submodule, for its output, or that name with ``:input``:

    ``blocks.1``                    residual stream after block 1
    ``blocks.1.attention``          what its attention adds to the stream
    ``blocks.1.attention.out:input``  its heads' mixed values, side by side
    ``blocks.1.mlp.activation``     hidden units of its MLP, after the GELU
    ``blocks.1.mlp``                what its MLP adds to the stream
    ``blocks.0:input``              embeddings and positions
    ``final_norm``                  the states that the read-out multiplies
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from .model import TinyLM

_cache: dict[tuple[str, str, str], np.ndarray] = {}


def activations(model: TinyLM, windows: np.ndarray, sites: Sequence[str], batch: int = 64) -> dict[str, np.ndarray]:
    """Activations at named sites, all from one pass over the windows.

    They are kept in memory for as long as the process lives, by the content of the weights and of the windows: a
    second call costs nothing, and a changed weight is never answered with old values.

    Parameters
    ----------
    model : TinyLM
    windows : ndarray of int, shape (n, length)
    sites : sequence of str
        See the module's text.
    batch : int
        Windows per forward pass.

    Returns
    -------
    dict of str to ndarray of float32, shape (n, length, units), read-only

    Raises
    ------
    ValueError
        If a site is not a part of the model.
    """
    content = _digest(model, windows)
    keys = {site: (*content, site) for site in sites}
    missing = [site for site, key in keys.items() if key not in _cache]
    if missing:
        for site, values in _read(model, windows, missing, batch).items():
            values.setflags(write=False)
            _cache[keys[site]] = values
    return {site: _cache[key] for site, key in keys.items()}


def forget() -> None:
    """Empty the memory of `activations`."""
    _cache.clear()


@torch.no_grad()
def _read(model: TinyLM, windows: np.ndarray, sites: Sequence[str], batch: int) -> dict[str, np.ndarray]:
    parts: dict[str, list[Tensor]] = {site: [] for site in sites}
    hooks = [_module(model, site).register_forward_hook(_recorder(site, parts[site])) for site in sites]
    try:
        for tokens in torch.from_numpy(windows).split(batch):
            model(tokens)
    finally:
        for hook in hooks:
            hook.remove()
    return {site: torch.cat(pieces).numpy() for site, pieces in parts.items()}


def _module(model: TinyLM, site: str) -> nn.Module:
    name = site.removesuffix(":input")
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise ValueError(f"no site {site!r}: the model has no part {name!r}") from None


def _recorder(site: str, pieces: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    wants_input = site.endswith(":input")

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        pieces.append((inputs[0] if wants_input else output).detach().clone())

    return record


def _digest(model: TinyLM, windows: np.ndarray) -> tuple[str, str]:
    weights = hashlib.blake2b()
    for name, tensor in model.state_dict().items():
        weights.update(name.encode() + tensor.numpy().tobytes())
    return weights.hexdigest(), hashlib.blake2b(f"{windows.shape}".encode() + windows.tobytes()).hexdigest()
