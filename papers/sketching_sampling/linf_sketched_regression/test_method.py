"""Sketched regressions against library solvers, hand-made sketches and the law of Gaussian sketches."""

import numpy as np
import pytest
from scipy.linalg import hadamard

from papers.sketching_sampling.linf_sketched_regression.method import (
    hard_problem,
    problem,
    scaled_error,
    solve_sketched,
    spikes_for_collisions,
    walsh_columns,
)
from papers.sketching_sampling.sketches import (
    HadamardSketch,
    SparseSketch,
    count_sketch,
    gaussian_sketch,
    hadamard_sketch,
    sign_sketch,
    sparse_sketch,
)


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def osnap(n_rows, n, rng):
    return sparse_sketch(n_rows, n, rng, nonzeros=4)


@pytest.fixture
def regression(rng):
    design = rng.standard_normal((128, 5)) * [1, 3, 0.2, 1, 5]
    return design, rng.standard_normal(128) + design @ rng.standard_normal(5)


def test_exact_solution_residual_and_norm_of_the_inverse(regression):
    design, target = regression
    exact = problem(design, target)
    solution, squares, *_ = np.linalg.lstsq(design, target)
    np.testing.assert_allclose(exact.solution, solution, rtol=1e-10)
    assert exact.residual == pytest.approx(np.sqrt(squares[0]))
    assert exact.inverse_norm == pytest.approx(np.linalg.norm(np.linalg.pinv(design), 2))
    np.testing.assert_array_equal(exact.augmented, np.column_stack([design, target]))


@pytest.mark.parametrize("draw", [gaussian_sketch, sign_sketch, osnap, hadamard_sketch])
def test_the_sketched_solution_is_the_librarys(draw, regression, rng):
    sketched = draw(40, 128, rng) @ problem(*regression).augmented
    expected = np.linalg.lstsq(sketched[:, :-1], sketched[:, -1])[0]
    np.testing.assert_allclose(solve_sketched(sketched), expected, rtol=1e-8)


def test_all_rows_of_the_transform_give_the_exact_solution(regression, rng):
    exact = problem(*regression)
    sketched = HadamardSketch(rng.choice([-1.0, 1.0], 128), rng.permutation(128)) @ exact.augmented
    np.testing.assert_allclose(solve_sketched(sketched), exact.solution, rtol=1e-10)
    assert scaled_error(solve_sketched(sketched), exact) < 1e-10


def test_a_target_in_the_span_is_recovered_and_the_solution_moves_with_it(regression, rng):
    design, target = regression
    shift = rng.standard_normal(5)
    sketch = hadamard_sketch(24, 128, rng)
    solutions = [
        solve_sketched(sketch @ problem(design, b).augmented) for b in (design @ shift, target, target + design @ shift)
    ]
    np.testing.assert_allclose(solutions[0], shift, rtol=1e-8)
    np.testing.assert_allclose(solutions[2], solutions[1] + shift, rtol=1e-8)


def test_the_scaled_error_does_not_depend_on_units(regression, rng):
    design, target = regression
    exact = problem(design, target)
    error = scaled_error(exact.solution + np.array([0, 0, 0.01, -0.03, 0.02]), exact)
    assert error == pytest.approx(np.sqrt(5) * 0.03 / (exact.residual * exact.inverse_norm))
    scaled = problem(7 * design, 2 * target)
    assert scaled_error(scaled.solution + np.array([0, 0, 0.01, -0.03, 0.02]) * 2 / 7, scaled) == pytest.approx(error)


@pytest.mark.parametrize("n_spikes", [1, 8])
def test_the_hard_problem_is_what_its_numbers_say(n_spikes):
    hard = hard_problem(64, 16, n_spikes)
    dense = hard.augmented.toarray()
    expected = problem(dense[:, :-1], dense[:, -1])
    np.testing.assert_array_equal(dense[:, :-1], np.eye(64, 16))
    assert np.count_nonzero(dense[:, -1]) == n_spikes
    np.testing.assert_allclose(expected.solution, hard.solution, atol=1e-14)
    assert (expected.residual, expected.inverse_norm) == pytest.approx((hard.residual, hard.inverse_norm))
    with pytest.raises(ValueError, match="n_spikes"):
        hard_problem(64, 16, 49)


