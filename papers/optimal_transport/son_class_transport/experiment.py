"""Block recovery over a grid of penalties, the predicted interval of recovery, rivals at their best, and two moons."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method, rivals

GRID = np.logspace(-1.5, 1, 11)  # of lambda
MOON_GRID = np.logspace(-2, 0, 5)
EXACT = 1e-4  # block error of a recovered plan
FLOOR = 1e-6  # of the block error in ratios
ABOVE_EDGE = 1.1
OURS = "sum of norms"
STEPS = (10, 20, 40, 80, 160, 320)


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Everything is deterministic given the points."""
    tables = {"curve": [], "interval": [], "best": [], "plans": [], "convergence": []}
    shown = max(params.cells, key=lambda cell: (cell[2], not cell[3]))  # the noisiest
    for index, cell in enumerate(params.cells):
        measured = measure_cell(data[f"source_{index}"], data[f"target_{index}"], cell, params, cell == shown)
        for name, rows in measured.items():
            tables[name].append(rows.assign(cell=describe(cell), stretched=bool(cell[3]), n_classes=cell[0]))
    frames = {name: pd.concat(rows, ignore_index=True) for name, rows in tables.items() if rows}
    frames["moons"] = moons(data, params)
    return Outcome(metrics=cell_metrics(frames), tables=frames)


def describe(cell: list) -> str:
    """Label of a cell (classes, points a class, noise, stretched)."""
    n_classes, size, noise, stretched = cell
    return f"{n_classes} x {size}, noise {noise:g}" + (", stretched" if stretched else "")


def son_plans(cost: np.ndarray, lambdas: np.ndarray, labels: np.ndarray, params: Params) -> np.ndarray:
    """The paper's program, by default on all pairs and so without the labels."""
    n, q = cost.shape
    weights = {
        "all": (method.all_pairs(n), method.all_pairs(q)),
        "same_class": (method.same_class(labels), np.zeros((q, q))),
    }[params.pairs]
    size = n // (labels.max() + 1)
    squared_at = {"norm": None, "squared": np.sqrt(2 / size) / n}[params.penalty]  # |P*_i. - P*_j.| between classes
    return method.solve(cost, lambdas, *weights, params.n_iterations, squared_at)


def measure_cell(
    source: np.ndarray, target: np.ndarray, cell: list, params: Params, keep_plans: bool
) -> dict[str, pd.DataFrame]:
    """Tables of one cell: error over penalties, predicted interval, best errors, convergence and, if asked, plans."""
    labels = np.repeat(np.arange(cell[0]), cell[1])
    cost = method.squared_distances(source, target)
    matched = method.match_classes(cost, labels, labels)
    ideal = method.ideal_plan(labels, matched)
    low, high, edge = method.recovery_interval(cost, labels, matched)

    certified = np.geomspace(low, high, 3) if low < high else np.empty(0)
    lambdas = np.concatenate([GRID, certified, [ABOVE_EDGE * edge]])
    kinds = ["grid"] * len(GRID) + ["certified"] * len(certified) + ["above edge"]
    plans = son_plans(cost, lambdas, labels, params)
    curve = pd.DataFrame(
        {
            "penalty": lambdas,
            "kind": kinds,
            "error": method.block_error(plans, ideal),
            "mass": (plans * (ideal > 0)).sum(axis=(1, 2)),
        }
    )

    candidates = {OURS: plans[: len(GRID)]}
    for name, rival in (rivals.WITHOUT_LABELS | rivals.WITH_LABELS).items():
        candidates[name] = rivals.usable_plans(rival, source, target, cost, labels)
    errors = {name: method.block_error(batch, ideal) for name, batch in candidates.items()}
    best = pd.DataFrame({"method": errors.keys(), "error": [error.min() for error in errors.values()]})

    tables = {
        "curve": curve,
        "interval": pd.DataFrame({"low": [low], "high": [high], "edge": [edge]}),
        "best": best,
    }
    if keep_plans:
        tables["plans"] = pd.concat(
            plan_rows(batch[errors[name].argmin()], ideal).assign(method=name) for name, batch in candidates.items()
        )
        tables["convergence"] = convergence(cost, ideal, np.sqrt(low * max(low, high)), labels, params)
    return tables


def plan_rows(plan: np.ndarray, ideal: np.ndarray) -> pd.DataFrame:
    """A plan entry by entry, in units of the ideal plan's non-zero entry."""
    row, column = np.indices(plan.shape).reshape(2, -1)
    return pd.DataFrame({"source": row, "target": column, "mass": plan.ravel() / ideal.max()})


def convergence(
    cost: np.ndarray, ideal: np.ndarray, penalty: float, labels: np.ndarray, params: Params
) -> pd.DataFrame:
    """Block error of one penalty after ever more iterations."""
    steps = [step for step in STEPS if step <= params.n_iterations]
    weights = method.all_pairs(len(cost))
    errors = [
        method.block_error(method.solve(cost, np.array([penalty]), weights, weights, step), ideal)[0] for step in steps
    ]
    return pd.DataFrame({"iterations": steps, "error": errors})


def moons(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Class-preserving mass on rotated moons, each method at its best parameter."""
    labels = np.repeat([0, 1], params.moon_size)
    same = method.same_class(labels)
    everything, nothing = np.ones_like(same), np.zeros_like(same)
    records = []
    for angle in params.moon_angles:
        source, target = data[f"moons_source_{angle}"], data[f"moons_target_{angle}"]
        cost = method.squared_distances(source, target)
        plans = {
            OURS: method.solve(cost, MOON_GRID, everything, everything, params.n_iterations),
            f"{OURS}, labels": method.solve(cost, MOON_GRID, same, nothing, params.n_iterations),
        }
        for name, rival in (("linear", rivals.linear), ("entropic", rivals.entropic), ("lp-l1", rivals.entropic_lpl1)):
            plans[name] = rivals.usable_plans(rival, source, target, cost, labels)
        records += [(angle, name, (batch * same).sum(axis=(1, 2)).max()) for name, batch in plans.items()]
    return pd.DataFrame(records, columns=["angle", "method", "mass"])


def cell_metrics(tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """The numbers behind the claims; those that need separated classes leave the stretched cells out."""
    curve, best = tables["curve"], tables["best"]
    best = best[~best.stretched].pivot(index="cell", columns="method", values="error")
    grid = curve[curve.kind == "grid"]
    round_cells = grid[~grid.stretched]
    recovered = round_cells[round_cells.error <= EXACT].groupby("cell").penalty
    widths = np.log10(recovered.max() / recovered.min()).reindex(round_cells.cell.unique()).fillna(0.0)
    collapsed = round_cells[(round_cells.n_classes == 3) & (round_cells.penalty == GRID[-1])]
    ours = best[OURS].clip(lower=FLOOR)
    return {
        "son_err": float(best[OURS].max()),
        "sink_gain": float((best["entropic"] / ours).min()),
        "group_lasso_gain": float((best["group lasso"] / ours).min()),
        "lpl1_gain": float((best["lp-l1"] / ours).min()),
        "window": float(widths.mean()),
        "collapse": float(collapsed.mass.mean()),
        "certified_err": float(curve[curve.kind == "certified"].error.max()),
        "leak_above_edge": float(1 - curve[curve.kind == "above edge"].mass.max()),
    }
