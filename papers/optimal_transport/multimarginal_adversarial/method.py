"""Optimal robust classification of finitely many points: hyperedges, a linear programme and its dual.

K classes have the measures mu_1..mu_K, of total mass 1, on n points z with labels. An adversary moves mass by at most
epsilon; a classifier f = (f_1..f_K) >= 0 with sum_i f_i <= 1 then loses 1 - f_i(x) on mass of class i at x. A hyperedge
is a set of at most one point a class that fits in a ball of radius epsilon: points that the adversary can merge.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array, hstack

TOLERANCE = 1e-9  # of every comparison with epsilon, for the transport problem and for attacks alike
SOLVER = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}

# --- Geometry ---------------------------------------------------------------------------------------------


def circumscribed(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (S, d) and radius (S,) of the sphere through each of S sets, and whether the centre is in their hull.

    The centre lies in the affine hull of the set, points (S, k, d). Sets whose points depend on each other have no such
    sphere in general; for them the third answer is False.
    """
    sides = points[:, 1:] - points[:, :1]
    gram = sides @ sides.transpose(0, 2, 1)
    squares = np.diagonal(gram, axis1=1, axis2=2)
    regular = np.linalg.det(gram) > 1e-12 * squares.prod(axis=1)
    gram = np.where(regular[:, None, None], gram, np.eye(gram.shape[1]))
    weights = np.linalg.solve(gram, squares[..., None] / 2)[..., 0]
    offset = np.einsum("sk,skd->sd", weights, sides)
    inside = regular & (weights >= 0).all(axis=1) & (weights.sum(axis=1) <= 1)
    return points[:, 0] + offset, np.linalg.norm(offset, axis=1), inside


