"""The linear programmes against matchings, grids and closed forms; the geometry against brute force."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy.optimize import nnls

from papers.optimal_transport.multimarginal_adversarial import data, method, rivals


def optimal_risk(points, labels, mass, epsilon, **options):
    levels = method.hyperedges(points, labels, epsilon, **options)
    return 1 - method.transport(mass, method.incidence(levels, len(points))).sum()


@pytest.fixture(scope="module")
def blobs():
    """Planar points of four classes with random masses."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(4), 6)
    mass = rng.exponential(size=24)
    return data.blobs(4, 6, rng), labels, mass / mass.sum()


@pytest.mark.parametrize(("n_points", "n_features"), [(2, 2), (3, 2), (3, 4), (4, 2), (4, 4)])
def test_smallest_ball_holds_the_points_and_its_centre_is_among_those_it_touches(n_points, n_features):
    sets = np.random.default_rng(0).standard_normal((40, n_points, n_features))
    for points, centre, radius in zip(sets, *method.enclosing_balls(sets), strict=True):
        distances = np.linalg.norm(points - centre, axis=1)
        assert distances.max() == pytest.approx(radius)
        touched = points[distances > radius - 1e-9]
        convex = np.vstack([touched.T, np.ones(len(touched))])
        assert nnls(convex, np.append(centre, 1))[1] < 1e-8


def test_smallest_ball_of_collinear_and_repeated_points():
    sets = np.array([[[0.0, 0], [1, 0], [4, 0]], [[0, 0], [0, 0], [2, 0]], [[1, 1], [1, 1], [1, 1]]])
    np.testing.assert_allclose(method.enclosing_balls(sets)[1], [2, 1, 0])


@pytest.mark.parametrize("epsilon", [0.2, 0.4])
def test_hyperedges_are_the_sets_whose_discs_meet(blobs, epsilon):
    points, labels, _ = blobs
    cover = method.covers(method.arrangement(points, epsilon), points, epsilon)
    for size, sets in enumerate(method.hyperedges(points, labels, epsilon), start=1):
        expected = [
            subset
            for subset in combinations(range(len(points)), size)
            if len(set(labels[list(subset)])) == size and cover[:, subset].all(axis=1).any()
        ]
        assert sorted(map(tuple, sets)) == expected


def test_arrangement_reaches_every_face(blobs):
    points = blobs[0][:12]
    reached = {row.tobytes() for row in method.covers(method.arrangement(points, 0.4), points, 0.4)}
    anywhere = np.random.default_rng(1).uniform(-1, 2, (3000, 2))
    cover = method.covers(anywhere, points, 0.4)
    assert {row.tobytes() for row in cover[cover.any(axis=1)]} <= reached


@pytest.mark.parametrize(("epsilon", "risk"), [(0.49, 0), (0.5, 1 / 2), (0.57, 1 / 2), (0.578, 2 / 3), (0.7, 2 / 3)])
def test_triangle(epsilon, risk):
    corners = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])
    assert optimal_risk(corners, np.arange(3), np.full(3, 1 / 3), epsilon) == pytest.approx(risk, abs=1e-9)


def test_pairs_alone_miss_the_second_jump_and_pairwise_distances_see_it_too_early():
    corners, mass = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]]), np.full(3, 1 / 3)
    assert optimal_risk(corners, np.arange(3), mass, 0.6, largest=2) == pytest.approx(1 / 2)
    assert optimal_risk(corners, np.arange(3), mass, 0.55, rule="diameter") == pytest.approx(2 / 3)


@pytest.mark.parametrize("epsilon", [0.2, 0.4, 0.6])
def test_two_classes_are_a_bipartite_matching(epsilon):
    points, labels = (array[50:] for array in data.real_data("iris"))
    distances = np.linalg.norm(points[:50, None] - points[50:], axis=-1)
    graph = nx.Graph()
    graph.add_nodes_from(range(100))
    graph.add_edges_from(np.argwhere(distances <= 2 * epsilon + 1e-9) + np.array([0, 50]))
    matched = len(nx.bipartite.maximum_matching(graph, range(50))) / 2
    assert optimal_risk(points, labels, np.full(100, 1 / 100), epsilon) == pytest.approx(matched / 100)


def test_no_reach_and_unbounded_reach(blobs):
    points, labels, mass = blobs
    assert optimal_risk(points, labels, mass, 0.0) == pytest.approx(0, abs=1e-9)
    largest_class = max(mass[labels == label].sum() for label in range(4))
    assert optimal_risk(points, labels, mass, 10.0) == pytest.approx(1 - largest_class)


