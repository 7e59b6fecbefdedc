"""Error against sample size on the square, and the sample size that a well-conditioned sketch takes on the line."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import legvander

from litmus.outcome import Outcome
from litmus.params import Params

from ..row_sampling import capped_probabilities, independent_sample, orthonormal_basis, squared_row_norms
from .method import (
    best_fit,
    coordinate_order,
    is_well_conditioned,
    pivotal_sample,
    principal_axis_order,
    relative_error,
    reweighted_least_squares,
    samples_needed,
    sequential_tournament,
    total_degree_legendre,
    tree_tournament,
)

TARGETS = ("oscillator", "noisy_surface")
INDEPENDENT, COORDINATE, PRINCIPAL_AXIS = "independent", "coordinate tree", "principal-axis tree"
SEQUENTIAL, RANDOM = "sequential", "random order"
PIVOTAL = {
    COORDINATE: (coordinate_order, tree_tournament),
    PRINCIPAL_AXIS: (principal_axis_order, tree_tournament),
    SEQUENTIAL: (np.argsort, sequential_tournament),
    RANDOM: (np.argsort, sequential_tournament),
}
CURVES = (
    ("leverage", INDEPENDENT),
    ("leverage", COORDINATE),
    ("leverage", PRINCIPAL_AXIS),
    ("uniform", INDEPENDENT),
    ("uniform", COORDINATE),
)
Draw = Callable[[], np.ndarray]


def _sampler(name: str, points: np.ndarray, p: np.ndarray, params: Params, rng: np.random.Generator) -> Draw:
    """The sampler called `name`; a pivotal one arranges the points that are not certain to be taken."""
    if name == INDEPENDENT:
        if params.baseline == "independent":
            return lambda: independent_sample(p, rng)
        name = SEQUENTIAL if points.ndim == 1 else COORDINATE
    arrange, tournament = PIVOTAL[name]
    undecided = np.flatnonzero(p < 1)
    order = undecided[arrange(points[undecided])]
    if name == RANDOM or params.order == "shuffled":
        order = rng.permutation(order)
    fights = tournament(order)
    return lambda: pivotal_sample(p, fights, rng)


def _scores(basis: np.ndarray, params: Params) -> np.ndarray:
    return squared_row_norms(basis) if params.scores == "leverage" else np.ones(len(basis))


def _curves(data: Mapping[str, np.ndarray], degree: int, params: Params, rng: np.random.Generator) -> list[dict]:
    """Quartiles of the relative error over trials: a record for each marginal, sampler, sample size and target."""
    points, labels = data["points"], np.stack([data[target] for target in TARGETS], axis=1)
    basis = orthonormal_basis(total_degree_legendre(points, degree))
    best, optimum = best_fit(basis, labels)
    marginals = {"leverage": _scores(basis, params), "uniform": np.ones(len(points))}
    records = []
    for (marginal, sampler), ratio in product(CURVES, params.size_ratios):
        n_samples = round(ratio * basis.shape[1])
        p = capped_probabilities(marginals[marginal], n_samples)
        p_fit = p if params.reweight else np.ones_like(p)
        draw = _sampler(sampler, points, p, params, rng)
        fits = [reweighted_least_squares(basis, labels, draw(), p_fit) for _ in range(params.n_trials)]
        quartiles = np.quantile([relative_error(fit, best, optimum) for fit in fits], [0.25, 0.5, 0.75], axis=0)
        records += [
            dict(degree=degree, n_columns=basis.shape[1], target=target, marginal=marginal, sampler=sampler,
                 ratio=float(ratio), n_samples=n_samples, lower=low, median=median, upper=high)
            for target, (low, median, high) in zip(TARGETS, quartiles.T, strict=True)
        ]  # fmt: skip
    return records


def _savings(errors: pd.DataFrame) -> pd.DataFrame:
    """Fraction of the labels that pivotal sampling saves, by degree, target, tree and error threshold."""
    records = []
    for (degree, target), part in errors[errors.marginal == "leverage"].groupby(["degree", "target"], sort=False):
        for threshold in (1.2, 2.0):
            needed = {
                name: samples_needed(curve["n_samples"].to_numpy(), curve["median"].to_numpy(), threshold)
                for name, curve in part.groupby("sampler")
            }
            records += [
                dict(degree=degree, target=target, threshold=threshold, tree=tree, needed=needed[tree],
                     needed_independent=needed[INDEPENDENT], saving=1 - needed[tree] / needed[INDEPENDENT])
                for tree in (COORDINATE, PRINCIPAL_AXIS)
            ]  # fmt: skip
    return pd.DataFrame(records)


def _line_factor(points: np.ndarray, basis: np.ndarray, name: str, params: Params, rng: np.random.Generator) -> float:
    """Least m / d at which at least half of the sketches are well conditioned, by bisection on log(m / d)."""
    scores = _scores(basis, params)
    n_trials = round(params.line_trials * np.sqrt(max(params.line_columns) / basis.shape[1]))  # many where cheap
    low, high = np.log(params.line_factors)
    for _ in range(params.line_bisections):
        middle = (low + high) / 2
        p = capped_probabilities(scores, round(np.exp(middle) * basis.shape[1]))
        draw = _sampler(name, points, p, params, rng)
        successes = sum(is_well_conditioned(basis, draw(), p) for _ in range(n_trials))
        low, high = (low, middle) if 2 * successes >= n_trials else (middle, high)
    return float(np.exp((low + high) / 2))


def _line(points: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """The factor m / d of three samplers for polynomials of d coefficients on the line."""
    records = []
    for n_columns in params.line_columns:
        basis = orthonormal_basis(legvander(points, n_columns - 1))
        records += [
            dict(n_columns=n_columns, sampler=name, factor=_line_factor(points, basis, name, params, rng))
            for name in (SEQUENTIAL, RANDOM, INDEPENDENT)
        ]
    return pd.DataFrame(records)


def _example(points: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """One sample of every sampler, of twice as many points as features."""
    basis = orthonormal_basis(total_degree_legendre(points, params.example_degree))
    p = capped_probabilities(_scores(basis, params), 2 * basis.shape[1])
    names = (INDEPENDENT, COORDINATE, PRINCIPAL_AXIS)
    drawn = {name: points[_sampler(name, points, p, params, rng)()] for name in names}
    return pd.concat([pd.DataFrame(dict(sampler=name, x=xy[:, 0], y=xy[:, 1])) for name, xy in drawn.items()])


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Labels saved at given errors, the gain from leverage marginals, and the sketch sizes on the line."""
    errors = pd.DataFrame([record for degree in params.degrees for record in _curves(data, degree, params, rng)])
    savings = _savings(errors)
    line = _line(data["line"], params, rng)
    example = _example(data["points"], params, rng)

    saving = savings[savings.tree == COORDINATE].groupby(["target", "threshold"]).saving.mean()
    at_twice = errors.query("sampler == @COORDINATE and target == 'oscillator' and ratio == 2")
    median = at_twice[at_twice.degree == params.example_degree].set_index("marginal")["median"]
    factors = line.pivot(index="n_columns", columns="sampler", values="factor").sort_index()
    growth = factors.iloc[-1] / factors.iloc[0]
    metrics = {
        "saving_within_20_percent": saving["oscillator", 1.2],
        "saving_within_twice": saving["oscillator", 2.0],
        "noise_saving_within_20_percent": saving["noisy_surface", 1.2],
        "noise_saving_within_twice": saving["noisy_surface", 2.0],
        "leverage_gain": median["uniform"] / median["leverage"],
        "line_factor_max": factors[SEQUENTIAL].max(),
        "line_random_order_ratio": np.exp(np.log(factors[RANDOM] / factors[INDEPENDENT]).mean()),
        "line_growth_pivotal": growth[SEQUENTIAL],
        "line_growth_independent": growth[INDEPENDENT],
    }
    return Outcome(metrics, {"errors": errors, "savings": savings, "line": line, "example": example})
