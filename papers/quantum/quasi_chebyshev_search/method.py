"""Quasi-Chebyshev polynomials and the fixed-point search that rests on them (arXiv 2403.02057; Yoder et al. 2014).

L = 2l + 1 is the length for l iterations, delta^2 the failure that is allowed, and w the smallest marked
fraction for which that is promised. T_L is the Chebyshev polynomial of the first kind.
"""

import numpy as np


def chebyshev(length: float, z: np.ndarray | float) -> np.ndarray:
    """T_L(z) = cos(L arccos z) by the complex arccosine, for any real argument and any positive L."""
    return np.cos(length * np.arccos(np.asarray(z, dtype=complex))).real


def lemma_phases(length: int, gamma: float, shift: int = 0) -> np.ndarray:
    """phi_n = 2 arctan(tan(n pi/L) sqrt(1 - gamma^2)) for n = 1, ..., L-1; `shift` is added to n."""
    n = np.arange(1, length) + shift
    return 2 * np.arctan(np.tan(n * np.pi / length) * np.sqrt(1 - gamma**2))


def quasi_chebyshev(x: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """a_L(x) of the recursion a_{n+1} = x (1 + e^{-i phi_n}) a_n - e^{-i phi_n} a_{n-1}, a_0 = 1, a_1 = x.

    Parameters
    ----------
    x : array (n,)
    phases : array (L - 1,)

    Returns
    -------
    complex array (n,)
    """
    previous, current = np.ones(x.shape, dtype=complex), x.astype(complex)
    for turn in np.exp(-1j * phases):
        previous, current = current, x * (1 + turn) * current - turn * previous
    return current


def rescaled_chebyshev(x: np.ndarray, length: int, gamma: float) -> np.ndarray:
    """The lemma's closed form T_L(x/gamma)/T_L(1/gamma)."""
    return chebyshev(length, x / gamma) / chebyshev(length, 1 / gamma)


def gamma_of(length: int, delta: float) -> float:
    """gamma of a fixed-point search: 1/gamma = T_{1/L}(1/delta) = cosh(arccosh(1/delta)/L)."""
    return float(1 / np.cosh(np.arccosh(1 / delta) / length))


def smallest_fraction(length: int, delta: float) -> float:
    """w = 1 - gamma^2: every marked fraction of at least w succeeds with probability 1 - delta^2 or more."""
    return 1 - gamma_of(length, delta) ** 2


def search_phases(n_iterations: int, delta: float, reverse_oracle: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Phases (alphas, betas), each (l,), of the fixed-point search: alpha_j = 2 arccot(tan(2 pi j/L) gamma'), with
    gamma' = sqrt(1 - gamma^2), and beta_{l-j+1} = -alpha_j (without `reverse_oracle`, beta_j = -alpha_j).
    """
    length = 2 * n_iterations + 1
    gamma = gamma_of(length, delta)
    j = np.arange(1, n_iterations + 1)
    alphas = 2 * np.arctan2(1, np.tan(2 * np.pi * j / length) * np.sqrt(1 - gamma**2))
    return alphas, -alphas[::-1] if reverse_oracle else -alphas


def predicted_success(fractions: np.ndarray, n_iterations: int, delta: float) -> np.ndarray:
    """1 - delta^2 T_L(T_{1/L}(1/delta) sqrt(1 - lambda))^2 at marked fractions lambda."""
    length = 2 * n_iterations + 1
    argument = np.sqrt(1 - fractions) / gamma_of(length, delta)
    return 1 - delta**2 * chebyshev(length, argument) ** 2


def iterations_that_suffice(fraction: float, delta: float, constant: float = 0.5) -> int:
    """ceil(constant ln(2/delta)/sqrt(w)); the theorem has the constant 1/2."""
    return int(np.ceil(constant * np.log(2 / delta) / np.sqrt(fraction)))
