"""The subspace power method (SPM) for symmetric tensors of order 3 and 4, and direct optimisation by L-BFGS.

T = sum_i lambda_i a_i^(x m) is flattened to M = sum_i lambda_i vec(a_i a_i^T) vec(a_i^(x m-2))^T, of shape d^2 x
d^(m-2) and of rank R. With an orthonormal basis V of its range, F(x) = ||V^T vec(x x^T)||^2 is at most 1 on the unit
sphere, and is 1 where x x^T lies in the range: for low ranks at the components alone.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, minimize

SHIFT = np.sqrt(1 / 2)  # C_n = sqrt((n - 1) / n) with n = ceil(m / 2) = 2: F + shift terms are convex with it


class Flattening(NamedTuple):
    """M = left core^-1 right^T: orthonormal bases of the range and the row space, and the inverse of the middle.

    Shapes (d * d, R), (d^(m - 2), R) and (R, R). Of order 4 the two bases are the same.
    """

    left: np.ndarray
    right: np.ndarray
    core: np.ndarray


class Decomposition(NamedTuple):
    """Unit vectors of shape (d, R), weights lambda, values F of the accepted points and iterations spent on each."""

    vectors: np.ndarray
    weights: np.ndarray
    objectives: np.ndarray
    iterations: np.ndarray


def rank_one_matrices(vectors: np.ndarray) -> np.ndarray:
    """Columns vec(a_i a_i^T), shape (d * d, R)."""
    d, rank = vectors.shape
    return (vectors[:, None, :] * vectors[None, :, :]).reshape(d * d, rank)


def low_rank_tensor(vectors: np.ndarray, weights: np.ndarray, order: int) -> np.ndarray:
    """sum_i weights_i vectors_i^(x order), order 3 or 4."""
    squares = rank_one_matrices(vectors)
    right = vectors if order == 3 else squares
    return ((squares * weights) @ right.T).reshape((len(vectors),) * order)


def symmetric_coordinates(d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symmetric d x d matrices have d (d + 1) / 2 free entries.

    Returns
    -------
    kept : indices of the entries i <= j in a flattened matrix
    scale : 1 on the diagonal and sqrt(2) off it, so that scaled entries have the Frobenius norm
    inverse : position of each of the d * d entries among the kept ones
    """
    i, j = np.triu_indices(d)
    inverse = np.empty((d, d), dtype=int)
    inverse[i, j] = inverse[j, i] = np.arange(len(i))
    return i * d + j, np.where(i == j, 1.0, np.sqrt(2)), inverse.ravel()


def detected_rank(spectrum: np.ndarray, tolerance: float) -> int:
    """Number of |eigenvalues| or singular values above `tolerance` times mean(w^2) / mean(|w|)."""
    sizes = np.abs(spectrum)
    return int(np.sum(sizes > tolerance * np.mean(sizes**2) / np.mean(sizes)))


def flatten(tensor: np.ndarray, rank: int | None = None, rank_tolerance: float = 1e-4) -> Flattening:
    """Truncated eigendecomposition (order 4) or singular value decomposition (order 3) of the flattening.

    Of its compression to the free entries of symmetric matrices, which has the same spectrum.

    Parameters
    ----------
    rank : int or None
        Read off the spectrum if None.

    Raises
    ------
    ValueError
        If the order is neither 3 nor 4.
    """
    if tensor.ndim not in (3, 4):
        raise ValueError(f"a tensor of order 3 or 4 is needed, not {tensor.ndim}")
    d = len(tensor)
    kept, scale, inverse = symmetric_coordinates(d)
    compressed = scale[:, None] * tensor.reshape(d * d, -1)[kept]
    if tensor.ndim == 3:
        left, spectrum, right = np.linalg.svd(compressed, full_matrices=False)
        right = right.T
    else:
        spectrum, left = np.linalg.eigh(compressed[:, kept] * scale)
        largest_first = np.argsort(-np.abs(spectrum))
        spectrum, left = spectrum[largest_first], left[:, largest_first]
    rank = detected_rank(spectrum, rank_tolerance) if rank is None else rank
    left = (left[:, :rank] / scale[:, None])[inverse]
    return Flattening(left, right[:, :rank] if tensor.ndim == 3 else left, np.diag(1 / spectrum[:rank]))


