"""Staged adversaries: half of the surviving experts die at the start of every stage, and one never errs."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``stages_d``, shape (n_runs, d), for every number of experts d: the stage at whose start each expert dies."""
    return {f"stages_{d}": draw_stages(params.n_runs, d, rng) for d in params.expert_counts}


def draw_stages(n_runs: int, n_experts: int, rng: np.random.Generator) -> np.ndarray:
    """In random order d/2 experts of stage 0, d/4 of stage 1, ..., one of stage log2(d) - 1 and a survivor, log2(d).

    Raises
    ------
    ValueError
        If the number of experts is not a power of two.
    """
    n_stages = n_experts.bit_length() - 1
    if n_experts != 1 << n_stages:
        raise ValueError(f"halving needs a power of two, got {n_experts} experts")
    stages = np.repeat(np.arange(n_stages + 1), [n_experts >> s + 1 for s in range(n_stages)] + [1])
    return rng.permuted(np.tile(stages, (n_runs, 1)), axis=1)
