"""The benchmark's gradient against finite differences, its constants against random quotients."""

import numpy as np
import pytest

from papers.privacy.nonconvex_benchmark import CLIP, SMOOTHNESS, CompositeObjective, draw_samples


@pytest.fixture
def objective():
    return CompositeObjective(*draw_samples(60, 6, np.random.default_rng(0)))


def test_gradient_is_that_of_the_loss(objective):
    points = 3 * np.random.default_rng(1).normal(size=(40, 6))
    step = 1e-5
    for j in range(6):
        shift = step * np.eye(6)[j]
        quotient = (objective.loss(points + shift) - objective.loss(points - shift)) / (2 * step)
        assert objective.gradient(points)[:, j] == pytest.approx(quotient, abs=1e-8)


def test_every_sample_has_its_own_gradient(objective):
    points = np.random.default_rng(2).normal(size=(3, 6))
    for i in (0, 17):
        alone = CompositeObjective(objective.scales[i : i + 1], objective.centers[i : i + 1])
        assert objective.per_sample(points)[:, i] == pytest.approx(alone.gradient(points), abs=1e-14)


def test_gradients_of_samples_are_lipschitz_and_the_constant_is_nearly_attained(objective):
    rng = np.random.default_rng(3)
    points = rng.normal(size=(3000, 6)) * 2
    points[:1000] *= 1e-3  # u near 0, where the tail bends most
    others = points + 10 ** rng.uniform(-4, 0.5, (3000, 1)) * rng.normal(size=(3000, 6))
    others[:1000, 1:] = points[:1000, 1:]
    change = np.linalg.norm(objective.per_sample(points) - objective.per_sample(others), axis=2)
    quotients = change / np.linalg.norm(points - others, axis=1)[:, None]
    assert 0.9 * SMOOTHNESS < quotients.max() < SMOOTHNESS


def test_it_is_not_convex_and_does_not_flatten_far_out_but_along_the_tail(objective):
    step = np.eye(6)[1] * 1e-4
    away = np.eye(6)[1] * 1.8
    assert (objective.gradient((away + step)[None]) < objective.gradient((away - step)[None]))[0, 1]
    far = np.array([1e6, 1e6, 0, 0, 0, 0])[None]
    assert abs(objective.gradient(far)[0, 1]) > 0.7
    assert abs(objective.gradient(far)[0, 0]) < 1e-8
    assert objective.gradient(-far)[0, 0] == pytest.approx(-objective.scales.mean() / 2)


def test_samples_keep_to_their_domain_and_clipping_does_not_bind_at_the_start():
    scales, centers = draw_samples(5000, 20, np.random.default_rng(4))
    assert scales.min() >= 0.5
    assert scales.max() <= 1.5
    norms = np.linalg.norm(centers, axis=1)
    assert norms.max() <= 1.5 + 1e-12
    assert norms.mean() == pytest.approx(0.3 * np.sqrt(19), rel=0.05)
    start = CompositeObjective(scales, centers).per_sample(np.zeros((1, 20)))
    assert np.linalg.norm(start, axis=2).max() < CLIP
