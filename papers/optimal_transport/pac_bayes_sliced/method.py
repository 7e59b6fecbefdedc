"""PAC-SW: slices of a sliced-Wasserstein distance learnt by maximising a PAC-Bayesian lower bound, and rivals.

SW(mu, nu; rho) is the mean over slices theta ~ rho of W_2^2 between the projections of mu and nu on theta. Slices are
drawn from a von Mises-Fisher law; the prior rho_0 is uniform on the sphere.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import von_mises_fisher as vmf
from ..sliced_wasserstein import slice_costs, slice_costs_and_gradients, uniform_directions

LEARNING_RATE = 0.1
N_OBJECTIVE_SLICES = 200  # to compare the restarts


class SliceLaw(NamedTuple):
    """A von Mises-Fisher law of slices: unit vector `mean` (d,) and concentration."""

    mean: np.ndarray
    concentration: float

    @property
    def kl(self) -> float:
        """KL divergence to the uniform law, in nats."""
        return vmf.kl_to_uniform(self.concentration, self.mean.size)

    def slices(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Directions (n, d)."""
        return vmf.sample(self.mean, self.concentration, n, rng).directions


class Adam:
    """Adam's step upwards (Kingma and Ba, 2015), with its usual constants."""

    def __init__(self, shape: int | tuple[int, ...], learning_rate: float = LEARNING_RATE):
        self.learning_rate = learning_rate
        self.first, self.second, self.count = np.zeros(shape), np.zeros(shape), 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.count += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient**2 - self.second)
        first, second = self.first / (1 - 0.9**self.count), self.second / (1 - 0.999**self.count)
        return self.learning_rate * first / (np.sqrt(second) + 1e-8)


def learn_slices(
    x: np.ndarray,
    y: np.ndarray,
    lam: float,
    n_steps: int,
    n_slices: int,
    starts: Sequence[float],
    rng: np.random.Generator,
) -> SliceLaw:
    """Maximise SW(mu_n, nu_n; rho) - KL(rho || rho_0) / lam over von Mises-Fisher laws rho by stochastic ascent.

    From a nearly uniform law the divergence may win before the mean direction is found: the ascent then ends at the
    uniform law although a concentrated one has a larger objective. Hence several starts.

    Parameters
    ----------
    x, y : array (n, d)
    lam : float
        The paper takes n^alpha, by default with alpha = 1/2; infinity leaves the divergence out.
    n_steps, n_slices : int
        Steps of Adam, and slices drawn for each.
    starts : sequence of float
        Concentrations to start from, each with a random mean direction; the law of the largest objective is kept.
    """
    candidates = [_ascend(x, y, start, lam, n_steps, n_slices, rng) for start in starts]

    def objective(law: SliceLaw) -> float:
        return slice_costs(x, y, law.slices(N_OBJECTIVE_SLICES, rng)).mean() - law.kl / lam

    return max(candidates, key=objective)


def _ascend(
    x: np.ndarray, y: np.ndarray, start: float, lam: float, n_steps: int, n_slices: int, rng: np.random.Generator
) -> SliceLaw:
    """Adam on the mean direction (before its normalisation) and on the logarithm of the concentration."""
    d = x.shape[1]
    parameters = np.append(uniform_directions(1, d, rng)[0], np.log(start))
    adam = Adam(d + 1)
    for _ in range(n_steps):
        length, concentration = np.linalg.norm(parameters[:d]), np.exp(parameters[d])
        mean = parameters[:d] / length
        by_mean, by_concentration = objective_gradient(x, y, SliceLaw(mean, concentration), lam, n_slices, rng)
        parameters += adam.step(np.append(by_mean / length, by_concentration * concentration))
    return SliceLaw(parameters[:d] / np.linalg.norm(parameters[:d]), float(np.exp(parameters[d])))


