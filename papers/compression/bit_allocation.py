"""Which of several options each layer gets under a total budget: exact, greedy and exhaustive.

The problem is a multiple-choice knapsack: minimise ``sum_l loss[l, j_l]`` with ``sum_l cost[l, j_l] <= budget``.
"""

from __future__ import annotations

from itertools import product

import numpy as np


def allocate(loss: np.ndarray, cost: np.ndarray, budget: int) -> np.ndarray:
    """The optimal choice, by dynamic programming over integer budgets.

    Parameters
    ----------
    loss : ndarray of float, shape (layers, options)
    cost : ndarray of non-negative int, shape (layers, options)
        Divide by the greatest common divisor first: time and memory grow with ``budget``.
    budget : int

    Returns
    -------
    ndarray of int, shape (layers,)
        The option of every layer.

    Raises
    ------
    ValueError
        If the cheapest options together exceed the budget.
    """
    _check(loss, cost, budget)
    least = np.zeros(budget + 1)  # least loss of the layers so far within each budget
    choices = np.zeros((len(loss), budget + 1), dtype=np.int64)
    for layer, (layer_loss, layer_cost) in enumerate(zip(loss, cost, strict=True)):
        candidates = np.full((len(layer_loss), budget + 1), np.inf)
        for option, (added, spent) in enumerate(zip(layer_loss, layer_cost, strict=True)):
            if spent <= budget:
                candidates[option, spent:] = least[: budget + 1 - spent] + added
        choices[layer] = candidates.argmin(axis=0)
        least = candidates.min(axis=0)
    chosen = np.empty(len(loss), dtype=np.int64)
    left = budget
    for layer in reversed(range(len(loss))):
        chosen[layer] = choices[layer, left]
        left -= cost[layer, chosen[layer]]
    return chosen


def allocate_greedily(loss: np.ndarray, cost: np.ndarray, budget: int) -> np.ndarray:
    """From the cheapest options up: again and again the affordable upgrade that saves most loss per unit of cost."""
    _check(loss, cost, budget)
    layers = np.arange(len(loss))
    chosen = cost.argmin(axis=1)
    while True:
        added = cost - cost[layers, chosen][:, None]
        saved = loss[layers, chosen][:, None] - loss
        possible = (added > 0) & (saved > 0) & (added <= budget - cost[layers, chosen].sum())
        if not possible.any():
            return chosen
        gain = np.where(possible, saved / np.where(possible, added, 1), -np.inf)
        layer, option = np.unravel_index(gain.argmax(), gain.shape)
        chosen[layer] = option


def allocate_exhaustively(loss: np.ndarray, cost: np.ndarray, budget: int) -> np.ndarray:
    """The optimal choice by trying all; for a handful of layers."""
    _check(loss, cost, budget)
    layers = np.arange(len(loss))
    choices = np.array(list(product(range(loss.shape[1]), repeat=len(loss))))
    total_loss, total_cost = loss[layers, choices].sum(axis=1), cost[layers, choices].sum(axis=1)
    return choices[np.where(total_cost <= budget, total_loss, np.inf).argmin()]


def _check(loss: np.ndarray, cost: np.ndarray, budget: int) -> None:
    if loss.shape != cost.shape or loss.ndim != 2:
        raise ValueError(f"loss {loss.shape} and cost {cost.shape} must be of one shape (layers, options)")
    if (cheapest := int(cost.min(axis=1).sum())) > budget:
        raise ValueError(f"a budget of {budget} is below the {cheapest} that the cheapest options cost")
