"""DPP-VFX: exact draws from the L-ensemble P(S) = det(L_S) / det(I + L) on n items, without the n x n matrix L.

A Nystrom surrogate of L gives estimates l_i of the inclusion probabilities; a Poisson number of items is drawn
with probabilities l_i / s and accepted as a whole with a determinantal probability; what is accepted is thinned by a
small L-ensemble. A poor surrogate costs rejections, never exactness.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

NEGLIGIBLE = 1e-10  # ratio of eigenvalues below which a direction of the surrogate is left out
BATCH_ENTRIES = 2_000_000  # of the small kernels that are held at a time


class GaussianKernel:
    """L_ij = amplitude * exp(-|x_i - x_j|^2 / (2 variance)), evaluated on demand; counts the entries that were read.

    Parameters
    ----------
    points : array of shape (n, d)
    """

    def __init__(self, points: np.ndarray, amplitude: float, variance: float) -> None:
        self.points, self.amplitude, self.variance = points, amplitude, variance
        self.entries_read = 0

    def __len__(self) -> int:
        return len(self.points)

    def _evaluate(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        norms = np.sum(left**2, axis=-1)[..., :, None] + np.sum(right**2, axis=-1)[..., None, :]
        values = norms - 2 * left @ np.swapaxes(right, -1, -2)  # squared distances; the rest in place, as L is large
        np.maximum(values, 0.0, out=values)
        values /= -2 * self.variance
        np.exp(values, out=values)
        values *= self.amplitude
        return values

    def diagonal(self) -> np.ndarray:
        """All L_ii, shape (n,)."""
        self.entries_read += len(self)
        return np.full(len(self), self.amplitude)

    def columns(self, items: np.ndarray) -> np.ndarray:
        """The columns of `items`, shape (n, n_items)."""
        self.entries_read += len(self) * len(items)
        return self._evaluate(self.points, self.points[items])

    def blocks(self, items: np.ndarray, used: np.ndarray) -> np.ndarray:
        """L on the used items of each row of `items`, zero elsewhere.

        Parameters
        ----------
        items, used : integer and boolean arrays of shape (n_blocks, most)

        Returns
        -------
        array of shape (n_blocks, most, most)
        """
        self.entries_read += int(np.sum(used.sum(axis=1) ** 2))
        points = self.points[items]
        return self._evaluate(points, points) * (used[:, :, None] & used[:, None, :])

    def matrix(self) -> np.ndarray:
        """All of L, for the baseline and for closed forms; shape (n, n)."""
        return self.columns(np.arange(len(self)))


class Surrogate(NamedTuple):
    """Lhat = L_{:,C} L_CC^+ L_{C,:}: never larger than L, and known by its eigenvalues and the squares of its modes.

    residuals : (L - Lhat)_ii, shape (n,)
    squares : mu_j u_ij^2 for the eigenvectors u_j of Lhat, shape (n, rank)
    eigenvalues : mu_j, shape (rank,)
    """

    residuals: np.ndarray
    squares: np.ndarray
    eigenvalues: np.ndarray

    def estimates(self, scale: float = 1.0) -> np.ndarray:
        """l_i = (L - Lhat)_ii + [Lhat (I + Lhat)^-1]_ii, estimates of P(i in S) for scale * L; shape (n,).

        They need not exceed P(i in S) (on the chosen columns they never do), but their sum is at least E|S|.
        """
        return scale * self.residuals + self.squares @ (scale / (1 + scale * self.eigenvalues))

    def expected_size(self, scale: float = 1.0) -> float:
        """s, the sum of the estimates."""
        scaled = scale * self.eigenvalues
        return float(scale * self.residuals.sum() + np.sum(scaled / (1 + scaled)))


def nystrom(kernel: GaussianKernel, chosen: np.ndarray) -> Surrogate:
    """The surrogate on the columns `chosen`; reads them and the diagonal, n (c + 1) entries, and costs n c^2."""
    columns = kernel.columns(chosen)
    values, vectors = np.linalg.eigh(columns[chosen])
    kept = values > NEGLIGIBLE * values[-1]
    factor = columns @ (vectors[:, kept] / np.sqrt(values[kept]))  # F, with Lhat = F F^T
    eigenvalues, rotation = np.linalg.eigh(factor.T @ factor)
    squares = (factor @ rotation) ** 2
    residuals = np.maximum(kernel.diagonal() - squares.sum(axis=1), 0.0)
    return Surrogate(residuals, squares, np.maximum(eigenvalues, 0.0))


def uniform_columns(kernel: GaussianKernel, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """`n_columns` different items, all equally likely."""
    return rng.choice(len(kernel), min(n_columns, len(kernel)), replace=False)


def leverage_columns(kernel: GaussianKernel, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """`n_columns` different items, drawn with probabilities proportional to estimates of their ridge leverage scores.

    The estimates are the estimates l_i of a first surrogate, on as many uniform columns.
    """
    scores = nystrom(kernel, uniform_columns(kernel, n_columns, rng)).estimates()
    return rng.choice(len(kernel), min(n_columns, len(kernel)), replace=False, p=scores / scores.sum())


class Proposal(NamedTuple):
    """What is computed once, before any draw.

    scale : the factor of L, 1 unless the size of the sample is to be changed
    estimates : l_i, shape (n,)
    cumulative : sums of l_1, ..., l_i over s, shape (n,)
    s, q, z : the sum of l_i, the rate, and trace Lhat (I + Lhat)^-1
    log_determinant : log det(I + Lhat)
    """

    scale: float
    estimates: np.ndarray
    cumulative: np.ndarray
    s: float
    q: float
    z: float
    log_determinant: float

    @property
    def mean_items(self) -> float:
        """q e^(s/q), the expected number of items in a proposal."""
        return self.q * np.exp(self.s / self.q)

    @property
    def largest_batch(self) -> int:
        """How many proposals to handle at a time, by memory."""
        drawn = self.mean_items + 1
        return max(1, int(BATCH_ENTRIES / (drawn * min(drawn, len(self.estimates)))))


def prepare(surrogate: Surrogate, scale: float = 1.0, q: float | None = None) -> Proposal:
    """Constants of the rejection sampler for scale * L.

    Parameters
    ----------
    q : float, optional
        Any positive rate gives exact draws. The default is the paper's s^2 (which assumes s >= 1; below 1, s).
    """
    estimates = surrogate.estimates(scale)
    scaled = scale * surrogate.eigenvalues
    s = float(estimates.sum())
    return Proposal(
        scale=scale,
        estimates=estimates,
        cumulative=np.cumsum(estimates) / s,
        s=s,
        q=s * max(s, 1.0) if q is None else q,
        z=float(np.sum(scaled / (1 + scaled))),
        log_determinant=float(np.sum(np.log1p(scaled))),
    )


def log_acceptance_rate(proposal: Proposal, log_determinant: float) -> float:
    """log of exp(q - q e^(s/q) + z) det(I + L) / det(I + Lhat), the probability that a proposal is accepted.

    Parameters
    ----------
    log_determinant : float
        log det(I + scale L).
    """
    p = proposal
    return p.q - p.mean_items + p.z + log_determinant - p.log_determinant


class Candidates(NamedTuple):
    """A batch of proposals sigma, each as its distinct items, padded to the longest row.

    sizes : t, shape (n_candidates,)
    items : shape (n_candidates, most)
    kernels : Ltilde with repeated items merged, zero where padded, shape (n_candidates, most, most)
    log_acceptance : at most 0 (to rounding), shape (n_candidates,)
    """

    sizes: np.ndarray
    items: np.ndarray
    kernels: np.ndarray
    log_acceptance: np.ndarray


def distinct_items(items: np.ndarray, sizes: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Items of each sequence, sorted, without repetition, and how often they occur; padded with zeros.

    Parameters
    ----------
    items : array of shape (sum of sizes,)
        The sequences one after another, numbers below n.
    sizes : array of shape (n_sequences,)

    Returns
    -------
    two integer arrays of shape (n_sequences, most distinct items)
    """
    keys, counts = np.unique(np.repeat(np.arange(len(sizes)), sizes) * n + items, return_counts=True)
    rows = keys // n
    n_distinct = np.bincount(rows, minlength=len(sizes))
    places = np.arange(len(keys)) - np.repeat(np.cumsum(n_distinct) - n_distinct, n_distinct)
    table = np.zeros((2, len(sizes), n_distinct.max()), dtype=np.int64)
    table[:, rows, places] = keys % n, counts
    return table[0], table[1]


