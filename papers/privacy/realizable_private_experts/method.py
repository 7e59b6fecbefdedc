"""Private prediction from experts when one never errs, and rivals that do not use this (arXiv 2302.14154).

d experts, T rounds t = 0, ..., T - 1, a player who plays x_t having seen the losses of the rounds before t.
Neighbouring streams differ in the losses of all experts, in [0, 1], in one round; all plays together are
(epsilon, delta)-DP.

Streams are given by the round at which an expert dies: it suffers 1 in that and in every later round, and 0 before.
Its total loss before round t is max(0, t - death), so that no table of losses is needed. The best expert's is 0 (it
dies at T, that is, never), and the regret is the player's loss.
"""

import math
from typing import NamedTuple

import numpy as np

from ..gaussian_mechanism import zcdp_budget
from ..private_selection import above_threshold_on_ramps, exponential_mechanism
from ..tree_mechanism import gaussian_node_sigma, prefix_noise_blocks

FAILURE_PROBABILITY = 0.1  # beta: that the noise of some query exceeds what the threshold allows for
BLOCK = 2048  # rounds that the rivals compute at a time


def death_rounds(stages: np.ndarray, n_steps: int) -> np.ndarray:
    """Rounds at which stages 0, ..., log2(d) start, shaped like ``stages`` (..., d); the last is T, out of reach."""
    return stages * n_steps // (stages.shape[-1].bit_length() - 1)


def total_loss(deaths: np.ndarray, rounds: np.ndarray | int) -> np.ndarray:
    """Loss suffered before a round, for arrays that broadcast."""
    return np.maximum(rounds - deaths, 0)


# --- Sparse vector and exponential mechanism --------------------------------------------------------------


class Phases(NamedTuple):
    """Who is played when: in each run expert ``experts[:, k]`` from round ``starts[:, k]`` to ``starts[:, k + 1] - 1``.

    ``experts`` has shape (n_runs, B + 1) and ``starts`` (n_runs, B + 2), with T where there is no further phase.
    """

    experts: np.ndarray
    starts: np.ndarray

    @property
    def n_switches(self) -> np.ndarray:
        """Shape (n_runs,)."""
        return (self.starts[:, 1:-1] < self.starts[:, -1:]).sum(axis=1)


def switch_bound(n_experts: int) -> int:
    """B = ceil(2 log2 d)."""
    return math.ceil(2 * math.log2(n_experts))


def primitive_epsilon(epsilon: float, delta: float, n_switches: int) -> float:
    """Budget of each of B tests and B draws: epsilon_0 = epsilon / (2 sqrt(4 B ln(1/delta))).

    Advanced composition of the 2B of them gives epsilon/2 + epsilon^2/(8 ln(1/delta)), for small epsilon_0.

    Raises
    ------
    ValueError
        If epsilon > ln(1/delta), where that is not known to be at most epsilon.
    """
    log_inverse = math.log(1 / delta)
    if not 0 < epsilon <= log_inverse:
        raise ValueError(f"epsilon must be in (0, ln(1/delta)] = (0, {log_inverse:.1f}], got {epsilon}")
    return epsilon / (2 * math.sqrt(4 * n_switches * log_inverse))


def switch_threshold(primitive: float, n_steps: int) -> float:
    """L = (4/epsilon_0) ln(2T/beta) + 4/epsilon_0: no faultless expert is given up but with probability beta."""
    return 4 / primitive * (math.log(2 * n_steps / FAILURE_PROBABILITY) + 1)


