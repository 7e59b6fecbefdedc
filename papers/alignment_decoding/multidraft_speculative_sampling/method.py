"""Multi-draft speculative sampling with two drafts (arXiv 2410.18234).

A target model gives the law q of the next token, two draft models offer the tokens X1 ~ p1 and X2 ~ p2. A rule
outputs a token Z with law exactly q; it accepts if Z is X1 or X2. Every function below returns exact
probabilities, no simulation. Laws are arrays (..., V) over V tokens, and each row sums to one.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

TOLERANCES = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
"""HiGHS's smallest: its usual 1e-7 would be the size of the differences looked for."""

# --- The optimum as one linear program ----------------------------------------------------------------------


def joint_optimum(target: np.ndarray, draft_1: np.ndarray, draft_2: np.ndarray) -> float:
    """The largest acceptance probability of any rule, for laws (V,), by the optimal-transport program.

    The mass w(x1, x2, y) >= 0 of outputting y, one of x1 and x2, is at most p1(x1) p2(x2) over y and at most
    q(y) over the pairs.
    """
    n_tokens = len(target)
    first, second = (axis.ravel() for axis in np.indices((n_tokens, n_tokens)))
    pair = np.arange(n_tokens**2)
    # one variable for "output x1", and one for "output x2" where that is another token
    differ = first != second
    pairs = np.concatenate([pair, pair[differ]])
    outputs = np.concatenate([first, second[differ]])
    variables = np.arange(len(pairs))
    rows = np.concatenate([pairs, n_tokens**2 + outputs])
    constraints = sparse.csr_array((np.ones(rows.size), (rows, np.tile(variables, 2))))
    limits = np.concatenate([np.outer(draft_1, draft_2).ravel(), target])
    return -_solve(-np.ones(len(pairs)), constraints, limits, None).fun


# --- The canonical two steps --------------------------------------------------------------------------------


class Selection(NamedTuple):
    """First step: which of the two drafted tokens goes on to be tested.

    Attributes
    ----------
    preference : array (n, V, V)
        Entry (x, y) is the probability to select x from the pair {x, y}; it and entry (y, x) sum to one.
    law : array (n, V)
        P_I, the law of the selected token.
    """

    preference: np.ndarray
    law: np.ndarray


def best_selection(
    target: np.ndarray, draft_1: np.ndarray, draft_2: np.ndarray, n_kept: int | None = None
) -> Selection:
    """The selection under which ``acceptance`` is largest, by one linear program for all n problems.

    Parameters
    ----------
    target, draft_1, draft_2 : array (n, V)
    n_kept : int, optional
        Truncation: optimise over pairs of the ``n_kept`` tokens with the largest target probability only. Of
        a pair with one such token that one is selected, of a pair with none either by a fair coin (for two
        identical drafts the same law as taking the first). All tokens are kept when omitted.

    Notes
    -----
    The law of the selected token depends on a pair's total mass only, p1(x) p2(y) + p1(y) p2(x), so that one
    variable per unordered pair is enough: the mass on which its first token is selected. Slacks
    m_y <= min(q(y), P_I(y)) make the objective linear.
    """
    n, n_tokens = target.shape
    n_kept = n_tokens if n_kept is None else min(n_kept, n_tokens)
    kept = np.argsort(-target, axis=1, kind="stable")[:, :n_kept]
    problem = np.arange(n)[:, None]
    is_kept = np.zeros((n, n_tokens), bool)
    is_kept[problem, kept] = True
    preference = (1 + is_kept[:, :, None].astype(float) - is_kept[:, None, :]) / 2

    i, j = np.triu_indices(n_kept, 1)
    if i.size:
        first, second = kept[:, i], kept[:, j]
        mass = _pair_mass(draft_1, draft_2)[problem, first, second]
        # start from "always the second of a pair": the program then moves mass to the first
        preference[problem, first, second] = 0.0
        preference[problem, second, first] = 1.0
        start = np.take_along_axis(selected_law(preference, draft_1, draft_2), kept, axis=1)
        moves = sparse.csr_array((np.ones(i.size), (i, np.arange(i.size))), shape=(n_kept, i.size))
        moves -= sparse.csr_array((np.ones(j.size), (j, np.arange(j.size))), shape=(n_kept, j.size))
        constraints = sparse.kron(sparse.eye_array(n), sparse.hstack([-moves, sparse.eye_array(n_kept)]), "csr")
        upper = np.hstack([mass, np.take_along_axis(target, kept, axis=1)])
        objective = np.tile(np.repeat([0.0, -1.0], [i.size, n_kept]), n)
        solution = _solve(objective, constraints, start.ravel(), upper.ravel()).x.reshape(n, -1)
        share = np.divide(solution[:, : i.size], mass, out=np.full_like(mass, 0.5), where=mass > 0)
        share = share.clip(0, 1)
        preference[problem, first, second] = share
        preference[problem, second, first] = 1 - share
    return Selection(preference, selected_law(preference, draft_1, draft_2))


