"""Frozen features of private records: what a public network makes of digits, and random ReLU features."""

import warnings

import numpy as np

from litmus.params import Params

HIDDEN_UNITS = 256
CONSTANT_FEATURE = 0.1  # keeps the norm of a record away from zero
RANDOM_FEATURES = 128
TRAIN_SHARE = 0.7
PRETRAINED_TRAIN = 700
FIRST_PRIVATE_DIGIT = 5


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays ``{name}_{part}_{content}`` for each name in ``params.data_sets``, split at random.

    Parts are "train" and "held_out"; contents are "x" (n, d), the frozen features, and "y" (n,), the classes from
    0 on.
    """
    sources = {
        "pretrained_digits": pretrained_digits,
        "random_digits": random_digits,
        "random_breast_cancer": random_breast_cancer,
    }
    arrays = {}
    for name in params.data_sets:
        x, y = sources[name](rng)
        n_train = PRETRAINED_TRAIN if name == "pretrained_digits" else round(TRAIN_SHARE * len(y))
        train, held_out = np.split(rng.permutation(len(y)), [n_train])
        for part, chosen in {"train": train, "held_out": held_out}.items():
            arrays |= {f"{name}_{part}_x": x[chosen], f"{name}_{part}_y": y[chosen]}
    return arrays


def pretrained_digits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Digits 5 to 9 seen through the hidden layer of a network trained on digits 0 to 4, which are public."""
    from sklearn.datasets import load_digits
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    pixels, digit = load_digits(return_X_y=True)
    pixels, public = pixels / 16, digit < FIRST_PRIVATE_DIGIT
    network = MLPClassifier((HIDDEN_UNITS,), max_iter=60, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is meant
        network.fit(pixels[public], digit[public])
    hidden = np.maximum(pixels[~public] @ network.coefs_[0] + network.intercepts_[0], 0)
    constant = np.full((len(hidden), 1), CONSTANT_FEATURE)
    return np.hstack([hidden, constant]), digit[~public] - FIRST_PRIVATE_DIGIT


def random_digits(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All ten digits through random ReLU features."""
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return random_relu_features(pixels, rng), digit


def random_breast_cancer(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Malignant (0) and benign (1) records through random ReLU features."""
    from sklearn.datasets import load_breast_cancer

    measurements, benign = load_breast_cancer(return_X_y=True)
    return random_relu_features(measurements, rng), benign


def random_relu_features(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """max(0, z w / sqrt(p)) of inputs z standardised per column, with w drawn from N(0, I): shape (n, 128)."""
    spread = inputs.std(axis=0)
    standardised = (inputs - inputs.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    directions = rng.standard_normal((inputs.shape[1], RANDOM_FEATURES)) / np.sqrt(inputs.shape[1])
    return np.maximum(standardised @ directions, 0)
