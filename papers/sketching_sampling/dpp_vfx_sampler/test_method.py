"""The surrogate, the rejection step and the draws against dense algebra and enumerated laws."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chisquare

from papers.sketching_sampling.dpp_vfx_sampler.data import generate
from papers.sketching_sampling.dpp_vfx_sampler.method import (
    GaussianKernel,
    distinct_items,
    leverage_columns,
    log_acceptance_rate,
    nystrom,
    prepare,
    propose,
    sample,
    sample_k_dpp,
    scale_for_size,
    thin,
    uniform_columns,
)

LEVEL = 1e-3  # of the chi-square tests; the seed is fixed
N_DRAWS = 2500


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def tiny(rng):
    return GaussianKernel(rng.standard_normal((6, 3)), amplitude=1.5, variance=2.0)


@pytest.fixture
def kernel(rng):
    return GaussianKernel(rng.standard_normal((60, 2)), amplitude=1.0, variance=1.0)


def law_of(matrix, sizes):
    """P(S) proportional to det(L_S), over subsets with one of the sizes."""
    subsets = [items for size in sizes for items in combinations(range(len(matrix)), size)]
    weights = np.array([np.linalg.det(matrix[np.ix_(items, items)]) for items in subsets])
    return dict(zip(subsets, weights / weights.sum(), strict=True))


def p_value(samples, law):
    """Of the chi-square test; subsets that are expected less than five times are pooled."""
    counts = dict.fromkeys(law, 0)
    for items in samples:
        counts[tuple(sorted(np.asarray(items).tolist()))] += 1  # a KeyError is an impossible set
    observed, expected = np.array(list(counts.values())), len(samples) * np.array(list(law.values()))
    common = expected >= 5
    assert common.sum() >= 10
    if not common.all():
        observed, expected = (np.append(x[common], x[~common].sum()) for x in (observed, expected))
    return chisquare(observed, expected).pvalue


def dense_surrogate(matrix, chosen):
    columns = matrix[:, chosen]
    return columns @ np.linalg.pinv(columns[chosen], hermitian=True) @ columns.T


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("chosen", [[0], [1, 2, 4], [0, 1, 2, 3, 4, 5]])
def test_draws_follow_the_enumerated_law_whatever_the_surrogate(tiny, rng, chosen, scale):
    proposal = prepare(nystrom(tiny, np.array(chosen)), scale)
    law = law_of(scale * tiny.matrix(), range(7))
    draws = sample(tiny, proposal, N_DRAWS, rng)
    assert len(draws.samples) == N_DRAWS
    assert p_value(draws.samples, law) > LEVEL
    assert draws.log_acceptance.max() <= 1e-9


def test_any_rate_gives_the_law(tiny, rng):
    law = law_of(tiny.matrix(), range(7))
    surrogate = nystrom(tiny, np.array([0, 3, 5]))
    assert (
        p_value(sample(tiny, prepare(surrogate, q=2 * surrogate.expected_size() ** 2), N_DRAWS, rng).samples, law)
        > LEVEL
    )


def test_the_chi_square_test_would_see_plausible_mistakes(tiny, rng):
    law, surrogate = law_of(tiny.matrix(), range(7)), nystrom(tiny, np.array([0, 3]))
    few_items = prepare(surrogate, q=surrogate.expected_size())
    assert p_value(sample(tiny, few_items, N_DRAWS, rng, reject=False).samples, law) < 1e-9
    without_residual = prepare(surrogate._replace(residuals=0 * surrogate.residuals))
    draws = sample(tiny, without_residual, N_DRAWS, rng)
    assert draws.log_acceptance.max() > 0.1
    assert p_value(draws.samples, law) < 1e-9


def test_k_dpp_follows_its_law(rng):
    kernel = GaussianKernel(rng.standard_normal((10, 3)), amplitude=1.5, variance=2.0)
    matrix = kernel.matrix()
    surrogate = nystrom(kernel, np.arange(5))
    scale = scale_for_size(surrogate, 3)
    proposal = prepare(surrogate, scale)
    assert proposal.s == pytest.approx(3)
    assert surrogate.expected_size(scale) == pytest.approx(3)
    samples = sample_k_dpp(kernel, proposal, 3, 1500, rng)
    assert samples.shape == (1500, 3)
    law = law_of(matrix, [3])
    assert p_value(samples, law) > LEVEL
    minors = sum(np.linalg.det(matrix[np.ix_(items, items)]) for items in law)
    coefficients = np.poly(np.linalg.eigvalsh(matrix))  # e_3 is the third coefficient, up to its sign
    assert minors == pytest.approx(-coefficients[3])


@pytest.mark.parametrize("n_columns", [1, 5, 20])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_surrogate_and_constants_are_those_of_dense_algebra(kernel, rng, n_columns, scale):
    matrix, chosen = scale * kernel.matrix(), uniform_columns(kernel, n_columns, rng)
    surrogate = nystrom(kernel, chosen)
    proposal = prepare(surrogate, scale)
    lower = dense_surrogate(matrix, chosen)
    ridge = lower @ np.linalg.inv(np.eye(60) + lower)
    np.testing.assert_allclose(proposal.estimates, np.diag(matrix - lower + ridge), atol=1e-6)
    assert proposal.s - proposal.z == pytest.approx(np.trace(matrix - lower), abs=1e-5)
    assert surrogate.expected_size(scale) == pytest.approx(proposal.s)
    assert proposal.z == pytest.approx(np.trace(ridge), abs=1e-6)
    assert proposal.log_determinant == pytest.approx(np.linalg.slogdet(np.eye(60) + lower)[1], abs=1e-6)
    marginals = np.diag(matrix @ np.linalg.inv(np.eye(60) + matrix))
    assert proposal.s >= marginals.sum()
    assert (proposal.estimates[chosen] <= marginals[chosen] + 1e-9).all()
    assert proposal.q == pytest.approx(proposal.s**2)


def test_acceptance_is_the_formula_on_the_items_as_drawn(kernel, rng):
    """Reference: the t x t matrix with repeated rows, from the same random numbers."""
    proposal = prepare(nystrom(kernel, np.arange(8)))
    found = propose(kernel, proposal, 50, np.random.default_rng(9))
    again, matrix = np.random.default_rng(9), kernel.matrix()
    sizes = again.poisson(proposal.q * np.exp(proposal.s / proposal.q), 50)
    drawn = np.searchsorted(np.cumsum(proposal.estimates) / proposal.s, again.random(sizes.sum()))
    assert (found.sizes == sizes).all()
    for row, sigma in enumerate(np.split(drawn, np.cumsum(sizes)[:-1])):
        l = proposal.estimates[sigma]
        tilde = proposal.s / proposal.q * matrix[np.ix_(sigma, sigma)] / np.sqrt(np.outer(l, l))
        log_determinant = np.linalg.slogdet(np.eye(len(sigma)) + tilde)[1]
        expected = proposal.z - len(sigma) * proposal.s / proposal.q + log_determinant - proposal.log_determinant
        assert found.log_acceptance[row] == pytest.approx(expected, abs=1e-9)
        values = np.linalg.eigvalsh(found.kernels[row])
        nonzero = np.linalg.eigvalsh(tilde)
        np.testing.assert_allclose(values[values > 1e-9], nonzero[nonzero > 1e-9], rtol=1e-4)


@pytest.mark.parametrize("n_columns", [3, 30])
def test_acceptance_never_exceeds_one_and_its_mean_is_the_closed_form(kernel, rng, n_columns):
    proposal = prepare(nystrom(kernel, uniform_columns(kernel, n_columns, rng)), 0.2)
    logs = np.concatenate([propose(kernel, proposal, 500, rng).log_acceptance for _ in range(6)])
    assert logs.max() <= 1e-9
    log_determinant = np.linalg.slogdet(np.eye(60) + 0.2 * kernel.matrix())[1]
    error = np.exp(logs).std() / np.sqrt(len(logs))
    assert np.exp(logs).mean() == pytest.approx(np.exp(log_acceptance_rate(proposal, log_determinant)), abs=4 * error)


@pytest.mark.parametrize(("strength", "rate"), [(1.0, np.exp(2 - np.e)), (50.0, np.exp(-0.5))])
def test_a_perfect_surrogate_accepts_half_of_the_proposals(strength, rate):
    """Diagonal kernels: s = 1 from two items, and s = 49 from fifty."""
    n = 2 if strength == 1.0 else 50
    kernel = GaussianKernel(100.0 * np.arange(n)[:, None], amplitude=strength, variance=1.0)
    proposal = prepare(nystrom(kernel, np.arange(n)))
    assert proposal.s == pytest.approx(n * strength / (1 + strength))
    found = log_acceptance_rate(proposal, n * np.log1p(strength))
    assert np.exp(found) == pytest.approx(rate, rel=0.005)


def test_marginals_and_sizes_on_a_larger_ground_set(kernel, rng):
    samples = sample(kernel, prepare(nystrom(kernel, leverage_columns(kernel, 20, rng))), 60, rng).samples
    assert all(len(set(items.tolist())) == len(items) for items in samples)
    marginals = np.diag(np.linalg.inv(np.eye(60) + kernel.matrix()))  # of the complement
    frequencies = np.bincount(np.concatenate(samples), minlength=60) / 60
    assert (np.abs(frequencies - 1 + marginals) <= 4.5 * np.sqrt(marginals * (1 - marginals) / 60)).all()


def test_thinning_follows_the_law_of_each_kernel(tiny, rng):
    """Different kernels in a batch, one padded by an item of zeros and one of rank 2."""
    padded = np.zeros((6, 6))
    padded[np.ix_([0, 2, 3, 4, 5], [0, 2, 3, 4, 5])] = 0.5 * tiny.matrix()[:5, :5]
    factor = rng.standard_normal((6, 2))
    kernels = np.stack([5 * tiny.matrix(), padded, factor @ factor.T])
    taken = thin(np.repeat(kernels, N_DRAWS, axis=0), rng).reshape(3, N_DRAWS, 6)
    assert not taken[1, :, 1].any()
    assert taken[2].sum(axis=1).max() == 2
    for kernel, sets in zip(kernels, taken, strict=True):
        law = {items: p for items, p in law_of(kernel, range(7)).items() if p > 1e-12}
        assert p_value([np.flatnonzero(one) for one in sets], law) > LEVEL


def test_only_the_entries_that_are_needed_are_read(kernel, rng):
    surrogate = nystrom(kernel, np.arange(7))
    assert kernel.entries_read == 60 * 8
    batch = propose(kernel, prepare(surrogate), 5, rng)
    distinct = [np.count_nonzero(np.diag(block)) for block in batch.kernels]
    assert kernel.entries_read == 60 * 8 + sum(size**2 for size in distinct)
    assert kernel.matrix()[3, 4] == pytest.approx(
        np.exp(-np.sum((kernel.points[3] - kernel.points[4]) ** 2) / 2), rel=1e-12
    )
    assert np.diag(kernel.matrix()) == pytest.approx(kernel.diagonal())


def test_leverage_columns_prefer_items_that_others_do_not_resemble(rng):
    points = np.concatenate([np.zeros((50, 1)), [[30.0], [60.0]]])
    kernel = GaussianKernel(points, amplitude=1.0, variance=1.0)
    chosen = [set(leverage_columns(kernel, 4, rng).tolist()) for _ in range(100)]
    assert all(len(items) == 4 for items in chosen)
    assert np.mean([50 in items for items in chosen]) > 0.5


def test_distinct_items_count_repetitions():
    items, counts = distinct_items(np.array([4, 2, 4, 4, 1, 1]), np.array([4, 0, 2]), 5)
    assert items.tolist() == [[2, 4], [0, 0], [1, 0]]
    assert counts.tolist() == [[1, 3], [0, 0], [2, 0]]
    items, counts = distinct_items(np.array([], dtype=np.int64), np.array([0, 0]), 5)
    assert items.shape == counts.shape == (2, 0)


def test_a_kernel_of_small_rank_has_no_large_samples():
    kernel = GaussianKernel(np.zeros((5, 1)), amplitude=1.0, variance=1.0)
    with pytest.raises(ValueError, match="no multiple"):
        scale_for_size(nystrom(kernel, np.array([2])), 2)


def test_a_surrogate_survives_repeated_items(rng):
    kernel = GaussianKernel(np.repeat([[0.0], [3.0]], 4, axis=0), amplitude=2.0, variance=1.0)
    proposal = prepare(nystrom(kernel, np.arange(8)))
    samples = sample(kernel, proposal, 500, rng).samples
    assert max(map(len, samples)) == 2
    assert all(len({item // 4 for item in items.tolist()}) == len(items) for items in samples)


def test_point_sets(rng):
    data = generate(SimpleNamespace(n_items=[20, 50]), rng)
    assert {name: points.shape for name, points in data.items()} == {
        "small": (8, 3),
        "small_k": (10, 3),
        "large": (50, 2),
    }
