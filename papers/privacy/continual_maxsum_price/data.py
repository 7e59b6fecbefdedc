"""Secret bit tables: the data sets that are embedded in streams and traced."""

import math

import numpy as np

from litmus.params import Params

FEW_ROWS = 8


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tables of n = sqrt(d) rows for each number of columns d, so many that ``params.n_traced`` rows are at hand.

    For each d: ``marginals_d`` (n_tables, d), uniform on [0.25, 0.75]; ``members_d`` (n_tables, n, d), the rows;
    ``fresh_d`` of the same shape, rows of the same marginals that are in no table. Further ``exact_members`` (5,
    8, 64), on which the reduction is checked to the bit.
    """
    tables = {}
    for n_columns in params.column_counts:
        n_rows = math.isqrt(n_columns) if params.growing_tables else FEW_ROWS
        marginals = rng.uniform(0.25, 0.75, (math.ceil(params.n_traced / n_rows), n_columns))
        tables[f"marginals_{n_columns}"] = marginals
        tables[f"members_{n_columns}"] = draw_rows(marginals, n_rows, rng)
        tables[f"fresh_{n_columns}"] = draw_rows(marginals, n_rows, rng)
    tables["exact_members"] = draw_rows(rng.uniform(0.25, 0.75, (5, 64)), 8, rng)
    return tables


def draw_rows(marginals: np.ndarray, n_rows: int, rng: np.random.Generator) -> np.ndarray:
    """Independent bits with these marginals (n_tables, n_columns), shape (n_tables, n_rows, n_columns)."""
    n_tables, n_columns = marginals.shape
    return rng.random((n_tables, n_rows, n_columns), dtype=np.float32) < marginals[:, None, :]
