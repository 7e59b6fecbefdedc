"""Particle gradient descent on displacement convex functionals of measures, and the rivals of a trained network.

A measure is n particles of weight 1/n. Arrays may have leading axes: several clouds are moved at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Gradient = Callable[[np.ndarray], np.ndarray]


def descend(start: np.ndarray, gradient: Gradient, steps: np.ndarray) -> Iterator[np.ndarray]:
    """Particle gradient descent: x_i <- x_i - gamma_k n dF/dx_i, the start first.

    Parameters
    ----------
    start : array of particles
    gradient : function
        The Wasserstein gradient at each particle: n times the partial derivative of F(mu_x).
    steps : array (n_steps,)
        The step sizes gamma_k.
    """
    particles = start
    yield particles
    for step in steps:
        particles = particles - step * gradient(particles)
        yield particles


def last(iterates: Iterator[np.ndarray]) -> np.ndarray:
    """The last iterate, without keeping the others."""
    for particles in iterates:
        final = particles
    return final


def constant_then_decreasing(step: float, n_steps: int) -> np.ndarray:
    """Half of the steps constant, the other half step / sqrt(k)."""
    half = n_steps // 2
    return step * np.concatenate([np.ones(half), decreasing(1.0, n_steps - half)])


def decreasing(step: float, n_steps: int) -> np.ndarray:
    """Steps step / sqrt(k), the rule for a convex function that is only Lipschitz."""
    return step / np.sqrt(np.arange(1, n_steps + 1))


# --- Smooth, strongly displacement convex functionals; minimum 0, all particles at the origin ------------


@dataclass(frozen=True)
class SmoothFunctional:
    """F(mu) = E x'Hx/2 + coupling E|x - y|^2/4 [+ E sum log cosh(x_j) + E sum log cosh(x_j - y_j)/2].

    The bracket is there if `log_cosh`; each of its two terms adds a curvature between 0 and 1.

    Parameters
    ----------
    curvatures : array (d,)
        Diagonal of H, positive.
    """

    curvatures: np.ndarray
    coupling: float
    log_cosh: bool = False

    @property
    def convexity(self) -> float:
        """The modulus lambda of displacement convexity."""
        return float(self.curvatures.min())

    @property
    def smoothness(self) -> float:
        """The constant L."""
        return float(self.curvatures.max() + self.coupling + 2 * self.log_cosh)

    def value(self, x: np.ndarray) -> np.ndarray:
        """F of clouds (..., n, d); E|x - y|^2 is twice the variance."""
        variance = x.var(axis=-2).sum(axis=-1)
        value = 0.5 * (x**2 @ self.curvatures).mean(axis=-1) + 0.5 * self.coupling * variance
        if self.log_cosh:
            pairs = log_cosh(x[..., :, None, :] - x[..., None, :, :]).sum(axis=-1)
            value = value + log_cosh(x).sum(axis=-1).mean(axis=-1) + 0.5 * pairs.mean(axis=(-2, -1))
        return value

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Wasserstein gradient (..., n, d) at the particles."""
        gradient = self.curvatures * x + self.coupling * (x - x.mean(axis=-2, keepdims=True))
        if self.log_cosh:
            gradient = gradient + np.tanh(x) + np.tanh(x[..., :, None, :] - x[..., None, :, :]).mean(axis=-2)
        return gradient


def log_cosh(x: np.ndarray) -> np.ndarray:
    """Without overflow, and exact for small x: log cosh x = -log(1 - tanh(x)^2) / 2 for |x| < 1."""
    large = np.abs(x) - np.log(2) + np.log1p(np.exp(-2 * np.abs(x)))
    return np.where(np.abs(x) < 1, -0.5 * np.log1p(-(np.tanh(np.clip(x, -1, 1)) ** 2)), large)


# --- The energy E(mu) = int (F_mu - F_nu)^2 = E|X-Y| - E|X-X'|/2 - E|Y-Y'|/2 on the line ------------------


@dataclass(frozen=True)
class Target:
    """A law nu on the line: its distribution function, x -> E|x - Y|, E|Y - Y'| and its quantile function."""

    cdf: Callable[[np.ndarray], np.ndarray]
    distance: Callable[[np.ndarray], np.ndarray]
    spread: float
    quantile: Callable[[np.ndarray], np.ndarray]


