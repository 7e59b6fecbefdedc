"""Blocks against nonnegative least squares and a fine grid; the dual against finite differences, POT and the primal."""

from fractions import Fraction

import numpy as np
import ot
import pandas as pd
import pytest
import scipy.special
from scipy.optimize import minimize, nnls

from papers.optimal_transport.sinkhorn import grid_costs
from papers.optimal_transport.wasserstein_cp_dictionary import experiment, method
from papers.optimal_transport.wasserstein_cp_dictionary import wasserstein_dictionary as dictionary

SIDE, RANK, N_LAWS, EPSILON = 3, 2, 4, 0.5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def problem(rng):
    """Laws on a small grid, a dictionary and the cost."""
    start = dictionary.Dictionary(
        rng.dirichlet(np.ones(RANK), size=N_LAWS).T,
        rng.dirichlet(np.ones(SIDE), size=RANK).T,
        rng.dirichlet(np.ones(SIDE), size=RANK).T,
    )
    return rng.dirichlet(np.ones(SIDE**2), size=N_LAWS), start, grid_costs(SIDE)


def pot_cost(x, y, cost, epsilon=EPSILON):
    """OT_eps relative to x 1^T, from POT's plan."""
    plan = ot.sinkhorn(x, y, cost, epsilon, method="sinkhorn_log", numItermax=5000, stopThr=1e-11)
    return (plan * cost).sum() + epsilon * scipy.special.rel_entr(plan, x[:, None]).sum()


# --- Nonnegative CP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("rho", [1e-6, 0.7])
def test_block_with_many_steps_equals_nonnegative_least_squares(rng, mode, rho):
    tensor = rng.random((4, 5, 6)) - 0.3
    factors = [rng.random((n, 3)) for n in tensor.shape]
    unfolded = np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
    gram, target = method.normal_equations(unfolded, factors, mode)
    solution = method.update_block(gram, target, factors[mode], rho, 2000)
    units = [factors[i] if i != mode else np.eye(tensor.shape[mode]) for i in range(3)]
    first, second = (units[i] for i in range(3) if i != mode)
    design = np.einsum("ir,jr->ijr", first, second).reshape(-1, 3)
    for row, old, found in zip(unfolded, factors[mode], solution, strict=True):
        extended = np.vstack([design, np.sqrt(rho) * np.eye(3)])
        expected, _ = nnls(extended, np.concatenate([row, np.sqrt(rho) * old]))
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_gap_is_the_projected_gradient_by_finite_differences(rng):
    tensor = rng.random((3, 4, 2))
    factors = [rng.random((n, 2)) for n in tensor.shape]
    factors[0][0, 0] = 0.0
    total, step = 0.0, 1e-6
    for factor in factors:
        for index in np.ndindex(factor.shape):
            values = []
            for sign in (1, -1):
                factor[index] += sign * step
                values.append(((tensor - method.compose(factors)) ** 2).sum() / 2)
                factor[index] -= sign * step
            gradient = (values[0] - values[1]) / (2 * step)
            total += (factor[index] - np.clip(factor[index] - gradient, 0, method.UPPER)) ** 2
    found = sum(
        method.projected_gradient(np.moveaxis(tensor, mode, 0).reshape(len(factors[mode]), -1), factors, mode)
        for mode in range(3)
    )
    assert found == pytest.approx(total, rel=1e-6)


def outer(u, v, w):
    return np.multiply.outer(np.multiply.outer(u, v), w)


def test_exact_tensor_is_decomposed_and_the_objective_falls(rng):
    tensor = method.compose([rng.random((n, 2)) for n in (5, 6, 7)])
    start = [rng.random((n, 2)) for n in tensor.shape]
    factors, objective, gap = method.nonnegative_cp(tensor, start, 0.01, 500, 20)
    assert (len(objective), len(gap)) == (501, 500)
    assert objective[0] == pytest.approx(((tensor - sum(map(outer, *(f.T for f in start)))) ** 2).sum() / 2)
    assert (np.diff(objective) <= 1e-12).all()
    assert objective[-1] < 1e-8
    assert gap[-1] < 1e-4
    np.testing.assert_allclose(method.compose(factors), tensor, atol=1e-3)


def test_proximal_weight_must_be_positive(rng):
    with pytest.raises(ValueError, match="positive"):
        method.nonnegative_cp(np.ones((2, 2, 2)), [np.ones((2, 1))] * 3, 0.0, 1, 1)


# --- Powell's function ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.0, 0.1, 1.0, 4.0])
def test_powell_block_equals_the_best_of_a_fine_grid(rng, rho):
    grid = np.linspace(-3, 3, 60_001)
    for others, old in rng.uniform([-6, -3], [6, 3], size=(20, 2)):
        walls = np.maximum(np.abs(grid) - 1, 0) ** 2
        best = grid[np.argmin(-grid * others + walls + rho / 2 * (grid - old) ** 2)]
        assert method.powell_block(others, old, rho) == pytest.approx(best, abs=2e-4)


@pytest.mark.parametrize("old", [Fraction(-2), Fraction(0), Fraction(1, 2)])
def test_powell_block_is_at_one_on_a_flat_piece(old):
    assert method.powell_block(Fraction(0), old, Fraction(0)) == 1


def test_powell_gap_is_the_projected_gradient(rng):
    for x in rng.uniform(-3, 3, size=(5, 3)):
        steps = 1e-6 * np.eye(3)
        gradient = np.array([(method.powell_value(x + step) - method.powell_value(x - step)) / 2e-6 for step in steps])
        expected = np.linalg.norm(x - np.clip(x - gradient, -3, 3))
        assert method.powell_gap(list(x)) == pytest.approx(expected, rel=1e-6)