def sparse_vector_experts(
    deaths: np.ndarray, n_steps: int, primitive: float, threshold: float, n_switches: int, rng: np.random.Generator
) -> Phases:
    """Play one expert until AboveThreshold says that it has lost too much, then draw another by its total loss.

    The first expert is uniform. A phase's test sees, before every round but its first, what the expert has lost in
    the phase; the next expert is that of the exponential mechanism for the losses of all rounds. After B
    switches the expert is kept.

    Parameters
    ----------
    deaths : ndarray of int, shape (n_runs, n_experts)
        A stream for each run.
    primitive : float
        epsilon_0, of every test and of every draw.
    """
    n_runs, n_experts = deaths.shape
    runs = np.arange(n_runs)
    experts = np.tile(rng.integers(n_experts, size=n_runs)[:, None], n_switches + 1)
    starts = np.full((n_runs, n_switches + 2), n_steps)
    starts[:, 0] = 0
    for k in range(n_switches):
        n_queries = np.maximum(n_steps - 1 - starts[runs, k], 0)
        n_flat = np.maximum(deaths[runs, experts[runs, k]] - starts[runs, k], 0)
        waits = above_threshold_on_ramps(np.minimum(n_flat, n_queries), n_queries, threshold, primitive, rng)
        runs, waits = runs[waits < n_queries], waits[waits < n_queries]
        starts[runs, k + 1] = starts[runs, k] + 1 + waits
        losses = total_loss(deaths[runs], starts[runs, k + 1, None])
        experts[runs, k + 1 :] = exponential_mechanism(-losses, primitive, rng)[:, None]
    return Phases(experts, starts)


def loss_by_round(phases: Phases, deaths: np.ndarray, rounds: np.ndarray | int) -> np.ndarray:
    """What was lost before a round; shape (n_runs,), or (n_runs, n_rounds) for rounds of shape (n_rounds, 1, 1)."""
    played = np.take_along_axis(deaths, phases.experts, axis=1)
    ends = np.minimum(phases.starts, rounds)
    return (total_loss(played, ends[..., 1:]) - total_loss(played, ends[..., :-1])).sum(axis=-1).T


# --- Rivals -----------------------------------------------------------------------------------------------


def tree_leader(
    deaths: np.ndarray,
    n_steps: int,
    epsilon: float,
    delta: float,
    rng: np.random.Generator,
    joint_sensitivity: bool = True,
) -> np.ndarray:
    """Plays (T,) of the least noisy total loss, all of which a binary tree releases; uniform in the first round.

    Parameters
    ----------
    deaths : ndarray of int, shape (n_experts,)
    n_steps : int
        A power of two.
    joint_sensitivity : bool
        Whether the noise covers a round that changes the losses of all experts (sqrt(d)), as it must, or of one.
    """
    sensitivity = math.sqrt(deaths.size) if joint_sensitivity else 1.0
    sigma = gaussian_node_sigma(n_steps, zcdp_budget(epsilon, delta), sensitivity)
    block = min(BLOCK, n_steps)
    plays = np.empty(n_steps + 1, dtype=int)
    plays[0] = rng.integers(deaths.size)
    for i, noise in enumerate(prefix_noise_blocks(n_steps, deaths.size, sigma, rng, block)):
        rounds = np.arange(i * block, (i + 1) * block) + 1
        plays[rounds] = (total_loss(deaths, rounds[:, None]) + noise).argmin(axis=1)
    return plays[:-1]


def resampled_weights(
    deaths: np.ndarray, n_steps: int, epsilon: float, delta: float, rng: np.random.Generator, pay_by_round: bool = True
) -> np.ndarray:
    """Plays (T,) that are drawn anew in every round by the exponential mechanism, on total losses.

    Parameters
    ----------
    deaths : ndarray of int, shape (n_experts,)
    pay_by_round : bool
        Whether the T draws share the budget, as they must. A draw that is e-DP is (e^2/8)-zCDP (Cesar and Rogers 2021).
    """
    share = math.sqrt(8 * zcdp_budget(epsilon, delta) / n_steps) if pay_by_round else epsilon
    blocks = np.split(np.arange(n_steps), range(BLOCK, n_steps, BLOCK))
    return np.concatenate(
        [exponential_mechanism(-total_loss(deaths, rounds[:, None]), share, rng) for rounds in blocks]
    )


def losses_of_plays(plays: np.ndarray, deaths: np.ndarray) -> np.ndarray:
    """Loss (0 or 1) in every round, shape (T,)."""
    return (np.arange(plays.size) >= deaths[plays]).astype(int)
