"""Layers that are 1-Lipschitz in the Euclidean norm whatever their free parameters, and networks of them.

Parameters have two leading axes: independent copies of the network, so that one pass trains it for several
Lipschitz bounds or learning rates, and the layers of a run of equally shaped ones, whose matrices are computed
together. Inputs are rows, shape (n_copies, n, n_in). Activations are ReLU, arithmetic is in double precision.
"""

from collections.abc import Sequence
from itertools import groupby, pairwise

import torch
from torch import Tensor, nn

KINDS = ("sandwich", "orthogonal", "aol", "sll")


def cayley(free: Tensor) -> Tensor:
    """Matrix with orthonormal columns (or rows, if it is wider than high) from a free matrix.

    With ``free = [X; Y]``, X square, and Z = X - X' + Y'Y it is [(I + Z)^-1 (I - Z); -2 Y (I + Z)^-1]. The symmetric
    part of I + Z is at least I, so the inverse always exists and is well conditioned.

    Parameters
    ----------
    free : Tensor of shape (..., rows, columns)

    Returns
    -------
    Tensor of the same shape

    References
    ----------
    Trockman and Kolter, Orthogonalizing Convolutional Layers with the Cayley Transform, ICLR 2021.
    """
    rows, columns = free.shape[-2:]
    if columns > rows:
        return cayley(free.mT).mT
    square, rest = free.split([columns, rows - columns], dim=-2)
    identity = torch.eye(columns, dtype=free.dtype)
    inverse = torch.linalg.inv(identity + square - square.mT + rest.mT @ rest)
    return torch.cat([2 * inverse - identity, -2 * rest @ inverse], dim=-2)  # (I + Z)^-1 (I - Z) = 2 (I + Z)^-1 - I


def almost_orthogonal(weight: Tensor) -> Tensor:
    """Rescale the columns of ``weight``, shape (..., n_out, n_in), so that its spectral norm is at most 1.

    Column j is divided by the root of row sum j of |W'W|; a zero column stays zero.

    References
    ----------
    Prach and Lampert, Almost-Orthogonal Layers for Efficient General-Purpose Lipschitz Networks, ECCV 2022.
    """
    row_sums = (weight.mT @ weight).abs().sum(-2, keepdim=True)
    return weight / row_sums.clamp_min(torch.finfo(weight.dtype).tiny).sqrt()


def _uniform(n_copies: int, shape: tuple[int, ...], bound: float, generator: torch.Generator) -> nn.Parameter:
    """One uniform draw from [-bound, bound], the same in every copy."""
    draw = bound * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
    return nn.Parameter(draw.repeat(n_copies, *(1 for _ in shape)))


class CayleyMatrices(nn.Module):
    """Matrices with orthonormal columns or rows; the norm of the free matrix is a parameter of its own."""

    def __init__(self, n_copies: int, depth: int, rows: int, columns: int, generator: torch.Generator) -> None:
        super().__init__()
        self.direction = _uniform(n_copies, (depth, rows, columns), max(rows, columns) ** -0.5, generator)
        self.norm = nn.Parameter(self.direction.detach().norm(dim=(-2, -1), keepdim=True))

    def forward(self) -> Tensor:
        return cayley(self.direction * (self.norm / self.direction.norm(dim=(-2, -1), keepdim=True)))


