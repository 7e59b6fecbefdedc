"""DIFF2: private descent by gradient differences (arXiv 2302.03884), against noisy gradient descent.

Both are ``private_descent`` with the same budget: DP-GD releases every gradient with noise for its own size C, DIFF2
only every T-th, and in between the difference of two gradients, with noise for its size L |w_r - w_{r-1}|. The
server adds the noise to the mean over all samples, so how these are divided among clients does not matter.

The budget enters as nu = n sqrt(2 rho), the counterpart of n epsilon: a release of one mean with sensitivity 2 C/n
has noise of sd 2 C/nu.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..gaussian_mechanism import zcdp_budget
from ..private_descent import Objective, Path, private_descent

RESTARTS = (1, 4)  # anchors per run of DIFF2: T = R and T = R/4


@dataclass(frozen=True)
class Sizes:
    """What an objective's samples are clipped to: C at gradients, L |w_r - w_{r-1}| at their differences."""

    clip: float
    smoothness: float


@dataclass(frozen=True)
class Noise:
    """How the budget becomes noise; anything but the defaults is broken.

    ``shrinking``: whether differences are noised for the length of the step, or like any two gradients (2 C).
    ``composed``: whether the steps share the budget, or spend all of it each.
    ``at_server``: whether the server noises the mean, or the holder of each sample his own gradient.
    """

    shrinking: bool = True
    composed: bool = True
    at_server: bool = True


PRIVATE = Noise()


def zcdp_of_budget(nu: ArrayLike, n_samples: int) -> np.ndarray:
    """rho with n sqrt(2 rho) = nu."""
    return (np.asarray(nu, dtype=float) / n_samples) ** 2 / 2


def budget_of_epsilon(epsilon: float, delta: float, n_samples: int) -> float:
    """nu at the rho that is enough for (epsilon, delta)-DP."""
    return n_samples * float(np.sqrt(2 * zcdp_budget(epsilon, delta)))


def periods(method: str, n_steps: int) -> list[int]:
    """The T that are tried for "dp_gd" (1) or "diff2" (R and R/4)."""
    return [1] if method == "dp_gd" else [n_steps // restarts for restarts in RESTARTS]


def descend(
    objective: Objective,
    start: np.ndarray,
    nu: ArrayLike,
    n_steps: int,
    period: int,
    step_length: ArrayLike,
    sizes: Sizes,
    rng: np.random.Generator,
    noise: Noise = PRIVATE,
) -> Path:
    """Runs from start (n_runs, d), nu and step length eta being () or (n_runs,); DP-GD if the period is 1."""
    rho = zcdp_of_budget(nu, objective.n_samples)
    if not noise.composed:
        rho = rho * n_steps
    if not noise.at_server:  # the mean of n noises for a sensitivity of 2 C, instead of one for 2 C/n
        rho = rho / objective.n_samples
    return private_descent(
        objective,
        start,
        rho,
        rng,
        n_steps=n_steps,
        step_length=step_length,
        clip=sizes.clip,
        period=period,
        smoothness=sizes.smoothness if noise.shrinking else np.inf,
        difference_clip=np.inf if noise.shrinking else 2 * sizes.clip,
    )


def difference_gain(
    nu: ArrayLike, n_steps: int, period: int, step_length: ArrayLike, sizes: Sizes, dimension: int
) -> np.ndarray:
    """eta s2 sqrt(d), s2 = (2 L/n) sqrt(nd/rho): how far the noise of a difference moves the next step, per length
    of the step before. DIFF2 is unstable near 1; 0 for DP-GD."""
    n_differences = n_steps - -(-n_steps // period)
    return np.asarray(step_length) * 2 * sizes.smoothness * np.sqrt(2 * n_differences * dimension) / np.asarray(nu)
