"""Two probability measures on the line, discretised at many nodes, their orthogonal polynomials and three targets."""

import numpy as np
from numpy.polynomial.hermite_e import hermevander
from numpy.polynomial.legendre import legvander
from scipy.special import roots_legendre

from litmus.params import Params


def targets(x: np.ndarray, scale: float) -> np.ndarray:
    """A rational, a Gaussian and a kinked function of x, shape (n_nodes, 3).

    The Gaussian is one of scale * x: so narrow that polynomials of degree 19 miss it by much more than rounding.
    """
    return np.stack([1 / (1 + 5 * x**2), np.exp(-((scale * x - 1) ** 2) / 4), np.abs(x)], axis=1)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Nodes x_i, masses mu_i that sum to 1, polynomials phi_j(x_i) of degree j and target values, of both measures."""
    gauss_nodes, gauss_masses = roots_legendre(params.n_nodes)
    line = np.linspace(-9, 9, params.n_nodes)
    density = np.exp(-(line**2) / 2)
    degree = max(params.n_features) - 1
    return {
        "legendre_nodes": gauss_nodes,
        "legendre_masses": gauss_masses / 2,
        "legendre_polynomials": legvander(gauss_nodes, degree),
        "legendre_targets": targets(gauss_nodes, scale=4),
        "hermite_nodes": line,
        "hermite_masses": density / density.sum(),
        "hermite_polynomials": hermevander(line, degree),
        "hermite_targets": targets(line, scale=1),
    }
