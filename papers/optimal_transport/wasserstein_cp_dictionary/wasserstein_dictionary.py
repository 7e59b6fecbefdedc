"""Wasserstein CP-dictionary learning: rank-one joint laws whose mixtures are near given laws in transport distance.

A law x_s on an a x a grid is approximated by y_s = sum_r L_rs u_r (x) v_r. The columns of U (a, rank), V (a, rank) and
L (rank, S) are in simplices. BCD-PR in cyclic order L, U, V minimises F = sum_s OT_eps(x_s, y_s), with

    OT_eps(x, y) = min over plans P of <C, P> + epsilon sum_ij P_ij log(P_ij / x_i).

Every block is solved in the dual, where the conjugate of OT_eps in y is explicit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize

from ..sinkhorn import sinkhorn

SINKHORN_ITERATIONS = 30  # from the dual variable of the last block, near the optimum
START_ITERATIONS = 1000  # from zero


class Dictionary(NamedTuple):
    """Codes (rank, S), first marginals (a, rank) and second marginals (a, rank) of the atoms."""

    codes: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def atoms(self) -> np.ndarray:
        """The elementary joint laws (rank, a, a)."""
        return np.einsum("ir,jr->rij", self.first, self.second)

    @property
    def mixtures(self) -> np.ndarray:
        """The approximations (S, a, a)."""
        return np.einsum("rs,ir,jr->sij", self.codes, self.first, self.second, optimize=True)


def conjugate(potentials: np.ndarray, laws: np.ndarray, kernel: np.ndarray, epsilon: float) -> tuple[float, np.ndarray]:
    """Sum over s of H*(g_s) = epsilon <x_s, log(K e^{g_s / epsilon})>, and its gradient.

    Parameters
    ----------
    potentials, laws : arrays (S, n)
    kernel : array (n, n)
        K = exp(-C / epsilon), symmetric, with all entries positive in double precision.

    Returns
    -------
    value, gradient (S, n)
        The gradient e^{g / epsilon} * K^T(x / (K e^{g / epsilon})) is the second marginal of the plan.
    """
    largest = potentials.max(axis=1, keepdims=True)  # taken out, so that no exponential overflows
    weights = np.exp((potentials - largest) / epsilon)
    sums = weights @ kernel
    value = epsilon * (laws * np.log(sums)).sum() + (laws.sum(axis=1) * largest[:, 0]).sum()
    return float(value), weights * ((laws / sums) @ kernel)


def proximal_block(
    laws: np.ndarray,
    old: np.ndarray,
    forward: Callable[[np.ndarray], np.ndarray],
    adjoint: Callable[[np.ndarray], np.ndarray],
    tau: float,
    kernel: np.ndarray,
    epsilon: float,
    start: np.ndarray,
    n_iterations: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimiser z of sum_s OT_eps(x_s, forward(z)_s) + tau sum over columns of KL(z | z_old), columns in simplices.

    The dual, smooth and without constraints, is the minimum over g of

        sum_s H*(g_s) + tau sum over columns of log sum z_old exp(-adjoint(g) / tau),

    from whose solution z = z_old exp(-adjoint(g) / tau) / Z. Solved by L-BFGS.

    Parameters
    ----------
    laws, start : arrays (S, n)
        `start` is where the dual variable g begins.
    old : array (k, n_columns)
    forward, adjoint : functions
        The linear map of the block, (k, n_columns) -> (S, n), and its adjoint.

    Returns
    -------
    z, g
    """
    log_old = np.log(np.maximum(old, 1e-300))

    def primal(potentials: np.ndarray) -> tuple[float, np.ndarray]:
        exponents = log_old - adjoint(potentials) / tau
        largest = exponents.max(axis=0)
        weights = np.exp(exponents - largest)
        sums = weights.sum(axis=0)
        return float(tau * (largest + np.log(sums)).sum()), weights / sums

    def dual(flat: np.ndarray) -> tuple[float, np.ndarray]:
        potentials = flat.reshape(laws.shape)
        value, marginals = conjugate(potentials, laws, kernel, epsilon)
        log_partition, z = primal(potentials)
        return value + log_partition, (marginals - forward(z)).ravel()

    options = {"maxiter": n_iterations, "maxcor": 10, "gtol": 1e-7, "ftol": 1e-12}
    solution = minimize(dual, start.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(laws.shape)
    return primal(solution)[1], solution


def update_codes(
    laws: np.ndarray, current: Dictionary, potentials: np.ndarray, **inner: Any
) -> tuple[Dictionary, np.ndarray]:
    atoms = current.atoms.reshape(current.codes.shape[0], -1)
    codes, potentials = proximal_block(
        laws, current.codes, lambda z: z.T @ atoms, lambda g: atoms @ g.T, start=potentials, **inner
    )
    return current._replace(codes=codes), potentials


def update_first(
    laws: np.ndarray, current: Dictionary, potentials: np.ndarray, **inner: Any
) -> tuple[Dictionary, np.ndarray]:
    """The first marginals of all atoms: y_s = sum_r (L_rs u_r) (x) v_r is linear in U."""
    n_laws, side = laws.shape[0], current.first.shape[0]
    # partial[s, j, r] = L_rs v_jr; both maps are matrix products over the other two axes.
    partial = np.einsum("rs,jr->sjr", current.codes, current.second)

    def forward(z: np.ndarray) -> np.ndarray:
        return np.matmul(z, partial.transpose(0, 2, 1)).reshape(n_laws, -1)

    def adjoint(g: np.ndarray) -> np.ndarray:
        rows = g.reshape(n_laws, side, side).transpose(1, 0, 2).reshape(side, -1)
        return rows @ partial.reshape(-1, partial.shape[2])

    first, potentials = proximal_block(laws, current.first, forward, adjoint, start=potentials, **inner)
    return current._replace(first=first), potentials


def update_second(
    laws: np.ndarray, current: Dictionary, potentials: np.ndarray, **inner: Any
) -> tuple[Dictionary, np.ndarray]:
    """As the first ones, with the two modes of the grid exchanged."""
    swapped = Dictionary(current.codes, current.second, current.first)
    swapped, potentials = update_first(transpose(laws), swapped, transpose(potentials), **inner)
    return current._replace(second=swapped.first), transpose(potentials)


def transpose(rows: np.ndarray) -> np.ndarray:
    """Rows (S, a^2) of a x a grids, each grid transposed (a grid's costs are the same after that)."""
    side = round(rows.shape[1] ** 0.5)
    return np.ascontiguousarray(rows.reshape(-1, side, side).transpose(0, 2, 1)).reshape(rows.shape)


def learn(
    laws: np.ndarray,
    start: Dictionary,
    cost: np.ndarray,
    epsilon: float,
    tau: float,
    n_sweeps: int,
    n_iterations: int,
    cyclic: bool = True,
) -> tuple[Dictionary, np.ndarray]:
    """BCD-PR for the Wasserstein dictionary.

    Parameters
    ----------
    laws : array (S, a^2)
    cost : array (a^2, a^2)
    epsilon, tau : float
        Entropic and proximal regularisation; `tau` is per law, so that a factor, which serves all, has tau * S.
    n_iterations : int
        Of L-BFGS in a block; each block starts at the dual variable of its last visit.
    cyclic : bool
        Gauss-Seidel order; otherwise the blocks of a sweep do not see one another's new values (Jacobi).

    Returns
    -------
    dictionary, objective (n_sweeps + 1,)
        F at the start and after every sweep.

    Raises
    ------
    ValueError
        If the kernel underflows: epsilon is too small for the grid.
    """
    kernel = np.exp(-cost / epsilon)
    if kernel.min() < np.finfo(float).tiny:
        raise ValueError(f"expected an epsilon at which the kernel stays positive, found {epsilon}")
    inner = {"kernel": kernel, "epsilon": epsilon, "n_iterations": n_iterations}
    n_laws = laws.shape[0]
    updates = {
        "codes": (update_codes, tau),
        "first": (update_first, tau * n_laws),
        "second": (update_second, tau * n_laws),
    }
    current, potentials = start, {block: np.zeros_like(laws) for block in updates}
    values = [objective(laws, current, cost, epsilon, potentials["codes"], START_ITERATIONS)]
    for _ in range(n_sweeps):
        old = current
        for block, (update, weight) in updates.items():
            known = current if cyclic else old
            new, potentials[block] = update(laws, known, potentials[block], tau=weight, **inner)
            current = current._replace(**{block: getattr(new, block)})
        values.append(objective(laws, current, cost, epsilon, potentials["second"], SINKHORN_ITERATIONS))
    return current, np.array(values)


def objective(
    laws: np.ndarray,
    dictionary: Dictionary,
    cost: np.ndarray,
    epsilon: float,
    potentials: np.ndarray,
    n_iterations: int,
) -> float:
    """F = sum_s OT_eps(x_s, y_s) by Sinkhorn's iterations from a block's dual variable.

    Sinkhorn's cost is relative to x y^T, that of the dictionary to x 1^T: they differ by epsilon sum y log y. The value
    of a dual variable is never above F, so that too few iterations report too little.
    """
    mixtures = np.maximum(dictionary.mixtures.reshape(laws.shape), 1e-300)
    log_mixtures = np.log(mixtures)
    start = potentials - epsilon * log_mixtures
    transport = sinkhorn(laws, mixtures, cost, epsilon, n_iterations, tolerance=1e-7, start=start)
    return float(transport.cost.sum() + epsilon * (mixtures * log_mixtures).sum())


def matched(atoms: np.ndarray, truth: np.ndarray, distance: Callable) -> tuple[float, np.ndarray]:
    """Mean distance of the true atoms (rank, n) to the learned ones under the best matching, and that matching."""
    costs = np.array([[distance(true, atom) for atom in atoms] for true in truth])
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean()), columns
