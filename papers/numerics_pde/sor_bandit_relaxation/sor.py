"""Successive over-relaxation (SOR) on diagonally shifted Laplacians: iteration counts, and the bound on them.

The systems are (A + c I) x = b with A the 5-point Laplacian of a square grid of `side` x `side` inner points (diagonal
4, off-diagonal -1). With A + c I = L + D + L^T, SOR iterates x_{k+1} = x_k + (D/omega + L)^{-1} r_k from x_0 = 0.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

LANES = 8  # systems that are swept side by side, so that their chains of dependent additions overlap
MAX_ITERATIONS = 10_000


@njit(cache=True)
def sweep(
    corrections: NDArray[np.floating],
    scales: NDArray[np.floating],
    carries: NDArray[np.floating],
    squared_norms: NDArray[np.floating],
) -> None:
    """One SOR iteration of `LANES` systems, in place.

    The correction y_k = x_{k+1} - x_k solves (D/omega + L) y_k = r_k, and leaves the residual
    r_{k+1} = ((1/omega - 1) D - L^T) y_k; one pass in the natural order turns y_k into y_{k+1}.

    Parameters
    ----------
    corrections : (side + 2, side + 2, LANES) y_k, with a border of zeros; replaced by y_{k+1}
    scales, carries : (LANES,) omega/d and (1/omega - 1) d of each system, d its diagonal entry
    squared_norms : (LANES,) replaced by |r_{k+1}|^2
    """
    squared_norms[:] = 0.0
    for row in range(1, corrections.shape[0] - 1):
        for column in range(1, corrections.shape[1] - 1):
            here = corrections[row, column]
            north, south = corrections[row - 1, column], corrections[row + 1, column]
            west, east = corrections[row, column - 1], corrections[row, column + 1]
            for lane in range(LANES):
                residual = carries[lane] * here[lane] + south[lane] + east[lane]
                squared_norms[lane] += residual * residual
                here[lane] = scales[lane] * (residual + north[lane] + west[lane])


@njit(cache=True)
def _count_iterations(shifts, omegas, right_hand_sides, tolerance):
    """`iteration_counts` in the order given."""
    n_systems, side = len(shifts), right_hand_sides.shape[1]
    counts = np.full(n_systems, MAX_ITERATIONS)
    corrections = np.zeros((side + 2, side + 2, LANES))
    scales, carries, norms, goals = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for first in range(0, n_systems, LANES):
        n_running = LANES
        for lane in range(LANES):
            system = min(first + lane, n_systems - 1)
            diagonal = 4 + shifts[system]
            scales[lane] = omegas[system] / diagonal
            carries[lane] = (1 / omegas[system] - 1) * diagonal
            goals[lane] = 0.0
            for row in range(side):  # the first correction, from r_0 = b
                for column in range(side):
                    entry = right_hand_sides[system, row, column]
                    goals[lane] += (tolerance * entry) ** 2
                    neighbours = corrections[row, column + 1, lane] + corrections[row + 1, column, lane]
                    corrections[row + 1, column + 1, lane] = scales[lane] * (entry + neighbours)
        for iteration in range(1, MAX_ITERATIONS):
            sweep(corrections, scales, carries, norms)
            for lane in range(LANES):
                if norms[lane] < goals[lane]:
                    goals[lane] = -1.0
                    n_running -= 1
                    if first + lane < n_systems:
                        counts[first + lane] = iteration
            if n_running == 0:
                break
    return counts


def iteration_counts(
    shifts: NDArray[np.floating],
    omegas: NDArray[np.floating],
    right_hand_sides: NDArray[np.floating],
    tolerance: float,
) -> NDArray[np.integer]:
    """Number of SOR iterations until |r_k| < tolerance |r_0|, which is all that the learners are told.

    Parameters
    ----------
    shifts, omegas : (n,) the shift c and the relaxation parameter in (0, 2) of each system
    right_hand_sides : (n, side, side)
    tolerance : relative residual epsilon

    Returns
    -------
    (n,) counts; `MAX_ITERATIONS` where the tolerance is not reached
    """
    order = np.lexsort((shifts, omegas))  # neighbours in a batch should need about equally many
    counts = np.empty(len(shifts), dtype=np.int64)
    counts[order] = _count_iterations(shifts[order], omegas[order], right_hand_sides[order], tolerance)
    return counts


def cost_table(
    shifts: NDArray[np.floating],
    grid: NDArray[np.floating],
    right_hand_sides: NDArray[np.floating],
    tolerance: float,
) -> NDArray[np.integer]:
    """(n, d) iteration counts of every system (n shifts and right-hand sides) at every omega of a grid (d,)."""
    return np.stack(
        [iteration_counts(shifts, np.full(len(shifts), omega), right_hand_sides, tolerance) for omega in grid],
        axis=1,
    )


def shifted_laplacian(side: int, shift: float) -> NDArray[np.floating]:
    """(side^2, side^2) dense A + c I."""
    path = np.eye(side, k=1) + np.eye(side, k=-1)
    adjacency = np.kron(path, np.eye(side)) + np.kron(np.eye(side), path)
    return (4 + shift) * np.eye(side**2) - adjacency


def jacobi_radius(side: int, shifts: NDArray[np.floating]) -> NDArray[np.floating]:
    """beta, the spectral radius of the Jacobi iteration I - D^{-1} (A + c I)."""
    return 4 * np.cos(np.pi / (side + 1)) / (4 + np.asarray(shifts, dtype=float))


def optimal_omega(beta: NDArray[np.floating]) -> NDArray[np.floating]:
    """Young's omega* = 2/(1 + sqrt(1 - beta^2)), of the smallest spectral radius for a consistently ordered matrix."""
    return 2 / (1 + np.sqrt(1 - np.asarray(beta) ** 2))


