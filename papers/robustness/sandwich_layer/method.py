"""Sandwich networks: explicit weights, their certificate, the map back from a certificate, and what is measured.

Equation and theorem numbers are those of Wang and Manchester (2023). The layers themselves, and the earlier layer
types, are in ``lipschitz_layers``.
"""

from collections.abc import Sequence
from itertools import count

import numpy as np
import torch
from torch import Tensor

from ..lipschitz_layers import LipschitzNetwork, SandwichLayers, SandwichOutput, lipschitz_network

# ---- Eq. 8 and Theorem 3.1 ----


def explicit_weights(network: LipschitzNetwork) -> list[Tensor]:
    """Weights W_0..W_L of the plain ReLU network that a sandwich network is (Eq. 8).

    Between two activations stand the map out of one layer and the map into the next,
    W_k = 2 Psi_k^-1 B_k A_{k-1}' Psi_{k-1}; with sqrt(gamma) at both ends, W_0 = sqrt(2 gamma) Psi_0^-1 B_0 and
    W_L = sqrt(2 gamma) B_L A_{L-1}' Psi_{L-1}. The biases are those of the layers.

    Returns
    -------
    list of Tensor, each of shape (n_copies, n_out, n_in)
    """
    root = network.gamma.sqrt()[:, None, None]
    maps = [pair for layers in network.layers[:-1] for pair in zip(*(m.unbind(1) for m in layers.maps()), strict=True)]
    into = [root * maps[0][0], *(pair[0] for pair in maps[1:]), root * network.layers[-1].weight()]
    return [into[0], *(later @ earlier[1] for later, earlier in zip(into[1:], maps, strict=True))]


def biases(network: LipschitzNetwork) -> list[Tensor]:
    """Biases b_0..b_L, each of shape (n_copies, n_out), that go with `explicit_weights`."""
    return [bias[:, 0] for layers in network.layers for bias in layers.bias.unbind(1)]


def built_in_multipliers(network: LipschitzNetwork) -> list[Tensor]:
    """Multipliers gamma Psi_k^2, each of shape (n_copies, n_k), with which the network passes LipSDP at gamma.

    The scale is that of ``lipsdp.certificate_matrix`` (rho = gamma^2); the paper's condition (4) is that matrix
    over gamma.
    """
    return [
        network.gamma[:, None] * psi[..., 0] ** 2
        for layers in network.layers[:-1]
        for psi in layers.log_psi.exp().unbind(1)
    ]


def inverse_cayley(stacked: Tensor) -> Tensor:
    """Free matrix [X; Y] whose Cayley transform is ``stacked`` = [A'; B'], X strictly lower triangular (Eq. 37).

    Needs orthonormal columns and an A without the eigenvalue -1.
    """
    columns = stacked.shape[-1]
    a_transposed, b_transposed = stacked[..., :columns, :], stacked[..., columns:, :]
    inverse = torch.linalg.inv(torch.eye(columns, dtype=stacked.dtype) + a_transposed)  # (I + Z) / 2
    rest = -b_transposed @ inverse
    skew = inverse - inverse.mT  # (Z - Z') / 2 = X - X'
    return torch.cat([skew.tril(-1), rest], dim=-2)


def sandwich_from_certificate(
    weights: Sequence[np.ndarray],
    offsets: Sequence[np.ndarray],
    multipliers: Sequence[np.ndarray],
    gamma: float,
    layers: type[SandwichLayers] = SandwichLayers,
) -> LipschitzNetwork:
    """Free parameters of the sandwich network that equals a ReLU network with a LipSDP certificate (Theorem 3.1).

    Parameters
    ----------
    weights, offsets : lists of arrays
        W_0..W_L of shape (n_{l+1}, n_l) and the biases of shape (n_{l+1},).
    multipliers : list of L arrays of shape (n_l,)
        Positive; ``lipsdp.certificate_matrix`` at rho = gamma^2 must be negative definite.
    gamma : float
    layers : class of the hidden layers

    Raises
    ------
    torch.linalg.LinAlgError
        If the multipliers certify nothing at ``gamma``: some I - B_k B_k' has no Cholesky factor.
    """
    # Appendix D.3 with all its free rotations Q_k = I: a Cholesky factor has no eigenvalue -1.
    before = torch.tensor(gamma / 2, dtype=torch.float64).sqrt() * torch.eye(weights[0].shape[1], dtype=torch.float64)
    psis = [torch.as_tensor(values / gamma).sqrt()[:, None] for values in multipliers]
    psis.append(torch.full((len(weights[-1]), 1), (2 / gamma) ** 0.5, dtype=torch.float64))
    generator = torch.Generator()  # every draw is overwritten below
    built: list[SandwichLayers | SandwichOutput] = []
    for weight, offset, psi in zip(weights, offsets, psis, strict=True):
        n_out, n_in = weight.shape
        b = psi / 2 * torch.linalg.solve(before, torch.as_tensor(weight), left=False)
        a = torch.linalg.cholesky(torch.eye(n_out, dtype=torch.float64) - b @ b.mT)
        if len(built) < len(weights) - 1:
            layer = layers(1, 1, n_in, n_out, generator)
            layer.log_psi.data[0, 0] = psi.log()
        else:
            layer = SandwichOutput(1, n_in, n_out, generator)
        layer.cayley.direction.data[0, 0] = inverse_cayley(torch.cat([a.mT, b.mT]))
        layer.cayley.norm.data[0, 0] = layer.cayley.direction.data[0, 0].norm()
        layer.bias.data[0, 0] = torch.as_tensor(offset)
        built.append(layer)
        before = (psi * a).mT
    return LipschitzNetwork(built, torch.tensor([gamma], dtype=torch.float64))