def propose(kernel: GaussianKernel, proposal: Proposal, n_candidates: int, rng: np.random.Generator) -> Candidates:
    """t ~ Poisson(q e^(s/q)) items with probabilities l_i / s; Ltilde_ij = (s/q) L_ij / sqrt(l_i l_j) on them.

    Accepted with probability e^(z - t s/q) det(I + Ltilde) / det(I + Lhat). An item drawn m times is kept once, with
    its row and column times sqrt(m): that changes neither the determinant nor, as a sample never holds equal items,
    the law of a sample of Ltilde.
    """
    p = proposal
    sizes = rng.poisson(p.mean_items, n_candidates)
    drawn = np.searchsorted(p.cumulative, rng.random(sizes.sum()), side="right")
    items, counts = distinct_items(np.minimum(drawn, len(kernel) - 1), sizes, len(kernel))
    roots = np.sqrt(counts * (p.scale * p.s / p.q) / p.estimates[items])
    kernels = roots[:, :, None] * kernel.blocks(items, counts > 0) * roots[:, None, :]
    log_determinants = np.linalg.slogdet(np.eye(items.shape[1]) + kernels)[1]
    log_acceptance = p.z - sizes * p.s / p.q + log_determinants - p.log_determinant
    return Candidates(sizes, items, kernels, log_acceptance)


