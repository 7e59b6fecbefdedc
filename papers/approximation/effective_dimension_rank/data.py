"""The fixed batches of inputs: what is random in the statements is the weights."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Inputs (m, d), named ``inputs_{m}_{d}``, with rows uniform on the sphere of radius sqrt(d).

    Their dimension d is the width of the network: m, for the smallest m also its ``params.width_ratios``-fold,
    and for the largest m also ``params.low_dimension``.
    """
    smallest, largest = min(params.batch_sizes), max(params.batch_sizes)
    shapes = [(m, m) for m in params.batch_sizes]
    shapes += [(smallest, round(smallest * ratio)) for ratio in params.width_ratios]
    shapes += [(largest, params.low_dimension)]
    inputs = {}
    for m, dimension in shapes:
        points = rng.standard_normal((m, dimension))
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        inputs[f"inputs_{m}_{dimension}"] = points * np.sqrt(dimension) / norms
    return inputs
