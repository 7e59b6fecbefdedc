"""Errors of continual and one-shot releases, the embedded table, and how much error protects it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from .. import gaussian_mechanism
from . import method, reduction

FEW_COORDINATES = 4
SELECTION_COORDINATES = 16
TRACED_EPSILON = 1.0
AUDIT_COLUMNS = 256
BATCH_RUNS = 20_000
TREE_TIMES = 1024  # steps at which a tree of many coordinates is looked at


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All randomness here protects: the tables and the rows that trace them are in the data."""
    errors = continual_errors(params, rng)
    trees = tree_errors(params, rng)
    games = {
        n_columns: reduction.TracingGame(*(data[f"{name}_{n_columns}"] for name in ("members", "fresh", "marginals")))
        for n_columns in params.column_counts
    }
    thresholds = noise_thresholds(games, data)
    metrics = {
        "reduction_error": reduction_error(data["exact_members"], params.read_late),
        "sigma_slope": log_log_slope(thresholds.n_steps, thresholds.sigma_star).value,
        "private_tracing_over_limit": private_tracing(data, params, rng),
        "tree_slope": log_log_slope(trees.n_coordinates, trees.error).value,
        **error_metrics(errors),
    }
    tables = {
        "errors": errors,
        "trees": trees,
        "thresholds": thresholds,
        "advantages": advantage_curves(games),
        "walk": walk(data["exact_members"][0]),
    }
    return Outcome(metrics=metrics, tables=tables)


# --- Errors of the mechanisms -----------------------------------------------------------------------------


