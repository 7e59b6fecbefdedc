"""DP-BAI and its rivals: fixed-budget identification of the best arm of a linear bandit under pure privacy.

A policy sees rewards only through `PrivateBandit.release`: averages of fresh rewards with Laplace noise. As no reward
enters two releases, and each release is epsilon-DP in its rewards, so is all that a policy does with them. Policies
are run ``n_runs`` times at once, since the number of active arms in a phase is fixed in advance.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .basis import spanning_basis


class BudgetTooSmall(ValueError):
    """The budget does not pay for one pull of every arm that is to be pulled."""


@dataclass(frozen=True)
class PrivateBandit:
    """Bernoulli arms behind a privacy mechanism.

    Attributes
    ----------
    features : ndarray of shape (n_arms, n_dims)
    means : ndarray of shape (n_arms,)
        In [0, 1]; policies must not look at it.
    epsilon : float
        Budget of the whole policy; inf for none.
    reward_rng, privacy_rng : numpy Generators
        Separate streams for the simulation and for the noise that protects.
    noise : str
        "per_mean" is right: sensitivity 1/N. "per_pull" adds noise to every reward before averaging, "unscaled" takes
        the sensitivity of a mean for 1, "per_phase" for 1 over the pulls of all arms together.
    """

    features: np.ndarray
    means: np.ndarray
    epsilon: float
    reward_rng: np.random.Generator
    privacy_rng: np.random.Generator
    noise: str = "per_mean"

    def release(self, arms: np.ndarray, n_pulls: int | np.ndarray) -> np.ndarray:
        """Private means of ``arms`` (n_runs, n_pulled), each after ``n_pulls`` fresh pulls; the same shape.

        The successes of an arm are one binomial draw, which has the law of the sum of its rewards.
        """
        n_pulls = np.broadcast_to(n_pulls, arms.shape)
        if (n_pulls < 1).any():
            raise BudgetTooSmall("the budget does not suffice for one pull of every arm of a phase")
        successes = self.reward_rng.binomial(n_pulls, self.means[arms])
        return self.privatise(successes, n_pulls)

    def privatise(self, successes: np.ndarray, n_pulls: np.ndarray) -> np.ndarray:
        """Averages of ``successes`` (n_runs, n_pulled) over ``n_pulls`` rewards, with noise Lap(1/(epsilon N))."""
        averages = successes / n_pulls
        if self.noise == "per_pull":  # a sum of N Laplace draws is a difference of two Gamma(N) draws
            noise = self.privacy_rng.gamma(n_pulls) - self.privacy_rng.gamma(n_pulls)
            return averages + noise / (self.epsilon * n_pulls)
        sensitivity = {
            "per_mean": 1 / n_pulls,
            "unscaled": np.ones(n_pulls.shape),
            "per_phase": 1 / (n_pulls * n_pulls.shape[1]),
        }[self.noise]
        return averages + self.privacy_rng.laplace(size=averages.shape) * sensitivity / self.epsilon


# --- DP-BAI -----------------------------------------------------------------------------------------------


def schedule(n_arms: int, n_dims: int) -> list[int]:
    """Numbers of active arms s_1 = K > ... > s_{M+1} = 1 of the M phases.

    The g_0 = floor(d^2/4) arms of a core are halved once the h_0 others are gone; these shrink by a factor of at
    least 2, greater if they would otherwise outlast log2(d) phases.

    Raises
    ------
    ValueError
        If there are fewer than two arms or dimensions.
    """
    if n_arms < 2 or n_dims < 2:
        raise ValueError(f"at least two arms and two dimensions are needed, got {n_arms} and {n_dims}")
    core = min(n_arms, n_dims**2 // 4)
    others = n_arms - core
    factor = max(2.0, others ** (1 / math.ceil(math.log2(n_dims))))
    sizes = []
    while others > 0:
        sizes.append(core + others)
        others = math.ceil((others + 1) / factor) - 1
    while core > 1:
        sizes.append(core)
        core = math.ceil(core / 2)
    return [*sizes, 1]


class Identification(NamedTuple):
    """The arms put out (n_runs,), and the largest coefficient with which a private mean entered an estimate."""

    arms: np.ndarray
    largest_coefficient: float


def dp_bai(
    bandit: PrivateBandit, budget: int, n_runs: int, use_basis: bool = True, search: bool = True
) -> Identification:
    """Successive elimination that pulls only a basis of maximal determinant where that saves pulls (DP-BAI).

    A phase with s active arms of rank r pulls the basis if r < sqrt(s), and otherwise every active arm.

    Parameters
    ----------
    budget : int
        Pulls T in a run; rounding leaves a few unused.
    n_runs : int
        Independent runs.
    use_basis, search : bool
        Without the first all active arms are pulled; without the second any basis will do.

    Raises
    ------
    BudgetTooSmall
        If ``budget`` is too small to pull every arm of a phase once.
    """
    sizes = schedule(*bandit.features.shape)
    phase_budget = budget // (len(sizes) - 1)
    active, largest = np.arange(sizes[0])[None], 0.0  # one row as long as it is the same for all runs
    for size, n_kept in pairwise(sizes):
        # The rank falls as arms leave.
        vectors = bandit.features[active]
        ranks = np.linalg.matrix_rank(vectors.transpose(0, 2, 1) @ vectors, hermitian=True)
        few_suffice = use_basis & (ranks < math.sqrt(size))
        active, is_structured = np.broadcast_to(active, (n_runs, size)), np.broadcast_to(few_suffice, n_runs)
        values = np.empty((n_runs, size))
        if is_structured.any():
            basis = spanning_basis(vectors[few_suffice], search)
            rows = np.broadcast_to(basis.rows, (is_structured.sum(), basis.rows.shape[1]))
            arms = np.take_along_axis(active[is_structured], rows, axis=1)
            # Columns beyond the rank have coefficients 0: what is released for them is not used.
            means = bandit.release(arms, phase_budget // basis.rank[:, None])
            values[is_structured] = (basis.coefficients @ means[:, :, None])[:, :, 0]
            largest = max(largest, float(np.abs(basis.coefficients).max()))
        if not is_structured.all():
            values[~is_structured] = bandit.release(active[~is_structured], phase_budget // size)
        active = keep_best(active, values, n_kept)
    return Identification(active[:, 0], largest)


def keep_best(active: np.ndarray, values: np.ndarray, n_kept: int) -> np.ndarray:
    """The ``n_kept`` arms of largest value in each run, of ``active`` and ``values`` (n_runs, size)."""
    best = np.argpartition(-values, n_kept - 1, axis=1)[:, :n_kept]
    return np.take_along_axis(active, best, axis=1)


# --- Rivals -----------------------------------------------------------------------------------------------


def sequential_halving(bandit: PrivateBandit, budget: int, n_runs: int) -> np.ndarray:
    """Halve the arms by their private means in ceil(log2 K) phases of equal budget; features are not used."""
    n_arms = len(bandit.means)
    phase_budget = budget // math.ceil(math.log2(n_arms))
    active = np.broadcast_to(np.arange(n_arms), (n_runs, n_arms))
    while active.shape[1] > 1:
        size = active.shape[1]
        active = keep_best(active, bandit.release(active, phase_budget // size), math.ceil(size / 2))
    return active[:, 0]


def one_shot(bandit: PrivateBandit, budget: int, n_runs: int) -> np.ndarray:
    """All pulls on one basis of maximal determinant, then the arm of largest estimate."""
    basis = spanning_basis(bandit.features[None])
    rank = int(basis.rank[0])
    arms = np.broadcast_to(basis.rows[0, :rank], (n_runs, rank))
    return (bandit.release(arms, budget // rank) @ basis.coefficients[0, :, :rank].T).argmax(axis=1)


def od_linbai(bandit: PrivateBandit, budget: int, n_runs: int) -> np.ndarray:
    """OD-LinBAI (Yang and Tan 2022) on private means: G-optimal designs, ceil(d/2^r) arms kept after phase r.

    Least squares weighs a private mean by the inverse of its variance, at most 1/(4N) + 2/(epsilon N)^2, which serves
    it better than the weight N that it has without noise. As pulls are rounded up, the budget is overdrawn by less
    than one pull for each arm of a design.
    """
    n_arms, n_dims = bandit.features.shape
    n_phases = math.ceil(math.log2(n_dims))
    active = np.broadcast_to(np.arange(n_arms), (n_runs, n_arms))
    for phase in range(1, n_phases + 1):
        values = np.empty(active.shape)
        active = np.sort(active, axis=1)
        # Runs that hold the same arms share a design.
        subsets, membership = np.unique(active, axis=0, return_inverse=True)
        ranks = spanning_basis(bandit.features[subsets]).rank
        # Independent arms are pulled alike, and least squares returns their means.
        is_independent = (ranks == active.shape[1])[membership]
        if is_independent.any():
            n_pulls = math.ceil(budget / n_phases / active.shape[1])
            values[is_independent] = bandit.release(active[is_independent], n_pulls)
        for i in np.flatnonzero(ranks < active.shape[1]):
            arms, runs = subsets[i], np.flatnonzero(membership == i)
            coordinates, design = g_optimal_design(bandit.features[arms])
            pulled = np.flatnonzero(design)
            n_pulls = np.ceil(design[pulled] * budget / n_phases).astype(int)
            means = bandit.release(np.broadcast_to(arms[pulled], (len(runs), len(pulled))), n_pulls)
            weights = 1 / (1 / (4 * n_pulls) + 2 / (bandit.epsilon * n_pulls) ** 2)
            weighted = coordinates[pulled].T * weights
            estimator = coordinates @ np.linalg.solve(weighted @ coordinates[pulled], weighted)
            values[runs] = means @ estimator.T
        active = keep_best(active, values, math.ceil(n_dims / 2**phase))
    return active[:, 0]


def g_optimal_design(
    features: np.ndarray, tolerance: float = 0.01, smallest: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n_arms, rank) of the arms in their span, and a design (n_arms,) that nearly minimises the largest
    variance: by Kiefer and Wolfowitz, that is ``rank`` at the optimum. Frank-Wolfe with Fedorov's exact step, from a
    basis of maximal determinant; weights below ``smallest`` are dropped at the end.
    """
    basis = spanning_basis(features[None])
    rank = int(basis.rank[0])
    coordinates = basis.coefficients[0, :, basis.rows[0] >= 0].T
    design = np.zeros(len(features))
    design[basis.rows[0, basis.rows[0] >= 0]] = 1 / rank
    while True:
        information = (coordinates.T * design) @ coordinates
        variances = (coordinates * np.linalg.solve(information, coordinates.T).T).sum(axis=1)
        worst = int(variances.argmax())
        if variances[worst] <= rank * (1 + tolerance):
            break
        step = (variances[worst] / rank - 1) / (variances[worst] - 1)
        design *= 1 - step
        design[worst] += step
    design[design < smallest] = 0.0
    return coordinates, design / design.sum()