def thin(kernels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One sample of the L-ensemble of each kernel, all at once and without eigenvalues.

    Item after item is taken with its probability given the items before: the pivot of K = L (I + L)^-1, of which the
    elimination of an item that is not taken first lowers the pivot by 1 (Launay, Galerne and Desolneux, 2020).

    Parameters
    ----------
    kernels : array of shape (n_kernels, m, m)
        Positive semidefinite; an item of which row and column are zero is never taken.

    Returns
    -------
    boolean array of shape (n_kernels, m)
        The items taken.
    """
    m = kernels.shape[1]
    rest = np.eye(m) - np.linalg.inv(np.eye(m) + kernels)  # K, given what was decided about the items before
    taken = np.zeros(kernels.shape[:2], dtype=bool)
    for i in range(m):
        pivots, column = rest[:, 0, 0], rest[:, 1:, 0]
        taken[:, i] = rng.random(len(kernels)) < pivots
        scaled = column / np.where(taken[:, i], pivots, pivots - 1)[:, None]
        rest = rest[:, 1:, 1:] - scaled[:, :, None] * column[:, None, :]
    return taken


class Draws(NamedTuple):
    """Samples, as arrays of distinct items, and what they took.

    log_acceptance, sizes : of every proposal up to the last one accepted, shape (n_proposals,)
    """

    samples: list[np.ndarray]
    log_acceptance: np.ndarray
    sizes: np.ndarray

    @property
    def acceptance_rate(self) -> float:
        return len(self.samples) / len(self.sizes)


def sample(
    kernel: GaussianKernel, proposal: Proposal, n_draws: int, rng: np.random.Generator, reject: bool = True
) -> Draws:
    """Independent draws from the L-ensemble of scale * L, by rejection and thinning.

    Parameters
    ----------
    reject : bool
        False accepts every proposal, which is not exact.
    """
    samples, logs, sizes, n_tried = [], [], [], 0
    while (missing := n_draws - len(samples)) > 0:
        wanted = missing * (n_tried + 2) // (len(samples) + 1)  # by the acceptance so far; any number gives the law
        batch = propose(kernel, proposal, min(wanted, proposal.largest_batch), rng)
        accepted = np.flatnonzero(np.log(rng.random(len(batch.sizes))) < batch.log_acceptance)
        if not reject:
            accepted = np.arange(len(batch.sizes))
        accepted = accepted[:missing]
        taken = thin(batch.kernels[accepted], rng)
        samples += [items[kept] for items, kept in zip(batch.items[accepted], taken, strict=True)]
        tried = slice(accepted[-1] + 1 if len(accepted) == missing else None)
        logs.append(batch.log_acceptance[tried])
        sizes.append(batch.sizes[tried])
        n_tried += len(sizes[-1])
    return Draws(samples, np.concatenate(logs), np.concatenate(sizes))


def scale_for_size(surrogate: Surrogate, size: float) -> float:
    """The factor of L at which the surrogate expects samples of `size` items.

    Raises
    ------
    ValueError
        If there is none, as L has a smaller rank.
    """
    upper = 1.0
    while surrogate.expected_size(upper) < size:
        upper *= 2
        if upper > 1e12:
            raise ValueError(f"no multiple of the kernel has samples of {size} items")
    return brentq(lambda scale: surrogate.expected_size(scale) - size, 0.0, upper)


def sample_k_dpp(
    kernel: GaussianKernel, proposal: Proposal, k: int, n_draws: int, rng: np.random.Generator, reject: bool = True
) -> np.ndarray:
    """Draws from the k-DPP, P(S) proportional to det(L_S) for |S| = k: L-ensemble samples that happen to have k items.

    The scale of the proposal does not change the law, only how many samples are thrown away (see `scale_for_size`).

    Returns
    -------
    array of shape (n_draws, k)
    """
    found = []
    while len(found) < n_draws:
        samples = sample(kernel, proposal, n_draws, rng, reject).samples
        found += [items for items in samples if len(items) == k]
    return np.array(found[:n_draws])
