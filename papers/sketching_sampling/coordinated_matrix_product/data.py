"""Pairs of row-sparse matrices, tables to join for a regression, and synthetic keys and queries of attention."""

import numpy as np

from litmus.params import Params


def sparse_pair(
    n_rows: int, n_columns: int, n_nonzeros: int, overlap: float, correlation: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Rows of A and B with normal entries at random columns, which rows that are non-zero in both share.

    A fraction `overlap` of the rows is non-zero in both, with entries of the given correlation, so that A^T B is not
    just noise. The others are non-zero in A or in B, half of them each.

    Returns
    -------
    dict of arrays of shape (n_rows, n_nonzeros)
        `columns` and the values `a` and `b` there.
    """
    columns = rng.random((n_rows, n_columns)).argpartition(n_nonzeros - 1, axis=1)[:, :n_nonzeros]
    a, other = rng.standard_normal((2, n_rows, n_nonzeros))
    b = correlation * a + np.sqrt(1 - correlation**2) * other
    in_both, in_a = round(overlap * n_rows), round((1 + overlap) / 2 * n_rows)
    order = rng.permutation(n_rows)
    b[order[in_both:in_a]] = 0
    a[order[in_a:]] = 0
    return {"columns": np.sort(columns, axis=1).astype(np.int16), "a": a, "b": b}


def heavy_pair(pair: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every 50th row is ten times as long, in both matrices."""
    lengths = np.where(np.arange(len(pair["a"])) % 50 == 0, 10.0, 1.0)[:, None]
    return {"columns": pair["columns"], "a": lengths * pair["a"], "b": lengths * pair["b"]}


def opposed_pair(pair: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows in turn are twice as long in A or in B: sites of different taste, which bring out the 2 of the bound."""
    lengths = np.where(np.arange(len(pair["a"])) % 2 == 0, 2.0, 1.0)[:, None]
    return {"columns": pair["columns"], "a": lengths * pair["a"], "b": (3 - lengths) * pair["b"]}


def tables_to_join(n_keys: int, n_shared: int, n_features: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Features (one of n_features is non-zero: a category times an amount) and responses, known for some keys each.

    Both tables hold `n_shared` keys, each of the others is in one of them.

    Returns
    -------
    dict of arrays
        `columns`, `a` (features) and `b` (responses) of shape (n_keys, 1); the same for as many test rows.
    """
    coefficients = rng.standard_normal(n_features)

    def population(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns, amounts = rng.integers(n_features, size=(n, 1)), rng.uniform(0.5, 1.5, (n, 1))
        return columns.astype(np.int16), amounts, coefficients[columns] * amounts + 0.5 * rng.standard_normal((n, 1))

    columns, a, b = population(n_keys)
    order = rng.permutation(n_keys)
    in_a = n_shared + (n_keys - n_shared) // 2
    b[order[n_shared:in_a]] = 0
    a[order[in_a:]] = 0
    test_columns, test_a, test_b = population(n_keys)
    return {"columns": columns, "a": a, "b": b, "test_columns": test_columns, "test_a": test_a, "test_b": test_b}


def sparse_attention(
    n_channels: int, n_tokens: int, n_nonzeros: int, correlation: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Queries and keys, a row per channel, of which the tokens of largest magnitude are kept.

    Channels have log-normal scales, the same for queries and keys: some channels matter more than others.

    Returns
    -------
    dict of arrays of shape (n_channels, n_nonzeros)
        `columns_a` and `a` of the queries, `columns_b` and `b` of the keys.
    """
    scales = np.exp(0.5 * rng.standard_normal((n_channels, 1)))
    queries, other = rng.standard_normal((2, n_channels, n_tokens))
    keys = correlation * queries + np.sqrt(1 - correlation**2) * other
    kept = {}
    for name, dense in (("a", queries), ("b", keys)):
        columns = np.sort(np.argpartition(-np.abs(dense), n_nonzeros - 1, axis=1)[:, :n_nonzeros], axis=1)
        kept |= {f"columns_{name}": columns.astype(np.int16), name: scales * np.take_along_axis(dense, columns, axis=1)}
    return kept


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """All matrices by rows; a name is `kind__array` (kinds: s2_o50 and so on, heavy, opposed, join, attention)."""
    n, d, correlation = params.n_rows, params.n_columns, params.correlation

    def pair(s: int, overlap: float) -> dict[str, np.ndarray]:
        return sparse_pair(n, d, s, overlap, correlation, rng)

    s = params.overlap_nonzeros
    cells = {(x, 0.5) for x in params.sparse_nonzeros} | {(s, o) for o in params.overlaps} | {(d, 1.0)}
    kinds = {f"s{x}_o{100 * o:.0f}": pair(x, o) for x, o in sorted(cells)}
    kinds |= {"heavy": heavy_pair(pair(s, 0.5)), "opposed": opposed_pair(pair(s, 1.0))}
    kinds["join"] = tables_to_join(params.n_keys, params.n_keys // 10, params.n_features, rng)
    kinds["attention"] = sparse_attention(params.n_channels, params.n_tokens, params.tokens_kept, correlation, rng)
    return {f"{kind}__{name}": values for kind, arrays in kinds.items() for name, values in arrays.items()}