def relu_network(weights: Sequence[np.ndarray], offsets: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs (n, n_out) of the plain network with these weights and biases at x of shape (n, n_in)."""
    h = x
    for weight, offset in zip(weights[:-1], offsets[:-1], strict=True):
        h = np.maximum(h @ weight.T + offset, 0.0)
    return h @ weights[-1].T + offsets[-1]


# ---- variants that miss the point, for the controls ----


class UntransposedSandwich(SandwichLayers):
    """A in place of A' in Eq. 10: an easy slip, as it is A A' + B B' that is I. No bound holds."""

    def maps(self) -> tuple[Tensor, Tensor]:
        a, b = self.factors()
        psi = self.log_psi.exp()
        return 2**0.5 / psi * b, 2**0.5 * a * psi.mT


class ActivationOutside(SandwichLayers):
    """relu(2 A'B h + b): any 1-Lipschitz linear map (Proposition 3.3), but with the activation outside the sandwich."""

    def maps(self) -> tuple[Tensor, Tensor]:
        a, b = self.factors()
        return 2 * a.mT @ b, torch.eye(a.shape[-1], dtype=a.dtype).expand_as(a)


VARIANTS = {"sandwich": SandwichLayers, "untransposed": UntransposedSandwich, "activation_outside": ActivationOutside}

# ---- what is measured ----


def widened(sizes: Sequence[int], width: int) -> tuple[int, ...]:
    """The layer widths ``sizes`` = (n_in, hidden widths..., n_out) with ``width`` for every hidden one."""
    return (sizes[0], *[width] * (len(sizes) - 2), sizes[-1])


def matched_width(kind: str, sizes: Sequence[int]) -> int:
    """Least hidden width at which a network of this kind has at least as many parameters as the sandwich ``sizes``."""

    def n_parameters(kind: str, sizes: Sequence[int]) -> int:
        return lipschitz_network(kind, sizes, torch.ones(1), torch.Generator()).n_parameters

    enough = n_parameters("sandwich", sizes)
    return next(width for width in count(1) if n_parameters(kind, widened(sizes, width)) >= enough)


def best_lipschitz_fit(x: np.ndarray, y: np.ndarray, gamma: float) -> np.ndarray:
    """Values at ``x`` of the gamma-Lipschitz function of least squared error on the points (x, y), both (n,).

    A function on finitely many points extends to the line with the same constant, so the slopes between neighbours
    are all the constraints there are; x must not repeat.
    """
    import cvxpy

    order = np.argsort(x)
    fit = cvxpy.Variable(len(x))
    steps = gamma * np.diff(x[order])
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(fit - y[order])), [cvxpy.abs(cvxpy.diff(fit)) <= steps])
    problem.solve(solver=cvxpy.CLARABEL)
    values = np.empty(len(x))
    values[order] = fit.value
    return values


def square_wave_ramp(x: np.ndarray, gamma: float) -> np.ndarray:
    """The best gamma-Lipschitz approximation of the wave's jump at 0, for |x| <= 1/2 and gamma >= 1."""
    return np.clip(0.5 + gamma * x, 0.0, 1.0)


def slopes(network: LipschitzNetwork, low: float, high: float, n_points: int) -> Tensor:
    """Absolute slopes of a network of one input and output between neighbours of a grid: (n_copies, n_points - 1)."""
    grid = torch.linspace(low, high, n_points, dtype=torch.float64)
    return (network(grid[:, None])[..., 0].diff() / grid.diff()).abs()


def local_lipschitz_constants(network: LipschitzNetwork, x: Tensor) -> Tensor:
    """Spectral norms of the Jacobian, shape (n_copies, n), at the rows of x, shape (n, n_in)."""
    inputs = x.repeat(len(network.gamma), 1, 1).requires_grad_()
    outputs = network(inputs).sum((0, 1))
    rows = [torch.autograd.grad(output, inputs, retain_graph=True)[0] for output in outputs]
    return torch.linalg.matrix_norm(torch.stack(rows, dim=-2), ord=2)


def certified_radii(network: LipschitzNetwork, x: Tensor, labels: Tensor) -> Tensor:
    """Distance within which no perturbation changes a right decision; negative or zero for a wrong one.

    It is (true logit - best other logit) / (sqrt(2) gamma): the difference of two logits of a gamma-Lipschitz network
    changes by at most sqrt(2) gamma times the distance.

    Parameters
    ----------
    x : Tensor of shape (n, n_in)
    labels : Tensor of shape (n,), integers

    Returns
    -------
    Tensor of shape (n_copies, n)
    """
    logits = network(x)
    index = labels.expand(len(logits), -1)[..., None]
    own = logits.gather(2, index)[..., 0]
    other = logits.scatter(2, index, -torch.inf).amax(2)
    return (own - other) / (2**0.5 * network.gamma[:, None])