def uniform_target() -> Target:
    """The uniform law on [0, 1]."""

    def distance(x: np.ndarray) -> np.ndarray:
        inside = np.clip(x, 0, 1)
        return np.abs(x - inside) + inside**2 - inside + 0.5

    return Target(lambda x: np.clip(x, 0, 1), distance, 1 / 3, lambda levels: levels)


def atomic_target(atoms: np.ndarray) -> Target:
    """The law of equal atoms (m,); at an atom the distribution function is the mean of its two sides."""
    atoms = np.sort(atoms)
    m = atoms.size
    sums = np.concatenate([[0.0], np.cumsum(atoms)])

    def cdf(x: np.ndarray) -> np.ndarray:
        return (np.searchsorted(atoms, x, "left") + np.searchsorted(atoms, x, "right")) / (2 * m)

    def distance(x: np.ndarray) -> np.ndarray:
        below = np.searchsorted(atoms, x)
        return (x * (2 * below - m) + sums[-1] - 2 * sums[below]) / m

    def quantile(levels: np.ndarray) -> np.ndarray:
        return atoms[np.ceil(levels * m).astype(int) - 1]

    return Target(cdf, distance, mean_pair_distance(atoms), quantile)


def mean_pair_distance(x: np.ndarray) -> np.ndarray:
    """E|X - X'| over all ordered pairs of each sample (..., n), equal pairs too, from the order statistics."""
    n = x.shape[-1]
    return np.sort(x, axis=-1) @ (2 * (2 * np.arange(n) + 1 - n) / n**2)


def energy(x: np.ndarray, target: Target) -> np.ndarray:
    """E(mu_x) for samples (..., n)."""
    return target.distance(x).mean(axis=-1) - 0.5 * mean_pair_distance(x) - 0.5 * target.spread


def energy_gradient(x: np.ndarray, target: Target, repulsion: bool = True) -> np.ndarray:
    """n dE/dx_i = (2 F_nu(x_i) - 1) - (2 r_i + 1 - n)/n, with r_i the rank of x_i from 0.

    The second term is the particles' repulsion of one another, which `repulsion` may drop.
    """
    attraction = 2 * target.cdf(x) - 1
    if not repulsion:
        return attraction
    n = x.shape[-1]
    ranks = np.argsort(np.argsort(x, axis=-1), axis=-1)
    return attraction - (2 * ranks + 1 - n) / n


def displacement(x: np.ndarray, y: np.ndarray, time: float, optimal: bool = True) -> np.ndarray:
    """Point at `time` of the path between samples (..., n): of the optimal (monotone) pairing or of the given one."""
    if optimal:
        x, y = np.sort(x, axis=-1), np.sort(y, axis=-1)
    return (1 - time) * x + time * y


# --- A network of step activations with inputs on the circle; a neuron's angle is pi x -------------------


def outputs(
    neurons: np.ndarray, inputs: np.ndarray, weights: np.ndarray | None = None, activation: str = "step"
) -> np.ndarray:
    """f(phi) = sum_j a_j h(w_j . (cos phi, sin phi)) with w_j = (cos pi x_j, sin pi x_j), a_j = 1/n unless given.

    Parameters
    ----------
    neurons : array (n,)
        Angles in half turns.
    inputs : array (n_inputs,)
        Angles phi in radians.
    activation : {"step", "relu"}
    """
    field = np.cos(inputs[:, None] - np.pi * neurons)
    hidden = (field >= 0).astype(float) if activation == "step" else np.maximum(field, 0)
    return hidden.mean(axis=1) if weights is None else hidden @ weights


def fit_weights(neurons: np.ndarray, target: Target) -> np.ndarray:
    """Output weights (n,) of least population loss for fixed, distinct neurons in [0, 1).

    The kernel of two step neurons is E h h' = 1/2 - |x - x'|/2 under uniform inputs.
    """
    kernel = 0.5 - 0.5 * np.abs(neurons[:, None] - neurons)
    return np.linalg.solve(kernel, 0.5 - 0.5 * target.distance(neurons))