def selected_law(preference: np.ndarray, draft_1: np.ndarray, draft_2: np.ndarray) -> np.ndarray:
    """P_I (n, V): the law of the token that ``preference`` (n, V, V) selects from X1 and X2."""
    return draft_1 * draft_2 + (preference * _pair_mass(draft_1, draft_2)).sum(axis=2)


def acceptance(target: np.ndarray, law: np.ndarray) -> np.ndarray:
    """Second step, single-draft speculative sampling: a token with this law is accepted with sum_y min(q, law).

    A selected y is accepted with probability min(1, q(y)/P_I(y)); else the output is drawn from ``residual``.
    With ``law`` the law of one draft this is the single-draft baseline.
    """
    return np.minimum(target, law).sum(axis=-1)


def residual(target: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """What is left of the target, (q - covered)_+, normalised; q itself where nothing is left."""
    left = (target - covered).clip(0)
    total = left.sum(axis=-1, keepdims=True)
    return np.divide(left, total, out=target.copy(), where=total > 0)


# --- Closed form for two identical drafts -------------------------------------------------------------------


def all_subsets(n_tokens: int) -> np.ndarray:
    """Indicators (2^V, V) of every subset of V tokens."""
    return (np.arange(2**n_tokens)[:, None] >> np.arange(n_tokens)) % 2 == 1


def smallest_slack(target: np.ndarray, draft: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """min over the given S (rows of indicators) of q(S) - p(S)^2; never negative: every pair can be accepted.

    With all subsets this is the condition for acceptance one, and 1 plus it the optimum for p1 = p2 = p,
    min_S {q(S) + p(S^c)^2 + 2 p(S) p(S^c)}.
    """
    return (target @ subsets.T - (draft @ subsets.T) ** 2).min(axis=-1)


def optimum_by_prefixes(target: np.ndarray, draft: np.ndarray) -> np.ndarray:
    """The same optimum from V + 1 subsets only: the prefixes in the order of increasing q/p.

    (p(S), q(S)) ranges over a set of points whose lower convex hull has the prefixes as its vertices; b - a^2
    is concave and increases with b, so that it is smallest at one of them.
    """
    ratio = np.divide(target, draft, out=np.full_like(target, np.inf), where=draft > 0)
    order = np.argsort(ratio, axis=-1)
    target_mass = np.take_along_axis(target, order, axis=-1).cumsum(axis=-1)
    draft_mass = np.take_along_axis(draft, order, axis=-1).cumsum(axis=-1)
    return 1 + (target_mass - draft_mass**2).min(axis=-1).clip(max=0)


# --- Baselines for two identical drafts ---------------------------------------------------------------------


def recursive_acceptance(target: np.ndarray, draft: np.ndarray) -> np.ndarray:
    """Recursive rejection sampling (SpecInfer): X1 is tested against q, then X2 against the residual."""
    first = acceptance(target, draft)
    return first + (1 - first) * acceptance(residual(target, draft), draft)


def k_seq_factor(target: np.ndarray, draft: np.ndarray) -> np.ndarray:
    """K-SEQ's rho (..., 1) in [1, 2] (SpecTr): the root of 1 - (1 - b)^2 = rho b, b = sum min(p, q/rho).

    By bisection; of the last interval the upper end, at which the output's law can still be repaired.
    """
    low, high = np.ones((*target.shape[:-1], 1)), np.full((*target.shape[:-1], 1), 2.0)
    for _ in range(50):
        middle = (low + high) / 2
        accepted = acceptance(target / middle, draft)[..., None]
        too_small = 1 - (1 - accepted) ** 2 > middle * accepted
        low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
    return high


def k_seq_acceptance(target: np.ndarray, draft: np.ndarray) -> np.ndarray:
    """K-SEQ (SpecTr): each draft in turn is accepted with probability min(1, q/(rho p))."""
    return 1 - (1 - acceptance(target / k_seq_factor(target, draft), draft)) ** 2


# --- Helpers ------------------------------------------------------------------------------------------------


def _pair_mass(draft_1: np.ndarray, draft_2: np.ndarray) -> np.ndarray:
    """Probability (n, V, V) of the unordered pair {x, y}, both ways round; zero for x = y."""
    ordered = draft_1[:, :, None] * draft_2[:, None, :]
    mass = ordered + ordered.transpose(0, 2, 1)
    mass[:, np.arange(mass.shape[1]), np.arange(mass.shape[1])] = 0
    return mass


def _solve(objective, constraints, limits, upper):
    """Minimise the objective over 0 <= x <= upper with constraints x <= limits."""
    bounds = (0, None) if upper is None else np.column_stack([np.zeros_like(upper), upper])
    solution = linprog(objective, constraints, limits, bounds=bounds, method="highs-ds", options=TOLERANCES)
    if solution.status != 0:
        raise RuntimeError(f"linear program not solved: {solution.message}")
    return solution