class SandwichLayers(nn.Module):
    """h -> sqrt(2) A' Psi relu(sqrt(2) Psi^-1 B h + b) with A A' + B B' = I and Psi = diag(exp(log_psi)).

    References
    ----------
    Wang and Manchester, Direct Parameterization of Lipschitz-Bounded Deep Networks, ICML 2023, Eqs. 7 and 10.
    """

    def __init__(self, n_copies: int, depth: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        self.cayley = CayleyMatrices(n_copies, depth, n_out + n_in, n_out, generator)
        self.log_psi = nn.Parameter(torch.zeros(n_copies, depth, n_out, 1, dtype=torch.float64))
        self.bias = _uniform(n_copies, (depth, 1, n_out), (n_in + n_out) ** -0.5, generator)

    def factors(self) -> tuple[Tensor, Tensor]:
        """A of shape (n_copies, depth, n_out, n_out) and B of shape (n_copies, depth, n_out, n_in)."""
        stacked = self.cayley()  # [A'; B']
        n_out = stacked.shape[-1]
        a_transposed, b_transposed = stacked.split([n_out, stacked.shape[-2] - n_out], dim=-2)
        return a_transposed.mT, b_transposed.mT

    def maps(self) -> tuple[Tensor, Tensor]:
        """The linear maps around the activation: sqrt(2) Psi^-1 B and sqrt(2) A' Psi, of the shapes of B and A."""
        a, b = self.factors()
        psi = self.log_psi.exp()
        return 2**0.5 / psi * b, (2**0.5 * psi * a).mT

    def forward(self, h: Tensor) -> Tensor:
        into, out = self.maps()
        for to_hidden, bias, from_hidden in zip(into.mT.unbind(1), self.bias.unbind(1), out.mT.unbind(1), strict=True):
            h = torch.bmm(torch.relu(torch.baddbmm(bias, h, to_hidden)), from_hidden)
        return h


class SandwichOutput(nn.Module):
    """h -> B h + b, the linear last layer of a sandwich network (Eq. 9); the A that belongs to B takes no part."""

    def __init__(self, n_copies: int, n_in: int, n_out: int, generator: torch.Generator) -> None:
        super().__init__()
        self.cayley = CayleyMatrices(n_copies, 1, n_out + n_in, n_out, generator)
        self.bias = _uniform(n_copies, (1, 1, n_out), (n_in + n_out) ** -0.5, generator)

    def weight(self) -> Tensor:
        """B of shape (n_copies, n_out, n_in)."""
        stacked = self.cayley()[:, 0]  # [A'; B']
        return stacked[:, stacked.shape[-1] :].mT

    def forward(self, h: Tensor) -> Tensor:
        return torch.baddbmm(self.bias[:, 0], h, self.weight().mT)


class _PlainLayers(nn.Module):
    """h -> relu(W h + b), or W h + b if ``linear``; a subclass says which W of norm at most 1 there is."""

    def __init__(
        self, n_copies: int, depth: int, n_in: int, n_out: int, generator: torch.Generator, linear: bool = False
    ) -> None:
        super().__init__()
        self.bias = _uniform(n_copies, (depth, 1, n_out), n_in**-0.5, generator)
        self.linear = linear

    def weight(self) -> Tensor:
        """W of shape (n_copies, depth, n_out, n_in)."""
        raise NotImplementedError

    def forward(self, h: Tensor) -> Tensor:
        for weight, bias in zip(self.weight().mT.unbind(1), self.bias.unbind(1), strict=True):
            v = torch.baddbmm(bias, h, weight)
            h = v if self.linear else torch.relu(v)
        return h


class OrthogonalLayers(_PlainLayers):
    """Weights with orthonormal rows or columns, by the Cayley transform."""

    def __init__(
        self, n_copies: int, depth: int, n_in: int, n_out: int, generator: torch.Generator, linear: bool = False
    ) -> None:
        super().__init__(n_copies, depth, n_in, n_out, generator, linear)
        self.cayley = CayleyMatrices(n_copies, depth, n_out, n_in, generator)

    def weight(self) -> Tensor:
        return self.cayley()


class AlmostOrthogonalLayers(_PlainLayers):
    """Weights with the columns rescaled by `almost_orthogonal`."""

    def __init__(
        self, n_copies: int, depth: int, n_in: int, n_out: int, generator: torch.Generator, linear: bool = False
    ) -> None:
        super().__init__(n_copies, depth, n_in, n_out, generator, linear)
        self.free = _uniform(n_copies, (depth, n_out, n_in), (6 / (n_in + n_out)) ** 0.5, generator)

    def weight(self) -> Tensor:
        return almost_orthogonal(self.free)


class SdpResidualLayers(nn.Module):
    """h -> h - 2 W' T^-1 relu(W h + b), T_ii = sum_j |W W'|_ij q_j / q_i with q = exp(log_q) (SLL).

    References
    ----------
    Araujo et al., A Unified Algebraic Perspective on Lipschitz Neural Networks, ICLR 2023.
    """

    def __init__(self, n_copies: int, depth: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = _uniform(n_copies, (depth, width, width), (3 / width) ** 0.5, generator)
        self.bias = _uniform(n_copies, (depth, 1, width), width**-0.5, generator)
        log_q = torch.rand(depth, width, 1, generator=generator, dtype=torch.float64)
        self.log_q = nn.Parameter(log_q.repeat(n_copies, 1, 1, 1))

    def forward(self, h: Tensor) -> Tensor:
        q = self.log_q.exp()
        t = (self.weight @ self.weight.mT).abs() @ q / q
        back = -2 / t * self.weight
        for into, bias, out in zip(self.weight.mT.unbind(1), self.bias.unbind(1), back.unbind(1), strict=True):
            h = torch.baddbmm(h, torch.relu(torch.baddbmm(bias, h, into)), out)
        return h


class LipschitzNetwork(nn.Module):
    """sqrt(gamma) x -> 1-Lipschitz layers -> sqrt(gamma) -> linear 1-Lipschitz layer: gamma-Lipschitz.

    Parameters
    ----------
    layers : list of Module
        The last one is linear; it adds its bias after its weight, so the bias is not scaled.
    gamma : Tensor of shape (n_copies,)
        The bound of each copy.
    """

    def __init__(self, layers: Sequence[nn.Module], gamma: Tensor) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.register_buffer("gamma", gamma.to(torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n_copies, n, n_out) at x of shape (n, n_in) or (n_copies, n, n_in)."""
        root = self.gamma.sqrt()[:, None, None]
        h = root * x
        for layer in self.layers[:-1]:
            h = layer(h)
        return self.layers[-1](root * h)

    @property
    def n_parameters(self) -> int:
        """Free parameters of one copy."""
        return sum(parameter[0].numel() for parameter in self.parameters())


def sandwich_network(
    sizes: Sequence[int], gamma: Tensor, generator: torch.Generator, layers: type[SandwichLayers] = SandwichLayers
) -> LipschitzNetwork:
    """Sandwich network with layer widths ``sizes`` = (n_in, hidden widths..., n_out), as in `lipschitz_network`.

    ``layers`` is the class of the hidden layers.
    """
    runs = [(len(list(run)), *shape) for shape, run in groupby(pairwise(sizes[:-1]))]
    hidden = [layers(len(gamma), *run, generator) for run in runs]
    return LipschitzNetwork([*hidden, SandwichOutput(len(gamma), *sizes[-2:], generator)], gamma)


def lipschitz_network(kind: str, sizes: Sequence[int], gamma: Tensor, generator: torch.Generator) -> LipschitzNetwork:
    """Network with layer widths ``sizes`` = (n_in, hidden widths..., n_out), one copy for each entry of ``gamma``.

    All copies start from the same draw. The residual layers of "sll" need one hidden width; linear AOL layers take
    the input to that width and the last residual layer to the output.

    Raises
    ------
    ValueError
        If ``kind`` is not in `KINDS`, or "sll" is given hidden widths that differ.
    """
    n_copies, first, last = len(gamma), sizes[:2], sizes[-2:]
    if kind == "sandwich":
        return sandwich_network(sizes, gamma, generator)
    if kind in ("orthogonal", "aol"):
        layers = OrthogonalLayers if kind == "orthogonal" else AlmostOrthogonalLayers
        runs = [(len(list(run)), *shape) for shape, run in groupby(pairwise(sizes[:-1]))]
        hidden = [layers(n_copies, *run, generator) for run in runs]
        return LipschitzNetwork([*hidden, layers(n_copies, 1, *last, generator, linear=True)], gamma)
    if kind == "sll":
        if len(set(sizes[1:-1])) != 1:
            raise ValueError(f"residual layers need one hidden width, not {tuple(sizes[1:-1])}")
        residual = SdpResidualLayers(n_copies, len(sizes) - 2, sizes[1], generator)
        ends = [AlmostOrthogonalLayers(n_copies, 1, *shape, generator, linear=True) for shape in (first, last)]
        return LipschitzNetwork([ends[0], residual, ends[1]], gamma)
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
