"""Block coordinate descent with proximal regularisation (BCD-PR), on nonnegative CP and on Powell's function.

BCD-PR visits the blocks in cyclic order and replaces each by

    theta_i <- argmin over Theta_i of f(.., theta_i, ..) + rho / 2 |theta_i - theta_i_old|^2.

The Wasserstein dictionary, the paper's application, is in `wasserstein_dictionary.py`.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numba import njit

UPPER = 10.0  # factors of the CP decomposition have entries in [0, UPPER]
POWELL_BOUND = 3  # Powell's variables are in [-3, 3]


# --- Nonnegative CP decomposition -------------------------------------------------------------------------


def compose(factors: Sequence[np.ndarray]) -> np.ndarray:
    """The tensor sum_r u_r o v_r o w_r of three factors of shapes (n_i, rank)."""
    return np.einsum("ir,jr,kr->ijk", *factors)


def normal_equations(unfolded: np.ndarray, factors: Sequence[np.ndarray], mode: int) -> tuple[np.ndarray, np.ndarray]:
    """Gram matrix G (rank, rank) and target T (n_mode, rank) with f = <F G, F> / 2 - <F, T> + const in the block F."""
    first, second = (factor for i, factor in enumerate(factors) if i != mode)
    gram = (first.T @ first) * (second.T @ second)
    columns = (first[:, None] * second[None]).reshape(-1, first.shape[1])  # Khatri-Rao product
    return gram, unfolded @ columns


@njit(cache=True)
def box_least_squares(start, old, gram, target, rho, curvature, convexity, n_steps, upper):
    """Accelerated projected gradient steps on <F G, F> / 2 - <F, T> + rho / 2 |F - old|^2 over [0, upper].

    `start`, `old`, `target` are (n, rank); `convexity` and `curvature` bound the eigenvalues of G + rho I. The momentum
    is the constant one for strongly convex functions.
    """
    root = np.sqrt(convexity / curvature)
    momentum = (1 - root) / (1 + root)
    current, extrapolated = start.copy(), start.copy()
    n_rows, rank = start.shape
    for _ in range(n_steps):
        for i in range(n_rows):
            for r in range(rank):
                gradient = rho * (extrapolated[i, r] - old[i, r]) - target[i, r]
                for q in range(rank):
                    gradient += extrapolated[i, q] * gram[q, r]
                value = min(max(extrapolated[i, r] - gradient / curvature, 0.0), upper)
                start[i, r] = value  # the next iterate; `extrapolated` is still read by this row
            for r in range(rank):
                extrapolated[i, r] = start[i, r] + momentum * (start[i, r] - current[i, r])
                current[i, r] = start[i, r]
    return current


def update_block(
    gram: np.ndarray, target: np.ndarray, old: np.ndarray, rho: float, n_steps: int, warm_start: bool = True
) -> np.ndarray:
    """Inexact proximal block minimiser: `n_steps` accelerated steps from the old block, or from zero."""
    eigenvalues = np.linalg.eigvalsh(gram)
    convexity, curvature = max(eigenvalues[0], 0.0) + rho, eigenvalues[-1] + rho
    start = old.copy() if warm_start else np.zeros_like(old)
    return box_least_squares(start, old, gram, target, rho, curvature, convexity, n_steps, UPPER)


def nonnegative_cp(
    tensor: np.ndarray,
    start: Sequence[np.ndarray],
    rho: float,
    n_sweeps: int,
    n_steps: int,
    warm_start: bool = True,
    cyclic: bool = True,
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """BCD-PR on f = |X - sum_r u_r o v_r o w_r|^2 / 2 with entries in [0, UPPER].

    Parameters
    ----------
    tensor : array (n_1, n_2, n_3)
    start : three arrays (n_i, rank)
    rho : float
        Weight of the proximal term, positive.
    n_sweeps, n_steps : int
        Sweeps over the three blocks, and accelerated gradient steps in a block.
    warm_start : bool
        Whether the inner steps begin at the block's old value.
    cyclic : bool
        Gauss-Seidel order; otherwise the blocks of a sweep do not see one another's new values (Jacobi).

    Returns
    -------
    factors, objective (n_sweeps + 1,), gap (n_sweeps,)
        f at the start and after every sweep; the norm of the projected gradient, |theta - P(theta - grad f)|, after
        every sweep.

    Raises
    ------
    ValueError
        If `rho` is not positive.
    """
    if rho <= 0:
        raise ValueError(f"expected a positive proximal weight, found {rho}")
    factors = [np.ascontiguousarray(factor, dtype=float) for factor in start]
    unfolded = [np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1) for mode in range(3)]
    objective, gap = [squared_error(tensor, factors)], np.empty(n_sweeps)
    for sweep in range(n_sweeps):
        known = factors if cyclic else list(factors)
        for mode in range(3):
            gram, target = normal_equations(unfolded[mode], known, mode)
            factors[mode] = update_block(gram, target, known[mode], rho, n_steps, warm_start)
        objective.append(squared_error(tensor, factors))
        gap[sweep] = np.sqrt(sum(projected_gradient(unfolded[mode], factors, mode) for mode in range(3)))
    return factors, np.array(objective), gap


def squared_error(tensor: np.ndarray, factors: Sequence[np.ndarray]) -> float:
    """f = |X - sum_r u_r o v_r o w_r|^2 / 2."""
    return float(((tensor - compose(factors)) ** 2).sum() / 2)


def projected_gradient(unfolded: np.ndarray, factors: Sequence[np.ndarray], mode: int) -> float:
    """Squared norm of one block's part of theta - P(theta - grad f)."""
    gram, target = normal_equations(unfolded, factors, mode)
    moved = np.clip(factors[mode] - (factors[mode] @ gram - target), 0, UPPER)
    return float(((factors[mode] - moved) ** 2).sum())


