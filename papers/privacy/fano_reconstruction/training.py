"""Noisy gradient descent on a softmax regression, and the best attack on one label of its training set.

Arrays carry the trials along their first axis: independent training runs, each on its own data.
"""

import numpy as np

N_CLASSES = 10


def softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def clipped_errors(weights: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
    """The factors r of the per-record gradients r x^T of the cross-entropy, scaled to a norm of at most ``clip``.

    Parameters
    ----------
    weights : (trials, classes, features)
    features : (trials, records, features)
    labels : (trials, records)

    Returns
    -------
    ndarray, (trials, records, classes)
    """
    errors = softmax(features @ weights.swapaxes(1, 2)) - np.eye(weights.shape[1])[labels]
    norms = np.sqrt(squared_norms(errors) * squared_norms(features))
    return errors * np.minimum(1, clip / norms)[..., None]


def squared_norms(vectors: np.ndarray) -> np.ndarray:
    """Over the last axis, without a temporary of the size of the vectors."""
    return np.einsum("...i,...i", vectors, vectors)


def gradient_sums(weights: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
    """Sums (trials, classes, features) of the clipped gradients of all records."""
    return clipped_errors(weights, features, labels, clip).swapaxes(1, 2) @ features


def noisy_descent(
    features: np.ndarray,
    labels: np.ndarray,
    sigma: float,
    learning_rate: float,
    n_steps: int,
    clip: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Full-batch DP gradient descent from zero weights; a step moves by ``learning_rate`` times the mean gradient.

    Parameters
    ----------
    features : (trials, records, features)
    labels : (trials, records)
    sigma : float
        Noise sd on every entry of a sum of gradients.
    clip : float
        Largest norm of a gradient: what removing a record can change in a sum. inf for no clipping.

    Returns
    -------
    noisy_sums : (n_steps, trials, classes, features), all that is released
    weights : (trials, classes, features), at the end
    """
    n_trials, n_records, n_features = features.shape
    weights = np.zeros((n_trials, N_CLASSES, n_features))
    released = []
    for _ in range(n_steps):
        noise = sigma * rng.standard_normal(weights.shape)
        released.append(gradient_sums(weights, features, labels, clip) + noise)
        weights = weights - learning_rate / n_records * released[-1]
    return np.array(released), weights


def label_log_posteriors(
    noisy_sums: np.ndarray,
    features: np.ndarray,
    other_labels: np.ndarray,
    sigma: float,
    learning_rate: float,
    clip: float,
) -> np.ndarray:
    """Log-posterior (trials, classes) of the label of each trial's first record, given everything else.

    The attacker knows all images and the labels of all records but the first, (trials, records - 1). From the
    released sums the weights of every step follow; with the known gradients subtracted, a sum is the secret
    record's gradient plus noise, so that the likelihoods of the candidate labels are Gaussian and multiply.
    """
    n_trials, n_records, n_features = features.shape
    weights = np.zeros((n_trials, N_CLASSES, n_features))
    secret = features[:, :1]
    candidates = np.broadcast_to(np.arange(N_CLASSES), (n_trials, N_CLASSES))
    log_likelihoods = np.zeros((n_trials, N_CLASSES))
    for noisy_sum in noisy_sums:
        rest = noisy_sum - gradient_sums(weights, features[:, 1:], other_labels, clip)
        repeated = np.broadcast_to(secret, (n_trials, N_CLASSES, n_features))
        errors = clipped_errors(weights, repeated, candidates, clip)  # (trials, candidates, classes)
        # |rest - r x^T|^2 = |rest|^2 - 2 r.(rest x) + |r|^2 |x|^2, of which the first part is common to all
        overlaps = (errors @ (rest @ secret.swapaxes(1, 2)))[..., 0]
        squares = squared_norms(errors) * squared_norms(secret)
        log_likelihoods += (overlaps - squares / 2) / sigma**2
        weights = weights - learning_rate / n_records * noisy_sum
    largest = log_likelihoods.max(axis=1, keepdims=True)
    return log_likelihoods - largest - np.log(np.exp(log_likelihoods - largest).sum(axis=1, keepdims=True))
