"""Calling a paper's own functions: generate, run and draw. No files are read or written here."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from litmus import seeding
from litmus.catalog import Paper
from litmus.code_inputs import parameters_read
from litmus.errors import LitmusError
from litmus.outcome import Outcome
from litmus.params import Params
from litmus.paths import paper_dir, root

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

own_seconds = 0.0
"""CPU seconds that this process has spent inside papers' own functions; the rest is the kit's overhead."""


def load_module(slug: str, stage: str) -> ModuleType:
    """Import papers/<theme>/<paper>/<stage>.py of the repository at `root`."""
    if str(root()) not in sys.path:
        sys.path.insert(0, str(root()))
    return importlib.import_module(f"papers.{slug.replace('/', '.')}.{stage}")


def call(function: Any, *arguments: Any) -> Any:
    """Call a function of a paper, and add its CPU seconds to `own_seconds`."""
    global own_seconds
    start = time.process_time()
    try:
        return function(*arguments)
    finally:
        own_seconds += time.process_time() - start


def _function(slug: str, stage: str, name: str) -> Any:
    function = getattr(load_module(slug, stage), name, None)
    if not callable(function):
        raise LitmusError(f"papers/{slug}/{stage}.py: expected a function '{name}'")
    return function


def generate(paper: Paper, params: Params, seed: int) -> tuple[dict[str, np.ndarray], set[str]]:
    """The arrays of one seed, and the names of the parameters that were read.

    ``generate`` gets only the parameters that its source names, so that a change of another one cannot reach it.
    """
    import numpy as np

    names = parameters_read(paper_dir(paper.slug) / "data.py")
    mine = params if names is None else Params({n: params[n] for n in names if n in params}, f"{paper.slug}: data.py")
    arrays = call(_function(paper.slug, "data", "generate"), mine, seeding.generator(paper.slug, "data", seed))
    owner = f"papers/{paper.slug}/data.py"
    if not isinstance(arrays, Mapping):
        raise LitmusError(f"{owner}: generate returned {type(arrays).__name__}; expected a mapping of name to array")
    checked = {}
    for name, array in arrays.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise LitmusError(f"{owner}: array name {name!r}: expected an identifier")
        # One layout in memory, as another order of summation gives other bits.
        checked[name] = np.asarray(array, order="C")
        if checked[name].dtype == object:
            raise LitmusError(f"{owner}: array '{name}' holds Python objects; expected numbers, truth values or text")
    return checked, set(mine.read)


def run(paper: Paper, data: Mapping[str, np.ndarray], params: Params, seed: int) -> Outcome:
    """The outcome of one seed, checked."""
    outcome = call(
        _function(paper.slug, "experiment", "run"),
        data,
        params,
        seeding.generator(paper.slug, "experiment", seed),
    )
    owner = f"papers/{paper.slug}/experiment.py"
    if not isinstance(outcome, Outcome):
        raise LitmusError(f"{owner}: run returned {type(outcome).__name__}; expected an Outcome")
    return outcome.checked(owner)


def simulate(paper: Paper, values: Mapping[str, Any], seeds: Sequence[int]) -> dict[int, Outcome]:
    """Data and experiment of several seeds in this process, at parameters that need not be a scale's."""
    outcomes = {}
    for seed in seeds:
        params = Params(values, f"papers/{paper.slug}/paper.yaml")
        arrays, _ = generate(paper, params, seed)
        outcomes[seed] = run(paper, arrays, params, seed)
    return outcomes


def draw(paper: Paper, tables: Mapping[str, pd.DataFrame]) -> Figure:
    """The paper's figure."""
    figure: Figure = call(_function(paper.slug, "figure", "draw"), dict(tables))
    if not hasattr(figure, "savefig") or not figure.get_axes():
        raise LitmusError(f"papers/{paper.slug}/figure.py: draw returned no matplotlib Figure with axes")
    return figure
