"""Descents, projection and recursive regularisation against recursions, scipy and audits of their outputs."""

import math

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.stats import norm

from papers.privacy.auditing import epsilon_lower_bound
from papers.privacy.gaussian_mechanism import gaussian_delta, gaussian_epsilon, gaussian_zcdp, zcdp_sigma
from papers.privacy.private_spider_stationary import recursive_regularisation as convex
from papers.privacy.private_spider_stationary.method import (
    GLM_LIPSCHITZ,
    GLM_SMOOTHNESS,
    LinearModel,
    link,
    link_derivative,
    noisy_gradient_descent,
    project,
    pulled_back_norms,
    random_projection,
    spider,
    stationarity,
)

NO_NOISE = math.inf
BOUNDS = {"lipschitz": GLM_LIPSCHITZ, "smoothness": GLM_SMOOTHNESS}


def linear_model(n=60, dimension=8, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, dimension))
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1.0)
    return LinearModel(features, features @ rng.standard_normal(dimension) + 0.1 * rng.standard_normal(n))


def neighbour(model, features, target):
    """The model with its first sample replaced."""
    other_features, other_targets = model.features.copy(), model.targets.copy()
    other_features[0], other_targets[0] = features, target
    return LinearModel(other_features, other_targets)


# --- Private SPIDER -----------------------------------------------------------------------------------------


def test_spider_without_noise_is_gradient_descent_step_by_step():
    model = linear_model()
    w, expected = np.zeros(8), [np.zeros(8)]
    for _ in range(30):
        w = w - 0.7 * (link_derivative(model.features @ w - model.targets) @ model.features) / 60
        expected.append(w)
    start, rng = np.zeros((1, 8)), np.random.default_rng(1)
    for period in (30, 8):
        path = spider(model, start, NO_NOISE, rng, n_steps=30, period=period, step_length=0.7, **BOUNDS)
        np.testing.assert_allclose(path.points[:, 0], expected, atol=1e-12)
    baseline = noisy_gradient_descent(model, start, NO_NOISE, rng, n_steps=30, step_length=0.7, lipschitz=GLM_LIPSCHITZ)
    np.testing.assert_allclose(baseline.points[:, 0], expected, atol=1e-12)


def released_noise(model, n_steps, period, rho, n_runs, follow_steps=True, seed=2):
    """Noise that each release carried, (n_steps, n_runs, d), and step lengths, both read off the points alone."""
    path = spider(
        model,
        np.zeros((n_runs, model.dimension)),
        rho,
        np.random.default_rng(seed),
        n_steps=n_steps,
        period=period,
        step_length=0.5,
        follow_steps=follow_steps,
        **BOUNDS,
    )
    estimates = (path.points[:-1] - path.points[1:]) / 0.5
    exact = np.stack([model.clipped_mean(model.per_sample(points), np.inf) for points in path.points[:-1]])
    errors = estimates - exact
    noise = errors.copy()
    for r in range(n_steps):
        if r % period:
            noise[r] = errors[r] - errors[r - 1]
    return noise, np.linalg.norm(np.diff(path.points, axis=0), axis=2)


@pytest.mark.parametrize("follow_steps", [True, False])
def test_anchors_and_differences_spend_exactly_the_budget(follow_steps):
    """The noise in the outputs, against sensitivities that no clipping can exceed, adds up to rho."""
    model, rho, n_steps, period = linear_model(), 0.8, 12, 4
    noise, lengths = released_noise(model, n_steps, period, rho, 1500, follow_steps)
    spent = 0.0
    for r in range(n_steps):
        if r % period == 0:
            radii = np.full(1500, GLM_LIPSCHITZ)
        else:
            largest = np.full(1500, 2 * GLM_LIPSCHITZ)
            radii = np.minimum(GLM_SMOOTHNESS * lengths[r - 1], largest) if follow_steps else largest
        multiplier = (noise[r] / (2 * radii[:, None] / model.n_samples)).std()
        spent += gaussian_zcdp(multiplier)
    # Each of the 12 variances is from 12000 draws; clipping, where it binds, could only make the noise look larger.
    assert spent == pytest.approx(rho, rel=0.02)


