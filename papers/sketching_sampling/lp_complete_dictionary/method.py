"""Dictionary learning by maximising the l_p norm over the orthogonal group, its population version, two baselines.

The model is Y = D X + sigma N with D orthogonal (n, n), codes X (n, r) Bernoulli(theta) times standard normal, and
standard normal noise N. Algorithms see Y alone; a signed permutation of the atoms cannot be told and does not count.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np


def polar(matrix: np.ndarray) -> np.ndarray:
    """U V^T of the singular value decomposition: the orthogonal matrix that has the largest inner product with it."""
    left, _, right = np.linalg.svd(matrix)
    return left @ right


def random_orthogonal(n: int, rng: np.random.Generator) -> np.ndarray:
    """A Haar-distributed orthogonal matrix, shape (n, n)."""
    q, r = np.linalg.qr(rng.standard_normal((n, n)))
    return q * np.sign(np.diag(r))


def precondition(observations: np.ndarray, theta: float) -> np.ndarray:
    """((1 / (r theta)) Y Y^T)^(-1/2) Y, which turns a complete dictionary A into nearly (A A^T)^(-1/2) A."""
    values, vectors = np.linalg.eigh(observations @ observations.T / (observations.shape[1] * theta))
    return (vectors / np.sqrt(values)) @ (vectors.T @ observations)


def recovery_error(dictionaries: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """1 - ||Q^T D||_4^4 / n, zero if and only if Q is D up to a signed permutation; shape (...,) for Q (..., n, n)."""
    overlaps = np.swapaxes(dictionaries, -1, -2) @ truth
    return 1 - np.sum(overlaps**4, axis=(-1, -2)) / len(truth)


def objective(dictionary: np.ndarray, observations: np.ndarray, p: int) -> float:
    """||Q^T Y||_p^p, the sum of the p-th powers of all magnitudes."""
    return float(np.sum(np.abs(dictionary.T @ observations) ** p))


# --- The generalized power method -------------------------------------------------------------------------------------


def signed_power(z: np.ndarray, p: int) -> np.ndarray:
    """sign(z) |z|^(p - 1), the gradient of |z|^p / p, for an integer p > 2."""
    magnitude = np.abs(z)
    result = z * magnitude
    for _ in range(p - 3):  # an integer power by products: ten times as fast as `**`
        result *= magnitude
    return result


def power_method(
    observations: np.ndarray,
    start: np.ndarray,
    p: int,
    max_iterations: int = 200,
    stretch: Callable[[np.ndarray, int], np.ndarray] = signed_power,
) -> np.ndarray:
    """Generalized power method: Q <- Polar(Y stretch(Q^T Y)^T), the maximiser of the objective's linear lower bound.

    Parameters
    ----------
    observations : array of shape (n, r)
    start : orthogonal array of shape (n, n)
    p : int
        Exponent, above 2; p = 4 is matching, stretching and projection.

    Returns
    -------
    array of shape (1 + iterations, n, n)
        All iterates, the start first. They end where a step is shorter than 1e-10 sqrt(n), or after `max_iterations`.
    """

    def steps() -> Iterator[np.ndarray]:
        q = start
        while True:
            q = polar(observations @ stretch(q.T @ observations, p).T)
            yield q

    return _until_still(start, steps(), max_iterations)


def _until_still(start: np.ndarray, steps: Iterator[np.ndarray], max_iterations: int) -> np.ndarray:
    iterates = [start]
    for q in islice(steps, max_iterations):
        iterates.append(q)
        if np.linalg.norm(q - iterates[-2]) <= 1e-10 * np.sqrt(len(q)):
            break
    return np.array(iterates)


# --- Baselines --------------------------------------------------------------------------------------------------------


def l1_descent(
    observations: np.ndarray, start: np.ndarray, step: float, decay: float, max_iterations: int = 200
) -> np.ndarray:
    """Minimise ||Q^T Y||_1 over the orthogonal group: Riemannian subgradients, polar retraction, steps step * decay^t.

    The subgradient is that of the mean over samples, so that `step` means the same for every r. Returns the iterates,
    shape (1 + max_iterations, n, n).
    """
    iterates = [start]
    for t in range(max_iterations):
        q = iterates[-1]
        subgradient = observations @ np.sign(q.T @ observations).T / observations.shape[1]
        product = q.T @ subgradient
        tangent = q @ (product - product.T) / 2
        iterates.append(polar(q - step * decay**t * tangent))
    return np.array(iterates)


def alternation(observations: np.ndarray, start: np.ndarray, n_nonzeros: int, max_iterations: int = 200) -> np.ndarray:
    """Sparse coding and dictionary update in turn, as in K-SVD, for an orthogonal dictionary.

    Orthogonal matching pursuit with `n_nonzeros` atoms then is to keep the largest entries of Q^T y, and the best
    orthogonal dictionary for given codes is Polar(Y X^T). Returns the iterates like `power_method`.
    """

    def steps() -> Iterator[np.ndarray]:
        q = start
        while True:
            z = q.T @ observations
            threshold = -np.partition(-np.abs(z), n_nonzeros - 1, axis=0)[n_nonzeros - 1]
            q = polar(observations @ np.where(np.abs(z) >= threshold, z, 0).T)
            yield q

    return _until_still(start, steps(), max_iterations)


# --- One atom, infinitely many noiseless samples ----------------------------------------------------------------------


def supports(n: int) -> np.ndarray:
    """All 0-1 vectors of length n, shape (2^n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)


def population_gradient(q: np.ndarray, theta: float, p: float) -> np.ndarray:
    """E[sign(q^T x) |q^T x|^(p-1) x] for Bernoulli-Gaussian x, up to a constant, by enumeration of the supports b.

    Given b, q^T x is normal with variance s = sum_j b_j q_j^2, and its covariance with x_i is b_i q_i: the expectation
    is proportional to q_i sum_b P(b) b_i s^(p/2 - 1).

    Parameters
    ----------
    q : array of shape (n_starts, n)

    Returns
    -------
    array of shape (n_starts, n)
    """
    b = supports(q.shape[1])
    probabilities = np.prod(np.where(b == 1, theta, 1 - theta), axis=1)
    return q * ((probabilities * (q**2 @ b.T) ** (p / 2 - 1)) @ b)


def normalise(q: np.ndarray) -> np.ndarray:
    """Rows scaled to unit length."""
    return q / np.linalg.norm(q, axis=-1, keepdims=True)


def off_component(q: np.ndarray) -> np.ndarray:
    """Length of what is left of each row without its largest entry: the distance from the nearest atom's axis."""
    squares = np.sort(q**2, axis=-1)
    return np.sqrt(squares[..., :-1].sum(axis=-1))


def population_path(
    starts: np.ndarray,
    theta: float,
    p: float,
    step: float = np.inf,
    max_iterations: int = 1000,
) -> np.ndarray:
    """Off-components of the population method on the sphere with D = I, q <- normalise(gradient).

    A finite `step` makes it gradient ascent, q <- normalise(q + step * normalise(gradient)), for comparison.

    Returns
    -------
    array of shape (1 + iterations, n_starts)
        The starts first; it ends once all are below 1e-11, or after `max_iterations`.
    """
    q = normalise(starts)
    path = [off_component(q)]
    while len(path) <= max_iterations and path[-1].max() > 1e-11:
        direction = normalise(population_gradient(q, theta, p))
        q = direction if np.isinf(step) else normalise(q + step * direction)
        path.append(off_component(q))
    return np.array(path)
