"""Synthetic groups with different base rates, breast cancer records, and digits (two and ten classes).

Every set has features of norm at most one, labels and a binary sensitive group, split into training and test parts.
"""

import numpy as np

from litmus.params import Params

N_SYNTHETIC_FEATURES = 10


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays ``{name}_{part}_{content}`` for each set named in ``params.sample_sizes``.

    Parts are "train" (as many points as the largest sample size) and "test" (``params.n_test`` points of the
    synthetic set, all that is left of the others); contents are "x" (n, p), "y" (n,) and "group" (n,). Features
    are in single precision, to halve the files.
    """
    sources = {
        "synthetic": lambda n_train: synthetic(n_train + params.n_test, rng),
        "breast_cancer": lambda n_train: breast_cancer(),
        "digits": lambda n_train: digits(two_classes=True),
        "digits_ten_classes": lambda n_train: digits(two_classes=False),
    }
    arrays = {}
    for name, sizes in params.sample_sizes.items():
        n_train = max(sizes)
        x, y, group = sources[name](n_train)
        order = rng.permutation(len(y))
        for part, chosen in (("train", order[:n_train]), ("test", order[n_train:])):
            arrays |= {
                f"{name}_{part}_x": x[chosen].astype(np.float32),
                f"{name}_{part}_y": y[chosen],
                f"{name}_{part}_group": group[chosen],
            }
    return arrays


def synthetic(n_points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A minority (35 %) with fewer positive labels (35 % against 60 %); label and group shift Gaussian features."""
    group = rng.random(n_points) < 0.35
    y = np.where(rng.random(n_points) < np.where(group, 0.35, 0.6), 1, -1)
    label_shift = np.linspace(1, -0.5, N_SYNTHETIC_FEATURES)
    x = rng.standard_normal((n_points, N_SYNTHETIC_FEATURES))
    x += 0.5 * y[:, None] * label_shift + 0.4 * group[:, None] * label_shift[::-1]
    return into_unit_ball(x, radius=3.0), y, group


def breast_cancer() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Benign (1) or malignant (-1) from 30 features; the group has a mean texture above the median."""
    from sklearn.datasets import load_breast_cancer

    features, benign = load_breast_cancer(return_X_y=True)
    texture = features[:, 1]
    return standardised(features), np.where(benign == 1, 1, -1), texture > np.median(texture)


def digits(two_classes: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Digits of at least five (1) against the others (-1), or all ten; the group has more ink than the median."""
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    ink = pixels.sum(axis=1)
    return standardised(pixels), np.where(digit >= 5, 1, -1) if two_classes else digit, ink > np.median(ink)


def standardised(features: np.ndarray) -> np.ndarray:
    """Features of mean 0 and variance 1 (constant ones 0), scaled into the unit ball."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return into_unit_ball(scaled, radius=np.sqrt(features.shape[1]))


def into_unit_ball(features: np.ndarray, radius: float) -> np.ndarray:
    """Clip rows to norm ``radius``, divide by it, append a constant 1, and divide by sqrt(2): norms are at most 1."""
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    clipped = features / np.maximum(norms, radius)
    return np.hstack([clipped, np.ones((len(features), 1))]) / np.sqrt(2)
