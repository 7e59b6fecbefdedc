"""The lemma on a grid of lengths, the search on state vectors, and the queries that it needs."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..amplitude_amplification import (
    grover_iterations,
    pi_third_success,
    plane_success,
    search_states,
    success_probability,
)
from . import method

PI_THIRD_FAILURE = 0.01  # both searches are asked for this failure, as delta^2 = 0.01
SHOWN_LENGTH, SHOWN_GAMMAS = 9, (0.5, 0.9, 0.99)
SHOWN_ITERATIONS, SHOWN_DEPTH = 13, 3  # 26 queries each: a reflection with a phase other than pi takes two
BLOCK = 64  # searches simulated at a time, to bound the memory


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All metrics are extremes over the grids of the scale, so that a single bad point shows."""
    lemma = lemma_errors(data["x"], params)
    searches = simulate_searches(data, params)
    queries, query_slack = count_queries(params)
    even = lemma[lemma.group == "even"]
    above = searches[searches.fraction >= searches.smallest_fraction]
    pi_third = queries[queries.algorithm == "pi_third"]
    chosen = queries[queries.algorithm == params.algorithm]
    return Outcome(
        metrics={
            "lemma_error": lemma[lemma.group == "odd"].error.max(),
            "even_length_error_min": even.error.min(),
            "success_formula_error": (searches.success - searches.predicted).abs().max(),
            "fixed_point_slack": (above.success - above.promised).min(),
            "query_bound_slack": query_slack,
            "query_exponent": log_log_slope(chosen.fraction, chosen.queries).value,
            "pi_third_exponent": log_log_slope(pi_third.fraction, pi_third.queries).value,
            "grover_worst_success": grover_with_too_many_marked(min(params.n_items)),
        },
        tables={
            "lemma": lemma,
            "polynomials": polynomials(params.phase_shift),
            "success": success_curves(params.search_delta),
            "queries": queries,
        },
    )


def lemma_errors(x: np.ndarray, params: Params) -> pd.DataFrame:
    """Largest distance of the recursion from the closed form over x, for each length and gamma."""
    rows = []
    for group, lengths in (("odd", params.odd_lengths), ("even", params.even_lengths)):
        for length in lengths:
            for gamma in params.gammas:
                phases = method.lemma_phases(length, gamma, params.phase_shift)
                distance = method.quasi_chebyshev(x, phases) - method.rescaled_chebyshev(x, length, gamma)
                rows.append((group, length, length % 2 == 1, gamma, np.abs(distance).max()))
    return pd.DataFrame(rows, columns=["group", "length", "odd", "gamma", "error"])


def simulate_searches(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Simulated and predicted success for every N, every number of marked items, and every (l, delta)."""
    tables = []
    for n_items in params.n_items:
        rank = np.argsort(data[f"order_{n_items}"])
        n_marked = np.arange(1, n_items + 1)
        for n_iterations, delta in params.searches:
            phases = method.search_phases(n_iterations, delta, params.reverse_oracle_phases)
            success = np.concatenate(
                [
                    success_probability(search_states(marked, *phases), marked)
                    for block in np.array_split(n_marked, max(1, n_items // BLOCK))
                    for marked in [rank < block[:, None]]
                ]
            )
            fractions = n_marked / n_items
            tables.append(
                pd.DataFrame(
                    {
                        "fraction": fractions,
                        "success": success,
                        "predicted": method.predicted_success(fractions, n_iterations, delta),
                        "promised": 1 - delta**2,
                        "smallest_fraction": method.smallest_fraction(2 * n_iterations + 1, delta),
                    }
                )
            )
    return pd.concat(tables)


def count_queries(params: Params) -> tuple[pd.DataFrame, float]:
    """Queries needed at each smallest fraction w, found by simulation, and the slack of the theorem's bound."""
    rows, slacks = [], []
    delta = params.search_delta
    for exponent in params.fraction_exponents:
        smallest = 2.0**-exponent
        fractions = np.geomspace(smallest, 1, 60)

        def slack(n_iterations: int, fractions: np.ndarray = fractions) -> float:
            phases = method.search_phases(n_iterations, delta, params.reverse_oracle_phases)
            return (plane_success(fractions, *phases) - (1 - delta**2)).min()

        enough = method.iterations_that_suffice(smallest, delta, params.query_constant)
        slacks.append(slack(enough))
        n_iterations = first_true(lambda n, slack=slack: slack(n) >= -1e-12)
        rows.append(("fixed_point", smallest, 2 * n_iterations))
        rows.append(("pi_third", smallest, pi_third_queries(smallest)))
    return pd.DataFrame(rows, columns=["algorithm", "fraction", "queries"]), min(slacks)


def first_true(condition: Callable[[int], bool]) -> int:
    """The smallest positive integer that meets a condition which, once met, stays so: doubling, then bisection."""
    high = 1
    while not condition(high):
        high *= 2
        if high > 1 << 20:
            return high
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if condition(middle) else (middle, high)
    return high


def pi_third_queries(fraction: float) -> float:
    """Queries 3^m - 1 of the pi/3 search at the depth m, interpolated, at which its failure is small enough."""
    depth = 0
    failures = [1 - fraction]
    while failures[-1] > PI_THIRD_FAILURE:
        depth += 1
        failures.append(float(1 - pi_third_success(np.array([fraction]), depth)[0]))
    before, after = np.log(-np.log(failures[-2:])) if depth else (0.0, 0.0)
    target = np.log(-np.log(PI_THIRD_FAILURE))
    exact = depth - 1 + (target - before) / (after - before) if depth else 0.0
    return 3**exact - 1


def grover_with_too_many_marked(n_items: int) -> float:
    """Worst success of Grover's algorithm tuned for one marked item when up to 16 are marked."""
    phases = np.full(grover_iterations(1 / n_items), np.pi)
    marked = np.arange(n_items) < np.arange(1, 17)[:, None]
    return success_probability(search_states(marked, phases, phases), marked).min()


def polynomials(phase_shift: int) -> pd.DataFrame:
    """|a_L(x)|^2 and the closed form at one length, for the figure."""
    x = np.linspace(-1, 1, 201)
    tables = []
    for gamma in SHOWN_GAMMAS:
        recursion = method.quasi_chebyshev(x, method.lemma_phases(SHOWN_LENGTH, gamma, phase_shift))
        closed = method.rescaled_chebyshev(x, SHOWN_LENGTH, gamma)
        tables.append(pd.DataFrame({"x": x, "gamma": gamma, "recursion": np.abs(recursion) ** 2, "closed": closed**2}))
    return pd.concat(tables)


def success_curves(delta: float) -> pd.DataFrame:
    """Success of the three searches against the marked fraction, with as many queries each."""
    fractions = np.geomspace(2.0**-14, 1, 400)
    grover = np.full(2 * SHOWN_ITERATIONS, np.pi)
    curves = {
        "fixed-point": plane_success(fractions, *method.search_phases(SHOWN_ITERATIONS, delta)),
        "Grover": plane_success(fractions, grover, grover),
        "π/3": pi_third_success(fractions, SHOWN_DEPTH),
    }
    bound = method.smallest_fraction(2 * SHOWN_ITERATIONS + 1, delta)
    return pd.concat(
        [
            pd.DataFrame({"search": name, "fraction": fractions, "success": success, "bound": bound, "delta": delta})
            for name, success in curves.items()
        ]
    )
