import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from papers.combinatorial.conic_solver import (
    Cone,
    ConicProgram,
    equilibrate,
    nonnegative_cone,
    project_product,
    residuals,
    solve,
    zero_cone,
)


def second_order_cone(size: int) -> Cone:
    def project(point):
        top, norm = point[0], np.linalg.norm(point[1:])
        if norm <= top:
            return point.copy()
        if norm <= -top:
            return np.zeros_like(point)
        return (top + norm) / 2 * np.concatenate([[1.0], point[1:] / norm])

    return Cone(size, project, block=size)


def linear_program(seed: int, spread: float = 1.0) -> tuple[ConicProgram, float]:
    """min c'x, G x <= h, sum x = 1, x >= 0, with rows and columns of uneven size, and its value by HiGHS."""
    rng = np.random.default_rng(seed)
    n = 12
    c, G = rng.normal(size=n), rng.normal(size=(8, n)) * np.exp(spread * rng.normal(size=(8, 1)))
    h = G @ np.full(n, 1 / n) + np.exp(spread * rng.normal(size=8))
    A = sp.csc_array(np.vstack([np.ones((1, n)), G, -np.eye(n)]))
    program = ConicProgram(A, np.concatenate([[1.0], h, np.zeros(n)]), c, [zero_cone(1), nonnegative_cone(8 + n)])
    return program, linprog(c, A_ub=G, b_ub=h, A_eq=np.ones((1, n)), b_eq=[1.0]).fun


@pytest.mark.parametrize("acceleration_memory", [0, 10])
@pytest.mark.parametrize("seed", range(4))
def test_linear_programs_agree_with_highs(seed, acceleration_memory):
    program, value = linear_program(seed)
    solution = solve(program, tolerance=1e-7, acceleration_memory=acceleration_memory)
    assert solution.checks[-1].error <= 1e-7
    assert program.c @ solution.x == pytest.approx(value, abs=1e-5)
    assert -program.b @ solution.y == pytest.approx(value, abs=1e-5)
    assert abs(solution.s @ solution.y) < 1e-5
    assert solution.s.min() >= 0
    assert solution.y[1:].min() > -1e-12


def test_second_order_cone_program():
    """Distance from a point to a hyperplane: min t, |x - p| <= t, a'x = 0."""
    a, p = np.array([1.0, 2.0, -2.0]), np.array([3.0, 1.0, 0.5])
    A = np.vstack([np.concatenate([[0.0], a]), -np.eye(4)])
    b = np.concatenate([[0.0, 0.0], -p])
    program = ConicProgram(sp.csc_array(A), b, np.array([1.0, 0, 0, 0]), [zero_cone(1), second_order_cone(4)])
    solution = solve(program, tolerance=1e-8)
    assert solution.x[0] == pytest.approx(abs(a @ p) / np.linalg.norm(a), abs=1e-6)


def test_dense_row_takes_the_augmented_system_and_gives_the_same_answer():
    """A row over 400 variables would fill I + A'A; the value is that of the cheapest variable."""
    n = 400
    c = np.random.default_rng(0).uniform(1, 2, size=n)
    A = sp.vstack([sp.csc_array(np.ones((1, n))), -sp.eye_array(n)], format="csc")
    program = ConicProgram(A, np.concatenate([[1.0], np.zeros(n)]), c, [zero_cone(1), nonnegative_cone(n)])
    solution = solve(program, tolerance=1e-6)
    assert program.c @ solution.x == pytest.approx(c.min(), abs=1e-4)


def test_acceleration_saves_iterations():
    plain, accelerated = (
        sum(solve(linear_program(seed)[0], 1e-6, acceleration_memory=memory).checks[-1].iteration for seed in range(6))
        for memory in (0, 10)
    )
    assert accelerated < plain


def test_checks_say_when_each_tolerance_was_met():
    solution = solve(linear_program(1)[0], tolerance=1e-6)
    loose, tight = solution.first_within(1e-2), solution.first_within(1e-6)
    assert loose.error <= 1e-2
    assert loose.iteration <= tight.iteration
    assert loose.cpu_seconds <= tight.cpu_seconds
    assert tight == solution.checks[-1]
    assert solution.first_within(1e-30) is None


def test_residuals_vanish_at_an_optimum_worked_by_hand():
    """min x, x >= 2: s = 0, y = 1."""
    program = ConicProgram(sp.csc_array([[-1.0]]), np.array([-2.0]), np.array([1.0]), [nonnegative_cone(1)])
    found = residuals(program, np.array([2.0]), np.array([0.0]), np.array([1.0]))
    assert [residual for residual, _ in found] == [0.0, 0.0, 0.0]
    assert [size for _, size in found] == [2.0, 1.0, 2.0]


def test_equilibration_evens_out_and_keeps_blocks_together():
    program, _ = linear_program(0, spread=2.0)
    cones = [zero_cone(1), nonnegative_cone(8), second_order_cone(12)]
    program = ConicProgram(program.A, program.b, program.c, cones)
    row, column = equilibrate(program)
    assert np.ptp(row[9:]) == 0
    before, after = (np.abs(A).max(axis=1) for A in (program.A.toarray(), row[:, None] * program.A.toarray() * column))
    assert after[:9].max() / after[:9].min() < 0.2 * before[:9].max() / before[:9].min()


def test_product_of_cones_projects_block_by_block():
    cones = [zero_cone(1), nonnegative_cone(2), second_order_cone(2)]
    np.testing.assert_allclose(project_product(np.array([5.0, -1, 2, 0, 2]), cones), [0, 0, 2, 1, 1])


def test_iteration_limit_returns_the_last_iterate():
    solution = solve(linear_program(0)[0], tolerance=1e-12, max_iterations=30)
    assert [check.iteration for check in solution.checks] == [0, 25, 30]


def test_sizes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match="do not fit"):
        ConicProgram(sp.csc_array(np.eye(3)), np.zeros(3), np.zeros(3), [nonnegative_cone(2)])
