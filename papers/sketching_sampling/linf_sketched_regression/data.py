"""Random parts of the regression problems: Gaussian features, which rows are heavy, coefficients and noise."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays of the largest problem, of n = n_per_column * d rows; the smaller ones take their first rows and columns.

    Returns
    -------
    dict
        ``features`` (n, d), ``noise`` (n,), ``ranks`` (n,): a random order of the rows, ``coefficients`` (d,), and
        ``pair`` (2, embedding_size): two random directions.
    """
    d = max(params.n_columns)
    n = params.n_per_column * d
    pair = rng.standard_normal((2, params.embedding_size))
    return {
        "features": rng.standard_normal((n, d)),
        "noise": rng.standard_normal(n),
        "ranks": rng.permutation(n),
        "coefficients": rng.standard_normal(d),
        "pair": pair / np.linalg.norm(pair, axis=1, keepdims=True),
    }
