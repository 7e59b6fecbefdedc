"""Fairness of a private classifier against its non-private counterpart, and bounds on the difference.

A linear model with parameters theta predicts the sign of <theta, x> (with several classes, the class of the largest
score). Its margin <theta, x> moves by at most ||x|| ||theta - theta'|| from one model to another. So a prediction can
differ only where |<theta, x>| <= ||x|| D with D = ||theta - theta'||, and for every event E

    |P(h = y | E) - P(h' = y | E)|  <=  P(r <= D | E)  <=  E[1/r | E] D,      r = |<theta, x>| / ||x||.

The first step is the margin bound, the second (Markov's inequality) the Lipschitz bound. Probabilities are frequencies
in one test set, for which both steps are exact.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from scipy.stats import chi2

from ..gaussian_mechanism import classical_gaussian_sigma, zcdp_budget, zcdp_sigma

LOGISTIC_LIPSCHITZ = 1.0  # of the loss in theta, for ||x|| <= 1
SOFTMAX_LIPSCHITZ = math.sqrt(2)

# --- Fairness ---------------------------------------------------------------------------------------------


class Measure(NamedTuple):
    """A fairness measure: the mean, over pairs of events, of a difference of two conditional probabilities.

    Parameters
    ----------
    name : str
    target : int or None
        The probabilities are of h = target, or of a correct prediction when None.
    pairs : sequence of pairs of bool arrays (n,)
        Which points the two events hold.
    absolute : bool
        Whether differences are taken in absolute value before averaging.
    """

    name: str
    target: int | None
    pairs: Sequence[tuple[np.ndarray, np.ndarray]]
    absolute: bool = False


def fairness_measures(labels: np.ndarray, group: np.ndarray) -> list[Measure]:
    """The four measures of two-class fairness for labels -1 and 1 (n,) and a sensitive group (n,) of bool."""
    by_label = {y: ((labels == y) & group, (labels == y) & ~group) for y in (-1, 1)}
    return [
        Measure("demographic_parity", 1, [(group, ~group)]),
        Measure("equal_opportunity", None, [by_label[1]]),
        accuracy_parity(group),
        Measure("equalised_odds", None, [by_label[-1], by_label[1]], absolute=True),
    ]


def accuracy_parity(group: np.ndarray) -> Measure:
    """Difference of the two groups' accuracies, which makes sense for any number of classes."""
    return Measure("accuracy_parity", None, [(group, ~group)])