def test_long_steps_meet_the_cap_on_the_noise():
    """With little budget L D exceeds 2 G, and differences have the noise of two full gradients."""
    model = linear_model()
    noise, lengths = released_noise(model, 8, 8, 1e-4, 500)
    assert (lengths[1:6] * GLM_SMOOTHNESS > 2 * GLM_LIPSCHITZ).all()
    cap = 4 * GLM_LIPSCHITZ / 60 * math.sqrt(7 / 1e-4)
    np.testing.assert_allclose(noise[2:7].std(), cap, rtol=0.02)


@pytest.mark.parametrize("scale", [0.1, 1.0, 50.0])
def test_no_replacement_moves_a_difference_beyond_its_sensitivity(scale):
    """Random replacements with long features, on which clipping must act, at random pairs of points."""
    rng, model, worst = np.random.default_rng(3), linear_model(n=20), 0.0
    for _ in range(200):
        pair = rng.standard_normal((2, 8)) * [[1.0], [scale]]
        points = np.stack([pair[0], pair.sum(axis=0)])
        length = np.linalg.norm(pair[1])
        radius = min(GLM_SMOOTHNESS * length, 2 * GLM_LIPSCHITZ)
        direction = pair[1] / length
        others = [neighbour(model, 40 * direction, rng.normal(0, 3)) for _ in range(2)]
        means = []
        for other in others:
            old, new = other.per_sample(points)
            means.append(other.clipped_mean((new - old)[None], radius)[0])
        worst = max(worst, np.linalg.norm(means[0] - means[1]) / (2 * radius / 20))
    assert worst <= 1 + 1e-12
    # Some replacements attain the bound: noise calibrated to less would not do.
    assert worst > 0.95


def audited_advantage(outputs, others):
    """True and false positives of the best linear test, whose direction and threshold come from the first halves."""
    half = len(outputs) // 2
    covariance = np.cov(
        np.vstack([outputs[:half] - outputs[:half].mean(axis=0), others[:half] - others[:half].mean(axis=0)]).T
    )
    direction = np.linalg.solve(covariance, outputs[:half].mean(axis=0) - others[:half].mean(axis=0))
    threshold = (outputs[:half].mean(axis=0) + others[:half].mean(axis=0)) @ direction / 2
    return [int((rows[half:] @ direction > threshold).sum()) for rows in (outputs, others)], half


def last_iterates(model, rho, n_runs, rng, n_steps=4):
    path = spider(
        model, np.zeros((n_runs, model.dimension)), rho, rng, n_steps=n_steps, period=n_steps, step_length=1.0, **BOUNDS
    )
    return path.points[1:].transpose(1, 0, 2).reshape(n_runs, -1)


def test_audit_of_all_iterates_of_spider_finds_no_more_than_the_budget():
    """The strongest test between two neighbours proves a good part of the budget, and not more; on all iterates."""
    rng, rho = np.random.default_rng(4), 0.5
    model = linear_model(n=10, dimension=4)
    worst = [neighbour(model, sign * 2 * np.eye(4)[0], -50.0) for sign in (1, -1)]
    outputs = [last_iterates(other, rho, 20_000, rng) for other in worst]
    (true_positives, false_positives), n_trials = audited_advantage(*outputs)
    delta = 0.1
    proved = epsilon_lower_bound(true_positives, false_positives, n_trials, delta=delta)
    allowed = gaussian_epsilon(zcdp_sigma(rho), delta)
    advantage = (true_positives - false_positives) / n_trials
    limit = gaussian_delta(zcdp_sigma(rho), 0.0)
    assert proved <= allowed
    assert 0.5 * limit < advantage < limit + 0.01
    # Were the noise four times too small, the same attack would prove it.
    outputs = [last_iterates(other, 16 * rho, 20_000, rng) for other in worst]
    counts, n_trials = audited_advantage(*outputs)
    assert epsilon_lower_bound(*counts, n_trials, delta=delta) > allowed


