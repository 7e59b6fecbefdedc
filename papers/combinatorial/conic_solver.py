"""A first-order solver of conic programs: Douglas-Rachford splitting of the homogeneous self-dual embedding.

Minimise c'x subject to A x + s = b, s in K, for any closed convex cone K given by its Euclidean projection. The
constants are those of the authors' SCS 3.

References
----------
B. O'Donoghue, E. Chu, N. Parikh, S. Boyd, Conic optimization via operator splitting and homogeneous
self-dual embedding, JOTA 169, 2016 (the embedding).
B. O'Donoghue, Operator splitting for a homogeneous embedding of the linear complementarity problem, SIAM
J. Optim. 31, 2021 (the iteration below, with a diagonal metric whose scale adapts).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from .anderson_acceleration import AndersonAcceleration

RELAXATION = 1.5
PRIMAL_WEIGHT = 1e-6  # metric on x
HOMOGENEOUS_WEIGHT = 10.0  # metric on the homogenising variable
ZERO_CONE_WEIGHT = 1e-3  # equality rows get a metric this much smaller than the others
FIRST_SCALE, SMALLEST_SCALE, LARGEST_SCALE = 0.1, 1e-6, 1e6
SCALE_CHANGE = np.sqrt(10)  # the scale is changed if it is off by this factor,
SCALE_PATIENCE = 100  # after so many iterations
CHECK_EVERY = 25
RUIZ_PASSES = 25


@dataclass(frozen=True)
class Cone:
    """A closed convex cone over `size` consecutive rows.

    Parameters
    ----------
    size : int
        Number of rows.
    project : callable
        Euclidean projection of a vector of shape (size,) on the cone.
    block : int
        Rows are scaled together in blocks of this many, because the cone is not closed under other scalings.
    is_zero : bool
        True for the cone {0} of equality rows.
    """

    size: int
    project: Callable[[np.ndarray], np.ndarray]
    block: int = 1
    is_zero: bool = False


def zero_cone(size: int) -> Cone:
    """Rows with s = 0: equalities."""
    return Cone(size, np.zeros_like, is_zero=True)


def nonnegative_cone(size: int) -> Cone:
    """Rows with s >= 0."""
    return Cone(size, lambda point: np.maximum(point, 0.0))


@dataclass(frozen=True)
class ConicProgram:
    """Minimise c'x subject to A x + s = b, s in the product of the cones.

    A has shape (m, n), b shape (m,), c shape (n,); the sizes of the cones sum to m.
    """

    A: sp.csc_array
    b: np.ndarray
    c: np.ndarray
    cones: Sequence[Cone]

    def __post_init__(self) -> None:
        rows = sum(cone.size for cone in self.cones)
        if self.A.shape != (self.b.size, self.c.size) or rows != self.b.size:
            raise ValueError(f"A {self.A.shape}, b {self.b.shape}, c {self.c.shape} and {rows} cone rows do not fit")


class Check(NamedTuple):
    """One test of convergence: when it was, and the largest relative residual."""

    iteration: int
    cpu_seconds: float
    error: float


@dataclass(frozen=True)
class Solution:
    """Primal x, shape (n,), slack s and dual y, shapes (m,), and the tests of convergence that led there."""

    x: np.ndarray
    s: np.ndarray
    y: np.ndarray
    checks: Sequence[Check]

    def first_within(self, tolerance: float) -> Check | None:
        """The first test that met a tolerance, if one did: how long a solve with that tolerance takes."""
        return next((check for check in self.checks if check.error <= tolerance), None)


def project_product(point: np.ndarray, cones: Sequence[Cone]) -> np.ndarray:
    """Projection on the product of the cones."""
    projected, start = np.empty_like(point), 0
    for cone in cones:
        projected[start : start + cone.size] = cone.project(point[start : start + cone.size])
        start += cone.size
    return projected


def equilibrate(program: ConicProgram) -> tuple[np.ndarray, np.ndarray]:
    """Row and column factors, shapes (m,) and (n,), that even out the norms of the rows and columns of A.

    Passes in the maximum norm (Ruiz) and a last one in the Euclidean norm. The rows of one cone block share a factor,
    so that the scaled cone is the same cone.
    """
    entries = abs(program.A).tocoo()
    sizes = [np.full(cone.size // cone.block, cone.block) for cone in program.cones]
    blocks = np.repeat(np.arange(sum(map(len, sizes))), np.concatenate(sizes))
    row_factor, column_factor = np.ones(program.b.size), np.ones(program.c.size)
    for step in range(RUIZ_PASSES + 1):
        scaled = row_factor[entries.row] * entries.data * column_factor[entries.col]
        if step < RUIZ_PASSES:
            block_norm, column_norm = np.zeros(blocks[-1] + 1), np.zeros_like(column_factor)
            np.maximum.at(block_norm, blocks[entries.row], scaled)
            np.maximum.at(column_norm, entries.col, scaled)
        else:
            row_norm = np.sqrt(np.bincount(entries.row, scaled**2, row_factor.size))
            block_norm = np.bincount(blocks, row_norm) / np.bincount(blocks)
            column_norm = np.sqrt(np.bincount(entries.col, scaled**2, column_factor.size))
        row_factor /= np.sqrt(_or_one(block_norm))[blocks]
        column_factor /= np.sqrt(_or_one(column_norm))
    return row_factor, column_factor


def _or_one(norms: np.ndarray) -> np.ndarray:
    """Empty rows and columns keep their scale."""
    return np.where(norms > 1e-4, norms, 1.0)


class _Scaled:
    """The equilibrated program, and what its points mean in the units of the program."""

    def __init__(self, program: ConicProgram) -> None:
        self.program = program
        self.row, self.column = equilibrate(program)
        self.A = (sp.diags_array(self.row) @ program.A @ sp.diags_array(self.column)).tocsc()
        b, c = self.row * program.b, self.column * program.c
        self.unit = 1 / max(np.abs(b).max(), np.abs(c).max(), 1e-4)
        self.b, self.c = self.unit * b, self.unit * c
        is_equality = np.concatenate([np.full(cone.size, cone.is_zero) for cone in program.cones])
        self.weight = np.where(is_equality, ZERO_CONE_WEIGHT, 1.0)

    def unscale(self, iterate: np.ndarray, slack: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, s and y of an iterate (x, y, tau) and its slack; not finite where tau = 0."""
        n = self.c.size
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.float64(self.unit) * iterate[-1]
            return (
                self.column * iterate[:n] / scale,
                slack / self.row / scale,
                self.row * iterate[n:-1] / scale,
            )


