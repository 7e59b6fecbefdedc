"""Learners that choose omega for a sequence of systems and are told nothing but iteration counts.

Each is replayed on a table of the counts at every omega of a grid, of which it sees the entry it chose: Tsallis-INF
(Algorithm 1), one copy of it per bin of the context, and ChebCB, which regresses the count on Chebyshev polynomials
of the context (Algorithm 2). Loops in place of array expressions keep the compilation short.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def tsallis_weights(losses: NDArray[np.floating], eta: float) -> NDArray[np.floating]:
    """Tsallis-INF's probabilities p_i = 4 / (eta (L_i - x))^2, with x < min L such that they sum to one.

    They minimise <p, L> - (4/eta) sum_i sqrt(p_i) over the simplex.

    Parameters
    ----------
    losses : (d,) estimated cumulative losses L
    eta : learning rate, positive

    Returns
    -------
    (d,) probabilities
    """
    weights = np.empty(len(losses))
    x = losses.min() - 2 / eta  # the best arm alone has weight 1: Newton's method comes down to the root from here
    for _ in range(100):
        total, slope = 0.0, 0.0
        for i in range(len(losses)):
            root = 2 / (eta * (losses[i] - x))
            weights[i] = root * root
            total += root * root
            slope += eta * root * root * root
        if total - 1 < 1e-13:
            break
        x -= (total - 1) / slope
    return weights


@njit(cache=True)
def _draw(probabilities, uniform):
    """Index at which the cumulative probability passes `uniform` in [0, 1)."""
    passed = 0.0
    for index in range(len(probabilities) - 1):
        passed += probabilities[index]
        if uniform < passed:
            return index
    return len(probabilities) - 1


@njit(cache=True)
def tsallis_inf(
    costs: NDArray[np.integer], uniforms: NDArray[np.floating], bins: NDArray[np.integer], importance_weighting: bool
) -> NDArray[np.integer]:
    """Tsallis-INF (Algorithm 1), a copy of its own for each bin of the context.

    Losses are counts less one, in units of their average so far; eta = 2/sqrt(t). Both are per bin.

    Parameters
    ----------
    costs : (T, d) iteration counts, of which round t reveals the entry that is chosen
    uniforms : (T,) uniform numbers on [0, 1) that decide the draws
    bins : (T,) bin of each round's context, 0, 1, ...; all 0 for the method without context
    importance_weighting : False leaves out the division by the probability of the draw, and is not the method

    Returns
    -------
    (T,) chosen arms
    """
    n_rounds, n_arms = costs.shape
    n_bins = bins.max() + 1
    estimates, scaled = np.zeros((n_bins, n_arms)), np.empty(n_arms)
    totals, n_seen = np.zeros(n_bins), np.zeros(n_bins)
    choices = np.empty(n_rounds, dtype=np.int64)
    for t in range(n_rounds):
        own = bins[t]
        unit = totals[own] / n_seen[own] if totals[own] > 0 else 1.0
        for i in range(n_arms):
            scaled[i] = estimates[own, i] / unit
        probabilities = tsallis_weights(scaled, 2 / np.sqrt(n_seen[own] + 1))
        arm = _draw(probabilities, uniforms[t])
        choices[t] = arm
        loss = costs[t, arm] - 1.0
        estimates[own, arm] += loss / (probabilities[arm] if importance_weighting else 1.0)
        totals[own] += loss
        n_seen[own] += 1
    return choices


@njit(cache=True)
def _solve(matrix, target):
    """Solve `matrix` x = `target` by elimination without pivoting, in place of both."""
    n = len(target)
    for k in range(n):
        for i in range(k + 1, n):
            factor = matrix[i, k] / matrix[k, k]
            target[i] -= factor * target[k]
            for j in range(k, n):
                matrix[i, j] -= factor * matrix[k, j]
    for k in range(n - 1, -1, -1):
        for j in range(k + 1, n):
            target[k] -= matrix[k, j] * target[j]
        target[k] /= matrix[k, k]


@njit(cache=True)
def bounded_least_squares(
    gram: NDArray[np.floating], moments: NDArray[np.floating], bounds: NDArray[np.floating]
) -> NDArray[np.floating]:
    """argmin of theta' G theta / 2 - h' theta over |theta_j| <= bounds_j, by an active-set method.

    The minimum over the free coordinates is approached until a bound is met, which becomes active; from such a
    minimum the active bound with the steepest descent away from it is freed, until there is none.

    Parameters
    ----------
    gram : (m, m) G = X'X, positive definite
    moments : (m,) h = X'y
    bounds : (m,) positive

    Returns
    -------
    (m,) theta
    """
    m = len(moments)
    theta, side = np.zeros(m), np.zeros(m)  # side: -1 or 1 where that bound is active, 0 where theta_j is free
    system, minimum = np.empty((m, m)), np.empty(m)
    for _ in range(50 * m):
        for i in range(m):
            minimum[i] = moments[i] if side[i] == 0 else theta[i]
            for j in range(m):
                system[i, j] = gram[i, j] if side[i] == 0 else (1.0 if i == j else 0.0)
        _solve(system, minimum)
        length, blocking = 1.0, -1
        for j in range(m):
            if side[j] == 0 and abs(minimum[j]) > bounds[j]:
                step = minimum[j] - theta[j]
                reach = (np.sign(step) * bounds[j] - theta[j]) / step
                if reach < length:
                    length, blocking = reach, j
        for j in range(m):
            theta[j] += length * (minimum[j] - theta[j])
        if blocking >= 0:
            side[blocking] = np.sign(minimum[blocking])
            theta[blocking] = side[blocking] * bounds[blocking]
            continue
        steepest, freed = 1e-10, -1
        for i in range(m):
            outward = -moments[i]
            for j in range(m):
                outward += gram[i, j] * theta[j]
            outward *= side[i] / (gram[i, i] * bounds[i])
            if outward > steepest:
                steepest, freed = outward, i
        if freed < 0:
            break
        side[freed] = 0.0
    return theta


@njit(cache=True)
def chebyshev_features(position: float, features: NDArray[np.floating]) -> None:
    """Fill `features` (m,), m at least 2, with the Chebyshev polynomials T_0..T_{m-1} at `position` in [-1, 1]."""
    features[0], features[1] = 1.0, position
    for degree in range(2, len(features)):
        features[degree] = 2 * position * features[degree - 1] - features[degree - 2]


@njit(cache=True)
def inverse_gap_weights(predictions: NDArray[np.floating], gamma: float) -> NDArray[np.floating]:
    """(d,) probabilities 1/(d + gamma (f_i - min f)), and the rest on the arm of the least prediction (SquareCB)."""
    best = predictions.argmin()
    probabilities, rest = np.empty(len(predictions)), 1.0
    for i in range(len(predictions)):
        probabilities[i] = 1 / (len(predictions) + gamma * (predictions[i] - predictions[best]))
        rest -= probabilities[i]
    probabilities[best] += rest
    return probabilities


@njit(cache=True)
def chebcb(
    costs: NDArray[np.integer],
    uniforms: NDArray[np.floating],
    positions: NDArray[np.floating],
    n_features: int,
    growth: float,
) -> NDArray[np.integer]:
    """ChebCB (Algorithm 2): inverse-gap weighting on Chebyshev regressions of the count, an own one for each arm.

    Regressions are least squares on all that an arm has shown, under the bounds |theta_0| <= K and
    |theta_j| <= 2 C L / j that hold for a function with values up to K and Lipschitz constant L on an interval of
    length C. K and C L are set to the largest count so far and to its distance from the smallest. The weights have
    gamma = 2 t^growth sqrt(d t / (R + 2 alpha^2 t)), R the squared errors of the predictions so far and alpha the
    error of the best approximation of degree m - 1. All is in iterations: a common scale would cancel.

    Parameters
    ----------
    costs : (T, d) iteration counts, of which round t reveals the entry that is chosen
    uniforms : (T,) uniform numbers on [0, 1) that decide the draws
    positions : (T,) contexts, mapped to [-1, 1]
    n_features : m, at least 2
    growth : 1 is the schedule of the authors' experiments, 0 that of the theorem

    Returns
    -------
    (T,) chosen arms
    """
    n_rounds, n_arms = costs.shape
    grams, moments = np.zeros((n_arms, n_features, n_features)), np.zeros((n_arms, n_features))
    coefficients, predictions = np.zeros((n_arms, n_features)), np.empty(n_arms)
    features, bounds = np.empty(n_features), np.empty(n_features)
    choices = np.empty(n_rounds, dtype=np.int64)
    largest, smallest, squared_errors, gamma = 0.0, np.inf, 0.0, 0.0
    approximation = (np.pi + 2 / np.pi * np.log(2 * n_features + 1)) / (2 * (n_features + 1))
    for t in range(n_rounds):
        chebyshev_features(positions[t], features)
        for i in range(n_arms):
            predictions[i] = 0.0
            for j in range(n_features):
                predictions[i] += coefficients[i, j] * features[j]
        arm = _draw(inverse_gap_weights(predictions, gamma), uniforms[t])
        choices[t] = arm

        count = float(costs[t, arm])
        squared_errors += (predictions[arm] - (count - 1)) ** 2
        for i in range(n_features):
            moments[arm, i] += (count - 1) * features[i]
            for j in range(n_features):
                grams[arm, i, j] += features[i] * features[j]
            # so small a ridge picks the shortest solution while there are fewer points than features
            grams[arm, i, i] += 1e-9
        bounds_moved = count > largest or count < smallest
        largest, smallest = max(largest, count), min(smallest, count)
        bounds[0] = largest
        for j in range(1, n_features):
            bounds[j] = 2 * max(largest - smallest, 1.0) / j
        for i in range(n_arms):
            if i == arm or (bounds_moved and grams[i, 0, 0] > 0):
                coefficients[i] = bounded_least_squares(grams[i], moments[i], bounds)
        alpha, n_played = approximation * (largest - smallest), t + 1.0
        gamma = 2 * n_played**growth * np.sqrt(n_arms * n_played / (squared_errors + 2 * alpha**2 * n_played))
    return choices


def context_bins(positions: NDArray[np.floating], n_bins: int) -> NDArray[np.integer]:
    """(T,) bins 0..n_bins-1 of equal width on [-1, 1] of the contexts `positions` (T,)."""
    return np.clip(((np.asarray(positions) + 1) / 2 * n_bins).astype(np.int64), 0, n_bins - 1)
