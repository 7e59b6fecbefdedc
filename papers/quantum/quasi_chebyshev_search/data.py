"""Points at which the lemma is evaluated, and which items are marked first."""

import numpy as np

from litmus.params import Params


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arguments x (401,) of [-1, 1], its ends among them, and for each N a random order of the items.

    The first M items of ``order_N`` are the marked ones of a search for M among N.
    """
    inner = rng.uniform(-1, 1, 399)
    orders = {f"order_{n}": rng.permutation(n) for n in params.n_items}
    return {"x": np.sort(np.concatenate([[-1.0, 1.0], inner])), **orders}