def test_powell_cycles_for_ever_and_a_proximal_term_ends_it():
    start = method.powell_start(Fraction(1, 10))
    path, gaps = method.powell_bcd(start, Fraction(0), 60)
    corners = {tuple(int(np.sign(value)) for value in point) for point in path}
    assert len(corners) > 1
    assert not {(1, 1, 1), (-1, -1, -1)} & corners
    assert gaps.min() >= 2
    path, gaps = method.powell_bcd(start, Fraction(1), 60)
    assert gaps[-1] == 0
    assert abs(sum(path[-1])) == 9  # a corner at which all signs agree: the global minimum


# --- Wasserstein dictionary -------------------------------------------------------------------------------


def test_gradient_of_the_conjugate_by_finite_differences(rng, problem):
    laws, _, cost = problem
    kernel, potentials = np.exp(-cost / EPSILON), rng.normal(size=laws.shape)
    value, gradient = dictionary.conjugate(potentials, laws, kernel, EPSILON)
    for index in np.ndindex(laws.shape):
        moved = potentials.copy()
        moved[index] += 1e-6
        difference = dictionary.conjugate(moved, laws, kernel, EPSILON)[0] - value
        assert gradient[index] == pytest.approx(difference / 1e-6, abs=1e-5)


def test_biconjugate_is_the_entropic_cost(rng):
    """On five bins: the largest <g, y> - H*(g) equals POT's cost."""
    x, y = rng.dirichlet(np.ones(5), size=2)
    cost = (np.arange(5)[:, None] - np.arange(5.0)) ** 2
    kernel = np.exp(-cost / EPSILON)

    def loss(g):
        value, gradient = dictionary.conjugate(g[None], x[None], kernel, EPSILON)
        return value - g @ y, gradient[0] - y

    found = minimize(loss, np.zeros(5), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    assert -found.fun == pytest.approx(pot_cost(x, y, cost), rel=1e-7)


@pytest.mark.parametrize("update", ["codes", "first", "second"])
def test_block_update_minimises_the_primal(rng, problem, update):
    """The new block is in the simplices, and no other point has less transport plus proximal term."""
    laws, start, cost = problem
    tau = 0.3
    step = getattr(dictionary, f"update_{update}")
    inner = {"tau": tau, "kernel": np.exp(-cost / EPSILON), "epsilon": EPSILON, "n_iterations": 500}
    new, _ = step(laws, start, np.zeros_like(laws), **inner)
    old_block, block = getattr(start, update), getattr(new, update)
    np.testing.assert_allclose(block.sum(axis=0), 1)
    assert (block >= 0).all()

    def primal(z):
        mixtures = start._replace(**{update: z}).mixtures.reshape(laws.shape)
        transport = sum(pot_cost(x, y, cost) for x, y in zip(laws, mixtures, strict=True))
        return transport + tau * (z * np.log(z / old_block)).sum()

    least = primal(block)
    assert least < primal(old_block)
    for _ in range(4):
        other = rng.dirichlet(np.ones(block.shape[0]), size=block.shape[1]).T
        for share in (0.02, 0.3):
            assert primal((1 - share) * block + share * other) > least


def test_learning_reports_the_objective_of_its_dictionary(problem):
    laws, start, cost = problem
    learned, objective = dictionary.learn(laws, start, cost, EPSILON, 0.1, 5, 100)
    assert (np.diff(objective) <= 1e-6).all()
    for value, point in ((objective[0], start), (objective[-1], learned)):
        mixtures = point.mixtures.reshape(laws.shape)
        expected = sum(pot_cost(x, y, cost) for x, y in zip(laws, mixtures, strict=True))
        assert value == pytest.approx(expected, rel=1e-5)


def test_objective_at_the_start_has_converged_on_a_fine_grid(rng):
    """No dual variable is known there, and at this epsilon Sinkhorn's iterations are slow."""
    side, epsilon, cost = 8, 0.005, grid_costs(8) / 49
    law = rng.dirichlet(np.full(side**2, 0.3), size=1)
    start = dictionary.Dictionary(
        *(rng.dirichlet(np.full(n, 5.0), size=k).T for n, k in ((3, 1), (side, 3), (side, 3)))
    )
    _, objective = dictionary.learn(law, start, cost, epsilon, 0.005, 0, 1)
    expected = pot_cost(law[0], start.mixtures.ravel(), cost, epsilon)
    assert objective == pytest.approx([expected], rel=1e-6)


def test_farthest_ratio_may_be_below_one():
    assert experiment.farthest_from_one(pd.Series([1.0, 0.5, 1.9], index=[7, 7, 7])) == 0.5
    assert experiment.farthest_from_one(pd.Series([1.0, 0.6, 1.9])) == 1.9


def test_matching_is_free_of_the_order_of_the_atoms(rng):
    atoms = rng.random((4, 5))
    error, order = dictionary.matched(atoms[[2, 0, 3, 1]], atoms, lambda x, y: float(np.abs(x - y).sum()))
    assert error == 0
    np.testing.assert_array_equal(order, [1, 3, 0, 2])


def test_kernel_that_underflows_is_refused(problem):
    laws, start, cost = problem
    with pytest.raises(ValueError, match="epsilon"):
        dictionary.learn(laws, start, cost, 1e-3, 0.1, 1, 1)