def objective_and_step(left: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
    """F(x) and a quarter of its gradient, V_x (V_x^T x); `left` of shape (d * d, R), x of shape (d,)."""
    d, rank = len(x), left.shape[1]
    contracted = (x @ left.reshape(d, d * rank)).reshape(d, rank)
    step = contracted @ (x @ contracted)
    return float(step @ x), step


def adaptive_factor(f: float) -> float:
    """Share of the worst-case shift that is enough at F(x) = f."""
    return np.sqrt(2 * f * max(1 - f, 0.0)) if f > 2 / 3 else 1 - f / 2


def power_iterates(
    left: np.ndarray, x: np.ndarray, shift: str = "adaptive", factor: float = 1.0
) -> Iterator[tuple[float, np.ndarray, float]]:
    """The shifted symmetric power method (SS-HOPM) from the unit vector x.

    Parameters
    ----------
    shift : {"adaptive", "fixed"}
        Smaller where F is large, or always the worst-case one.
    factor : float
        Multiplies the shift; 0 is the plain power method.

    Yields
    ------
    F at the old point, the new point, and the length of the step between them.
    """
    while True:
        f, step = objective_and_step(left, x)
        new = step + factor * SHIFT * (adaptive_factor(f) if shift == "adaptive" else 1.0) * x
        new /= np.sqrt(new @ new)
        change = new - x
        x = new
        yield f, x, np.sqrt(change @ change)


def random_start(left: np.ndarray, d: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vector along A g for a random symmetric matrix A of the range and a Gaussian g."""
    matrix = (left @ rng.standard_normal(left.shape[1])).reshape(d, d)
    x = matrix @ rng.standard_normal(d)
    return x / np.linalg.norm(x)


def find_component(
    left: np.ndarray,
    d: int,
    rng: np.random.Generator,
    shift: str = "adaptive",
    factor: float = 1.0,
    max_iterations: int = 5000,
    step_tolerance: float = 1e-14,
    gap_tolerance: float = 0.01,
    n_tries: int = 3,
) -> tuple[np.ndarray, float, int]:
    """A maximiser of F: the best of up to `n_tries` runs, the first with F > 1 - `gap_tolerance` ends the search.

    Returns
    -------
    point, F there, iterations of all runs
    """
    best, best_objective, iterations = np.zeros(d), -np.inf, 0
    for _ in range(n_tries):
        iterates = power_iterates(left, random_start(left, d, rng), shift, factor)
        for f, x, moved in islice(iterates, max_iterations):  # noqa: B007 (the last ones are used below)
            iterations += 1
            if moved < step_tolerance:
                break
        if f > best_objective:
            best, best_objective = x, f
        if best_objective > 1 - gap_tolerance:
            break
    return best, best_objective, iterations


def project_out(columns: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """columns @ H, where the columns of H are an orthonormal basis of the complement of `direction` (Householder)."""
    normal = direction / np.linalg.norm(direction)
    normal[-1] += np.copysign(1.0, normal[-1])
    reflected = columns - np.outer(columns @ normal, normal * (2 / (normal @ normal)))
    return reflected[:, :-1]


def deflate(flattening: Flattening, x: np.ndarray) -> tuple[float, Flattening]:
    """The weight lambda that lowers the rank of M - lambda vec(x x^T) vec(x^(x m-2))^T, and what is left of M.

    The new range is that of V z over z orthogonal to core^T alpha_right, the left null vector of the middle.
    """
    left, right, core = flattening
    square = np.outer(x, x).ravel()
    alpha_left = square @ left
    if right is left:  # one null vector for both sides keeps the core symmetric; two would drift apart by rounding
        null = core @ alpha_left
        left = right = project_out(left, null)
        core = project_out(project_out(core, null).T, null)
        return 1 / float(alpha_left @ null), Flattening(left, right, (core + core.T) / 2)
    alpha_right = x @ right
    left_null, right_null = core.T @ alpha_right, core @ alpha_left
    core = project_out(project_out(core, left_null).T, right_null).T
    weight = 1 / float(alpha_right @ right_null)
    return weight, Flattening(project_out(left, left_null), project_out(right, right_null), core)


def subspace_power_method(
    tensor: np.ndarray,
    rng: np.random.Generator,
    rank: int | None = None,
    rank_tolerance: float = 1e-4,
    shift: str = "adaptive",
    factor: float = 1.0,
    deflate_flattening: bool = True,
) -> Decomposition:
    """Decompose a symmetric tensor one component at a time; the constants are the defaults of the public code.

    Parameters
    ----------
    rank : int or None
        Read off the spectrum if None.
    shift, factor
        See `power_iterates`.
    deflate_flattening : bool
        Without deflation every component is sought in the range of the whole flattening.
    """
    d = len(tensor)
    flattening = flatten(tensor, rank, rank_tolerance)
    found = []
    for _ in range(flattening.left.shape[1]):
        x, objective, iterations = find_component(flattening.left, d, rng, shift, factor)
        weight, deflated = deflate(flattening, x)
        found.append((x, weight, objective, iterations))
        if deflate_flattening:
            flattening = deflated
    vectors, *others = zip(*found, strict=True)
    return Decomposition(np.stack(vectors, axis=1), *(np.array(values) for values in others))


class LeastSquares:
    """||T - sum_i a_i^(x 4)||^2 in Gram form: ||T||^2 - 2 sum_i T(a_i, a_i, a_i, a_i) + sum_ij (a_i . a_j)^4."""

    def __init__(self, tensor: np.ndarray):
        self.d = len(tensor)
        self.kept, self.scale, _ = symmetric_coordinates(self.d)
        flat = tensor.reshape(self.d**2, -1)[np.ix_(self.kept, self.kept)]
        self.matrix = self.scale[:, None] * flat * self.scale
        self.squared_norm = float(np.sum(self.matrix**2))
        self.rows, self.columns = np.triu_indices(self.d)

    def __call__(self, flat: np.ndarray) -> tuple[float, np.ndarray]:
        """Cost and gradient at the raveled (d, R) matrix of the a_i."""
        a = flat.reshape(self.d, -1)
        applied = self.matrix @ (self.scale[:, None] * a[self.rows] * a[self.columns])
        contracted = np.empty((self.d, self.d, a.shape[1]))  # T(a_r, a_r, ., .)
        contracted[self.rows, self.columns] = contracted[self.columns, self.rows] = applied / self.scale[:, None]
        cubes = np.einsum("ijr,jr->ir", contracted, a)
        gram = a.T @ a
        cubed = gram**3
        cost = self.squared_norm - 2 * np.sum(cubes * a) + np.sum(cubed * gram)
        return cost, (8 * (a @ cubed - cubes)).ravel()


def direct_optimisation(
    tensor: np.ndarray, rank: int, rng: np.random.Generator, tolerance: float, max_iterations: int = 1000
) -> tuple[np.ndarray, bool]:
    """L-BFGS on the squared error of an order-4 tensor with weights 1, from Gaussian columns of length about 1.

    Returns
    -------
    components of shape (d, R), and whether the relative error fell below `tolerance`, which ends the run
    """
    cost = LeastSquares(tensor)
    goal = tolerance**2 * cost.squared_norm

    def stop(intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun < goal:
            raise StopIteration

    start = rng.standard_normal(len(tensor) * rank) / np.sqrt(len(tensor))
    options = {"maxiter": max_iterations, "maxfun": 2 * max_iterations, "ftol": 0.0, "gtol": 1e-12, "maxcor": 20}
    result = minimize(cost, start, jac=True, method="L-BFGS-B", callback=stop, options=options)
    return result.x.reshape(len(tensor), rank), bool(result.fun < goal)
