"""Random linear sketches S of m rows: drawn without a look at the data, applied with ``sketch @ matrix``.

Each is scaled so that E ||S x||^2 = ||x||^2. A sketch can be applied to several matrices, and parties that share a seed
draw the same one. To sample rows by their importance, which depends on the data, see `row_sampling`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_array, issparse, sparray

from .fast_transforms import walsh_hadamard

Matrix = np.ndarray | sparray


class Sketch:
    """A linear map from n to m dimensions; `shape` is (m, n).

    ``sketch @ matrix`` takes a vector of shape (n,) or a matrix of shape (n, n_columns), dense or sparse, and returns a
    dense array of shape (m,) or (m, n_columns). It raises ValueError if the number of rows is another than n.
    """

    shape: tuple[int, int]

    def __matmul__(self, matrix: Matrix) -> np.ndarray:
        if matrix.shape[0] != self.shape[1]:
            raise ValueError(f"expected {self.shape[1]} rows, found shape {matrix.shape}")
        product = self._apply(matrix)
        return product.toarray() if issparse(product) else product

    def _apply(self, matrix: Matrix) -> Matrix:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class DenseSketch(Sketch):
    """S as an array of shape (m, n): m n operations a column."""

    matrix: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    def _apply(self, matrix: Matrix) -> Matrix:
        return self.matrix @ matrix


@dataclass(frozen=True, eq=False)
class SparseSketch(Sketch):
    """s non-zeros in each column of S: row i of a matrix is added to s rows, s n operations a column.

    Parameters
    ----------
    targets : integer array of shape (n, s)
        The rows of S in which column i is not zero.
    values : array of shape (n, s)
    n_rows : int
    """

    targets: np.ndarray
    values: np.ndarray
    n_rows: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_rows, len(self.targets)

    @cached_property
    def _scatter(self) -> csc_array:
        n, s = self.targets.shape
        return csc_array((self.values.ravel(), self.targets.ravel(), s * np.arange(n + 1)), shape=self.shape)

    def _apply(self, matrix: Matrix) -> Matrix:
        return self._scatter @ matrix


@dataclass(frozen=True, eq=False)
class HadamardSketch(Sketch):
    """S = P H D / sqrt(m): random signs D, the Walsh-Hadamard matrix H, rows P of it; n log n operations a column.

    Lengths n that are no power of 2 are filled up with zeros.

    Parameters
    ----------
    signs : array of -1 and 1, shape (n,)
        The diagonal of D.
    rows : integer array of shape (m,)
        The rows of H that are kept; all of them once give a multiple of an orthogonal matrix.
    """

    signs: np.ndarray
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.signs)

    def _apply(self, matrix: Matrix) -> Matrix:
        dense = matrix.toarray() if issparse(matrix) else matrix
        padded = np.zeros((_power_of_two(len(self.signs)), *dense.shape[1:]))
        padded[: len(self.signs)] = (self.signs * dense.T).T
        return walsh_hadamard(padded)[self.rows] / np.sqrt(len(self.rows))


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _signs(shape: int | tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return 2.0 * rng.integers(0, 2, shape, dtype=np.int8) - 1


def gaussian_sketch(n_rows: int, n: int, rng: np.random.Generator) -> DenseSketch:
    """Independent normal entries of variance 1 / m: the Johnson-Lindenstrauss projection."""
    return DenseSketch(rng.standard_normal((n_rows, n)) / np.sqrt(n_rows))


def sign_sketch(n_rows: int, n: int, rng: np.random.Generator) -> DenseSketch:
    """Independent entries +-1 / sqrt(m): the Rademacher form of the Johnson-Lindenstrauss projection."""
    return DenseSketch(_signs((n_rows, n), rng) / np.sqrt(n_rows))


def sparse_sketch(n_rows: int, n: int, rng: np.random.Generator, nonzeros: int) -> SparseSketch:
    """OSNAP: s non-zeros +-1 / sqrt(s) in each column, one in each of s blocks of m / s rows.

    Parameters
    ----------
    nonzeros : int
        s; with s = 1 it is `count_sketch`.

    Raises
    ------
    ValueError
        If s is not positive or m is not a multiple of s.
    """
    if nonzeros < 1 or n_rows % nonzeros:
        raise ValueError(f"expected n_rows to be a multiple of nonzeros, found {n_rows} and {nonzeros}")
    block = n_rows // nonzeros
    targets = rng.integers(0, block, (n, nonzeros)) + block * np.arange(nonzeros)
    return SparseSketch(targets, _signs((n, nonzeros), rng) / np.sqrt(nonzeros), n_rows)


def count_sketch(n_rows: int, n: int, rng: np.random.Generator) -> SparseSketch:
    """CountSketch: every row is added, with a random sign, to one random row."""
    return sparse_sketch(n_rows, n, rng, nonzeros=1)


def hadamard_sketch(n_rows: int, n: int, rng: np.random.Generator) -> HadamardSketch:
    """SRHT: the subsampled randomised Hadamard transform, its m rows drawn uniformly with replacement."""
    signs = _signs(n, rng)
    return HadamardSketch(signs, rng.integers(0, _power_of_two(n), n_rows))