def test_barycentre_over_a_grid_is_within_the_grids_error():
    rng, labels, mass, step, epsilon = np.random.default_rng(2), np.repeat(range(3), 3), np.full(9, 1 / 9), 0.02, 0.45
    points = data.blobs(3, 3, rng)
    axes = [np.arange(low, high, step) for low, high in zip(points.min(axis=0), points.max(axis=0), strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    risk = 1 - method.barycentre(mass, labels, method.covers(np.concatenate([grid, points]), points, epsilon))
    assert 0.1 < optimal_risk(points, labels, mass, epsilon - step) - 1e-9 <= risk
    assert risk <= optimal_risk(points, labels, mass, epsilon) + 1e-9


@pytest.mark.parametrize("epsilon", [0.2, 0.4, 0.7])
def test_every_route_gives_the_same_risk(blobs, epsilon):
    points, labels, mass = blobs
    levels = method.hyperedges(points, labels, epsilon)
    members = method.incidence(levels, len(points))
    plan, phi = method.transport(mass, members), method.potentials(mass, members)
    risk = 1 - plan.sum()
    assert risk == pytest.approx(1 - mass @ phi)
    cover = method.covers(method.arrangement(points, epsilon), points, epsilon)
    assert risk == pytest.approx(1 - method.barycentre(mass, labels, cover))
    scores = method.scores(phi, labels, cover)
    assert scores.sum(axis=1).max() <= 1 + 1e-9
    assert risk == pytest.approx(method.attacked_risk(scores, mass, labels, cover))
    source, target, moved = method.attack(points, levels, plan, epsilon)
    assert np.linalg.norm(target - points[source], axis=1).max() <= epsilon + 1e-9
    np.testing.assert_allclose(np.bincount(source, moved, len(points)), mass, atol=1e-7)
    assert risk == pytest.approx(method.bayes_risk(target, labels[source], moved))


def test_scores_risks_and_bayes_risk_by_hand():
    labels, mass = np.array([0, 0, 1]), np.array([0.2, 0.3, 0.5])
    cover = np.array([[True, False, False], [True, True, True], [False, False, True]])
    scores = method.scores(np.array([0.25, 0.75, 0.25]), labels, cover)
    np.testing.assert_allclose(scores, [[0.25, 0], [0.75, 0.25], [0, 0.25]])
    assert method.attacked_risk(scores, mass, labels, cover) == pytest.approx(0.2 * 0.75 + 0.3 * 0.25 + 0.5 * 0.75)
    locations = np.array([[0.0, 0], [1, 0], [1, 0]])
    assert method.bayes_risk(locations, labels, mass) == pytest.approx(0.3)


def test_unknown_rule_is_refused(blobs):
    with pytest.raises(ValueError, match="'ball' or 'diameter'"):
        method.hyperedges(*blobs[:2], 0.3, rule="sphere")


@pytest.mark.parametrize(("epsilon", "risk"), [(0.49, 0.0), (0.51, 1.0)])
def test_neighbours_of_two_points_fail_beyond_half_their_distance(epsilon, risk):
    assert rivals.neighbours_risk(np.array([[0.0, 0], [1, 0]]), np.arange(2), epsilon)[1] == risk


def test_linear_risk_is_the_worst_on_the_circle():
    rng = np.random.default_rng(4)
    weights, bias, points = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=(60, 2))
    of_class = (points @ weights + bias).argmax(axis=1)
    angles = np.linspace(0, 2 * np.pi, 2000)
    circle = 0.2 * np.column_stack([np.cos(angles), np.sin(angles)])
    moved = ((points[:, None] + circle) @ weights + bias).argmax(axis=2)
    risk = rivals.linear_risk(weights, bias, points, of_class, 0.2)
    assert 0 < risk < 1
    assert risk == (moved != of_class[:, None]).any(axis=1).mean()


def test_linear_risks_of_many_classifiers_are_those_of_each():
    rng = np.random.default_rng(6)
    weights, bias, points = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 1, 3)), rng.normal(size=(30, 2))
    of_class, epsilons = rng.integers(3, size=30), np.array([0.0, 0.1, 0.3, 0.6])
    risks = [rivals.linear_risk(*one, points, of_class, e) for *one, e in zip(weights, bias, epsilons, strict=True)]
    np.testing.assert_array_equal(rivals.linear_risk(weights, bias, points, of_class, epsilons[:, None, None]), risks)


def test_training_separates_what_the_adversary_cannot_merge():
    points = data.blobs(3, 10, np.random.default_rng(5)) + 3 * np.repeat(data.CENTRES[:3], 10, axis=0)
    assert rivals.softmax_risks(points, np.repeat(range(3), 10), np.array([0.5]))[0] == 0


def test_training_counts_its_best_rate_and_stays_above_the_optimum(monkeypatch):
    points, labels, epsilons = data.blobs(3, 8, np.random.default_rng(7)), np.repeat(range(3), 8), np.array([0.2, 0.5])
    risks = rivals.softmax_risks(points, labels, epsilons)
    optimal = [optimal_risk(points, labels, np.full(24, 1 / 24), epsilon) for epsilon in epsilons]
    assert (risks >= np.array(optimal) - 1e-9).all()
    alone = []
    for rate in rivals.RATES:
        monkeypatch.setattr(rivals, "RATES", np.array([rate]))
        alone.append([rivals.softmax_risks(points, labels, epsilons[[i]])[0] for i in range(2)])
    np.testing.assert_allclose(risks, np.min(alone, axis=0), atol=1 / 24 + 1e-9)
    assert (np.abs(alone - risks).max(axis=1) > 1.5 / 24).all()  # no single rate is that good
