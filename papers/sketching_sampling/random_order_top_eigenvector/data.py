"""Normal numbers, the light rows that all streams of a dimension share, and the signs of heavy rows."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Standard normals of shape (rows_per_dimension * d, d) and random signs.

    Half precision keeps the files small; the rows are what was stored, and the truth is computed from them.
    """
    data = {}
    for d, ratios in params.streams:
        shape = (params.rows_per_dimension * d, d)
        data[f"normals_{d}"] = rng.standard_normal(shape, dtype=np.float32).astype(np.float16)
        data[f"signs_{d}"] = rng.choice(np.array([-1, 1]), max(ratios) * params.pieces)
    return data