class _HalfStep:
    """The linear half of the splitting, (R + Q)^-1 R, factorised for the metric R of one scale."""

    def __init__(self, scaled: _Scaled, scale: float) -> None:
        self.A, self.At, self.weight = scaled.A, scaled.A.T.tocsr(), scaled.weight / scale
        m, self.n = self.A.shape
        eye = PRIMAL_WEIGHT * sp.eye_array(self.n)
        densest_row = np.bincount(self.A.indices).max()
        # A dense row fills I + A'A; the augmented matrix is larger but stays sparse.
        self.is_reduced = densest_row**2 <= 4 * (self.A.nnz + m + self.n)
        if self.is_reduced:
            matrix = (eye + self.At @ sp.diags_array(1 / self.weight) @ self.A).tocsc()
        else:
            matrix = sp.block_array([[eye, self.At], [self.A, -sp.diags_array(self.weight)]], format="csc")
        # Definite or quasi-definite, so every symmetric ordering works without pivoting.
        options = {"SymmetricMode": True, "Equil": False}
        self.factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        self.cost = np.concatenate([scaled.c, scaled.b])
        self.direction = self._solve(self.cost)
        self.curvature = HOMOGENEOUS_WEIGHT + self.cost @ self.direction

    def _solve(self, right: np.ndarray) -> np.ndarray:
        """(x, y) with PRIMAL_WEIGHT x + A'y = right_x and -A x + R_y y = right_y."""
        first, second = right[: self.n], right[self.n :]
        if not self.is_reduced:
            return self.factor.solve(np.concatenate([first, -second]))
        second = second / self.weight
        x = self.factor.solve(first - self.At @ second)
        return np.concatenate([x, second + (self.A @ x) / self.weight])

    def __call__(self, point: np.ndarray, tau: float | None = None) -> np.ndarray:
        solved = self._solve(np.concatenate([PRIMAL_WEIGHT * point[: self.n], self.weight * point[self.n : -1]]))
        if tau is None:
            tau = (HOMOGENEOUS_WEIGHT * point[-1] + self.cost @ solved) / self.curvature
        return np.concatenate([solved - tau * self.direction, [tau]])


