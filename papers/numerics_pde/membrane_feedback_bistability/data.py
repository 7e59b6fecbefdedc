"""Slabs on which the closed forms are tried, a grid of forces, and membranes with other parameters."""

import numpy as np

from litmus.params import Params

FORCES = (0.03, 32.0)


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What is drawn at random; everything after it is deterministic.

    Returns
    -------
    slabs : array (n_slabs, 4)
        Force (0.1 to 10), diffusivity (0.01 to 1), partition ratio (0.01 to 100), all log-uniform, and length
        (1.2 to 4).
    forces : array (n_forces,)
        Geometric from about 0.03 to 32, shifted by a random part of a step.
    variations : array (n_variations, 4)
        Factors within 30 per cent of one, for the parameters of a membrane.
    """
    log_low, log_high = np.array([[-1, -2, -2], [1, 0, 2]])
    slabs = np.column_stack(
        [10 ** rng.uniform(log_low, log_high, (params.n_slabs, 3)), rng.uniform(1.2, 4, params.n_slabs)]
    )
    low, high = np.log(FORCES)
    step = (high - low) / params.n_forces
    forces = np.exp(low + step * (np.arange(params.n_forces) + rng.random()))
    return {"slabs": slabs, "forces": forces, "variations": rng.uniform(0.7, 1.3, (params.n_variations, 4))}
