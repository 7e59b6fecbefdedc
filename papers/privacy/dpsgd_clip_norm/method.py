"""Noisy clipped gradient descent on a softmax layer, many settings at once (arXiv 2206.10713).

The problem is min_W (1/n) sum_i f_i(W), f_i the cross-entropy of softmax(W h_i) against the class of record i,
with frozen features h_i. The gradient has rank one,

    grad f_i(W) = (softmax(W h_i) - onehot_i) h_i^T,    ||grad f_i(W)|| = ||softmax(W h_i) - onehot_i|| ||h_i||,

so that f_i has the Lipschitz constant G_i = sqrt(2) ||h_i||, and no gradient is ever formed alone: clipping scales
the columns of the residual before the features are multiplied in.

Neighbouring data sets differ in one replaced record, and the loss is differentiated with respect to W alone.
Weights of many independent runs are one array (n_classes, n_features, n_runs).
"""

import numpy as np
from numpy.typing import ArrayLike

from ..gaussian_mechanism import zcdp_budget, zcdp_sigma


def lipschitz_constants(features: np.ndarray) -> np.ndarray:
    """G_i = sqrt(2) ||h_i|| for features (n, d), shape (n,): a softmax is at most sqrt(2) from any one-hot vector."""
    return np.sqrt(2) * np.linalg.norm(features, axis=1)


# --- Loss and gradient ------------------------------------------------------------------------------------


def one_hot(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Shape (n_classes, n, 1): classes first, as everywhere here, with room for the runs."""
    return (labels == np.arange(n_classes)[:, None]).astype(float)[:, :, None]


def probabilities(weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    """softmax(W h_i) for weights (k, d, n_runs) and features (n, d), shape (k, n, n_runs)."""
    scores = features @ weights
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores


def clipped_mean_gradient(
    weights: np.ndarray, features: np.ndarray, targets: np.ndarray, clip_norms: ArrayLike
) -> np.ndarray:
    """(1/n) sum_i clip(grad f_i(W)) with clip(g) = g min(1, tau/||g||).

    Parameters
    ----------
    weights : ndarray, shape (k, d, n_runs)
    features : ndarray, shape (n, d)
    targets : ndarray, shape (k, n, 1)
        From ``one_hot``.
    clip_norms : float or array_like, shape (n_runs,)
        tau of each run, positive and finite; nothing is clipped from the largest G_i on.

    Returns
    -------
    ndarray, shape (k, d, n_runs)
    """
    residuals = probabilities(weights, features)
    residuals -= targets
    norms = np.sqrt(np.einsum("knr,knr->nr", residuals, residuals)) * np.linalg.norm(features, axis=1)[:, None]
    residuals *= clip_norms / np.maximum(norms, clip_norms)
    return features.T @ residuals / len(features)


def mean_loss(weights: np.ndarray, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean cross-entropy in nats, shape (n_runs,)."""
    scores = features @ weights
    largest = scores.max(axis=0)
    own = scores[labels, np.arange(len(labels))]
    return (largest + np.log(np.exp(scores - largest).sum(axis=0)) - own).mean(axis=0)


def is_correct(weights: np.ndarray, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the class of a record has the highest score, shape (n, n_runs)."""
    return (features @ weights).argmax(axis=0) == labels[:, None]


# --- The private method -----------------------------------------------------------------------------------


def noise_scale(clip_norms: ArrayLike, n_records: int, n_steps: int, epsilon: float, delta: float) -> np.ndarray:
    """sigma = (2 tau/n) sqrt(R/(2 rho)): sd per entry so that R steps are (epsilon, delta)-DP by rho-zCDP.

    Replacing one record moves the clipped mean by at most 2 tau/n.
    """
    return 2 * np.asarray(clip_norms) / n_records * zcdp_sigma(zcdp_budget(epsilon, delta), n_releases=n_steps)


def noisy_descent(
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    clip_norms: np.ndarray,
    step_sizes: np.ndarray,
    sigmas: np.ndarray,
    n_steps: int,
    n_repetitions: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """W_{r+1} = W_r - eta (clipped mean gradient + N(0, sigma^2 I)) from W_0 = 0, for many settings side by side.

    Each run alone has independent noise in every entry and step. The settings of one repetition share the underlying
    standard normals: they are alternatives of which one would be released, and share them to be compared.

    Parameters
    ----------
    features, labels : ndarray, shapes (n, d) and (n,)
    clip_norms, step_sizes, sigmas : ndarray, shape (n_settings,)
    n_repetitions : int
        Runs of each setting, with noise of their own.

    Returns
    -------
    ndarray, shape (n_classes, d, n_settings, n_repetitions)
        The weights after ``n_steps`` steps.
    """
    shape = (n_classes, features.shape[1], len(clip_norms), n_repetitions)
    weights = np.zeros(shape)
    flat = weights.reshape(*shape[:2], -1)
    targets = one_hot(labels, n_classes)
    clip_of_run, step_of_run = (np.repeat(values, n_repetitions) for values in (clip_norms, step_sizes))
    noise_steps = (step_sizes * sigmas)[:, None]
    for _ in range(n_steps):
        flat -= step_of_run * clipped_mean_gradient(flat, features, targets, clip_of_run)
        weights -= noise_steps * rng.standard_normal((*shape[:2], 1, n_repetitions))
    return weights


# --- Tuning -----------------------------------------------------------------------------------------------


def random_halves(n_records: int, n_halvings: int, rng: np.random.Generator) -> np.ndarray:
    """Records in the first half (True) of each random halving, shape (n_halvings, n_records)."""
    return rng.permuted(np.arange(n_records) < n_records // 2 + np.zeros((n_halvings, 1)), axis=1)


def cross_tuned(scores: np.ndarray, halves: np.ndarray) -> float:
    """Score of the best setting, which is chosen on one half of the records and scored on the other.

    Averaged over both ways and all halvings. No label counts both for a choice and for the score of that choice.

    Parameters
    ----------
    scores : ndarray, shape (n_records, n_settings)
        Higher is better.
    halves : ndarray of bool, shape (n_halvings, n_records)
        From ``random_halves``.
    """
    chooser, scorer = (part @ scores / part.sum(axis=1, keepdims=True) for part in (halves * 1.0, ~halves * 1.0))
    row = np.arange(len(halves))
    return float(scorer[row, chooser.argmax(axis=1)].mean() + chooser[row, scorer.argmax(axis=1)].mean()) / 2
