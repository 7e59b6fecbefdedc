"""Optimal robust risks by four routes, what their classifier and attack attain, and what common classifiers lose."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method, rivals

TRIANGLE_EPSILONS = (0.1, 0.3, 0.4, 0.45, 0.49, 0.5, 0.51, 0.54, 0.57, 0.578, 0.6, 0.65, 0.7)
FOUR_EPSILONS = (0.2, 0.3, 0.4)
RIVAL_EPSILON = 0.3
PAIR_EPSILONS = (0.3, 0.4, 0.5)
SHOWN_EPSILON = 0.4
EXHAUSTIVE_UP_TO = 60  # points; of more only the centres of hyperedges and the points themselves are attacked


class Solution(NamedTuple):
    """What is computed for one measure and one epsilon."""

    risk: float  # 1 - sum_T m_T
    pair_risk: float  # the same with hyperedges of at most two points
    duality_gap: float  # to the dual value, or the largest violated constraint if that is larger
    attained: float  # risk of the dual's classifier under attack
    score_sum: float  # largest sum_i f_i(x) that the potentials give
    attack_risk: float  # Bayes risk of the attacked data
    barycentre_risk: float  # NaN without locations in the plane
    phi: np.ndarray
    levels: list[np.ndarray]
    plan: np.ndarray


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The linear programmes and the rivals are deterministic; only the data are random."""
    triangle = [(epsilon, solve(data["triangle"], np.arange(3), epsilon, params)) for epsilon in TRIANGLE_EPSILONS]
    staircase = triangle_table(triangle)
    drawn = [
        (draw, epsilon, solve(points, data["blob_labels"], epsilon, params))
        for draw, points in enumerate(data["blobs"][: params.n_solved])
        for epsilon in params.blob_epsilons
    ]
    four = [solve(data["four"], data["four_labels"], epsilon, params, data["four_mass"]) for epsilon in FOUR_EPSILONS]
    real = [
        (name, epsilon, solve(data[name], data[f"{name}_labels"], epsilon, params))
        for name, epsilons in (("iris", params.iris_epsilons), ("wine", params.wine_epsilons))
        for epsilon in epsilons
    ]
    risks = pd.concat([risk_table(draw, epsilon, solution) for draw, epsilon, solution in drawn])
    losses = rival_table(data["blobs"][: params.n_solved], data["blob_labels"], params)
    everything = [*four, *(solution for *_, solution in [*triangle, *drawn, *real])]
    gaps = [pair_gap(points, data["blob_labels"], e, params) for points in data["blobs"] for e in PAIR_EPSILONS]
    last_iris = real[len(params.iris_epsilons) - 1]
    return Outcome(
        metrics={
            "triangle_dev": np.abs(staircase.transport - staircase.closed_form).max(),
            "duality_gap": max(solution.duality_gap for solution in everything),
            "barycentre_gap": largest_gap(everything, "barycentre_risk"),
            "attained_gap": largest_gap(everything, "attained"),
            "attack_gap": largest_gap(everything, "attack_risk"),
            "sum_f_excess": max(solution.score_sum for solution in everything) - 1,
            "rival_excess": rival_excess(risks, losses),
            "pair_gap": max(gaps),
            "four_class_pair_gap": max(solution.risk - solution.pair_risk for solution in four),
            **{f"{name}_risk_at_{round(100 * epsilon)}": solution.risk for name, epsilon, solution in real},
        },
        tables={
            "triangle": staircase,
            "risks": pd.concat([risks, losses]),
            "points": point_table(data["blobs"][0], data["blob_labels"]),
            "moves": move_table(data["blobs"][0], data["blob_labels"], drawn),
            "iris": iris_table(data["iris"], data["iris_labels"], last_iris),
        },
    )


def solve(
    points: np.ndarray, labels: np.ndarray, epsilon: float, params: Params, mass: np.ndarray | None = None
) -> Solution:
    """All routes to the robust risk of one measure, of equal masses when none are given."""
    n = len(points)
    mass = np.full(n, 1 / n) if mass is None else mass
    levels = method.hyperedges(points, labels, epsilon, rule=params.rule)
    attackers, defenders = levels[: params.attack_order], levels[: params.dual_order]
    members, constraints = method.incidence(attackers, n), method.incidence(defenders, n)
    plan, phi = method.transport(mass, members), method.potentials(mass, constraints)
    pair_plan = method.transport(mass, method.incidence(levels[:2], n))
    violation = max(np.abs(members @ plan - mass).max(), (constraints.T @ phi).max() - 1)

    planar = points.shape[1] == 2
    exhaustive = planar and n <= EXHAUSTIVE_UP_TO
    own_places = np.concatenate([points, method.centres(points, levels)])
    locations = np.concatenate([own_places, method.arrangement(points, epsilon)]) if exhaustive else own_places
    cover = method.covers(locations, points, epsilon)
    scores = method.scores(phi, labels, cover)
    totals = scores.sum(axis=1, keepdims=True)
    source, target, moved = method.attack(points, attackers, plan, epsilon)
    return Solution(
        risk=1 - plan.sum(),
        pair_risk=1 - pair_plan.sum(),
        duality_gap=max(abs(plan.sum() - mass @ phi), violation),
        # The scores of wrong potentials may sum to more than one: only a true classifier is attacked.
        attained=method.attacked_risk(scores / np.maximum(1, totals), mass, labels, cover),
        score_sum=totals.max(),
        attack_risk=method.bayes_risk(target, labels[source], moved),
        barycentre_risk=1 - method.barycentre(mass, labels, cover) if exhaustive else np.nan,
        phi=phi,
        levels=attackers,
        plan=plan,
    )


