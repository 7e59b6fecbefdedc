"""Optimal transport with a sum-of-norms penalty on differences of rows and of columns of the plan.

    minimise  <D, P> + lambda [ sum_{i<j} R_ij ||P_i. - P_j.|| + sum_{k<l} S_kl ||P_.k - P_.l|| ]
    subject to  P >= 0,  P 1 = a,  P^T 1 = b

The solver is over-relaxed ADMM with a block for every pair and for every marginal, each with a proximal operator in
closed form. All penalties lambda are solved at once. `recovery_interval` says, from the optimality conditions, at which
of them the block plan of the classes is the solution.
"""

from itertools import permutations

import numpy as np
from scipy.optimize import linear_sum_assignment

OVER_RELAXATION = 1.7
STEP = 0.1  # rho of ADMM, for costs scaled to range one and plans scaled to mean one


def squared_distances(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Cost D_ij = |x_i - y_j|^2 (n, q) of points (n, d) and (q, d)."""
    return ((source[:, None] - target[None]) ** 2).sum(axis=-1)


def project_simplex(values: np.ndarray, total: np.ndarray | float) -> np.ndarray:
    """Nearest non-negative vectors of sum `total`, along the last axis: subtract one threshold and clip (by sorting).

    Parameters
    ----------
    values : array (..., n)
    total : array (...) or float
        Positive.
    """
    n = values.shape[-1]
    total = np.broadcast_to(np.asarray(total, float), values.shape[:-1])[..., None]
    descending = -np.sort(-values, axis=-1)
    thresholds = (np.cumsum(descending, axis=-1) - total) / np.arange(1, n + 1)
    last = (descending > thresholds).sum(axis=-1, keepdims=True) - 1
    return np.maximum(values - np.take_along_axis(thresholds, last, axis=-1), 0)


def shrink(values: np.ndarray, amount: np.ndarray, squared: bool = False) -> np.ndarray:
    """Proximal operator of amount * ||w||, or with `squared` of amount * ||w||^2 / 2, along the last axis.

    Parameters
    ----------
    values : array (..., n)
    amount : array (...)
        Not negative.
    """
    if squared:
        return values / (1 + amount)[..., None]
    norms = np.sqrt(np.einsum("...i,...i->...", values, values))
    return values * (1 - np.minimum(amount / np.maximum(norms, 1e-300), 1))[..., None]


def all_pairs(n: int) -> np.ndarray:
    """Weights R or S (n, n) without labels: one for every pair."""
    return np.ones((n, n))


def same_class(labels: np.ndarray) -> np.ndarray:
    """Weights (n, n) with labels: one for a pair in one class, zero otherwise."""
    return (labels[:, None] == labels).astype(float)


def penalty(plan: np.ndarray, row_weights: np.ndarray, column_weights: np.ndarray) -> float:
    """The sums of norms of a plan (n, q), without lambda."""
    rows = np.sqrt(squared_distances(plan, plan))
    columns = np.sqrt(squared_distances(plan.T, plan.T))
    return float(((row_weights * rows).sum() + (column_weights * columns).sum()) / 2)


class PairDifferences:
    """The linear map P -> (P_i. - P_j.) over the pairs i < j of positive weight, on batches (L, n, q)."""

    def __init__(self, weights: np.ndarray) -> None:
        self.first, self.second = np.nonzero(np.triu(weights, 1))
        self.weights = weights[self.first, self.second]
        self.incidence = np.zeros((len(self.first), len(weights)))
        pairs = np.arange(len(self.first))
        self.incidence[pairs, self.first], self.incidence[pairs, self.second] = 1, -1
        # The Laplacian's eigenvectors make the quadratic step of ADMM a division.
        self.eigenvalues, self.eigenvectors = np.linalg.eigh(self.incidence.T @ self.incidence)

    def __call__(self, plans: np.ndarray) -> np.ndarray:
        return plans[:, self.first] - plans[:, self.second]

    def adjoint(self, differences: np.ndarray) -> np.ndarray:
        return self.incidence.T @ differences


def transpose(batch: np.ndarray) -> np.ndarray:
    """Rows and columns of every plan of a batch exchanged."""
    return np.swapaxes(batch, 1, 2)


def solve(
    cost: np.ndarray,
    lambdas: np.ndarray,
    row_weights: np.ndarray,
    column_weights: np.ndarray,
    n_iterations: int,
    squared_at: float | None = None,
    tolerance: float = 1e-10,
    step: float = STEP,
) -> np.ndarray:
    """Plans (L, n, q) between uniform marginals a = 1/n and b = 1/q, one for each penalty.

    Parameters
    ----------
    cost : array (n, q)
        D, not constant.
    lambdas : array (L,)
        Not negative.
    row_weights, column_weights : array (n, n), (q, q)
        R and S: symmetric and not negative.
    n_iterations : int
        At most; a penalty whose iterates move less than `tolerance` (Frobenius norm) is done.
    squared_at : float, optional
        Penalise ||w||^2 / (2 squared_at) in place of ||w||; both grow equally fast at ||w|| = squared_at.
    step : float
        rho; the penalties that recover classes converge fast at the default, small ones faster at less.

    Returns
    -------
    array (L, n, q)
        The copies of the plans whose rows meet their constraints exactly.
    """
    n, q = cost.shape
    rows, columns = PairDifferences(row_weights), PairDifferences(column_weights)
    curvature = 2 + rows.eigenvalues[:, None] + columns.eigenvalues
    scaled_cost = cost / np.ptp(cost) / step
    amounts = np.asarray(lambdas, float)[:, None] / np.ptp(cost) / step
    if squared_at is not None:
        amounts = amounts / (squared_at * n * q)

    def copies(plans: np.ndarray) -> list[np.ndarray]:
        turned = transpose(plans)
        return [plans, turned, rows(plans), columns(turned)]

    def proximal(blocks: list[np.ndarray], amount: np.ndarray) -> list[np.ndarray]:
        squared = squared_at is not None
        return [
            project_simplex(blocks[0], q),
            project_simplex(blocks[1], n),
            shrink(blocks[2], amount * rows.weights, squared),
            shrink(blocks[3], amount * columns.weights, squared),
        ]

    result = np.empty((len(amounts), n, q))
    active = np.arange(len(amounts))
    split = copies(np.ones((len(amounts), n, q)))
    duals = [np.zeros_like(block) for block in split]
    for _ in range(n_iterations):
        target = [block - dual for block, dual in zip(split, duals, strict=True)]
        right = target[0] + transpose(target[1]) + rows.adjoint(target[2]) + transpose(columns.adjoint(target[3]))
        spectrum = rows.eigenvectors.T @ (right - scaled_cost) @ columns.eigenvectors
        plans = rows.eigenvectors @ (spectrum / curvature) @ columns.eigenvectors.T
        relaxed = [
            OVER_RELAXATION * new + (1 - OVER_RELAXATION) * old for new, old in zip(copies(plans), split, strict=True)
        ]
        proposal = [block + dual for block, dual in zip(relaxed, duals, strict=True)]
        previous, split = split, proximal(proposal, amounts[active])
        change = sum(distance(new, old) for new, old in zip(split, previous, strict=True))
        change += sum(distance(new, old) for new, old in zip(relaxed, split, strict=True))
        duals = [before - after for before, after in zip(proposal, split, strict=True)]
        result[active] = split[0]
        moving = change > tolerance
        if not moving.all():
            active, split, duals = active[moving], [b[moving] for b in split], [u[moving] for u in duals]
        if not active.size:
            break
    return result / (n * q)


def distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Frobenius distances (L,) of two batches of matrices."""
    return np.linalg.norm(first - second, axis=(1, 2))


def match_classes(cost: np.ndarray, source_labels: np.ndarray, target_labels: np.ndarray) -> np.ndarray:
    """Target labels (q,) renamed to the source classes that they are assigned to, by the least sum of class-mean costs.

    Labels are 0, ..., K - 1 on both sides.
    """
    n_classes = source_labels.max() + 1
    means = [
        [cost[np.ix_(source_labels == a, target_labels == b)].mean() for b in range(n_classes)]
        for a in range(n_classes)
    ]
    return np.argsort(linear_sum_assignment(means)[1])[target_labels]


def ideal_plan(source_labels: np.ndarray, target_labels: np.ndarray) -> np.ndarray:
    """P*_ij = 1/(K m^2) if i and j are in matched classes of m points each, and 0 otherwise."""
    together = source_labels[:, None] == target_labels
    return together / together.sum()


def block_error(plans: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """||P - P*||_F / ||P*||_F of each plan of a batch (L, n, q)."""
    return distance(plans, ideal[None]) / np.linalg.norm(ideal)


def recovery_interval(cost: np.ndarray, source_labels: np.ndarray, target_labels: np.ndarray) -> tuple[float, ...]:
    """Penalties at which the block plan must, and beyond which it cannot, solve the program with R = S = 1.

    In a block of matched classes, write D_ij = u_i + v_j + E_ij with residual E. Optimality needs subgradients of
    norm at most one for the pairs in a class: (E_i. - E_j.) / (2 lambda m) and the same for columns serve. Pairs of
    different classes are fixed and shift every own block against the others by K sqrt(2m), so that the slack
    D_ij - u_i - v_j outside the blocks, up to a potential of the classes, has to be at least lambda K sqrt(2m); and
    its class means have to be so, since plans constant on blocks are competitors. A potential exists where the least
    mean over the cycles of classes is large enough.

    Parameters
    ----------
    cost : array (n, n)
    source_labels, target_labels : array (n,)
        Matched classes of equal size, 0, ..., K - 1.

    Returns
    -------
    low, high, edge : float
        The block plan is optimal for low <= lambda <= high (empty where low > high), and not for lambda > edge >= high.
    """
    n_classes = source_labels.max() + 1
    size = len(cost) // n_classes
    ordered = cost[np.ix_(np.argsort(source_labels, kind="stable"), np.argsort(target_labels, kind="stable"))]
    blocks = ordered.reshape(n_classes, size, n_classes, size).swapaxes(1, 2)
    own = blocks[range(n_classes), range(n_classes)]
    u = own.mean(axis=2)
    v = own.mean(axis=1) - own.mean(axis=(1, 2))[:, None]
    residuals = own - u[:, :, None] - v[:, None, :]
    widest = max(squared_distances(e, e).max() for residual in residuals for e in (residual, residual.T))
    slack = blocks - u[:, None, :, None] - v[None, :, None, :]
    shift = n_classes * np.sqrt(2 * size)
    return (
        float(np.sqrt(widest) / (2 * size)),
        least_cycle_mean(slack.min(axis=(2, 3))) / shift,
        least_cycle_mean(slack.mean(axis=(2, 3))) / shift,
    )


def least_cycle_mean(weights: np.ndarray) -> float:
    """The least mean weight of a cycle of two or more different nodes of a complete digraph (K, K), by enumeration."""
    nodes = range(len(weights))
    cycles = (cycle for length in nodes[1:] for cycle in permutations(nodes, length + 1))
    return float(min(np.mean([weights[c[i - 1], c[i]] for i in range(len(c))]) for c in cycles))
