"""Row sampling against dense algebra and brute force."""

import numpy as np
import pytest

from papers.sketching_sampling.row_sampling import (
    capped_probabilities,
    independent_sample,
    leverage_scores,
    orthonormal_basis,
    squared_row_norms,
)


def capped_by_rescaling(scores, n_samples):
    """Scale, clip at 1, scale the others again, until nothing exceeds 1."""
    p = np.zeros(len(scores))
    free = np.ones(len(scores), dtype=bool)
    while True:
        p[free] = scores[free] * (n_samples - (~free).sum()) / scores[free].sum()
        if not (p[free] > 1).any():
            return p
        free &= p <= 1
        p[~free] = 1


def test_leverage_scores_are_the_diagonal_of_the_projection(rng):
    design = rng.standard_normal((40, 6)) * np.geomspace(1, 1e3, 6)
    projection = design @ np.linalg.solve(design.T @ design, design.T)
    np.testing.assert_allclose(leverage_scores(design), np.diag(projection), rtol=1e-9)
    np.testing.assert_allclose(leverage_scores(design @ rng.standard_normal((6, 6))), np.diag(projection), rtol=1e-7)
    assert leverage_scores(design).sum() == pytest.approx(6)


def test_basis_spans_the_design(rng):
    design = rng.standard_normal((30, 4))
    basis = orthonormal_basis(design)
    np.testing.assert_allclose(basis.T @ basis, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(basis @ (basis.T @ design), design, atol=1e-12)
    np.testing.assert_allclose(squared_row_norms(design), [row @ row for row in design])


@pytest.mark.parametrize("design", [np.ones((5, 2)), np.ones((2, 5)), np.zeros((4, 1)), np.ones(4)])
def test_basis_needs_full_column_rank(design):
    with pytest.raises(ValueError, match="expected a"):
        orthonormal_basis(design)


@pytest.mark.parametrize("n_samples", [0.5, 1, 3, 17.25, 60, 99, 100])
def test_capped_probabilities_match_repeated_rescaling(rng, n_samples):
    scores = rng.pareto(0.5, 100) + 1e-3
    p = capped_probabilities(scores, n_samples)
    np.testing.assert_allclose(p, capped_by_rescaling(scores, n_samples), rtol=1e-9)
    assert p.sum() == pytest.approx(n_samples)
    assert p.max() <= 1
    ratio = (p / scores)[p < 1]
    np.testing.assert_allclose(ratio, ratio[0] if len(ratio) else 1, rtol=1e-9)


def test_capped_probabilities_at_the_edges():
    np.testing.assert_allclose(capped_probabilities(np.array([3.0, 0, 1, 0]), 2), [1, 0, 1, 0])
    np.testing.assert_allclose(capped_probabilities(np.array([2.0, 2, 2]), 3), [1, 1, 1])
    np.testing.assert_allclose(capped_probabilities(np.array([8.0, 1, 1]), 2), [1, 0.5, 0.5])
    for scores, n_samples in (([1.0, -1], 1), ([1.0, np.nan], 1), ([1.0, 0], 2), ([1.0, 1], 0)):
        with pytest.raises(ValueError, match="expected"):
            capped_probabilities(np.array(scores), n_samples)


def test_independent_samples_have_the_marginals_and_are_independent(rng):
    p = np.array([0.0, 0.2, 0.7, 1.0])
    kept = np.zeros((20000, 4))
    for row in kept:
        row[independent_sample(p, rng)] = 1
    error = 4 * np.sqrt(p * (1 - p) / len(kept))
    assert (np.abs(kept.mean(axis=0) - p) <= error).all()
    assert np.mean(kept[:, 1] * kept[:, 2]) == pytest.approx(0.14, abs=4 * np.sqrt(0.14 * 0.86 / len(kept)))


@pytest.fixture
def rng():
    return np.random.default_rng(1)
