"""Regret over horizons, numbers of experts and budgets; one run in detail; an audit of the plays."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..auditing import epsilon_lower_bound
from . import method

DELTA = 1e-6
EPSILON = 1.0  # of all sweeps but the one over budgets
MANY_EXPERTS, FEW_EXPERTS = 64, 16  # of the sweeps over horizons and budgets
LENGTH = 2**17  # of the sweeps over experts and budgets
TRACE_LENGTH = 2**16
AUDIT_EPSILON, AUDIT_LENGTH = 4.0, 2**14
Player = Callable[[np.ndarray, int, Params, np.random.Generator], np.ndarray]
COLUMNS = ["sweep", "method", "n_experts", "n_steps", "epsilon", "regret"]


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All randomness here protects: the streams are in the data."""
    regrets, switches = sparse_vector_sweeps(data, params, rng)
    regrets = pd.concat([regrets, rival_sweeps(data, params, rng)], ignore_index=True)
    by_sweep = {key: rows.regret.to_numpy() for key, rows in regrets.groupby(["sweep", "method"], sort=False)}
    experts = np.array(params.expert_counts)
    few, many = np.searchsorted(experts, [FEW_EXPERTS, params.tree_experts])
    tree, short = by_sweep["experts", "tree"], by_sweep["experts, tree's horizon", "sparse vector"]
    metrics = {
        "t_slope": log_log_slope(params.lengths, by_sweep["horizon, many experts", "sparse vector"]).value,
        "d_ratio": float(by_sweep["experts", "sparse vector"][-1] / by_sweep["experts", "sparse vector"][few]),
        "eps_slope": log_log_slope(params.epsilons, by_sweep["budget", "sparse vector"]).value,
        "tree_d_ratio": float(tree[many] / tree[few]),
        "resample_t_slope": log_log_slope(params.rival_lengths, by_sweep["horizon", "resampled"]).value,
        "audited_epsilon_over_budget": audited_epsilon(params, rng) / AUDIT_EPSILON,
        "sparse_vector_over_tree": float(short[many] / tree[many]),
        "largest_share_of_switches": float((switches.n_switches / switches.switch_bound).max()),
    }
    trace, phases = one_run(data[f"stages_{FEW_EXPERTS}"], params, rng)
    return Outcome(metrics=metrics, tables={"regrets": regrets, "switches": switches, "trace": trace, "phases": phases})


# --- Sparse vector ----------------------------------------------------------------------------------------


def play_sparse_vector(
    deaths: np.ndarray, n_steps: int, epsilon: float, params: Params, rng: np.random.Generator
) -> method.Phases:
    """The paper's method, or with the budget shared as ``params.budget_shared_by`` has it."""
    n_switches = method.switch_bound(deaths.shape[1])
    sharers = {"switches": n_switches, "experts": deaths.shape[1], "rounds": n_steps}

    def share(budget: float) -> float:
        if params.budget_shared_by == "nobody":
            return budget
        return method.primitive_epsilon(budget, DELTA, sharers[params.budget_shared_by])

    threshold = method.switch_threshold(share(epsilon if params.threshold_follows_budget else EPSILON), n_steps)
    return method.sparse_vector_experts(deaths, n_steps, share(epsilon), threshold, n_switches, rng)