def continual_errors(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Mean error of every mechanism for every stream length."""
    rows = []
    for n_steps in params.lengths:
        maxima = method.rising_maxima(n_steps)
        batch = np.abs(method.batch_maximum(maxima[-1], params.rho, rng, BATCH_RUNS) - maxima[-1]).mean()
        rows.append((n_steps, "batch", 1, float(batch)))
        rows.append((n_steps, "block", 1, block_error(maxima, params, rng)))
        rows.append((n_steps, "selection", SELECTION_COORDINATES, selection_error(n_steps, params, rng)))
        rows.append((n_steps, "tree, few", FEW_COORDINATES, tree_error(n_steps, FEW_COORDINATES, 1, params, rng)))
        n_coordinates, every = round(n_steps ** (2 / 3)), max(n_steps // TREE_TIMES, 1)
        rows.append((n_steps, "tree, many", n_coordinates, tree_error(n_steps, n_coordinates, every, params, rng)))
    return pd.DataFrame(rows, columns=["n_steps", "mechanism", "n_coordinates", "error"])


def block_error(maxima: np.ndarray, params: Params, rng: np.random.Generator) -> float:
    def error(period: int) -> float:
        outputs = method.block_maximum(maxima, period, params.rho, rng, params.pay_for_releases)
        return float(np.abs(outputs - maxima).max())

    return error_at_best_period(error, maxima.size, params)


def selection_error(n_steps: int, params: Params, rng: np.random.Generator) -> float:
    sums = method.overtaking_sums(n_steps, SELECTION_COORDINATES)
    maxima = sums.max(axis=1)

    def error(period: int) -> float:
        choices = method.block_selection(sums, period, params.rho, rng, params.pay_for_releases)
        return method.selection_gap(sums, maxima, choices)

    return error_at_best_period(error, n_steps, params)


def error_at_best_period(error: Callable[[int], float], n_steps: int, params: Params) -> float:
    """Mean error of fresh runs at the period whose trial runs erred least."""
    periods = method.candidate_periods(n_steps) if params.hold_outputs else [1]
    trials = [np.mean([error(period) for _ in range(params.n_runs)]) for period in periods]
    best = periods[int(np.argmin(trials))]
    return float(np.mean([error(best) for _ in range(2 * params.n_runs)]))


def tree_error(n_steps: int, n_coordinates: int, every: int, params: Params, rng: np.random.Generator) -> float:
    """Mean error on a stream of ones, whose sums are all equal; for ``every`` > 1 it is taken at fewer steps."""
    truth = method.rising_maxima(n_steps)[every - 1 :: every]
    errors = []
    for _ in range(params.n_runs):
        noise = method.tree_noise(
            n_steps, n_coordinates, params.rho, rng, every, params.joint_sensitivity, params.pay_by_level
        )
        errors.append(np.abs(method.tree_maximum(truth[:, None], noise) - truth).max())
    return float(np.mean(errors))


def tree_errors(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Tree counters at one stream length, over the number of coordinates."""
    counts = [4, 16, 64, 256]
    errors = [tree_error(params.tree_length, n_coordinates, 1, params, rng) for n_coordinates in counts]
    return pd.DataFrame({"n_steps": params.tree_length, "n_coordinates": counts, "error": errors})


def error_metrics(errors: pd.DataFrame) -> dict[str, float]:
    """Exponents over the lengths, and ratios at the greatest."""
    error = errors.pivot(index="n_steps", columns="mechanism", values="error")
    longest = error.iloc[-1]
    price = float(min(longest["block"], longest["tree, many"]) / longest["batch"])
    return {
        "block_slope": log_log_slope(error.index, error["block"]).value,
        "price_over_cube_root": price / error.index[-1] ** (1 / 3),
        "tree_over_block_few_coordinates": longest["tree, few"] / longest["block"],
        "tree_over_block_many_coordinates": longest["tree, many"] / longest["block"],
    }


# --- The reduction and the attack -------------------------------------------------------------------------


def reduction_error(tables: np.ndarray, read_late: bool) -> float:
    """Largest error of a marginal read off the true running maximum, over tables (n_tables, n_rows, n_columns)."""
    errors = []
    for table in tables:
        maxima = np.cumsum(reduction.reduction_stream(table), axis=0).max(axis=1)
        errors.append(np.abs(reduction.read_marginals(maxima, *table.shape, read_late) - table.sum(axis=0)).max())
    return float(max(errors))


def noise_thresholds(games: dict[int, reduction.TracingGame], data: dict[str, np.ndarray]) -> pd.DataFrame:
    """sigma* and the length of the reduction's stream, for each number of columns."""
    allowed = reduction.allowed_advantage(TRACED_EPSILON)
    n_rows = [data[f"members_{n_columns}"].shape[1] for n_columns in games]
    return pd.DataFrame(
        {
            "n_columns": list(games),
            "n_rows": n_rows,
            "n_steps": [reduction.stream_length(n, d) for n, d in zip(n_rows, games, strict=True)],
            "sigma_star": [game.noise_threshold(allowed) for game in games.values()],
        }
    )


def advantage_curves(games: dict[int, reduction.TracingGame]) -> pd.DataFrame:
    """Tracing advantage against the size of the error."""
    sigmas = np.geomspace(0.5, 200, 14)
    rows = [(n_columns, sigma, game.advantage(sigma)) for n_columns, game in games.items() for sigma in sigmas]
    return pd.DataFrame(rows, columns=["n_columns", "sigma", "advantage"])


def private_tracing(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> float:
    """Tracing advantage against a private release, over the most that its budget allows.

    The reduction's streams go through block recomputation with a release at each reading step, the period that
    serves the attacker best. Replacing a row moves each release by at most 1, so that all of them together
    are at most as telling as one release of sensitivity 1 with noise for rho.
    """
    members, fresh, marginals = (data[f"{name}_{AUDIT_COLUMNS}"] for name in ("members", "fresh", "marginals"))
    n_rows, n_columns = members.shape[1:]
    all_maxima = [reduction.reduction_maxima(table) for table in members]
    scores: list[list[np.ndarray]] = [[], []]
    for _ in range(params.n_audits):
        outputs = [
            method.block_maximum(maxima, 2 * n_rows, params.rho, rng, params.pay_for_releases) for maxima in all_maxima
        ]
        answers = np.stack([reduction.read_marginals(series, n_rows, n_columns) for series in outputs])
        for rows, collected in zip((members, fresh), scores, strict=True):
            collected.append(reduction.tracing_scores(rows, marginals, answers / n_rows))
    limit = gaussian_mechanism.gaussian_delta(gaussian_mechanism.zcdp_sigma(params.rho), epsilon=0.0)
    return reduction.empirical_advantage(np.stack(scores[0]), np.stack(scores[1])) / limit


def walk(table: np.ndarray, n_rounds: int = 5) -> pd.DataFrame:
    """The running maximum over the first rounds of the reduction, and the marginals as read off it."""
    n_rows, n_columns = table.shape
    n_steps = reduction.stream_length(n_rows, n_rounds)
    maxima = reduction.reduction_maxima(table)[:n_steps]
    steps = np.arange(1, n_steps + 1)
    is_read = np.isin(steps, reduction.reading_steps(n_rows, n_columns))
    offsets = np.where(is_read, steps // 2, 0)  # nj at step 2nj
    return pd.DataFrame({"step": steps, "maximum": maxima, "is_read": is_read, "marginal": maxima - offsets})