# --- Powell's function, on which plain cyclic minimisation can go round for ever --------------------------


def powell_value(x: Sequence[Fraction]) -> Fraction:
    """-x1 x2 - x2 x3 - x3 x1 + sum_i (x_i - 1)_+^2 + (-x_i - 1)_+^2 (Powell 1973)."""
    walls = sum(max(abs(value) - 1, Fraction(0)) ** 2 for value in x)
    return walls - x[0] * x[1] - x[1] * x[2] - x[2] * x[0]


def powell_gap(x: Sequence[Fraction]) -> float:
    """Norm of the projected gradient on [-3, 3]^3."""
    total = sum(x)
    squares = Fraction(0)
    for value in x:
        wall = 2 * max(value - 1, 0) - 2 * max(-value - 1, 0)
        moved = clip(value - (wall - (total - value)))
        squares += Fraction(moved - value) ** 2
    return float(squares) ** 0.5


def powell_block(others: Fraction, old: Fraction, rho: Fraction) -> Fraction:
    """Minimiser of -x others + (x - 1)_+^2 + (-x - 1)_+^2 + rho / 2 (x - old)^2 on [-3, 3], in closed form.

    The function is smooth and convex, a parabola on each of three pieces: the stationary point of a piece that lies
    in it is the minimiser. Without proximal term the middle piece is a line, and the minimiser is on an outer one;
    where that line is flat, all of [-1, 1] minimises and +1 is taken.
    """
    above = (others + 2 + rho * old) / (2 + rho)
    if above >= 1:
        return clip(above)
    below = (others - 2 + rho * old) / (2 + rho)
    if below <= -1:
        return clip(below)
    return (others + rho * old) / rho


def clip(value: Fraction) -> Fraction:
    return min(max(value, -POWELL_BOUND), POWELL_BOUND)


def powell_start(epsilon: Fraction) -> list[Fraction]:
    """The start (-1 - e, 1 + e/2, -1 - e/4) from which plain cyclic minimisation stays near six edges of a cube."""
    return [-1 - epsilon, 1 + epsilon / 2, -1 - epsilon / 4]


def powell_bcd(start: Sequence[Fraction], rho: Fraction, n_sweeps: int) -> tuple[list[list[Fraction]], np.ndarray]:
    """Cyclic BCD-PR; the points, and the gap after every sweep (n_sweeps,).

    In exact arithmetic where `start` and `rho` are fractions: the cycle is unstable, rounding would end it.
    """
    x = list(start)
    path, gaps = [list(x)], np.empty(n_sweeps)
    for sweep in range(n_sweeps):
        for i in range(3):
            x[i] = powell_block(sum(x) - x[i], x[i], rho)
        path.append(list(x))
        gaps[sweep] = powell_gap(x)
    return path, gaps