def sparse_vector_sweeps(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean regret over the runs of each setting, and the most switches that a run made."""
    settings = [("horizon, many experts", MANY_EXPERTS, n_steps, EPSILON) for n_steps in params.lengths]
    settings += [("horizon", FEW_EXPERTS, n_steps, EPSILON) for n_steps in params.lengths]
    settings += [("experts", d, LENGTH, EPSILON) for d in params.expert_counts]
    settings += [("experts, tree's horizon", d, params.tree_length, EPSILON) for d in params.expert_counts]
    settings += [("budget", MANY_EXPERTS, LENGTH, epsilon) for epsilon in params.epsilons]
    regrets, switches = [], []
    for sweep, n_experts, n_steps, epsilon in settings:
        deaths = method.death_rounds(data[f"stages_{n_experts}"], n_steps)
        phases = play_sparse_vector(deaths, n_steps, epsilon, params, rng)
        regret = float(method.loss_by_round(phases, deaths, n_steps).mean())
        regrets.append((sweep, "sparse vector", n_experts, n_steps, epsilon, regret))
        bound = method.switch_bound(n_experts)
        switches.append((sweep, n_experts, n_steps, epsilon, int(phases.n_switches.max()), bound))
    names = ["sweep", "n_experts", "n_steps", "epsilon", "n_switches", "switch_bound"]
    return pd.DataFrame(regrets, columns=COLUMNS), pd.DataFrame(switches, columns=names)


def audited_epsilon(params: Params, rng: np.random.Generator) -> float:
    """A lower bound on the privacy loss of all plays, from runs on two streams that differ in round 0.

    In one the first half of the experts loses in round 0, in the other the second half; in all later rounds
    everyone loses, so that the player keeps switching. The attack asks from which half most were drawn.
    """
    half = FEW_EXPERTS // 2
    hits = []
    for late in (slice(0, half), slice(half, None)):
        deaths = np.zeros((params.n_audits, FEW_EXPERTS), dtype=int)
        deaths[:, late] = 1
        phases = play_sparse_vector(deaths, AUDIT_LENGTH, AUDIT_EPSILON, params, rng)
        is_drawn = phases.starts[:, 1:-1] < AUDIT_LENGTH
        votes = np.where(phases.experts[:, 1:] < half, 1, -1) * is_drawn
        hits.append(int((votes.sum(axis=1) > 0).sum()))
    return float(epsilon_lower_bound(*hits, params.n_audits, delta=DELTA))


# --- Rivals and one run -----------------------------------------------------------------------------------


def rival_sweeps(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Mean regrets of the perturbed leader and of resampled weights."""
    settings = [("horizon", FEW_EXPERTS, n_steps) for n_steps in params.rival_lengths]
    settings += [("experts", d, params.tree_length) for d in params.expert_counts if d <= params.tree_experts]
    rows = []
    for sweep, n_experts, n_steps in settings:
        n_runs = min(max(params.rival_work // (n_experts * n_steps), 1), params.n_runs)
        streams = method.death_rounds(data[f"stages_{n_experts}"][:n_runs], n_steps)
        rows.append((sweep, "tree", n_experts, n_steps, EPSILON, mean_loss(play_tree, streams, n_steps, params, rng)))
        if sweep == "horizon":
            regret = mean_loss(play_resampled, streams, n_steps, params, rng)
            rows.append((sweep, "resampled", n_experts, n_steps, EPSILON, regret))
    return pd.DataFrame(rows, columns=COLUMNS)


def play_tree(deaths: np.ndarray, n_steps: int, params: Params, rng: np.random.Generator) -> np.ndarray:
    return method.tree_leader(deaths, n_steps, EPSILON, DELTA, rng, params.joint_sensitivity)


def play_resampled(deaths: np.ndarray, n_steps: int, params: Params, rng: np.random.Generator) -> np.ndarray:
    return method.resampled_weights(deaths, n_steps, EPSILON, DELTA, rng, params.pay_by_round)


def mean_loss(player: Player, streams: np.ndarray, n_steps: int, params: Params, rng: np.random.Generator) -> float:
    totals = [method.losses_of_plays(player(deaths, n_steps, params, rng), deaths).sum() for deaths in streams]
    return float(np.mean(totals))


def one_run(stages: np.ndarray, params: Params, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loss over one stream of sparse vector and tree, and the starts of the former's phases.

    Of all runs it is the first that makes the median number of switches.
    """
    streams = method.death_rounds(stages, TRACE_LENGTH)
    phases = play_sparse_vector(streams, TRACE_LENGTH, EPSILON, params, rng)
    is_typical = phases.n_switches == np.quantile(phases.n_switches, 0.5, method="lower")
    run = slice(is_typical.argmax(), is_typical.argmax() + 1)
    deaths, phases = streams[run], method.Phases(phases.experts[run], phases.starts[run])
    rounds = np.linspace(0, TRACE_LENGTH, 513).astype(int)
    by_round = method.losses_of_plays(play_tree(deaths[0], TRACE_LENGTH, params, rng), deaths[0])
    losses = {
        "sparse vector": method.loss_by_round(phases, deaths, rounds[:, None, None])[0],
        "tree": np.concatenate([[0], np.cumsum(by_round)])[rounds],
    }
    trace = pd.concat([pd.DataFrame({"method": name, "round": rounds, "loss": loss}) for name, loss in losses.items()])
    starts = phases.starts[0, : phases.n_switches[0] + 1]
    at_start = method.loss_by_round(phases, deaths, starts[:, None, None])[0]
    return trace.reset_index(drop=True), pd.DataFrame({"round": starts, "loss": at_start})
