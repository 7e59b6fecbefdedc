"""A small convolutional classifier, trained with a penalty on bounds of its layers' spectral norms."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, cross_entropy, pad

THRESHOLD = 1.0  # layers with a smaller bound are not penalised, as in the authors' code
RATE, BATCH = 3e-3, 64
BETA_MEAN, BETA_SQUARE, EPSILON = 0.9, 0.999, 1e-8  # Adam's usual constants

Bound = Callable[[np.ndarray], tuple[float, np.ndarray]]  # kernel -> upper bound of its norm, gradient


class Network(NamedTuple):
    """Convolutions with circular padding and ReLU, then a linear map of all pixels."""

    kernels: list[Tensor]
    offsets: list[Tensor]
    head: Tensor
    head_offset: Tensor

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.kernels, *self.offsets, self.head, self.head_offset]

    def logits(self, images: Tensor) -> Tensor:
        """Shape (n, n_classes) at images of shape (n, n_channels, side, side)."""
        h = images
        for kernel, offset in zip(self.kernels, self.offsets, strict=True):
            margin = kernel.shape[-1] // 2
            h = torch.relu(conv2d(pad(h, [margin] * 4, mode="circular"), kernel, offset))
        return h.flatten(1) @ self.head.T + self.head_offset

    def kernel_arrays(self) -> list[np.ndarray]:
        return [kernel.detach().numpy() for kernel in self.kernels]


def initial_network(channels: Sequence[int], width: int, side: int, rng: np.random.Generator) -> Network:
    """He's initialisation; ``channels`` starts with those of the images."""

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).requires_grad_()

    def zeros(n: int) -> Tensor:
        return torch.zeros(n, dtype=torch.float64, requires_grad=True)

    kernels = [normal(n_out, n_in, width, width) for n_in, n_out in pairwise(channels)]
    return Network(kernels, [zeros(n) for n in channels[1:]], normal(10, channels[-1] * side**2), zeros(10))


def train(
    network: Network,
    images: Tensor,
    labels: Tensor,
    n_epochs: int,
    rng: np.random.Generator,
    bound: Bound | None = None,
    penalty: float = 0.0,
) -> None:
    """Minimise cross-entropy + ``penalty`` times the sum of the bounds above THRESHOLD, by Adam, in place.

    The gradient of the bounds is not traced but given, as the method has it in closed form.
    """
    means = [torch.zeros_like(parameter) for parameter in network.parameters]
    squares = [torch.zeros_like(parameter) for parameter in network.parameters]
    step = 0
    for _ in range(n_epochs):
        for batch in torch.from_numpy(rng.permutation(len(images))).split(BATCH):
            step += 1
            loss = cross_entropy(network.logits(images[batch]), labels[batch])
            gradients = torch.autograd.grad(loss, network.parameters)
            if bound is not None:
                for gradient, kernel in zip(gradients, network.kernel_arrays(), strict=False):  # kernels come first
                    value, direction = bound(kernel)
                    if value > THRESHOLD:
                        gradient += penalty * torch.from_numpy(direction)
            with torch.no_grad():  # torch.optim takes seconds to import
                for parameter, gradient, mean, square in zip(
                    network.parameters, gradients, means, squares, strict=True
                ):
                    mean.lerp_(gradient, 1 - BETA_MEAN)
                    square.mul_(BETA_SQUARE).addcmul_(gradient, gradient, value=1 - BETA_SQUARE)
                    scale = (square / (1 - BETA_SQUARE**step)).sqrt() + EPSILON
                    parameter -= RATE / (1 - BETA_MEAN**step) * mean / scale


def accuracy(network: Network, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((network.logits(images).argmax(1) == labels).double().mean())