def spectral_radius(omega: NDArray[np.floating], beta: NDArray[np.floating]) -> NDArray[np.floating]:
    """Spectral radius of the SOR iteration of a consistently ordered matrix with Jacobi radius beta (broadcasts)."""
    root = np.sqrt(np.maximum((omega * beta) ** 2 - 4 * (omega - 1), 0.0))
    return np.where(omega >= optimal_omega(beta), omega - 1.0, ((omega * beta + root) / 2) ** 2)


def iteration_bound(
    omega: NDArray[np.floating],
    beta: NDArray[np.floating],
    transient: NDArray[np.floating],
    tolerance: float,
) -> NDArray[np.floating]:
    """U(omega) = 1 + ln(1/epsilon) / -ln(rho + tau (1 - rho)), the near-asymptotic bound of Section 2, broadcast.

    `transient` is tau in [0, 1); with tau = 0 it is the asymptotic estimate, which is no bound.
    """
    rho = spectral_radius(omega, beta)
    return 1 + np.log(tolerance) / np.log(rho + transient * (1 - rho))


def transient_constant(shift: float, grid: NDArray[np.floating], n_iterations: NDArray[np.integer], side: int) -> float:
    """tau, the least constant with |C^k|^(1/k) <= rho(C) + tau (1 - rho(C)) at every omega (Section 2).

    C = I - (A + c I)(D/omega + L)^{-1} takes r_k to r_{k+1}, and k is the last iteration before convergence.

    Parameters
    ----------
    shift : c
    grid : (d,) omegas
    n_iterations : (d,) iterations until convergence

    Raises
    ------
    ValueError
        If some iteration count is below 2: then there is no iteration to measure.
    """
    if np.min(n_iterations) < 2:
        raise ValueError(f"expected at least 2 iterations at every omega, found {np.min(n_iterations)}")
    matrix = shifted_laplacian(side, shift)
    diagonal, lower = np.diag(np.diag(matrix)), np.tril(matrix, -1)
    radii = spectral_radius(grid, jacobi_radius(side, shift))
    slack = []
    for omega, rho, count in zip(grid, radii, n_iterations, strict=True):
        inverse = solve_triangular(diagonal / omega + lower, np.eye(side**2), lower=True)
        power = np.linalg.matrix_power(np.eye(side**2) - matrix @ inverse, count - 1)
        slack.append((np.linalg.norm(power, 2) ** (1 / (count - 1)) - rho) / (1 - rho))
    return float(max(0.0, *slack))