def enclosing_balls(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest enclosing balls of S sets of k points, points (S, k, d): centres (S, d) and radii (S,).

    The ball is the largest among the circumscribed balls of those subsets that have the centre in their hull: each of
    them is the smallest ball of its subset, and one of the subsets supports the ball of all.
    """
    centres, radii = points[:, 0].copy(), np.zeros(len(points))
    for size in range(2, points.shape[1] + 1):
        for subset in combinations(range(points.shape[1]), size):
            centre, radius, inside = circumscribed(points[:, subset])
            larger = inside & (radius > radii)
            centres[larger], radii[larger] = centre[larger], radius[larger]
    return centres, radii


def hyperedges(
    points: np.ndarray, labels: np.ndarray, epsilon: float, largest: int | None = None, rule: str = "ball"
) -> list[np.ndarray]:
    """All sets of at most one point a class that fit in a ball of radius epsilon, level by level.

    Parameters
    ----------
    points : array (n, d)
    labels : array (n,)
    epsilon : float
    largest : int, optional
        Points in a set at most; as many as there are classes when omitted.
    rule : {"ball", "diameter"}
        "diameter" only asks that the points are pairwise within 2 epsilon, which is not enough for three points.

    Returns
    -------
    list of arrays (n_k, k) for k = 1, 2, ...
        Indices in increasing order in each row.

    Raises
    ------
    ValueError
        If the rule is unknown.
    """
    if rule not in ("ball", "diameter"):
        raise ValueError(f"expected the rule 'ball' or 'diameter', found {rule!r}")
    n = len(points)
    largest = largest or len(np.unique(labels))
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    later = np.arange(n) > np.arange(n)[:, None]
    compatible = later & (labels != labels[:, None]) & (distances <= 2 * (epsilon + TOLERANCE))
    levels = [np.arange(n)[:, None]]
    for size in range(2, largest + 1):
        row, new = np.nonzero(compatible[levels[-1]].all(axis=1))
        sets = np.column_stack([levels[-1][row], new])
        if rule == "ball" and size > 2:
            sets = sets[enclosing_balls(points[sets])[1] <= epsilon + TOLERANCE]
        levels.append(sets)
    return levels


def incidence(levels: list[np.ndarray], n_points: int) -> csr_array:
    """Matrix (n_points, n_edges) whose columns are the hyperedges."""
    sizes = np.concatenate([np.full(len(sets), sets.shape[1]) for sets in levels])
    members = np.concatenate([sets.ravel() for sets in levels])
    columns = np.repeat(np.arange(len(sizes)), sizes)
    return csr_array((np.ones(len(members)), (members, columns)), shape=(n_points, len(sizes)))


def centres(points: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
    """Centre (n_edges, d) of the smallest ball around each hyperedge."""
    return np.concatenate([enclosing_balls(points[sets])[0] for sets in levels])


def covers(locations: np.ndarray, points: np.ndarray, epsilon: float) -> np.ndarray:
    """Which points can be moved to which locations: truth values (n_locations, n)."""
    return np.linalg.norm(locations[:, None] - points, axis=-1) <= epsilon + TOLERANCE


def arrangement(points: np.ndarray, epsilon: float, nudge: float = 1e-6) -> np.ndarray:
    """Locations (n_locations, 2) in every vertex and every face of the circles of radius epsilon around planar points.

    They are the points, the crossings of two circles, four places around each crossing, one in each sector, and the
    midpoints of close pairs. A face has a crossing as a corner or is a whole disc. Faces smaller than `nudge` may be
    missed.
    """
    first, second = np.triu_indices(len(points), 1)
    side = points[second] - points[first]
    distance = np.linalg.norm(side, axis=1)
    near = (distance > TOLERANCE) & (distance <= 2 * (epsilon + TOLERANCE))
    side, distance, start = side[near], distance[near, None], points[first[near]]
    along = side / distance
    across = np.column_stack([-along[:, 1], along[:, 0]])
    height = np.sqrt(np.maximum(epsilon**2 - distance**2 / 4, 0))
    middle = start + side / 2
    crossings = np.concatenate([middle + height * across, middle - height * across])
    along, across = np.tile(along, (2, 1)), np.tile(across, (2, 1))
    around = [crossings + sign * nudge * way for way in (along, across) for sign in (1, -1)]
    return np.concatenate([points, middle, crossings, *around])


# --- The transport problem, its dual and the barycentre problem -------------------------------------------


def solve(cost: np.ndarray, **constraints: object) -> np.ndarray:
    """Minimiser of a linear programme.

    Raises
    ------
    RuntimeError
        If HiGHS finds none.
    """
    result = linprog(cost, method="highs", options=SOLVER, **constraints)
    if result.x is None:
        raise RuntimeError(f"the linear programme was not solved: {result.message}")
    return result.x


def transport(mass: np.ndarray, members: csr_array) -> np.ndarray:
    """Masses m (n_edges,) of the multimarginal problem: min sum_T m_T with sum_{T contains z} m_T = mu(z), m >= 0.

    The optimal robust risk is 1 - sum_T m_T.
    """
    return solve(np.ones(members.shape[1]), A_eq=members, b_eq=mass, bounds=(0, None))


def potentials(mass: np.ndarray, members: csr_array) -> np.ndarray:
    """Dual potentials phi (n,): max sum_z mu(z) phi(z) with sum_{z in T} phi(z) <= 1 for every hyperedge, phi free."""
    return solve(-mass, A_ub=members.T, b_ub=np.ones(members.shape[1]), bounds=(None, None))


def largest_covers(cover: np.ndarray) -> np.ndarray:
    """The different rows of truth values (n_locations, n) that no other row contains."""
    rows = np.unique(cover, axis=0)
    sizes = rows.sum(axis=1)
    shared = rows.astype(np.float32) @ rows.T.astype(np.float32)
    return rows[(shared >= sizes[:, None] - 0.5).sum(axis=1) == 1]


def barycentre(mass: np.ndarray, labels: np.ndarray, cover: np.ndarray) -> float:
    """Value of the generalised barycentre problem over finitely many locations.

    min sum_x lambda(x) with lambda >= mu~_i for every class i, where mu~_i moves mu_i by at most epsilon. The optimal
    robust risk is one minus it. A location whose cover another one contains is not needed: its mass could move there.

    Parameters
    ----------
    mass, labels : arrays (n,)
    cover : array (n_locations, n)
        See `covers`.
    """
    cover = largest_covers(cover)
    place, source = np.nonzero(cover)
    classes, label = np.unique(labels, return_inverse=True)
    n_moves, n_places, n_rows = len(place), len(cover), len(cover) * len(classes)
    move = np.arange(n_moves)
    leaves = csr_array((np.ones(n_moves), (source, move)), shape=(len(mass), n_moves))
    arrives = csr_array((np.ones(n_moves), (place * len(classes) + label[source], move)), shape=(n_rows, n_moves))
    covering = csr_array((-np.ones(n_rows), (np.arange(n_rows), np.repeat(np.arange(n_places), len(classes)))))
    cost = np.concatenate([np.zeros(n_moves), np.ones(n_places)])
    solution = solve(
        cost,
        A_eq=hstack([leaves, csr_array((len(mass), n_places))]),
        b_eq=mass,
        A_ub=hstack([arrives, covering]),
        b_ub=np.zeros(n_rows),
        bounds=(0, None),
    )
    return float(cost @ solution)


# --- The classifier and the attack that they give ---------------------------------------------------------


def scores(phi: np.ndarray, labels: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """f_i(x) = max{phi(z)_+ : z of class i within epsilon of x}, (n_locations, K); 0 where there is no such z."""
    reached = np.where(cover, np.maximum(phi, 0), 0)
    return np.column_stack([reached[:, labels == label].max(axis=1) for label in np.unique(labels)])


def attacked_risk(probabilities: np.ndarray, mass: np.ndarray, labels: np.ndarray, cover: np.ndarray) -> float:
    """Risk of a probabilistic classifier, (n_locations, K), when every point moves to its worst location in reach."""
    of_class = np.unique(labels, return_inverse=True)[1]
    losses = np.where(cover, 1 - probabilities[:, of_class], -np.inf)
    return float(mass @ losses.max(axis=0))


def attack(
    points: np.ndarray, levels: list[np.ndarray], plan: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every point goes to the centre of the ball of its hyperedge, as far as epsilon lets it.

    Returns
    -------
    sources (n_moves,), targets (n_moves, d), masses (n_moves,)
        Indices of the points that move, where to and how much of their mass; hyperedges without mass are left out.
    """
    edge = np.repeat(np.arange(len(plan)), np.concatenate([np.full(len(sets), sets.shape[1]) for sets in levels]))
    source = np.concatenate([sets.ravel() for sets in levels])
    used = plan[edge] > TOLERANCE
    edge, source = edge[used], source[used]
    way = centres(points, levels)[edge] - points[source]
    length = np.linalg.norm(way, axis=1, keepdims=True)
    return source, points[source] + way * np.minimum(1, epsilon / np.maximum(length, epsilon)), plan[edge]


def bayes_risk(locations: np.ndarray, labels: np.ndarray, mass: np.ndarray) -> float:
    """Smallest risk of any classifier on masses (m,) with labels (m,) at locations (m, d).

    Locations that agree to seven digits are one.
    """
    place = np.unique(np.round(locations, 7), axis=0, return_inverse=True)[1].ravel()
    of_class = np.unique(labels, return_inverse=True)[1]
    joint = np.zeros((place.max() + 1, of_class.max() + 1))
    np.add.at(joint, (place, of_class), mass)
    return float(mass.sum() - joint.max(axis=1).sum())
