"""In-and-Out, the proximal sampler of Gaussians that are restricted to a convex body known by a membership oracle.

The targets are pi_s(x) ~ exp(-|x|^2 / (2 s)) on K, uniform for s = infinity. The body is an intersection of symmetric
slabs, K = {x : |a_i . x| <= w for all rows a_i of A}; the sampler asks for nothing but membership.
"""

from typing import NamedTuple

import numpy as np
from numba import njit


class Body(NamedTuple):
    """K = {x in R^d : |A x| <= w}: `normals` is A of shape (n_slabs, d), `half_width` is w."""

    normals: np.ndarray
    half_width: float

    @property
    def dimension(self) -> int:
        return self.normals.shape[1]

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Membership of points of shape (..., d)."""
        return (np.abs(points @ self.normals.T) <= self.half_width).all(axis=-1)


@njit(cache=True)
def _walk(states, columns, half_width, precision, step, n_steps, max_trials, rng):
    n_chains, d = states.shape
    n_slabs = columns.shape[1]
    shrink = 1.0 / (1.0 + step * precision)
    out, back = np.sqrt(step), np.sqrt(step * shrink)
    centre, candidate, heights = np.empty(d), np.empty(d), np.empty(n_slabs)
    queries, failures = 0, 0
    for chain in range(n_chains):
        x = states[chain]
        for _ in range(n_steps):
            for j in range(d):
                centre[j] = shrink * (x[j] + out * rng.standard_normal())
            for _ in range(max_trials):
                queries += 1
                heights[:] = 0.0
                for j in range(d):
                    candidate[j] = centre[j] + back * rng.standard_normal()
                    for i in range(n_slabs):
                        heights[i] += columns[j, i] * candidate[j]
                inside = True
                for i in range(n_slabs):
                    inside &= abs(heights[i]) <= half_width
                if inside:
                    x[:] = candidate
                    break
            else:
                failures += 1
    return queries, failures


def in_and_out(
    body: Body,
    states: np.ndarray,
    variance: float,
    step: float,
    n_steps: int,
    max_trials: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, int, int]:
    """Iterations of In-and-Out with step h for pi_s, on every chain.

    Out: y ~ N(x, h I), anywhere. In: x' ~ N(y / (1 + h / s), h / (1 + h / s) I) restricted to K, by rejection. If no
    trial succeeds the chain stays; the kernel is symmetric under pi_s for every number of trials, so that pi_s stays
    invariant (one trial at s = infinity is a ball walk with Gaussian steps).

    Parameters
    ----------
    states : array of shape (n_chains, d)
        Points of K; left as they are.
    variance : float
        s; infinity for the uniform law.
    step : float
        h, the variance of a step of either kind.

    Returns
    -------
    states, queries, failures
        New states; membership queries, one a trial, and steps without success, summed over the chains.

    Raises
    ------
    ValueError
        If a state lies outside of K, or s or h is not positive.
    """
    if not (variance > 0 and step > 0):
        raise ValueError(f"expected a positive variance and step, found {variance} and {step}")
    if not body.contains(states).all():
        raise ValueError("expected states inside the body")
    states, columns = np.array(states, dtype=float), np.ascontiguousarray(body.normals.T)
    queries, failures = _walk(states, columns, body.half_width, 1 / variance, step, n_steps, max_trials, rng)
    return states, queries, failures


def truncated_gaussian(body: Body, variance: float, n_points: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Exact samples of pi_s by rejection from N(0, s I), shape (n_points, d), and the number of queries."""
    accepted, queries, missing = [], 0, n_points
    while missing:
        proposals = np.sqrt(variance) * rng.standard_normal((missing, body.dimension))
        queries += missing
        accepted.append(proposals[body.contains(proposals)])
        missing -= len(accepted[-1])
    return np.concatenate(accepted), queries
