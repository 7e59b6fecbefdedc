"""Common classifiers under attack: nearest neighbours, and softmax regression trained against the adversary."""

import numpy as np

N_DIRECTIONS = 64
RADII = (0.25, 0.5, 0.75, 1.0)  # of the attacks on neighbours, as shares of epsilon
NEIGHBOURS = (1, 3, 5, 9, 15)
N_STEPS = 200  # of training; the risks of blobs are those after 1000
RATE = 1.0
CHECK_EVERY = 10
PGD_STEPS = 10  # before each of them, from where the last attack stopped


def neighbours_risk(points: np.ndarray, labels: np.ndarray, epsilon: float, attacked: bool = True) -> dict[int, float]:
    """Risk of the k-nearest-neighbour rule on its own planar points (n, 2) of equal mass, for several odd k.

    Every point tries 64 directions at four distances and its own place, so that the risk is a lower bound.
    """
    classes, of_class = np.unique(labels, return_inverse=True)
    angles = 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS
    circle = np.column_stack([np.cos(angles), np.sin(angles)])
    moves = np.zeros((1, 2))
    if attacked:
        moves = np.concatenate([moves, *(radius * epsilon * circle for radius in RADII)])
    targets = (points[:, None] + moves).reshape(-1, 2)
    nearest = np.linalg.norm(targets[:, None] - points, axis=-1).argsort(axis=1)[:, : max(NEIGHBOURS)]
    votes = np.eye(len(classes), dtype=int)[of_class[nearest]].cumsum(axis=1)
    wrong = votes.argmax(axis=2).reshape(len(points), len(moves), -1) != of_class[:, None, None]
    return {k: float(wrong[..., k - 1].any(axis=1).mean()) for k in NEIGHBOURS if k <= len(points)}


def softmax_risk(points: np.ndarray, labels: np.ndarray, epsilon: float, attacked: bool = True) -> float:
    """Least attacked risk seen while softmax regression is trained on points (n, d) that projected gradients attack.

    The attack of the loss has normalised steps of epsilon / 4; the risk that is returned is of the class with the
    largest score, under the worst move, which is known in closed form.
    """
    n, n_features = points.shape
    classes, of_class = np.unique(labels, return_inverse=True)
    targets = np.eye(len(classes))[of_class]
    weights, bias = np.zeros((n_features, len(classes))), np.zeros(len(classes))
    moves, best = np.zeros_like(points), np.inf
    for step in range(1, N_STEPS + 1):
        for _ in range(PGD_STEPS):
            way = (softmax((points + moves) @ weights + bias) - targets) @ weights.T
            moves = moves + epsilon / 4 * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
            moves *= epsilon / np.maximum(np.linalg.norm(moves, axis=1, keepdims=True), epsilon)
        excess = softmax((points + moves) @ weights + bias) - targets
        weights = weights - RATE * (points + moves).T @ excess / n
        bias = bias - RATE * excess.mean(axis=0)
        if step % CHECK_EVERY == 0:
            best = min(best, linear_risk(weights, bias, points, of_class, epsilon if attacked else 0.0))
    return best


def softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def linear_risk(
    weights: np.ndarray, bias: np.ndarray, points: np.ndarray, of_class: np.ndarray, epsilon: float
) -> float:
    """Share of the points (n, d) that a move by at most epsilon takes to a class with a larger linear score.

    A move adds up to epsilon ||w_j - w_i|| to the score of class j less that of class i.
    """
    values = points @ weights + bias
    norms = np.linalg.norm(weights[:, None] - weights[:, :, None], axis=0)[of_class]
    margins = values - np.take_along_axis(values, of_class[:, None], axis=1) + epsilon * norms
    margins[np.arange(len(points)), of_class] = -np.inf
    return float((margins.max(axis=1) > 0).mean())