def test_gradient_descent_pays_for_every_step():
    model, rho, n_steps = linear_model(), 0.3, 16
    spreads = []
    for pay_for_steps in (True, False):
        path = noisy_gradient_descent(
            model,
            np.zeros((1000, 8)),
            rho,
            np.random.default_rng(5),
            n_steps=n_steps,
            step_length=1.0,
            lipschitz=GLM_LIPSCHITZ,
            pay_for_steps=pay_for_steps,
        )
        spreads.append(path.points[1].std(axis=0).mean())
    assert spreads[0] == pytest.approx(2 * GLM_LIPSCHITZ / 60 * math.sqrt(n_steps / (2 * rho)), rel=0.02)
    assert spreads[0] / spreads[1] == pytest.approx(math.sqrt(n_steps), rel=0.02)


def test_stationarity_is_the_mean_norm_of_the_second_half():
    norms = np.array([[9.0], [9.0], [1.0], [3.0]])
    assert stationarity(norms**2) == pytest.approx([2.0])


# --- Generalised linear models ------------------------------------------------------------------------------


def test_link_derivative_and_its_bounds():
    t = np.linspace(-30, 30, 200_001)
    np.testing.assert_allclose(np.gradient(link(t), t)[1:-1], link_derivative(t)[1:-1], atol=1e-6)
    assert np.abs(link_derivative(t)).max() <= GLM_LIPSCHITZ
    assert np.abs(np.diff(link_derivative(t)) / np.diff(t)).max() == pytest.approx(GLM_SMOOTHNESS, rel=1e-3)


def test_linear_model_gradients_by_finite_differences_and_by_a_loop():
    model, w = linear_model(n=12, dimension=5), np.random.default_rng(6).standard_normal(5)
    gradient = approx_fprime(w, lambda v: link(model.features @ v - model.targets).mean(), 1e-7)
    np.testing.assert_allclose(model.clipped_mean(model.per_sample(w[None]), np.inf)[0], gradient, atol=1e-6)
    total = np.zeros(5)
    for x, y in zip(model.features, model.targets, strict=True):
        vector = link_derivative(x @ w - y) * x
        total += vector * min(1.0, 0.3 / np.linalg.norm(vector))
    np.testing.assert_allclose(
        model.clipped_mean(model.per_sample(w[None]), np.array([0.3]))[0], total / 12, atol=1e-14
    )


def test_projection_preserves_inner_products_as_johnson_and_lindenstrauss_say():
    """<Phi x, Phi y> has mean <x, y> and variance (|x|^2 |y|^2 + <x, y>^2)/m."""
    rng, m = np.random.default_rng(7), 20
    x, y = rng.standard_normal((2, 200, 300)) / math.sqrt(300)
    y = 0.5 * x + y
    standardised = []
    for _ in range(10):
        phi = random_projection(m, 300, rng)
        products, exact = ((x @ phi.T) * (y @ phi.T)).sum(axis=1), (x * y).sum(axis=1)
        sd = np.sqrt(((x**2).sum(axis=1) * (y**2).sum(axis=1) + exact**2) / m)
        standardised.append((products - exact) / sd)
    # 2000 nearly independent values: standard errors 0.02 and, with the kurtosis of products, about 0.03.
    assert np.mean(standardised) == pytest.approx(0.0, abs=0.1)
    assert np.std(standardised) == pytest.approx(1.0, abs=0.1)


def test_pulled_back_solutions_predict_the_same_and_their_norms_are_those_in_the_ambient_space():
    model, rng = linear_model(n=30, dimension=50), np.random.default_rng(8)
    phi = random_projection(20, 50, rng)
    points = rng.standard_normal((3, 2, 20))
    projected = project(model, phi)
    np.testing.assert_allclose(projected.features @ points[0, 0], model.features @ (phi.T @ points[0, 0]), atol=1e-12)
    pulled = (points @ phi).reshape(6, 50)
    expected = (model.clipped_mean(model.per_sample(pulled), np.inf) ** 2).sum(axis=1).reshape(3, 2)
    np.testing.assert_allclose(pulled_back_norms(model, projected, points), expected, rtol=1e-10)
    # An orthonormal change of basis, as from the latent coordinates to R^d, changes no norm.
    basis = np.linalg.qr(rng.standard_normal((70, 50)))[0]
    rotated = LinearModel(model.features @ basis.T, model.targets)
    np.testing.assert_allclose(pulled_back_norms(rotated, projected, points), expected, rtol=1e-10)