def test_one_meeting_costs_one_over_s_root_k():
    """Two columns of I and two spikes, s = 2: the first column meets the second spike in row 4, with equal signs."""
    targets = np.array([[0, 4], [1, 5], [2, 6], [3, 4]])
    sketch = SparseSketch(targets, np.full((4, 2), 2**-0.5), 8)
    solution = solve_sketched(sketch @ hard_problem(4, 2, 2).augmented)
    np.testing.assert_allclose(solution, [1 / (2 * np.sqrt(2)), 0], atol=1e-14)


@pytest.mark.parametrize(("nonzeros", "n_spikes"), [(1, 32), (2, 8), (4, 2), (8, 1), (16, 1)])
def test_expected_number_of_meetings(nonzeros, n_spikes, rng):
    """Of columns and spikes, block by block; where k is rounded up to 1 there are s^2 / 8."""
    d, n_draws = 32, 300
    assert spikes_for_collisions(4, nonzeros, 8) == n_spikes
    meetings = np.empty(n_draws)
    for k in range(n_draws):
        targets = sparse_sketch(8 * d, d + n_spikes, rng, nonzeros).targets
        meetings[k] = (targets[:d, None] == targets[None, d:]).sum()
    expected = nonzeros**2 * n_spikes / 8
    assert abs(meetings.mean() - expected) < 4 * meetings.std() / np.sqrt(n_draws)


def test_error_of_a_gaussian_sketch_has_its_closed_form(rng):
    """E (x'_j - x*_j)^2 = ||A x* - b||^2 ((A^T A)^-1)_jj / (m - d - 1): an inverse Wishart matrix."""
    design, target = rng.standard_normal((32, 3)) * [1, 2, 4], rng.standard_normal(32)
    exact = problem(design, target)
    errors = np.array(
        [solve_sketched(gaussian_sketch(16, 32, rng) @ exact.augmented) - exact.solution for _ in range(4000)]
    )
    expected = exact.residual**2 * np.diag(np.linalg.inv(design.T @ design)) / (16 - 3 - 1)
    square = errors**2
    assert (np.abs(square.mean(axis=0) - expected) < 4 * square.std(axis=0) / np.sqrt(4000)).all()
    assert (np.abs(errors.mean(axis=0)) < 4 * errors.std(axis=0) / np.sqrt(4000)).all()


def test_lost_rank_is_an_infinite_error(rng):
    hard = hard_problem(128, 16, 8)
    merged = SparseSketch(np.zeros((128, 1), dtype=int), np.ones((128, 1)), 32)
    for sketched in (merged @ hard.augmented, np.zeros((32, 17)), rng.standard_normal((3, 17))):
        solution = solve_sketched(sketched)
        assert np.isinf(solution).all()
        assert scaled_error(solution, hard) == np.inf
    draws = [solve_sketched(count_sketch(128, 128, rng) @ hard.augmented) for _ in range(400)]
    regular = np.prod(1 - np.arange(16) / 128)  # no two of 16 columns in one of 128 rows
    spread = np.sqrt(regular * (1 - regular) / 400)
    assert np.mean([np.isfinite(x).all() for x in draws]) == pytest.approx(regular, abs=4 * spread)


def test_walsh_columns_are_spikes_without_random_signs():
    columns = walsh_columns(32, 5)
    np.testing.assert_array_equal(columns, hadamard(32)[:, 1:6])
    plain = HadamardSketch(np.ones(32), np.arange(32)) @ columns
    np.testing.assert_array_equal(np.count_nonzero(plain, axis=0), 1)
    few = HadamardSketch(np.ones(32), np.arange(8, 32)) @ np.column_stack([columns, np.ones(32)])
    assert np.isinf(solve_sketched(few)).all()
