"""Auditing privacy from outputs: what a simulated attack proves about the privacy loss of a mechanism.

A mechanism M is run many times on one input and on a neighbouring one, and an attack answers "it was the first"
or not. Of M only the two rates of that answer are used: if M is (epsilon, delta)-DP, then

    TPR <= e^epsilon FPR + delta,   hence   epsilon >= ln((TPR - delta)/FPR),

for *every* attack. Exact binomial limits in place of the rates turn the right side into a lower bound on the
privacy loss that holds with known confidence (Jagielski et al. 2020; Nasr et al. 2021). A weak attack makes it
low, never wrong; a bound above the nominal budget refutes the claim of privacy.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv


def clopper_pearson(successes: ArrayLike, n_trials: ArrayLike, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact two-sided limits of a binomial probability; each side fails with probability at most alpha/2.

    The limits are quantiles of beta laws, BetaInv(alpha/2; s, n-s+1) and BetaInv(1-alpha/2; s+1, n-s).

    Parameters
    ----------
    successes, n_trials : array_like of int
        Broadcast against each other.
    alpha : float
        One minus the confidence level.

    Returns
    -------
    low, high : ndarray
        0 <= low < high <= 1.

    Raises
    ------
    ValueError
        If alpha is not in (0, 1), there is no trial, or the successes are not between 0 and the trials.
    """
    successes, n_trials = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n_trials, dtype=float))
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be in (0, 1), got {alpha}")
    if (n_trials < 1).any() or (successes < 0).any() or (successes > n_trials).any():
        raise ValueError("successes must lie between 0 and the number of trials, which must be at least 1")
    failures = n_trials - successes
    # At the ends of the range one shape is 0 and the limit is trivial; 1 stands in for it until then.
    low = betaincinv(np.maximum(successes, 1), failures + 1, alpha / 2)
    high = betaincinv(successes + 1, np.maximum(failures, 1), 1 - alpha / 2)
    return np.where(successes == 0, 0.0, low), np.where(failures == 0, 1.0, high)


def epsilon_interval(
    true_positives: ArrayLike,
    false_positives: ArrayLike,
    n_trials: ArrayLike,
    alpha: float = 0.01,
    delta: ArrayLike = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """The limits of ln((TPR - delta)/FPR) when both rates have two-sided limits at level alpha/2.

    ``low`` exceeds the true value with probability at most alpha/2, since only one side of each interval can make
    it wrong, and so it is a lower bound on the privacy loss. ``high`` bounds what *this attack* sees; it says
    nothing about the privacy loss.

    Parameters
    ----------
    true_positives, false_positives : array_like of int
        How often the attack names the first input when that was the input, and when the other one was.
    n_trials : array_like of int
        Number of runs on each of the two inputs.

    Returns
    -------
    low, high : ndarray
        In nats; -inf where delta exceeds the rate, and high is inf without false positives.
    """
    tpr_low, tpr_high = clopper_pearson(true_positives, n_trials, alpha / 2)
    fpr_low, fpr_high = clopper_pearson(false_positives, n_trials, alpha / 2)
    with np.errstate(divide="ignore"):  # log(0) = -inf is meant
        low = np.log(np.maximum(tpr_low - delta, 0)) - np.log(fpr_high)
        high = np.log(np.maximum(tpr_high - delta, 0)) - np.log(fpr_low)
    return low, high


def epsilon_lower_bound(
    true_positives: ArrayLike,
    false_positives: ArrayLike,
    n_trials: ArrayLike,
    alpha: float = 0.01,
    delta: ArrayLike = 0.0,
) -> np.ndarray:
    """ln((TPR_low - delta)/FPR_high): any (epsilon, delta)-DP mechanism has at least this epsilon.

    Wrong with probability at most alpha/2. It may be negative, where nothing is proved. See ``epsilon_interval``.
    """
    return epsilon_interval(true_positives, false_positives, n_trials, alpha, delta)[0]


def epsilon_ceiling(n_trials: ArrayLike, alpha: float = 0.01) -> np.ndarray:
    """The largest bound that so many trials can give: the attack is always right and never wrong."""
    return epsilon_lower_bound(n_trials, 0, n_trials, alpha)


def log_rate_ratio(true_positives: ArrayLike, false_positives: ArrayLike) -> np.ndarray:
    """Point estimate of ln(TPR/FPR) for equally many trials; half a count more in each keeps it finite."""
    return np.log((np.asarray(true_positives) + 0.5) / (np.asarray(false_positives) + 0.5))
