"""Common classifiers under attack: nearest neighbours, and softmax regression trained against the adversary."""

import numpy as np

N_DIRECTIONS = 64
RADII = (0.25, 0.5, 0.75, 1.0)  # of the attacks on neighbours, as shares of epsilon
NEIGHBOURS = (1, 3, 5, 9, 15)
N_STEPS = 200  # of training; 1000 lower the risk of blobs by a point at most, rarely
RATES = np.array([0.3, 1.0, 3.0, 10.0])  # of learning
PGD_STEPS = 10  # before each of them, from where the last attack stopped


def neighbours_risk(points: np.ndarray, labels: np.ndarray, epsilon: float) -> dict[int, float]:
    """Risk of the k-nearest-neighbour rule on its own planar points (n, 2) of equal mass, for several odd k.

    Every point tries 64 directions at four distances and its own place, so that the risk is a lower bound.
    """
    classes, of_class = np.unique(labels, return_inverse=True)
    angles = 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    moves = np.concatenate([np.zeros((1, 2)), *(radius * epsilon * circle for radius in RADII)])
    targets = (points[:, None] + moves).reshape(-1, 2)
    nearest = np.linalg.norm(targets[:, None] - points, axis=-1).argsort(axis=1)[:, : max(NEIGHBOURS)]
    votes = np.eye(len(classes), dtype=int)[of_class[nearest]].cumsum(axis=1)
    wrong = votes.argmax(axis=2).reshape(len(points), len(moves), -1) != of_class[:, None, None]
    return {k: float(wrong[..., k - 1].any(axis=1).mean()) for k in NEIGHBOURS if k <= len(points)}


def softmax_risks(points: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Least attacked risks (m,) seen while softmax regression is trained on points (n, d) that gradients attack.

    Every epsilon of (m,) and every learning rate has its own training, all side by side; the best rate and step of each
    epsilon count. The projected gradients of the loss have normalised steps of epsilon / 4; the risk is of the class
    with the largest score, under the worst move, which is known in closed form.
    """
    classes, of_class = np.unique(labels, return_inverse=True)
    targets = np.eye(len(classes))[of_class]
    reach, rate = epsilons[:, None, None, None], RATES[:, None, None]
    runs = (len(epsilons), len(RATES))
    weights, bias = np.zeros((*runs, points.shape[1], len(classes))), np.zeros((*runs, 1, len(classes)))
    moves, best = np.zeros((*runs, *points.shape)), np.ones(runs)
    for _ in range(N_STEPS):
        for _ in range(PGD_STEPS):
            way = (softmax((points + moves) @ weights + bias) - targets) @ weights.swapaxes(-1, -2)
            moves += reach / 4 * way / np.maximum(lengths(way), 1e-12)
            moves *= reach / np.maximum(lengths(moves), reach)
        attacked = points + moves
        excess = softmax(attacked @ weights + bias) - targets
        weights = weights - rate * attacked.swapaxes(-1, -2) @ excess / len(points)
        bias = bias - rate * excess.mean(axis=-2, keepdims=True)
        best = np.minimum(best, linear_risk(weights, bias, points, of_class, reach))
    return best.min(axis=1)


def lengths(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))[..., None]


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def linear_risk(
    weights: np.ndarray, bias: np.ndarray, points: np.ndarray, of_class: np.ndarray, epsilon: float | np.ndarray
) -> np.ndarray:
    """Share of the points (n, d) that a move by at most epsilon takes to a class with a larger linear score.

    A move adds up to epsilon ||w_j - w_i|| to the score of class j less that of class i.

    Parameters
    ----------
    weights : array (..., d, K)
        Of one classifier or of many.
    bias, epsilon : arrays (..., 1, K) and (..., 1, 1), or what is broadcast to them
    points, of_class : arrays (n, d), (n,)
    """
    own = (..., np.arange(len(points)), of_class)
    values = points @ weights + bias
    norms = np.linalg.norm(weights[..., None, :] - weights[..., :, None], axis=-3)[..., of_class, :]
    margins = values - values[own][..., None] + epsilon * norms
    margins[own] = -np.inf
    return (margins.max(axis=-1) > 0).mean(axis=-1)
