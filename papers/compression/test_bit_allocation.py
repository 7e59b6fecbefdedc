import numpy as np
import pytest

from papers.compression.bit_allocation import allocate, allocate_exhaustively, allocate_greedily


def instance(rng: np.random.Generator, layers: int = 5) -> tuple[np.ndarray, np.ndarray, int]:
    loss, cost = rng.exponential(size=(layers, 4)), rng.integers(1, 20, size=(layers, 4))
    return loss, cost, int(rng.integers(cost.min(axis=1).sum(), cost.max(axis=1).sum() + 1))


def value(loss: np.ndarray, chosen: np.ndarray) -> float:
    return loss[np.arange(len(loss)), chosen].sum()


def test_dynamic_programming_equals_trying_all() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        loss, cost, budget = instance(rng)
        chosen = allocate(loss, cost, budget)
        assert value(cost, chosen) <= budget
        assert value(loss, chosen) == pytest.approx(value(loss, allocate_exhaustively(loss, cost, budget)), abs=1e-12)


def test_greedy_is_affordable_and_sometimes_worse() -> None:
    rng = np.random.default_rng(1)
    worse = 0
    for _ in range(60):
        loss, cost, budget = instance(rng)
        chosen = allocate_greedily(loss, cost, budget)
        assert value(cost, chosen) <= budget
        best = value(loss, allocate(loss, cost, budget))
        assert value(loss, chosen) >= best - 1e-12
        worse += value(loss, chosen) > best + 1e-9
    assert worse > 5


def test_greedy_where_it_can_be_followed_by_hand() -> None:
    loss, cost = np.array([[8.0, 4.0, 3.0], [6.0, 1.0, 0.5]]), np.array([[1, 2, 3], [1, 2, 3]])
    # upgrades in order of saving: layer 1 (5), layer 0 (4), layer 0 (1)
    assert allocate_greedily(loss, cost, 3).tolist() == [0, 1]
    assert allocate_greedily(loss, cost, 5).tolist() == [2, 1]


def test_a_large_budget_buys_the_least_loss_and_a_tight_one_the_least_cost() -> None:
    rng = np.random.default_rng(2)
    loss, cost, _ = instance(rng, layers=8)
    assert np.array_equal(allocate(loss, cost, 200), loss.argmin(axis=1))
    assert value(cost, allocate(loss, cost, int(cost.min(axis=1).sum()))) == cost.min(axis=1).sum()


@pytest.mark.parametrize("allocator", [allocate, allocate_greedily, allocate_exhaustively])
def test_budget_below_the_cheapest_is_refused(allocator) -> None:
    with pytest.raises(ValueError, match="below the 6 that the cheapest options cost"):
        allocator(np.ones((3, 2)), np.full((3, 2), 2), 5)
