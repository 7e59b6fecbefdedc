"""Adam for many independent copies of a network at once, each with a learning rate of its own."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

BETA_MEAN, BETA_SQUARE, EPSILON = 0.9, 0.999, 1e-8  # Adam's usual constants


def triangular_schedule(progress: float) -> float:
    """Factor on the peak rate at ``progress`` in [0, 1]: up to 1 at 0.4, down to 1/20 at 0.8, down to 0 at 1."""
    return float(np.interp(progress, [0.0, 0.4, 0.8, 1.0], [0.0, 1.0, 0.05, 0.0]))


def minibatches(n: int, batch_size: int, n_steps: int, rng: np.random.Generator) -> Tensor:
    """Indices of shape (n_steps, batch_size): successive pieces of fresh permutations of 0..n-1, one after another."""
    n_epochs = -(-n_steps * batch_size // n)
    order = np.concatenate([rng.permutation(n) for _ in range(n_epochs)])
    return torch.from_numpy(order[: n_steps * batch_size].reshape(n_steps, batch_size))


def train_copies(network: nn.Module, losses: Callable[[int], Tensor], peak_rates: Tensor, n_steps: int) -> None:
    """Minimise the loss of every copy by Adam with a triangular learning-rate schedule, in place.

    The copies stay independent: no parameter enters the loss of another copy, and Adam works element by element.

    Parameters
    ----------
    network : Module
        Its parameters have the copies as leading axis.
    losses : callable
        Losses of all copies, shape (n_copies,), at a step number from 0 to ``n_steps - 1``.
    peak_rates : Tensor of shape (n_copies,)
    n_steps : int
    """
    parameters = list(network.parameters())
    flat = torch.cat([parameter.detach().flatten(1) for parameter in parameters], dim=1)
    # The parameters become views of one matrix, so that a step of Adam is a handful of operations however many
    # layers there are.
    start = 0
    for parameter in parameters:
        stop = start + parameter[0].numel()
        parameter.data = flat[:, start:stop].view(parameter.shape)
        start = stop
    mean, square = torch.zeros_like(flat), torch.zeros_like(flat)
    for step in range(n_steps):
        gradients = torch.autograd.grad(losses(step).sum(), parameters, materialize_grads=True)
        gradient = torch.cat([part.flatten(1) for part in gradients], dim=1)
        mean.lerp_(gradient, 1 - BETA_MEAN)
        square.mul_(BETA_SQUARE).addcmul_(gradient, gradient, value=1 - BETA_SQUARE)
        rates = peak_rates[:, None] * (triangular_schedule((step + 1) / n_steps) / (1 - BETA_MEAN ** (step + 1)))
        denominator = (square / (1 - BETA_SQUARE ** (step + 1))).sqrt_().add_(EPSILON)
        flat.sub_(rates * mean / denominator)
