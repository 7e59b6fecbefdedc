"""The solver against dense linear algebra, the learners against minimisation and toy tables."""

import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear, minimize

from papers.numerics_pde.sor_bandit_relaxation import method, sor

SIDE = 10
SHIFTS = (-0.15, 0.1, 0.45)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def dense_iterates(shift, omega, right_hand_side, n_iterations):
    """x_1, x_2, ... of SOR, each residual computed from its definition."""
    matrix = sor.shifted_laplacian(SIDE, shift)
    splitting = np.diag(np.diag(matrix)) / omega + np.tril(matrix, -1)
    x = np.zeros(SIDE**2)
    for _ in range(n_iterations):
        x = x + solve_triangular(splitting, right_hand_side.ravel() - matrix @ x, lower=True)
        yield x


def test_laplacian_has_the_known_eigenvalues():
    modes = 2 - 2 * np.cos(np.pi * np.arange(1, SIDE + 1) / (SIDE + 1))
    eigenvalues = np.sort(np.add.outer(modes, modes).ravel()) + 0.3
    np.testing.assert_allclose(np.linalg.eigvalsh(sor.shifted_laplacian(SIDE, 0.3)), eigenvalues, atol=1e-12)


@pytest.mark.parametrize("omega", [1.0, 1.6])
def test_sweeps_are_the_iterates_of_dense_triangular_solves(rng, omega):
    """With omega = 1 they are those of Gauss-Seidel, (D + L) x_{k+1} = b - L^T x_k."""
    shifts, right_hand_side = rng.uniform(-0.15, 0.45, sor.LANES), rng.standard_normal((SIDE, SIDE))
    references = [list(dense_iterates(shift, omega, right_hand_side, 30)) for shift in shifts]
    corrections = np.zeros((SIDE + 2, SIDE + 2, sor.LANES))
    first = [reference[0].reshape(SIDE, SIDE) for reference in references]
    corrections[1:-1, 1:-1] = np.moveaxis(first, 0, -1)
    norms, solutions = np.empty(sor.LANES), corrections.copy()
    for k in range(1, 30):
        sor.sweep(corrections, omega / (4 + shifts), (1 / omega - 1) * (4 + shifts), norms)
        for lane, (shift, reference) in enumerate(zip(shifts, references, strict=True)):
            residual = right_hand_side.ravel() - sor.shifted_laplacian(SIDE, shift) @ reference[k - 1]
            assert norms[lane] == pytest.approx(residual @ residual, rel=1e-9)
        solutions += corrections
        expected = np.moveaxis([reference[k].reshape(SIDE, SIDE) for reference in references], 0, -1)
        np.testing.assert_allclose(solutions[1:-1, 1:-1], expected, atol=1e-12)
    if omega == 1.0:
        matrix = sor.shifted_laplacian(SIDE, shifts[0])
        gauss_seidel = np.zeros(SIDE**2)
        for _ in range(30):
            moved = right_hand_side.ravel() - np.triu(matrix, 1) @ gauss_seidel
            gauss_seidel = solve_triangular(np.tril(matrix), moved, lower=True)
        np.testing.assert_allclose(references[0][-1], gauss_seidel, atol=1e-12)


def test_iteration_counts_match_dense_sor(rng):
    """Systems of all kinds in one call, in no order and no multiple of the batch."""
    n = sor.LANES + 3
    shifts, omegas = rng.uniform(0.0, 0.45, n), rng.uniform(1.2, 1.9, n)
    sides = rng.standard_normal((n, SIDE, SIDE))
    counts = sor.iteration_counts(shifts, omegas, sides, 1e-8)
    for shift, omega, side, count in zip(shifts, omegas, sides, counts, strict=True):
        matrix = sor.shifted_laplacian(SIDE, shift)
        iterates = list(dense_iterates(shift, omega, side, count))
        before, after = (np.linalg.norm(side.ravel() - matrix @ x) for x in iterates[-2:])
        assert after < 1e-8 * np.linalg.norm(side) <= before


def test_cost_table_has_a_row_for_each_system(rng):
    sides, grid = rng.standard_normal((3, SIDE, SIDE)), np.array([1.3, 1.6])
    table = sor.cost_table(np.array(SHIFTS), grid, sides, 1e-6)
    alone = sor.iteration_counts(np.array([SHIFTS[2]]), grid[:1], sides[2:], 1e-6)
    assert table.shape == (3, 2)
    assert table[2, 0] == alone[0]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("omega", [1.0, 1.2, 1.5, 1.75, 1.9])
def test_spectral_radius_is_that_of_the_dense_iteration(shift, omega):
    matrix = sor.shifted_laplacian(SIDE, shift)
    splitting = np.diag(np.diag(matrix)) / omega + np.tril(matrix, -1)
    dense = np.abs(np.linalg.eigvals(np.eye(SIDE**2) - np.linalg.solve(splitting, matrix))).max()
    assert sor.spectral_radius(omega, sor.jacobi_radius(SIDE, shift)) == pytest.approx(dense, abs=1e-10)


def test_optimal_omega_minimises_the_radius():
    beta, omegas = sor.jacobi_radius(SIDE, np.array(SHIFTS)), np.linspace(1, 1.99, 9901)
    best = omegas[sor.spectral_radius(omegas, beta[:, None]).argmin(axis=1)]
    np.testing.assert_allclose(sor.optimal_omega(beta), best, atol=1e-4)


