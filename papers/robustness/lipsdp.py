"""LipSDP: upper bounds on the Lipschitz constant of feed-forward networks by semidefinite programming.

The network is h_0 = x, h_l = phi(W_{l-1} h_{l-1} + b_{l-1}) for l = 1..L, y = W_L h_L. Let dx, dw_l, dv_l, dy be the
differences of inputs, activations, pre-activations and outputs between two runs. If every activation satisfies
[dv_l; dw_l]' Q_l [dv_l; dw_l] >= 0 and

    |dy|^2 - rho |dx|^2 + sum_l [dv_l; dw_l]' Q_l [dv_l; dw_l] <= 0   for all (dx, dw_1, ..., dw_L),

then |dy| <= sqrt(rho) |dx|. The condition is a matrix inequality, linear in rho and in the Q_l.

References
----------
Fazlyab et al., Efficient and Accurate Estimation of Lipschitz Constants for Deep Neural Networks, NeurIPS 2019.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Certificate(NamedTuple):
    """A proven bound and the multipliers that prove it, one vector of shape (n_l,) for each hidden layer."""

    bound: float
    multipliers: list[np.ndarray]


def slope_form(multipliers: np.ndarray) -> np.ndarray:
    """Q with [dv; dw]' Q [dv; dw] = 2 sum_i multipliers_i dw_i (dv_i - dw_i) >= 0 for slopes in [0, 1].

    Multipliers of shape (n,) are nonnegative; the result has shape (2 n, 2 n).
    """
    diagonal = np.diag(multipliers)
    return np.block([[np.zeros_like(diagonal), diagonal], [diagonal, -2 * diagonal]])


def certificate_matrix(weights: Sequence[np.ndarray], rho: Any, forms: Sequence[Any]) -> Any:
    """The symmetric matrix of the condition above; it must be negative semidefinite.

    Parameters
    ----------
    weights : list of arrays
        W_0..W_L, W_l of shape (n_{l+1}, n_l).
    rho : float or cvxpy expression
        Square of the bound.
    forms : list of L arrays or cvxpy expressions
        Q_1..Q_L, Q_l of shape (2 n_l, 2 n_l).

    Returns
    -------
    array or cvxpy expression of shape (N, N), N = n_0 + n_1 + ... + n_L

    Raises
    ------
    ValueError
        If the shapes do not chain or the number of forms is not L.
    """
    sizes = [weight.shape[1] for weight in weights]
    if any(weight.shape[0] != size for weight, size in zip(weights[:-1], sizes[1:], strict=True)):
        raise ValueError(f"the shapes {[weight.shape for weight in weights]} do not chain")
    if len(forms) != len(weights) - 1:
        raise ValueError(f"{len(weights) - 1} hidden layers need as many forms, not {len(forms)}")
    selectors = np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1])
    output = weights[-1] @ selectors[-1]
    matrix = output.T @ output - rho * (selectors[0].T @ selectors[0])
    for weight, form, before, after in zip(weights[:-1], forms, selectors[:-1], selectors[1:], strict=True):
        pair = np.vstack([weight @ before, after])
        matrix = matrix + pair.T @ form @ pair
    return matrix


def verified_bound(weights: Sequence[np.ndarray], rho: float, forms: Sequence[np.ndarray]) -> float:
    """A Lipschitz bound that holds although a solver's answer is only nearly feasible.

    An eigenvalue e > 0 of the certificate matrix costs e (|dx|^2 + sum_l |dw_l|^2), and 1-Lipschitz activations
    have |dw_l| <= |W_{l-1}| ... |W_0| |dx|.
    """
    matrix = certificate_matrix(weights, rho, forms)
    excess = max(0.0, float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1]))
    gains = np.cumprod([np.linalg.norm(weight, 2) for weight in weights[:-1]])
    return float(np.sqrt(max(rho, 0.0) + excess * (1 + np.sum(gains**2))))


def least_rho(weights: Sequence[np.ndarray], forms: Sequence[Any], constraints: Sequence[Any] = ()) -> float:
    """Solve for the least rho over the cvxpy variables in ``forms``, subject to further ``constraints`` on them.

    The variables keep their optimal values. Pass the values on to `verified_bound`.

    Raises
    ------
    RuntimeError
        If the solver finds no optimum.
    """
    import cvxpy

    rho = cvxpy.Variable(nonneg=True)
    problem = cvxpy.Problem(cvxpy.Minimize(rho), [certificate_matrix(weights, rho, forms) << 0, *constraints])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # an inaccurate optimum: `verified_bound` makes up for it
        problem.solve(solver=cvxpy.CLARABEL)
    if problem.status not in (cvxpy.OPTIMAL, cvxpy.OPTIMAL_INACCURATE):
        raise RuntimeError(f"the semidefinite programme ended as {problem.status}")
    return float(rho.value)


def lipsdp(weights: Sequence[np.ndarray]) -> Certificate:
    """Lipschitz bound of a network whose activations have slopes in [0, 1] (ReLU, tanh, ...).

    Parameters
    ----------
    weights : list of arrays
        W_0..W_L, W_l of shape (n_{l+1}, n_l). Biases do not matter.
    """
    import cvxpy

    variables = [cvxpy.Variable(len(weight), nonneg=True) for weight in weights[:-1]]
    forms = []
    for variable in variables:
        diagonal = cvxpy.diag(variable)
        forms.append(cvxpy.bmat([[0 * diagonal, diagonal], [diagonal, -2 * diagonal]]))
    rho = least_rho(weights, forms)
    multipliers = [np.maximum(variable.value, 0.0) for variable in variables]
    return Certificate(verified_bound(weights, rho, [slope_form(values) for values in multipliers]), multipliers)