def fairness_level(measure: Measure, predictions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """F(h) for predictions (..., n), shape (...)."""
    outcomes = predictions == (labels if measure.target is None else measure.target)
    differences = [
        outcomes[..., one].mean(axis=-1) - outcomes[..., other].mean(axis=-1) for one, other in measure.pairs
    ]
    return np.mean(np.abs(differences) if measure.absolute else differences, axis=0)


def margin_bound(measure: Measure, margins: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Bound sum_E |C_E| P(r <= D | E) on the change of F, for r = ``margins`` (n,) and D = ``distances`` (m,)."""

    def share_within(event: np.ndarray) -> np.ndarray:
        return np.searchsorted(np.sort(margins[event]), distances, side="right") / np.count_nonzero(event)

    return np.mean([share_within(one) + share_within(other) for one, other in measure.pairs], axis=0)


def lipschitz_constant(measure: Measure, margins: np.ndarray) -> float:
    """chi = sum_E |C_E| E[1/r | E]: the mean inverse confidence margin, summed over the events of the measure."""
    inverse = 1 / margins
    return float(np.mean([inverse[one].mean() + inverse[other].mean() for one, other in measure.pairs]))


def typical_lipschitz_constant(measure: Measure, margins: np.ndarray, block_size: int) -> float:
    """Median of ``lipschitz_constant`` over consecutive blocks of ``block_size`` points or a few more.

    1/r has no expectation where margins have a positive density at zero. The constant of a sample then hangs on its one
    or two smallest margins and differs at random between models; the median over blocks does not.
    """
    blocks = np.array_split(np.arange(margins.size), max(margins.size // block_size, 1))
    constants = [
        lipschitz_constant(measure._replace(pairs=[(a[block], b[block]) for a, b in measure.pairs]), margins[block])
        for block in blocks
    ]
    return float(np.median(constants))


# --- Margins ----------------------------------------------------------------------------------------------


def predict(theta: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Signs of <theta, x> for theta (..., p) and features (n, p), shape (..., n)."""
    return np.where(theta @ features.T > 0, 1, -1)


def normalised_margins(theta: np.ndarray, features: np.ndarray) -> np.ndarray:
    """r = |<theta, x>| / ||x||, shape (n,): no model closer than r to theta can predict another label at x."""
    return np.abs(features @ theta) / np.linalg.norm(features, axis=1)


def multiclass_margins(theta: np.ndarray, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """h_y(x) - max of the other scores, for theta (..., n_classes, p) and labels (n,); positive where h(x) = y.

    As a function of theta it is sqrt(2) ||x||-Lipschitz in the Euclidean (Frobenius) norm.
    """
    scores = features @ np.swapaxes(theta, -1, -2)
    points = np.arange(len(labels))
    own = scores[..., points, labels]
    scores[..., points, labels] = -np.inf
    return own - scores.max(axis=-1)


def adversarial_direction(
    measure: Measure, theta: np.ndarray, features: np.ndarray, labels: np.ndarray, reach: float
) -> np.ndarray:
    """Unit vector (p,) along which F increases fastest, from the points that a move of length ``reach`` may flip.

    It is the gradient of F with every jump of a prediction smeared over the points with r <= reach; zero without any.
    """
    target = labels if measure.target is None else np.full(len(labels), measure.target)
    pull = target[:, None] * features * (normalised_margins(theta, features) <= reach)[:, None]
    direction = np.zeros_like(theta)
    for one, other in measure.pairs:
        pair = Measure("one pair", measure.target, [(one, other)])
        level = fairness_level(pair, predict(theta, features), labels)
        sign = np.sign(level) if measure.absolute else 1.0
        direction += sign * (pull[one].mean(axis=0) - pull[other].mean(axis=0))
    length = np.linalg.norm(direction)
    return direction / length if length > 0 else direction


# --- Non-private learning ---------------------------------------------------------------------------------


def fit_logistic(features: np.ndarray, labels: np.ndarray, mu: float) -> np.ndarray:
    """theta* (p,), the minimiser of mean ln(1 + exp(-y <theta, x>)) + mu/2 ||theta||^2.

    Newton's method, to a gradient of norm 1e-12: an inexact minimiser would be one more source of distance.

    Raises
    ------
    RuntimeError
        If 50 iterations do not suffice.
    """
    theta = np.zeros(features.shape[1])
    for _ in range(50):
        wrong = expit(-labels * (features @ theta))
        gradient = mu * theta - features.T @ (labels * wrong) / len(labels)
        if np.linalg.norm(gradient) < 1e-12:
            return theta
        hessian = (features.T * (wrong * (1 - wrong))) @ features / len(labels)
        theta = theta - np.linalg.solve(hessian + mu * np.eye(theta.size), gradient)
    raise RuntimeError(f"no convergence: the gradient's norm is {np.linalg.norm(gradient):.1e}")


def fit_softmax(features: np.ndarray, labels: np.ndarray, n_classes: int, mu: float) -> np.ndarray:
    """Theta* (n_classes, p) of softmax regression on labels 0, 1, ..., by L-BFGS to a gradient of 1e-8."""
    points, one_hot = np.arange(len(labels)), np.eye(n_classes)[labels]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(n_classes, -1)
        scores = features @ theta.T
        loss = (logsumexp(scores, axis=1) - scores[points, labels]).mean() + mu / 2 * (flat @ flat)
        gradient = (softmax(scores, axis=1) - one_hot).T @ features / len(labels) + mu * theta
        return loss, gradient.ravel()

    start = np.zeros(n_classes * features.shape[1])
    options = {"gtol": 1e-8, "ftol": 0.0, "maxiter": 2000, "maxfun": 4000}
    return minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(n_classes, -1)


# --- Private learning -------------------------------------------------------------------------------------


def minimiser_sensitivity(n: int, mu: float, lipschitz: float = LOGISTIC_LIPSCHITZ) -> float:
    """Largest move of theta* when one of n records is replaced: 2 Lambda / (mu n), for a Lambda-Lipschitz loss."""
    return 2 * lipschitz / (mu * n)


def output_perturbation(theta: np.ndarray, sigma: float, n_draws: int, privacy_rng: np.random.Generator) -> np.ndarray:
    """theta* + N(0, sigma^2 I), shape (n_draws, *theta.shape)."""
    return theta + sigma * privacy_rng.standard_normal((n_draws, *theta.shape))


def output_noise(n: int, mu: float, epsilon: float, delta: float, lipschitz: float = LOGISTIC_LIPSCHITZ) -> float:
    """sigma = (2 Lambda/(mu n)) sqrt(2 ln(1.25/delta)) / epsilon, the paper's calibration.

    That formula is proved for epsilon < 1; by the exact profile it remains sufficient up to 8 at delta = 1e-5.
    """
    return classical_gaussian_sigma(epsilon, delta, minimiser_sensitivity(n, mu, lipschitz))


def noise_radius(sigma: float, dimension: int, zeta: float) -> float:
    """Radius that the norm of N(0, sigma^2 I) exceeds with probability zeta exactly."""
    return sigma * math.sqrt(chi2.ppf(1 - zeta, dimension))


def noise_radius_paper(sigma: float, dimension: int, zeta: float) -> float:
    """2 sigma sqrt(p ln(2/zeta)): the paper's radius sqrt(32 p ln(1.25/delta) ln(2/zeta)) Lambda/(mu n epsilon)."""
    return 2 * sigma * math.sqrt(dimension * math.log(2 / zeta))


def noisy_gradient_descent(
    features: np.ndarray,
    labels: np.ndarray,
    mu: float,
    epsilon: float,
    delta: float,
    n_steps: int,
    n_draws: int,
    privacy_rng: np.random.Generator,
) -> np.ndarray:
    """Last iterates (n_draws, p) of projected full-batch gradient descent with Gaussian noise in every gradient.

    Steps are 1/(mu t). The projection is on the ball of radius sqrt(2 ln 2/mu), which holds theta*: its objective is at
    most that of zero, ln 2. The mean gradient of the losses has sensitivity 2/n, and the steps share the zCDP budget
    equally.
    """
    n, dimension = features.shape
    step_noise = zcdp_sigma(zcdp_budget(epsilon, delta), 2 * LOGISTIC_LIPSCHITZ / n, n_steps)
    radius = math.sqrt(2 * math.log(2) / mu)
    signed = labels[:, None] * features
    theta = np.zeros((dimension, n_draws))
    for t in range(1, n_steps + 1):
        gradient = mu * theta - signed.T @ expit(-(signed @ theta)) / n
        gradient += step_noise * privacy_rng.standard_normal(theta.shape)
        theta = theta - gradient / (mu * t)
        theta /= np.maximum(np.linalg.norm(theta, axis=0) / radius, 1)
    return theta.T