def test_bound_with_the_measured_constant_is_a_bound_and_is_met_by_the_worst_side(rng):
    """|C^k| = epsilon at k = U - 1, and a right-hand side exists that needs that many iterations."""
    shift, grid, tolerance = 0.1, np.array([1.55]), 1e-8
    sides = rng.standard_normal((40, SIDE, SIDE))
    counts = sor.cost_table(np.full(40, shift), grid, sides, tolerance)
    tau = sor.transient_constant(shift, grid, counts.min(axis=0), SIDE)
    bound = sor.iteration_bound(grid[0], sor.jacobi_radius(SIDE, shift), tau, tolerance)
    assert 0 < tau < 1
    assert counts.max() <= bound
    matrix = sor.shifted_laplacian(SIDE, shift)
    splitting = np.diag(np.diag(matrix)) / grid[0] + np.tril(matrix, -1)
    step = np.eye(SIDE**2) - matrix @ np.linalg.inv(splitting)
    k = counts.min() - 1
    worst = np.linalg.svd(np.linalg.matrix_power(step, k))[2][0]
    factor = np.linalg.norm(np.linalg.matrix_power(step, k) @ worst) ** (1 / k)
    rho = sor.spectral_radius(grid[0], sor.jacobi_radius(SIDE, shift))
    assert factor == pytest.approx(rho + tau * (1 - rho), rel=1e-9)
    assert bound == pytest.approx(1 + np.log(tolerance) / np.log(factor), rel=1e-9)


@pytest.mark.parametrize("eta", [2.0, 0.3, 0.02])
def test_tsallis_weights_solve_their_minimisation(rng, eta):
    losses = rng.uniform(0, 20, 4)
    weights = method.tsallis_weights(losses, eta)

    def objective(logits):
        p = np.exp(logits - logits.max())
        p /= p.sum()
        return p @ losses - 4 / eta * np.sqrt(p).sum()

    best = minimize(objective, np.zeros(4), method="BFGS", options={"gtol": 1e-10})
    softmax = np.exp(best.x - best.x.max())
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(weights, softmax / softmax.sum(), atol=2e-5)


def test_bounded_least_squares_agrees_with_scipy(rng):
    for _ in range(30):
        design, target = rng.standard_normal((9, 6)), 3 * rng.standard_normal(9)
        bounds = rng.uniform(0.05, 1.5, 6)
        ours = method.bounded_least_squares(design.T @ design, design.T @ target, bounds)
        theirs = lsq_linear(design, target, (-bounds, bounds), method="bvls", tol=1e-14).x
        np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_features_are_chebyshev_polynomials():
    features = np.empty(6)
    method.chebyshev_features(-0.37, features)
    np.testing.assert_allclose(features, np.cos(np.arange(6) * np.arccos(-0.37)), atol=1e-14)


def test_inverse_gap_weights():
    weights = method.inverse_gap_weights(np.array([3.0, 1.0, 2.0]), 4.0)
    np.testing.assert_allclose(weights, [1 / 11, 1 - 1 / 11 - 1 / 7, 1 / 7])


def mean_late_cost(costs, arms):
    return costs[np.arange(len(costs)), arms][-len(costs) // 4 :].mean()


def test_tsallis_inf_finds_the_best_of_constant_arms(rng):
    costs = np.tile([70, 60, 40, 80, 90], (20_000, 1))
    arms = method.tsallis_inf(costs, rng.random(len(costs)), np.zeros(len(costs), dtype=np.int64), True)
    assert mean_late_cost(costs, arms) < 1.03 * 40


def test_tsallis_inf_keeps_a_learner_for_each_bin(rng):
    n = 8_000
    bins = rng.integers(0, 2, n)
    costs = np.where(bins[:, None] == np.arange(2), 20, 100)
    together = method.tsallis_inf(costs, rng.random(n), np.zeros(n, dtype=np.int64), True)
    apart = method.tsallis_inf(costs, rng.random(n), bins, True)
    assert mean_late_cost(costs, apart) < 25
    assert mean_late_cost(costs, together) > 50


def test_learners_see_only_what_they_choose(rng):
    """Other entries of the table may be anything, without a change of the choices."""
    costs, uniforms = rng.integers(20, 200, (400, 6)), rng.random(400)
    positions, bins = rng.uniform(-1, 1, 400), np.zeros(400, dtype=np.int64)
    for play in (
        lambda table: method.tsallis_inf(table, uniforms, bins, True),
        lambda table: method.chebcb(table, uniforms, positions, 6, 1.0),
    ):
        arms = play(costs)
        hidden = rng.integers(20, 200, costs.shape)
        hidden[np.arange(400), arms] = costs[np.arange(400), arms]
        np.testing.assert_array_equal(play(hidden), arms)


def test_chebcb_follows_the_context(rng):
    n = 3_000
    positions = rng.uniform(-1, 1, n)
    best = np.array([-0.8, -0.3, 0.3, 0.8])
    costs = np.rint(40 + 60 * np.abs(positions[:, None] - best)).astype(np.int64)
    arms = method.chebcb(costs, rng.random(n), positions, 6, 1.0)
    assert mean_late_cost(costs, arms) < 1.1 * costs.min(axis=1).mean()
    assert costs.mean(axis=0).min() > 1.4 * costs.min(axis=1).mean()


def test_context_bins_cover_the_interval():
    np.testing.assert_array_equal(method.context_bins(np.array([-1.0, -0.7, 0.0, 0.61, 1.0]), 5), [0, 0, 2, 4, 4])