def pair_gap(points: np.ndarray, labels: np.ndarray, epsilon: float, params: Params) -> float:
    """How much more the adversary gains by merging any classes than by merging two at a time."""
    n = len(points)
    levels = method.hyperedges(points, labels, epsilon, rule=params.rule)[: params.attack_order]
    accuracies = [method.transport(np.full(n, 1 / n), method.incidence(part, n)).sum() for part in (levels[:2], levels)]
    return accuracies[0] - accuracies[1]


def largest_gap(solutions: list[Solution], route: str) -> float:
    """Largest distance of one route's risk from the transport problem's, where the route was taken."""
    return float(np.nanmax([abs(getattr(solution, route) - solution.risk) for solution in solutions]))


def triangle_table(solved: list[tuple[float, Solution]]) -> pd.DataFrame:
    """Three points of mass 1/3 each: pairs merge at half a side, all three at the circumradius."""
    rows = []
    for epsilon, solution in solved:
        closed_form = 2 / 3 if epsilon >= 1 / np.sqrt(3) else 1 / 2 if epsilon >= 1 / 2 else 0.0
        rows.append((epsilon, closed_form, solution.risk, solution.pair_risk))
    return pd.DataFrame(rows, columns=["epsilon", "closed_form", "transport", "pairs"])


# --- Rivals -----------------------------------------------------------------------------------------------


def rival_table(draws: np.ndarray, labels: np.ndarray, params: Params) -> pd.DataFrame:
    """Attacked risks of nearest neighbours, with the best of several k, and of adversarially trained softmax."""
    rows = []
    reaches = params.attack_reach * np.array(params.blob_epsilons)
    for draw, points in enumerate(draws):
        softmax = rivals.softmax_risks(points, labels, reaches)
        for epsilon, reach, risk in zip(params.blob_epsilons, reaches, softmax, strict=True):
            neighbours = rivals.neighbours_risk(points, labels, reach)
            rows.append((draw, epsilon, "neighbours", min(neighbours.values())))
            rows.append((draw, epsilon, "softmax", risk))
    return pd.DataFrame(rows, columns=["draw", "epsilon", "route", "risk"])


def rival_excess(risks: pd.DataFrame, losses: pd.DataFrame) -> float:
    """Attacked risk of the better rival over the optimal one, the ratio of the means over the draws."""
    optimal = risks[(risks.epsilon == RIVAL_EPSILON) & (risks.route == "transport")].risk.mean()
    best = losses[losses.epsilon == RIVAL_EPSILON].groupby("draw").risk.min().mean()
    return float(best / optimal)


# --- Tables for the figure --------------------------------------------------------------------------------


def risk_table(draw: int, epsilon: float, solution: Solution) -> pd.DataFrame:
    risks = {"transport": solution.risk, "pairs": solution.pair_risk, "classifier": solution.attained}
    return pd.DataFrame({"draw": draw, "epsilon": epsilon, "route": risks.keys(), "risk": risks.values()})


def point_table(points: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"label": labels, "x": points[:, 0], "y": points[:, 1]})


def move_table(points: np.ndarray, labels: np.ndarray, drawn: list[tuple[int, float, Solution]]) -> pd.DataFrame:
    """The optimal attack on the first draw: where the mass of each point goes."""
    solution = next(found for draw, epsilon, found in drawn if (draw, epsilon) == (0, SHOWN_EPSILON))
    source, target, mass = method.attack(points, solution.levels, solution.plan, SHOWN_EPSILON)
    return pd.DataFrame(
        {
            "epsilon": SHOWN_EPSILON,
            "label": labels[source],
            "x": points[source, 0],
            "y": points[source, 1],
            "to_x": target[:, 0],
            "to_y": target[:, 1],
            "mass": mass,
        }
    )


def iris_table(points: np.ndarray, labels: np.ndarray, solved: tuple[str, float, Solution]) -> pd.DataFrame:
    """Two of the four features of iris and the potential of each point."""
    _, epsilon, solution = solved
    return pd.DataFrame(
        {
            "epsilon": epsilon,
            "label": labels,
            "petal_length": points[:, 2],
            "petal_width": points[:, 3],
            "potential": solution.phi,
        }
    )
