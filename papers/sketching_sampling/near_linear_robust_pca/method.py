"""Outlier-robust PCA: soft filters along random directions that a power of the weighted covariance has amplified.

Points are the rows x_i of an array of shape (n_points, d), weights w_i are in [0, 1]. Sigma_w = sum_i w_i x_i x_i^T /
sum_i w_i is never formed: it is applied to blocks of vectors, of shape (d, n_vectors). `robust_pca` runs on points in
memory (`Batch`) and on a stream that is read once (`Stream`), which offer the same three operations: `product`,
`scores` and `remove`.
"""

from collections.abc import Callable, Iterator
from math import ceil, log
from typing import NamedTuple, Protocol

import numpy as np
from scipy.linalg import eigh

MAX_ROUNDS = 100  # far beyond the O(log^2 d) rounds of the analysis; reached only by broken variants


def gamma(eps: float) -> float:
    """The error eps log(1 / eps) that a fraction eps of outliers costs at best, up to a constant."""
    return eps * log(1 / eps)


class Data(Protocol):
    """What `robust_pca` asks of points in memory or in a stream."""

    dimension: int

    def product(self, block: np.ndarray) -> np.ndarray:
        """Sigma_w times `block`."""
        ...

    def scores(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """g_i = ||block^T x_i||^2 and the weights w_i, of the same points."""
        ...

    def remove(self, block: np.ndarray, threshold: float, largest: float) -> None:
        """Multiply every weight by `keep_factors` of the scores for `block`."""
        ...


class Trim(NamedTuple):
    """Weighted mean of all scores, and of those that are left without the largest; the largest score of either."""

    mean: float
    trimmed_mean: float
    threshold: float
    largest: float


def trim(scores: np.ndarray, weights: np.ndarray, mass: float) -> Trim:
    """Leave out the points with the largest scores, as many as have a weight of at most `mass` together.

    Raises
    ------
    ValueError
        If the points weigh no more than `mass`.
    """
    alive = np.flatnonzero(weights > 0)
    order = alive[np.argsort(-scores[alive], kind="stable")]
    total = np.cumsum(weights[order])
    if len(order) == 0 or total[-1] <= mass:
        raise ValueError(f"expected points that weigh more than {mass}")
    rest = order[np.searchsorted(total, mass, side="right") :]
    return Trim(
        mean=float(np.average(scores[order], weights=weights[order])),
        trimmed_mean=float(np.average(scores[rest], weights=weights[rest])),
        threshold=float(scores[rest[0]]),
        largest=float(scores[order[0]]),
    )


def keep_factors(scores: np.ndarray, threshold: float, largest: float) -> np.ndarray:
    """1 - tau_i / max tau, where tau_i = g_i if g_i exceeds the threshold, else 0; in [0, 1]."""
    return 1 - np.where(scores > threshold, np.minimum(scores / largest, 1), 0)


class Batch:
    """Points in memory with one weight each.

    `n_products` counts products of Sigma_w with a vector; the scores of a block, half such a product, count as half.
    """

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.weights = np.ones(len(points))
        self.n_products = 0.0
        self._scored = (np.empty(0), np.empty(0))

    @property
    def dimension(self) -> int:
        return self.points.shape[1]

    def product(self, block: np.ndarray) -> np.ndarray:
        self.n_products += block.shape[1]
        return self.points.T @ (self.weights[:, None] * (self.points @ block)) / self.weights.sum()

    def scores(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self._scored[0] is not block:
            self.n_products += block.shape[1] / 2
            self._scored = block, np.sum((self.points @ block) ** 2, axis=1)
        return self._scored[1], self.weights

    def remove(self, block: np.ndarray, threshold: float, largest: float) -> None:
        self.weights = self.weights * keep_factors(self.scores(block)[0], threshold, largest)


class Stream:
    """Points that are read once, a few rows at a time; a weight is the product of all filters stored so far.

    Every product and every set of scores takes the next `batch_size` points. `n_read` counts the points,
    `peak_words` the most floats that were held: blocks, scores, filters and the rows being read.

    Parameters
    ----------
    read : callable
        `read(k)` gives the next k points, shape (k, dimension).
    rows_at_once : int
        Rows that are held in memory together.
    """

    def __init__(
        self, read: Callable[[int], np.ndarray], dimension: int, batch_size: int, rows_at_once: int = 10
    ) -> None:
        self._read, self.dimension, self.batch_size = read, dimension, batch_size
        self._rows = min(rows_at_once, batch_size)
        self.filters: list[tuple[np.ndarray, list[tuple[float, float]]]] = []  # block, (threshold, largest score)s
        self.n_read = 0
        self.peak_words = 0

    def _next(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The next batch, a few rows with their weights at a time."""
        left = self.batch_size
        while left:
            points = self._read(min(left, self._rows))
            left -= len(points)
            self.n_read += len(points)
            yield points, self.weights(points)

    def weights(self, points: np.ndarray) -> np.ndarray:
        """Product of the factors of every stored filter."""
        weights = np.ones(len(points))
        for block, cuts in self.filters:
            scores = np.sum((points @ block) ** 2, axis=1)
            for threshold, largest in cuts:
                weights *= keep_factors(scores, threshold, largest)
        return weights

    def _remember(self, *held: np.ndarray) -> None:
        """Note the floats held: the arrays given, the filters and the rows being read."""
        filters = sum(block.size + 2 * len(cuts) for block, cuts in self.filters)
        self.peak_words = max(self.peak_words, filters + self._rows * self.dimension + sum(x.size for x in held))

    def product(self, block: np.ndarray) -> np.ndarray:
        total, mass = np.zeros_like(block), 0.0
        self._remember(block, total)
        for points, weights in self._next():
            total += points.T @ (weights[:, None] * (points @ block))
            mass += weights.sum()
        return total / mass

    def scores(self, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.empty((2, self.batch_size))
        self._remember(block, pairs)
        done = 0
        for points, weights in self._next():
            part = slice(done, done + len(points))
            pairs[0, part] = np.sum((points @ block) ** 2, axis=1)
            pairs[1, part] = weights
            done = part.stop
        return pairs[0], pairs[1]

    def remove(self, block: np.ndarray, threshold: float, largest: float) -> None:
        if not self.filters or self.filters[-1][0] is not block:
            self.filters.append((block, []))
        self.filters[-1][1].append((threshold, largest))


Search = Callable[[Data, np.random.Generator], np.ndarray]


def random_powers(n_vectors: int, stretch: float = 1.0) -> Search:
    """The search of the fast filter: Sigma_w^p times Gaussian vectors, p = ceil(stretch * log d)."""

    def search(data: Data, rng: np.random.Generator) -> np.ndarray:
        block = rng.standard_normal((data.dimension, n_vectors))
        for _ in range(ceil(stretch * log(data.dimension))):
            block = data.product(block)
            block = block / np.abs(block).max()  # one factor for all, which cancels in the test
        return block

    return search


def top_eigenvector(tolerance: float, max_products: int) -> Search:
    """The search of earlier filters: power iteration until ||Sigma_w v - rho v|| <= tolerance * rho."""

    def search(data: Data, rng: np.random.Generator) -> np.ndarray:
        vector = rng.standard_normal((data.dimension, 1))
        vector /= np.linalg.norm(vector)
        for _ in range(max_products):
            image = data.product(vector)
            rayleigh = float(np.sum(vector * image))
            residual = float(np.linalg.norm(image - rayleigh * vector))
            vector = image / np.linalg.norm(image)
            if residual <= tolerance * rayleigh:
                break
        return vector

    return search


def ritz_vector(data: Data, block: np.ndarray) -> np.ndarray:
    """Unit vector of largest variance in the span of `block` after two more products; shape (d,)."""
    for _ in range(2):
        block = data.product(np.linalg.qr(block)[0])
    basis = np.linalg.qr(block)[0]
    values = basis.T @ data.product(basis)
    return basis @ np.linalg.eigh((values + values.T) / 2)[1][:, -1]


def filter_along(data: Data, block: np.ndarray, eps: float, slack: float) -> bool:
    """Take weight from the points with the largest scores until these no longer stand out; whether any was taken.

    They stand out if the mean score exceeds 1 + slack * gamma times the mean without the largest 2 eps of the mass.
    """
    for step in range(MAX_ROUNDS):
        scores, weights = data.scores(block)
        found = trim(scores, weights, 2 * eps * len(scores))
        if found.mean <= (1 + slack * gamma(eps)) * found.trimmed_mean:
            return step > 0
        data.remove(block, found.threshold, found.largest)
    return True


def robust_pca(
    data: Data, eps: float, search: Search, slack: float, rng: np.random.Generator, certify: bool = True
) -> np.ndarray:
    """Filter along random directions until nothing stands out there nor along the vector returned, shape (d,).

    Parameters
    ----------
    data : Batch or Stream
        Its weights, or filters, are changed.
    slack : float
        The constant C, for tails of the inliers: Gaussian scores without outliers must pass.
    certify : bool
        Whether the vector itself has to pass the test. Directions without excess weight in the sum of the scores of
        a block can still have it alone.
    """
    for _ in range(MAX_ROUNDS):
        block = search(data, rng)
        if filter_along(data, block, eps, slack):
            continue
        vector = ritz_vector(data, block)
        if not certify or not filter_along(data, vector[:, None], eps, slack):
            break
    return vector


def leading_vector(matrix: np.ndarray) -> np.ndarray:
    """Eigenvector of the largest eigenvalue of a symmetric matrix, shape (d,)."""
    last = len(matrix) - 1
    return eigh(matrix, subset_by_index=(last, last))[1][:, 0]


def pca(points: np.ndarray) -> np.ndarray:
    """Top eigenvector of the second moment matrix, shape (d,)."""
    return leading_vector(points.T @ points)


def norm_pruned_pca(points: np.ndarray, fraction: float) -> np.ndarray:
    """PCA without the given fraction of the points: those with the largest norms."""
    order = np.argsort(np.sum(points**2, axis=1), kind="stable")
    return pca(points[order[: len(points) - round(fraction * len(points))]])


def retained_variance(vector: np.ndarray, spike: float) -> float:
    """v^T Sigma v / ||Sigma|| of a unit vector, where Sigma = I + spike e_1 e_1^T."""
    return float((1 + spike * vector[0] ** 2) / (1 + spike))