class _ScaleRule:
    """When to change the scale: it trades the primal residual, which falls as it grows, for the dual one."""

    def __init__(self) -> None:
        self.scale, self.last_change = FIRST_SCALE, 0
        self.log_ratios: list[float] = []

    def should_change(self, iteration: int, primal: float, dual: float) -> bool:
        """Take note of the relative residuals; True where the scale has just been changed."""
        if np.isfinite(primal) and np.isfinite(dual):
            self.log_ratios.append(np.log(max(primal, 1e-18) / max(dual, 1e-18)))
        if not self.log_ratios or iteration - self.last_change < SCALE_PATIENCE:
            return False
        factor = np.exp(np.mean(self.log_ratios) / 2)
        if max(factor, 1 / factor) <= SCALE_CHANGE:
            return False
        self.scale = float(np.clip(self.scale * factor, SMALLEST_SCALE, LARGEST_SCALE))
        self.last_change, self.log_ratios = iteration, []
        return True


def solve(
    program: ConicProgram,
    tolerance: float = 1e-4,
    max_iterations: int = 20_000,
    acceleration_memory: int = 10,
) -> Solution:
    """Solve a feasible and bounded conic program.

    Stops when, in the units of the program, |A x + s - b|, |A'y + c| and |c'x + b'y| (maximum norms) are each at most
    `tolerance` times (1 + the largest of the terms that it is the difference of), tested every 25 iterations.

    Parameters
    ----------
    program : ConicProgram
    tolerance : float
        Absolute and relative tolerance.
    max_iterations : int
        Return the last iterate after this many, whatever its residuals.
    acceleration_memory : int
        Memory of the Anderson acceleration; 0 for the plain splitting.
    """
    started = process_time()
    scaled, rule, acceleration = _Scaled(program), _ScaleRule(), AndersonAcceleration(acceleration_memory)
    half_step = _HalfStep(scaled, rule.scale)
    n, checks = scaled.c.size, []
    point = np.zeros(n + scaled.b.size + 1)
    point[-1] = 1.0
    for iteration in range(max_iterations + 1):
        half = half_step(point, tau=1.0 if iteration == 0 else None)  # the first step is that of the plain program
        reflected = 2 * half - point
        iterate = reflected.copy()
        # Moreau: adding the projection of -y on K projects y on the dual cone.
        remainder = project_product(-reflected[n:-1], program.cones)
        iterate[n:-1] += remainder
        iterate[-1] = max(reflected[-1], 0.0) if iteration else 1.0
        image = point + RELAXATION * (iterate - half)

        if iteration % CHECK_EVERY == 0 or iteration == max_iterations:
            slack = half_step.weight * remainder
            x, s, y = scaled.unscale(iterate, slack)
            has_point = iterate[-1] > 0  # else the embedding is still looking at a ray
            sizes = residuals(program, x, s, y) if has_point else [(np.inf, 1.0)] * 3
            error = max(residual / (1 + size) for residual, size in sizes)
            checks.append(Check(iteration, process_time() - started, error))
            if error <= tolerance:
                break
            (primal, primal_size), (dual, dual_size), _ = sizes
            if rule.should_change(iteration, primal / primal_size, dual / dual_size):
                half_step = _HalfStep(scaled, rule.scale)
                acceleration.forget()
                # The point that has this half step, this iterate and this slack in the new metric.
                excess = np.concatenate([np.zeros(n), slack / half_step.weight, iterate[-1:] - reflected[-1:]])
                point = excess + 2 * half - iterate + RELAXATION * (iterate - half)
                continue
        point = acceleration.advance(point, image)
        point *= np.sqrt(point.size) / np.linalg.norm(point)  # the map is homogeneous: keep to one sphere
    return Solution(x, s, y, checks)


def residuals(program: ConicProgram, x: np.ndarray, s: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """Primal residual, dual residual and duality gap (maximum norms), each with the size of its largest term."""
    Ax, Aty = program.A @ x, program.A.T @ y
    primal_value, dual_value = program.c @ x, -program.b @ y

    def sized(residual: np.ndarray, *terms: np.ndarray) -> tuple[float, float]:
        return np.max(np.abs(residual)), max(np.max(np.abs(term)) for term in terms)

    return [
        sized(Ax + s - program.b, Ax, s, program.b),
        sized(Aty + program.c, Aty, program.c),
        sized(primal_value - dual_value, primal_value, dual_value),
    ]
