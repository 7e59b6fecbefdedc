"""Error probabilities over pulls and privacy budgets, and how many pulls each policy needs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import gmean

from litmus.outcome import Outcome
from litmus.params import Params

from ..auditing import epsilon_lower_bound
from .basis import spanning_basis
from .method import BudgetTooSmall, PrivateBandit, dp_bai, od_linbai, one_shot, schedule, sequential_halving

TARGET = 0.3  # error probability at which pulls are compared
NEGLIGIBLE = 0.02  # error probability at which a curve ends
BUDGETS = np.rint(160 * 2 ** np.arange(0, 17, 0.75)).astype(int)
RIVAL_EPSILON = 0.2
DECAY_EPSILON = 1.0
DECAY_MULTIPLES = (1, 2, 3, 4, 5, 6)  # of the pulls to the target
AUDIT_EPSILON, AUDIT_PULLS, AUDIT_ARMS = 1.0, 20, 6

Policy = Callable[[PrivateBandit, int, int], np.ndarray]


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The noise that protects and the rewards come from separate streams."""
    privacy_rng, reward_rng = rng.spawn(2)
    largest_coefficients = [0.0]

    def dp_bai_arms(bandit: PrivateBandit, budget: int, n_runs: int) -> np.ndarray:
        result = dp_bai(bandit, budget, n_runs, params.use_basis, params.search)
        largest_coefficients.append(result.largest_coefficient)
        return result.arms

    errors, decays, coefficients = [], [], []
    for i in range(params.n_instances):
        features, means = data[f"features_{i}"], data[f"means_{i}"]

        def bandit(epsilon: float, features: np.ndarray = features, means: np.ndarray = means) -> PrivateBandit:
            return PrivateBandit(features, means, epsilon, reward_rng, privacy_rng, params.noise)

        curves = [("DP-BAI", epsilon, dp_bai_arms) for epsilon in params.epsilons]
        curves += [("no noise", np.inf, dp_bai_arms), ("halving", RIVAL_EPSILON, sequential_halving)]
        curves += [("OD-LinBAI", RIVAL_EPSILON, od_linbai), ("one shot", RIVAL_EPSILON, one_shot)]
        for name, epsilon, policy in curves:
            first = first_budget(name, *features.shape)
            curve = error_curve(policy, bandit(epsilon), BUDGETS[first <= BUDGETS], params.n_runs)
            errors.append(curve.assign(instance=i, policy=name, epsilon=epsilon))
        base = pulls_needed(next(t for t in errors if t.instance[0] == i and t.epsilon[0] == DECAY_EPSILON))
        # The rarer errors are, the more runs are needed to see them.
        points = [
            error_curve(dp_bai_arms, bandit(DECAY_EPSILON), np.rint([base * m]), params.n_decay_runs * m)
            for m in DECAY_MULTIPLES
        ]
        decays.append(pd.concat(points, ignore_index=True).assign(instance=i, multiple=DECAY_MULTIPLES))
        coefficients.append(coefficient_histogram(features).assign(instance=i))

    pulls = pd.DataFrame(
        [(t.instance[0], t.policy[0], t.epsilon[0], pulls_needed(t)) for t in errors],
        columns=["instance", "policy", "epsilon", "pulls"],
    )
    metrics = {
        **decay_fits(decays),
        "max_coefficient": max(largest_coefficients),
        "audited_epsilon_over_budget": audited_epsilon(params, privacy_rng) / AUDIT_EPSILON,
        **pull_ratios(pulls),
    }
    tables = {
        "errors": pd.concat(errors, ignore_index=True),
        "pulls": pulls,
        "decay": pd.concat(decays, ignore_index=True),
        "coefficients": pd.concat(coefficients, ignore_index=True),
    }
    return Outcome(metrics=metrics, tables=tables)


def first_budget(policy: str, n_arms: int, n_dims: int) -> int:
    """The fewest pulls with which a policy can pull every arm that it wants to pull."""
    if policy == "halving":
        return n_arms * int(np.ceil(np.log2(n_arms)))
    if policy in ("DP-BAI", "no noise"):
        # Without the basis the first phase pulls all arms; the curve then starts where it is a curve of DP-BAI.
        sizes = schedule(n_arms, n_dims)
        return (len(sizes) - 1) * max(n_dims, *(size for size in sizes if size <= n_dims**2))
    return n_dims


