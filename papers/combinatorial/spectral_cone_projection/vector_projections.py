"""Euclidean projections on the vector cones behind the spectral matrix cones, with compiled loops."""

import numpy as np
from numba import njit

_LOG_BOUND = 60.0  # the root of the logarithmic cone lies within exp(-60)..exp(60) of the end of its interval
_NEWTON_STEPS = 200


@njit(cache=True)
def _in_log_cone(t: float, v: float, x: np.ndarray) -> bool:
    """Whether -v sum log(x_i / v) <= t, with the closure's face v = 0, t >= 0, x >= 0."""
    if v < 0 or x.min() < 0:
        return False
    if v == 0:
        return t >= 0
    return x.min() > 0 and -v * np.log(x / v).sum() <= t


@njit(cache=True)
def _in_negative_dual_of_log_cone(t: float, v: float, x: np.ndarray) -> bool:
    """Whether (s, w, z) = -(t, v, x) has w >= s (-n - sum log(z_i / s)), with the face s = 0, w >= 0, z >= 0."""
    if t > 0 or x.max() > 0:
        return False
    if t == 0:
        return v <= 0
    return x.max() < 0 and -v >= -t * (-x.size - np.log(x / t).sum())


@njit(cache=True)
def _log_cone_equation(ratio: float, gap: float, t: float, x: np.ndarray, out: np.ndarray) -> tuple:
    """Value and derivative in r of the equation at r = `ratio`, where `gap` = v r - t; writes x of this r to `out`."""
    n = x.size
    quadratic = ratio * (ratio + n) + 1
    multiplier = gap / quadratic
    new_v = ratio * multiplier
    new_t = t + multiplier
    w = new_v * multiplier
    slope = new_t / new_v
    value, weight = slope, 0.0
    for i in range(n):
        root = np.sqrt(x[i] * x[i] + 4 * w)
        # The second form has no cancellation where x_i is negative.
        out[i] = 0.5 * (x[i] + root) if x[i] > 0 else 2 * w / (root - x[i])
        value += np.log(out[i] / new_v)
        weight += out[i] / root
    # Negative: a quadratic in slope whose discriminant is below 4 (weight^2 - n weight), and 0 < weight < n.
    derivative = -(slope * slope + 2 * weight * slope + 1 + n * weight + (n - weight) * ratio + weight / ratio)
    return value, derivative / quadratic, new_t, new_v


@njit(cache=True)
def project_log_cone(t: float, v: float, x: np.ndarray) -> tuple:
    """Projection on cl{(t, v, x): v > 0, -v sum log(x_i / v) <= t}, x of shape (n,).

    Outside the trivial cases the optimality conditions with multiplier m = t* - t > 0,

        x_i*^2 - x_i x_i* = m v*,   v* - v + m (n - sum log(x_i* / v*)) = 0,   t* + v* sum log(x_i* / v*) = 0,

    become one equation in r = v*/m: eliminating the sum of logarithms gives m = (v r - t) / (r^2 + n r + 1), and the
    last equation, divided by v*, decreases in r on the whole interval where m > 0. A Newton iteration in log r,
    guarded by bisection, therefore always finds its one root.

    Returns
    -------
    t, v, x : float, float, array of shape (n,)
    """
    if _in_log_cone(t, v, x):
        return t, v, x.copy()
    if _in_negative_dual_of_log_cone(t, v, x):
        return 0.0, 0.0, np.zeros_like(x)
    if t >= 0 and v <= 0:
        return t, 0.0, np.maximum(x, 0.0)

    out = np.empty_like(x)
    # r > max(t/v, 0) if v > 0, else 0 < r < t/v. The unknown u parametrises this interval by the whole line.
    low, high = -_LOG_BOUND, _LOG_BOUND
    u = 0.0
    new_t, new_v = t, v
    for _ in range(_NEWTON_STEPS):
        grown = np.exp(u)
        if v > 0 and t > 0:
            ratio, gap, rate = t / v + grown, v * grown, grown
        elif v >= 0:
            ratio, gap, rate = grown, v * grown - t, grown
        else:
            gap = -t / (1 + grown)
            ratio = gap / -v * grown
            rate = ratio / (1 + grown)
        value, derivative, new_t, new_v = _log_cone_equation(ratio, gap, t, x, out)
        if value > 0:
            low = u
        else:
            high = u
        step = -value / (derivative * rate)
        if abs(step) < 1e-12 or high - low < 1e-12:
            break
        u += step
        if not low < u < high:
            u = 0.5 * (low + high)
    return new_t, new_v, out


def project_nuclear_cone(t: float, s: np.ndarray) -> tuple[float, np.ndarray]:
    """Projection on {(t, s): s >= 0, sum s_i <= t}, s of shape (n,) with nonnegative entries: a soft threshold.

    The level theta solves sum (s_i - theta)_+ = t + theta. The left side is the largest, over j, of the sum of the j
    largest entries less j theta, so theta is the largest of (sum of the j largest - t) / (j + 1), or 0 inside the cone.

    Returns
    -------
    t, s : float, array of shape (n,)
    """
    return _soften(t, s, -np.sort(-s))


@njit(cache=True)
def _soften(t: float, s: np.ndarray, descending: np.ndarray) -> tuple:
    total, theta = -t, 0.0
    for j in range(s.size):
        total += descending[j]
        theta = max(theta, total / (j + 2))
    if total <= 0:
        return t, s.copy()
    if descending[0] <= -t:
        return 0.0, np.zeros_like(s)
    return t + theta, np.maximum(s - theta, 0.0)


def project_sum_largest_cone(t: float, x: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Projection on {(t, x): sum of the k largest x_i <= t}, x of shape (n,), 1 <= k <= n.

    Returns
    -------
    t, x : float, array of shape (n,)
    """
    order = np.argsort(-x)
    descending = x[order]
    if descending[:k].sum() <= t:
        return t, x.copy()
    projected = np.empty_like(x)
    new_t, projected[order] = _lower_largest(t, descending, k)
    return new_t, projected


@njit(cache=True)
def _lower_largest(t: float, x: np.ndarray, k: int) -> tuple:
    """Projection on the same cone of a point outside it whose x is in descending order.

    With multiplier m = t* - t, the largest `above` entries move down by m, the next ones, up to `end`, meet at one
    level and the rest stay. As m grows, entries only join the tie, from either side; at most n of them do.
    """
    n = x.size
    sum_above = 0.0
    for i in range(k):
        sum_above += x[i]
    above, end, sum_tied = k, k, 0.0
    shift, level = (sum_above - t) / (k + 1), 0.0
    if k < n and x[k - 1] - shift < x[k]:
        above, end = k - 1, k + 1
        sum_above, sum_tied = sum_above - x[k - 1], x[k - 1] + x[k]
        while True:
            tied, inside = end - above, k - above  # `inside` of the tied entries count among the k largest
            shift = (sum_above - t + inside * sum_tied / tied) / (above + 1 + inside * inside / tied)
            level = (sum_tied - inside * shift) / tied
            if above > 0 and x[above - 1] - shift < level:
                above -= 1
                sum_above, sum_tied = sum_above - x[above], sum_tied + x[above]
            elif end < n and x[end] > level:
                sum_tied += x[end]
                end += 1
            else:
                break
    projected = x.copy()
    for i in range(end):
        projected[i] = x[i] - shift if i < above else level
    return t + shift, projected
