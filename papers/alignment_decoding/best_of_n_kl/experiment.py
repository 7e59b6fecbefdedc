"""The popular expression and the new estimator against the exact divergence."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method

FORMULAS = {"exact": method.formula, "asymptotic": method.asymptotic_formula}
TIES = {"half": 0.5, "full": 1.0}
NAMED_ROUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
MONTE_CARLO_ROUNDS = 16
SHOWN_BASES = 60


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Exact sums everywhere; only the comparison of Monte Carlo estimates draws samples."""
    random_bases = evaluate(data["bases"], params)
    gap = random_bases.formula - random_bases.divergence
    error = (random_bases.estimate - random_bases.divergence).abs()
    above = (random_bases.estimate - random_bases.formula).max()
    below = (random_bases.divergence - random_bases.estimate).max()
    two_point, formula = np.full(2, 0.5), FORMULAS[params.formula]
    return Outcome(
        metrics={
            "formula_slack_min": gap.min(),
            "two_point_gap": formula(256) - method.divergence(two_point, 256),
            "spread_relative_gap": spread_gap(params.n_outcomes_spread),
            "estimator_error_ratio": error.mean() / gap.mean(),
            "sandwich_violation": max(above, below),
            "win_rate_excess": (random_bases.win_rate - random_bases.n / (random_bases.n + 1)).max(),
        },
        tables={
            "named": named_bases(),
            "random": random_bases[random_bases.base < SHOWN_BASES],
            "frontier": frontier(data, params),
            "monte_carlo": monte_carlo(data["models"][1], params, rng),
        },
    )


def evaluate(bases: np.ndarray, params: Params) -> pd.DataFrame:
    """Exact divergence, expression, expected estimate and win rate for each base and n."""
    formula = FORMULAS[params.formula]
    tables = []
    for n in params.rounds:
        if params.average_over == "winners":
            estimate = method.expected_estimate(bases, n)
        else:
            estimate = (bases * method.estimator(bases, n)).sum(axis=-1)
        columns = {
            "base": np.arange(len(bases)),
            "n": n,
            "largest": bases.max(axis=-1),
            "divergence": method.divergence(bases, n),
            "formula": formula(n),
            "estimate": estimate,
            "win_rate": method.win_rate(bases, n, TIES[params.count_ties]),
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def spread_gap(n_outcomes: int) -> float:
    """Largest gap of the expression relative to the divergence, on a uniform base, over n up to 64."""
    base = np.full(n_outcomes, 1 / n_outcomes)
    gaps = [method.formula(n) / method.divergence(base, n) - 1 for n in (2, 4, 8, 16, 32, 64)]
    return float(max(gaps))


def named_bases() -> pd.DataFrame:
    """Divergence, expression and expected estimate on bases that have a name."""
    geometric = 0.5 ** np.arange(40, 0, -1)
    bases = {
        "uniform on 1000": np.full(1000, 1e-3),
        "uniform on 10": np.full(10, 0.1),
        "geometric, best likeliest": geometric / geometric.sum(),
        "two points": np.full(2, 0.5),
        "sure but for 1e-3": np.array([1 - 1e-3, 1e-3]),
    }
    rows = [
        (name, n, float(method.divergence(base, n)), method.formula(n), float(method.expected_estimate(base, n)))
        for name, base in bases.items()
        for n in NAMED_ROUNDS
    ]
    return pd.DataFrame(rows, columns=["base", "n", "divergence", "formula", "estimate"])


def frontier(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Expected reward of best-of-n on the language models against its divergence, true and claimed."""
    tables = []
    for n in params.rounds:
        reward = (np.exp(method.log_best_of_n(data["models"], n)) * data["rewards"]).sum(axis=-1)
        base_reward = (data["models"] * data["rewards"]).sum(axis=-1)
        columns = {
            "correlation": data["correlations"],
            "n": n,
            "reward_gain": reward - base_reward,
            "divergence": method.divergence(data["models"], n),
            "formula": method.formula(n),
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables)


def monte_carlo(model: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Root mean squared error of three estimates from m winners, relative to the divergence, on one language model."""
    n = MONTE_CARLO_ROUNDS
    exact = method.divergence(model, n)
    rows = []
    for n_winners in params.winners:
        estimates: dict[str, list[float]] = {"paper's": [], "plug-in": [], "empirical": []}
        for _ in range(params.n_repeats):
            draws, winners = method.draw_rounds(model, n, n_winners, rng)
            estimates["paper's"].append(method.estimator(model[winners], n).mean())
            estimates["plug-in"].append(method.plug_in_estimate(winners, model, n))
            estimates["empirical"].append(method.empirical_estimate(winners, draws, model.size))
        for name, values in estimates.items():
            rows.append((name, n_winners, np.sqrt(np.mean((np.array(values) - exact) ** 2)) / exact))
    return pd.DataFrame(rows, columns=["estimate", "winners", "relative_error"])