def error_curve(policy: Policy, bandit: PrivateBandit, budgets: np.ndarray, n_runs: int) -> pd.DataFrame:
    """Share of runs that miss the best arm (number 0), at rising budgets until it is negligible.

    A budget that cannot pay for one pull of every arm counts as always missing it.
    """
    rows = []
    for budget in budgets:
        try:
            error = float((policy(bandit, int(budget), n_runs) != 0).mean())
        except BudgetTooSmall:
            error = 1.0
        rows.append((int(budget), n_runs, error))
        if error < NEGLIGIBLE:
            break
    return pd.DataFrame(rows, columns=["budget", "n_runs", "error"])


def pulls_needed(curve: pd.DataFrame) -> float:
    """The budget at which the error falls through the target for the last time, linear in log budget.

    The first or last budget of the curve where it does not fall through.
    """
    error, log_budget = curve.error.to_numpy(), np.log(curve.budget.to_numpy())
    above = np.flatnonzero(error > TARGET)
    if not above.size or above[-1] == len(error) - 1:
        return float(np.exp(log_budget[-1 if above.size else 0]))
    k = above[-1]
    share = (error[k] - TARGET) / (error[k] - error[k + 1])
    return float(np.exp(log_budget[k] + share * (log_budget[k + 1] - log_budget[k])))


def pull_ratios(pulls: pd.DataFrame) -> dict[str, float]:
    """Geometric means over the instances of ratios of pulls needed."""
    by_policy = pulls.pivot(index="instance", columns=["policy", "epsilon"], values="pulls")
    own = by_policy["DP-BAI"]
    ratios = {
        "privacy_scaling": own[0.05] / own[RIVAL_EPSILON],
        "saturation": own[10.0] / own[3.0],
        "halving_over_dp_bai": by_policy["halving", RIVAL_EPSILON] / own[RIVAL_EPSILON],
        "od_linbai_over_dp_bai": by_policy["OD-LinBAI", RIVAL_EPSILON] / own[RIVAL_EPSILON],
        "one_shot_over_dp_bai": by_policy["one shot", RIVAL_EPSILON] / own[RIVAL_EPSILON],
    }
    return {name: float(gmean(values)) for name, values in ratios.items()}


def decay_fits(decays: list[pd.DataFrame]) -> dict[str, float]:
    """Straight lines through the logarithm of the error against T (exponential) and against log T (power law).

    The R^2 of both, and by how much the line against log T misses more than the line against T (root mean square, in
    nats of error), all as means over the instances. That gap vanishes where the error does not fall at all, while the
    R^2 of a level line are those of its noise.
    """
    fits = []
    for decay in decays:
        log_error = np.log(
            (decay.error * decay.n_runs + 0.5) / (decay.n_runs + 1)
        )  # half an error more keeps it finite
        r2 = [np.corrcoef(t, log_error)[0, 1] ** 2 for t in (decay.budget, np.log(decay.budget))]
        misses = np.sqrt(1 - np.array(r2)) * log_error.std(ddof=0)
        fits.append((*r2, misses[1] - misses[0]))
    r2_linear, r2_power, gap = np.mean(fits, axis=0)
    return {"loglinear_r2": float(r2_linear), "loglog_r2": float(r2_power), "power_law_misfit_gap": float(gap)}


def audited_epsilon(params: Params, rng: np.random.Generator) -> float:
    """A lower bound on the privacy loss of a release, from its outputs when one reward of the first arm is 0 and 1.

    The attack names the 1 where the private mean of that arm exceeds what it would be without noise.
    """
    bandit = PrivateBandit(np.eye(2), np.ones(2), AUDIT_EPSILON, rng, rng, params.noise)
    n_pulls = np.full((params.n_audits, AUDIT_ARMS), AUDIT_PULLS)
    hits = []
    for reward in (0, 1):
        successes = np.full(n_pulls.shape, AUDIT_PULLS // 2)
        successes[:, 0] += reward
        hits.append(int((bandit.privatise(successes, n_pulls)[:, 0] > successes[0, 1] / AUDIT_PULLS + 0.05).sum()))
    return float(epsilon_lower_bound(hits[1], hits[0], params.n_audits))


def coefficient_histogram(features: np.ndarray) -> pd.DataFrame:
    """Sizes of the coefficients of all arms, for the first independent arms and for a basis of maximal determinant."""
    edges = np.geomspace(0.01, 1000, 26)
    rows = []
    for name, search in (("first arms", False), ("maximal determinant", True)):
        sizes = np.abs(spanning_basis(features[None], search).coefficients).ravel()
        # Bins are closed above, so that a coefficient of exactly 1 is not among those above 1.
        counts = pd.cut(sizes, edges).value_counts().to_numpy()
        rows += [(name, low, count / sizes.size) for low, count in zip(edges[:-1], counts, strict=True)]
    return pd.DataFrame(rows, columns=["basis", "size", "share"])