def objective_gradient(
    x: np.ndarray, y: np.ndarray, law: SliceLaw, lam: float, n_slices: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Unbiased gradient of the objective in the mean direction (tangent to the sphere) and in the concentration.

    Turning the mean towards a tangent vector t turns the whole law, each slice by (m . theta) t - (t . theta) m. A
    change of the concentration moves a slice along its great circle through m, where
    theta = w m + sqrt(1 - w^2) v.
    """
    mean, concentration = law
    slices = vmf.sample(mean, concentration, n_slices, rng)
    theta, w = slices.directions, slices.cosines[:, None]
    _, gradients = slice_costs_and_gradients(x, y, theta)
    by_turn = (w * gradients - (gradients @ mean)[:, None] * theta).mean(axis=0)
    by_cosine = np.einsum("ld,ld->l", gradients, mean - w * (theta - w * mean) / np.maximum(1 - w**2, 1e-12))
    by_concentration = (by_cosine * slices.cosine_slopes).mean() - vmf.kl_slope(concentration, mean.size) / lam
    return by_turn - (by_turn @ mean) * mean, float(by_concentration)


def max_slice(x: np.ndarray, y: np.ndarray, n_steps: int, n_restarts: int, rng: np.random.Generator) -> np.ndarray:
    """Baseline, max-SW: the unit vector (d,) of largest cost, by Adam from random starts; the largest cost is kept."""
    parameters = uniform_directions(n_restarts, x.shape[1], rng)
    adam = Adam(parameters.shape)
    for _ in range(n_steps):
        lengths = np.linalg.norm(parameters, axis=1, keepdims=True)
        directions = parameters / lengths
        gradients = slice_costs_and_gradients(x, y, directions)[1]
        tangent = gradients - (gradients * directions).sum(axis=1, keepdims=True) * directions
        parameters += adam.step(tangent / lengths)
    directions = parameters / np.linalg.norm(parameters, axis=1, keepdims=True)
    return directions[slice_costs(x, y, directions).argmax()]


def complexity(law: SliceLaw, lam: float, n: int, diameter: float, delta: float) -> float:
    """By how much SW(mu_n, nu_n; rho) exceeds its mean at most, for all rho at once with probability 1 - delta.

    [KL(rho || rho_0) + log(1/delta)] / lam + lam Delta^4 / (4 n): one point among 2 n moves the cost W_2^2 of a slice
    by Delta^2 / n at most, so that the cost is sub-Gaussian; a change of measure from rho_0 to rho does the rest.

    Parameters
    ----------
    lam : float
        Fixed before the samples are seen.
    diameter : float
        Delta, of the union of both supports.
    """
    return (law.kl + np.log(1 / delta)) / lam + lam * diameter**4 / (4 * n)


def sampling_bias(pairs: np.ndarray, directions: np.ndarray) -> float:
    """psi(n): the mean cost between two samples of one law, on the worst of some directions, by simulation.

    Between laws that differ by a shift, W_2^2 splits into that of the centred samples and terms whose mean is the true
    value, so that this is the bias of SW there too.

    Parameters
    ----------
    pairs : array (repetitions, 2, n, d)
    directions : array (n_directions, d)
    """
    return float(slice_costs(pairs[:, 0], pairs[:, 1], directions).mean(axis=0).max())


def shifted_value(law: SliceLaw, shift: np.ndarray) -> float:
    """SW(mu, nu; rho) in closed form where nu is mu moved by the vector `shift` (d,): E_rho (theta . shift)^2."""
    return float(shift @ vmf.second_moment(law.mean, law.concentration) @ shift)


def population_optimum(shift: float, dimension: int, lam: float) -> SliceLaw:
    """The maximiser of SW(mu, nu; rho) - KL(rho || rho_0) / lam without sampling, for a shift along the first axis.

    By a scan over the concentration, since the objective may have a second maximum at the uniform law.
    """
    axis = np.eye(dimension)[0]
    laws = [SliceLaw(axis, float(kappa)) for kappa in np.geomspace(1e-2, 1e4, 150)]
    return max(laws, key=lambda law: shifted_value(law, shift * axis) - law.kl / lam)
