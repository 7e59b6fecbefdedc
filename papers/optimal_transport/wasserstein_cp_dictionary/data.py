"""Noisy nonnegative tensors, starts of Powell's cycle, and jittered mixtures of product laws on a grid."""

import numpy as np

from litmus.params import Params

SIDE = 15  # of the cubic tensors
CP_RANK = 5
SPARSITY = 0.5  # share of the entries of a true factor that are zero
NOISE = 0.1

GRID = 8
CENTRES = np.array([(1.0, 1.5), (5.0, 2.0), (3.0, 6.0)])  # of the elementary laws, in cells
WIDTH = 0.7  # standard deviation of a bump, in cells
MIXING = 0.5  # Dirichlet concentration of the codes


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors with starts, Powell's epsilons in thousandths, and joint laws with starts of U, V and L."""
    tensors, starts = zip(*(sparse_tensor(rng) for _ in range(params.n_tensors)), strict=True)
    rank, n_sets, n_laws = len(CENTRES), params.n_dictionaries, params.n_laws
    return {
        "tensors": np.array(tensors),
        "tensor_starts": np.array(starts),
        "powell_thousandths": rng.choice(np.arange(20, 201), size=params.n_powell, replace=False),
        "laws": np.array([jittered_mixtures(n_laws, params.jitter, rng) for _ in range(n_sets)]),
        "atoms": products(CENTRES),
        "start_first": random_columns(n_sets, GRID, rank, rng),
        "start_second": random_columns(n_sets, GRID, rank, rng),
        "start_codes": random_columns(n_sets, rank, n_laws, rng),
    }


def sparse_tensor(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A tensor (SIDE, SIDE, SIDE) of CP_RANK sparse terms plus uniform noise, and random factors (3, SIDE, CP_RANK)."""
    factors = rng.random((3, SIDE, CP_RANK)) * (rng.random((3, SIDE, CP_RANK)) > SPARSITY)
    tensor = np.einsum("ir,jr,kr->ijk", *factors) + NOISE * rng.random((SIDE, SIDE, SIDE))
    return tensor, rng.random((3, SIDE, CP_RANK))


def bump(centre: np.ndarray) -> np.ndarray:
    """Discretised Gaussian laws (..., GRID) about centres (...,)."""
    density = np.exp(-((np.arange(GRID) - np.asarray(centre)[..., None]) ** 2) / (2 * WIDTH**2))
    return density / density.sum(axis=-1, keepdims=True)


def products(centres: np.ndarray) -> np.ndarray:
    """Products of two bumps (..., GRID, GRID) about centres (..., 2)."""
    return np.einsum("...i,...j->...ij", bump(centres[..., 0]), bump(centres[..., 1]))


def jittered_mixtures(n_laws: int, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Joint laws (n_laws, GRID, GRID): Dirichlet mixtures of the elementary laws, each moved at random."""
    codes = rng.dirichlet(np.full(len(CENTRES), MIXING), size=n_laws)
    moved = products(CENTRES + jitter * rng.standard_normal((n_laws, *CENTRES.shape)))
    return np.einsum("sr,srij->sij", codes, moved)


def random_columns(n_sets: int, length: int, n_columns: int, rng: np.random.Generator) -> np.ndarray:
    """Matrices (n_sets, length, n_columns) with columns in the simplex, uneven but without zeros."""
    return np.moveaxis(rng.dirichlet(np.full(length, 5.0), size=(n_sets, n_columns)), 1, 2)