# --- Recursive regularisation -------------------------------------------------------------------------------


def test_without_noise_every_part_reaches_the_minimiser_found_by_scipy():
    rng = np.random.default_rng(9)
    parts = convex.draw_population(4 * 50, 6, rng).reshape(4, 50, 6)
    solutions = convex.recursive_regularisation(parts, NO_NOISE, rng, n_steps=600)
    for t, part in enumerate(parts):
        centres = solutions[:t]

        def loss(w, part=part, centres=centres, t=t):
            pull = sum(0.04 * 2**s / 2 * ((w - centres[s]) ** 2).sum() for s in range(t))
            return np.sqrt(1 + ((w - part) ** 2).sum(axis=1)).mean() + pull

        np.testing.assert_allclose(solutions[t], minimize(loss, np.zeros(6), tol=1e-10).x, atol=2e-5)


def test_centred_at_the_start_the_regularisers_shrink_the_solution():
    parts = convex.draw_population(4 * 500, 6, np.random.default_rng(10)).reshape(4, 500, 6)
    norms = [
        np.linalg.norm(
            convex.population_gradient(
                convex.recursive_regularisation(parts, NO_NOISE, np.random.default_rng(0), recentre=recentre)[-1]
            )
        )
        for recentre in (True, False)
    ]
    assert norms[1] > 4 * norms[0]


def test_the_distance_loss_has_these_gradients_and_is_lipschitz():
    rng = np.random.default_rng(11)
    samples, w = 3 * rng.standard_normal((40, 5)), rng.standard_normal(5)
    expected = approx_fprime(w, lambda v: np.sqrt(1 + ((v - samples) ** 2).sum(axis=1)).mean(), 1e-7)
    np.testing.assert_allclose(convex.distance_gradient(samples)(w), expected, atol=1e-6)
    assert np.linalg.norm(convex.distance_gradient(1e6 * samples[:1])(w)) == pytest.approx(convex.LIPSCHITZ, abs=1e-6)


def test_audit_of_recursive_regularisation():
    """Two steps on each of two parts; one record at one end of the line or at the other."""
    rng, rho, n_runs = np.random.default_rng(12), 0.5, 1500
    parts = 0.5 * rng.standard_normal((2, 8, 2))
    outputs = []
    for position in (1e3, -1e3):
        changed = parts.copy()
        changed[1, 0] = [position, 0.0]
        outputs.append(
            np.array([convex.recursive_regularisation(changed, rho, rng, n_steps=2)[1] for _ in range(n_runs)])
        )
    (true_positives, false_positives), n_trials = audited_advantage(*outputs)
    limit = 2 * norm.cdf(math.sqrt(2 * rho) / 2) - 1
    advantage = (true_positives - false_positives) / n_trials
    # The second half of two steps is the last iterate alone, whose start w_1 has noise of its own.
    assert 0.4 * limit < advantage < limit + 3.5 / math.sqrt(2 * n_trials)


def test_population_gradient_by_fresh_draws():
    rng = np.random.default_rng(13)
    w = 0.8 + 0.3 * rng.standard_normal(20)
    fresh = convex.draw_population(100_000, 20, rng)
    # The norm of the Monte Carlo error is at most about 1/sqrt(100000) = 0.003; the gradient's is 0.4.
    np.testing.assert_allclose(convex.population_gradient(w), convex.distance_gradient(fresh)(w), atol=0.003)
    assert np.linalg.norm(convex.population_gradient(w) - convex.distance_gradient(fresh)(w)) < 0.006
