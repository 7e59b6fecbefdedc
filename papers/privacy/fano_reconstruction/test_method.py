"""Bounds against high-precision sums, searches over reference laws and quadrature; the attack against brute force."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq, minimize
from scipy.special import log_softmax, softmax
from scipy.stats import norm

from papers.privacy.fano_reconstruction import method, training
from papers.privacy.gaussian_mechanism import gaussian_epsilon, gaussian_rdp

ORDERS = [1.0, 1.0001, 1.5, 2.0, 7.0, 200.0]


def random_channel(seed, n_values=6, n_outputs=8):
    return np.random.default_rng(seed).dirichlet(np.ones(n_outputs), size=n_values)


# --- From divergence to success ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("success", "baseline"), [(0.5, 0.1), (0.999, 0.001), (0.2, 0.19), (0.01, 0.5), (1.0, 0.01)])
def test_divergence_of_coins_equals_high_precision_sum(success, baseline, order):
    with mpmath.workdps(60):
        s, t, a = mpmath.mpf(success), mpmath.mpf(baseline), mpmath.mpf(order)
        pairs = [(s, t), (1 - s, 1 - t)]
        if order == 1:
            expected = sum(p * mpmath.log(p / q) for p, q in pairs if p)
        else:
            expected = mpmath.log(sum(p**a * q ** (1 - a) for p, q in pairs)) / (a - 1)
    assert method.bernoulli_divergence(success, baseline, order) == pytest.approx(float(expected), rel=1e-9, abs=1e-11)


def test_divergence_grows_with_the_order_and_with_the_success():
    successes, orders = np.linspace(0.1, 1, 50), np.array([1, 1.01, 1.5, 3, 20, 400])
    divergence = method.bernoulli_divergence(successes[:, None], 0.1, orders)
    assert (np.diff(divergence, axis=0) > 0).all()
    assert (np.diff(divergence, axis=1) >= -1e-12).all()
    assert divergence[-1] == pytest.approx(np.log(10))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n_values", "divergence"), [(2, 0.1), (10, 1.0), (1000, 3.0), (1000, 6.5)])
def test_largest_success_is_the_root(order, n_values, divergence):
    root = brentq(
        lambda s: method.bernoulli_divergence(s, 1 / n_values, order) - divergence, 1 / n_values, 1, xtol=1e-14
    )
    assert method.largest_success(divergence, order, n_values) == pytest.approx(root, abs=1e-9)


def test_largest_success_at_the_ends():
    # at divergence zero rounding leaves about the root of the machine's precision
    assert method.largest_success(0.0, 2.0, 10) == pytest.approx(0.1, abs=1e-7)
    assert method.largest_success(np.log(10) + 0.01, 2.0, 10) == 1
    with pytest.raises(ValueError, match="negative"):
        method.largest_success(-0.1, 2.0, 10)
    with pytest.raises(ValueError, match="two values"):
        method.largest_success(0.1, 2.0, 1)


@pytest.mark.parametrize("n_values", [4, 64, 4096])
def test_half_success_divergence_is_where_the_bound_is_one_half(n_values):
    rate = brentq(lambda r: method.renyi_fano(r * method.ORDERS, n_values)[0] - 0.5, 1e-3, 20)
    assert method.half_success_divergence(n_values) == pytest.approx(rate, rel=1e-6)


def test_half_success_divergence_of_huge_secrets_has_the_closed_form():
    roots = [np.sqrt(method.half_success_divergence(10**digits)) for digits in (40, 80)]
    expected = [np.sqrt(digits * np.log(10)) - np.sqrt(np.log(2)) for digits in (40, 80)]
    np.testing.assert_allclose(roots, expected, rtol=2e-3)


# --- Finite channels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1.3, 2, 9])
def test_sibson_information_is_the_least_over_reference_laws(order):
    channel = random_channel(1, 4, 5)
    search = minimize(lambda logits: method.renyi_information(channel, order, softmax(logits)), np.zeros(5), tol=1e-12)
    assert method.sibson_information(channel, order) == pytest.approx(search.fun, abs=1e-7)


def test_renyi_information_averages_powers_of_direct_sums():
    channel, reference = random_channel(2, 3, 4), np.array([0.1, 0.2, 0.3, 0.4])
    powers = [sum(p**3 / q**2 for p, q in zip(law, reference, strict=True)) for law in channel]
    assert method.renyi_information(channel, 3, reference) == pytest.approx(np.log(np.mean(powers)) / 2)


def test_information_at_the_ends_of_the_orders():
    channel = random_channel(3)
    joint = channel / len(channel)
    entropy = -(channel.mean(axis=0) * np.log(channel.mean(axis=0))).sum()
    conditional = -(joint * np.log(channel)).sum()
    assert method.mutual_information(channel) == pytest.approx(entropy - conditional)
    assert method.sibson_information(channel, 1) == method.mutual_information(channel)
    assert method.sibson_information(channel, 1 + 1e-6) == pytest.approx(entropy - conditional, abs=1e-5)
    assert method.sibson_information(channel, 1e5) == pytest.approx(np.log(channel.max(axis=0).sum()), abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_no_guess_beats_a_bound_on_random_channels(seed):
    channel = random_channel(seed)
    guesses = np.random.default_rng(seed).integers(6, size=(2000, 8))
    played = channel[guesses, np.arange(8)].sum(axis=1).max() / 6
    best = method.map_success(channel)
    bounds = [method.largest_success(method.sibson_information(channel, a), a, 6) for a in (1, 1.5, 4, 30, 400)]
    assert played <= best <= min(bounds)
    assert (np.diff(bounds) < 0).all()
    assert bounds[-1] <= best ** (1 - 1 / 400)


# --- Randomised response ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n_values", [2, 10, 100])
def test_response_attains_shannon_and_sibson_bounds(n_values):
    keep = method.keep_probability(2.0, n_values)
    channel = method.response_channel(keep, n_values)
    assert channel.sum(axis=1) == pytest.approx(1)
    assert (channel.max(axis=0) / channel.min(axis=0)) == pytest.approx(np.exp(2.0))
    assert method.map_success(channel) == pytest.approx(keep)
    assert method.posterior_bound(2.0, n_values) == pytest.approx(keep)
    assert method.shannon_fano(method.mutual_information(channel), n_values) == pytest.approx(keep)
    assert method.largest_success(method.sibson_information(channel, 9), 9, n_values) == pytest.approx(keep)


@pytest.mark.parametrize("n_values", [2, 7])
def test_response_rdp_equals_the_sum_over_outputs(n_values):
    channel = method.response_channel(method.keep_probability(1.5, n_values), n_values)
    orders = method.ORDERS[:, None]
    direct = np.log((channel[0] ** orders * channel[1] ** (1 - orders)).sum(axis=1)) / (method.ORDERS - 1)
    np.testing.assert_allclose(method.response_rdp(1.5, n_values), direct, rtol=1e-8)


def test_responses_follow_the_channel():
    secrets = np.repeat(np.arange(4), 50_000)
    reports = method.responses(secrets, 0.4, 4, np.random.default_rng(0))
    shares = np.array([np.bincount(reports[secrets == value], minlength=4) for value in range(4)]) / 50_000
    np.testing.assert_allclose(shares, method.response_channel(0.4, 4), atol=0.01)


def test_rival_bounds():
    # two values: the best test of two Gaussians at distance 1/sigma is right with Phi(1/(2 sigma))
    for sigma in (0.5, 1.0, 3.0):
        assert norm.cdf(1 / (2 * sigma)) <= method.posterior_bound(gaussian_epsilon(sigma, 1e-2), 2, 1e-2)
    for epsilon in (0.1, 0.5, 3.0):
        keep = method.keep_probability(epsilon, 10)
        assert keep <= method.removal_bound(epsilon, 10)
        assert keep <= method.advantage_bound(epsilon, 10)
    assert method.posterior_bound(0.0, 10) == method.removal_bound(0.0, 10) == pytest.approx(0.1)
    assert method.advantage_bound(0.0, 10) == pytest.approx(0.1)
    assert method.posterior_bound(0.0, 10, 0.1) == pytest.approx(0.19)


# --- Gaussian noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1.5, 2.0, 6.0])
def test_gaussian_divergence_by_quadrature(order):
    sigma, distance = 0.8, 0.7

    def integrand(y):
        return np.exp(order * norm.logpdf(y, distance, sigma) + (1 - order) * norm.logpdf(y, 0, sigma))

    expected = np.log(quad(integrand, -20, 20, points=[order * distance], limit=200)[0]) / (order - 1)
    assert gaussian_rdp(order, sigma, distance) == pytest.approx(expected)
    assert expected / order == pytest.approx(distance**2 / (2 * sigma**2))


@pytest.mark.parametrize(("sigma", "n_values"), [(1.0, 10), (0.5, 100)])
def test_best_guess_from_gaussian_noise_by_simulation(sigma, n_values):
    outputs = sigma * np.random.default_rng(0).standard_normal((20_000, n_values))
    outputs[:, 3] += 1
    simulated = (outputs.argmax(axis=1) == 3).mean()
    assert method.gaussian_map_success(sigma, n_values) == pytest.approx(simulated, abs=0.012)


def test_best_guess_from_gaussian_noise_in_closed_form():
    assert method.gaussian_map_success(0.9, 2) == pytest.approx(norm.cdf(1 / (0.9 * np.sqrt(2))))
    assert method.gaussian_map_success(1e6, 50) == pytest.approx(0.02, rel=1e-4)
    assert method.gaussian_map_success(1.0, 10) == pytest.approx(0.341, abs=5e-4)
    half = method.gaussian_half_success(100)
    assert method.gaussian_map_success(half**-0.5, 100) == pytest.approx(0.5)


def test_information_of_two_gaussians_by_quadrature():
    sigma = 0.9  # the difference of the two outputs holds all there is to know
    distance, spread = 1 / sigma**2, np.sqrt(2) / sigma  # of the log-likelihood ratio
    expected = np.log(2) - quad(lambda z: norm.pdf(z, distance, spread) * np.logaddexp(0, -z), -15, 20)[0]
    estimate, error = method.gaussian_information(sigma, 2, 100_000, np.random.default_rng(1))
    assert abs(estimate - expected) < 4 * error
    assert error < 0.003


def test_information_of_batches_has_the_error_of_all_draws(monkeypatch):
    whole = method.gaussian_information(0.7, 10, 20_000, np.random.default_rng(2))
    monkeypatch.setattr(method, "BATCH_ENTRIES", 30_000)
    np.testing.assert_allclose(method.gaussian_information(0.7, 10, 20_000, np.random.default_rng(2)), whole)


# --- Training ---------------------------------------------------------------------------------------------

CLIP, RATE, STEPS = 1.0, 2.0, 3


@pytest.fixture
def sets():
    rng = np.random.default_rng(5)
    features = np.concatenate([rng.random((400, 6, 4)), np.ones((400, 6, 1))], axis=2)
    return features, rng.integers(10, size=(400, 6))


def test_gradients_equal_finite_differences_and_are_clipped(sets):
    features, labels = sets[0][:1, :1], sets[1][:1, :1]
    weights = np.random.default_rng(6).standard_normal((1, 10, 5))

    def loss(flat):
        return -log_softmax(flat.reshape(10, 5) @ features[0, 0])[labels[0, 0]]

    steps = 1e-5 * np.eye(50)
    numeric = np.array([(loss(weights.ravel() + h) - loss(weights.ravel() - h)) / 2e-5 for h in steps]).reshape(10, 5)
    exact = training.gradient_sums(weights, features, labels, np.inf)[0]
    np.testing.assert_allclose(exact, numeric, atol=1e-8)
    length = np.linalg.norm(exact)
    clipped = training.gradient_sums(weights, features, labels, 0.5 * length)[0]
    np.testing.assert_allclose(clipped, exact / 2)
    np.testing.assert_allclose(training.gradient_sums(weights, features, labels, 2 * length)[0], exact)


def test_removing_a_record_moves_a_sum_by_at_most_the_clip(sets):
    features, labels = sets
    weights = 3 * np.random.default_rng(7).standard_normal((400, 10, 5))
    full = training.gradient_sums(weights, features, labels, CLIP)
    without = training.gradient_sums(weights, features[:, 1:], labels[:, 1:], CLIP)
    moved = np.linalg.norm(full - without, axis=(1, 2))
    assert moved.max() <= CLIP + 1e-9
    assert (moved > CLIP - 1e-9).any()


def test_noise_has_its_sd_in_every_step(sets):
    features, labels = sets
    released, weights = training.noisy_descent(features, labels, 0.7, RATE, STEPS, CLIP, np.random.default_rng(8))
    replayed, residuals = np.zeros((400, 10, 5)), []
    for noisy_sum in released:
        residuals.append(noisy_sum - training.gradient_sums(replayed, features, labels, CLIP))
        replayed -= RATE * noisy_sum / 6
    np.testing.assert_allclose(replayed, weights, atol=1e-12)
    assert np.std(residuals, axis=(1, 2, 3)) == pytest.approx(0.7, rel=0.02)
    assert abs(np.mean(residuals)) < 0.02


def test_posterior_equals_density_of_the_whole_transcript(sets):
    features, labels = sets[0][:3], sets[1][:3]
    released, _ = training.noisy_descent(features, labels, 0.5, RATE, STEPS, CLIP, np.random.default_rng(9))
    log_densities = np.zeros((3, 10))
    for candidate in range(10):
        guessed = labels.copy()
        guessed[:, 0] = candidate
        weights = np.zeros((3, 10, 5))
        for noisy_sum in released:
            mean = training.gradient_sums(weights, features, guessed, CLIP)
            log_densities[:, candidate] += norm.logpdf(noisy_sum, mean, 0.5).sum(axis=(1, 2))
            weights -= RATE * noisy_sum / 6
    posterior = training.label_log_posteriors(released, features, labels[:, 1:], 0.5, RATE, CLIP)
    np.testing.assert_allclose(posterior, log_softmax(log_densities, axis=1), atol=1e-9)


def test_attack_is_calibrated_and_within_the_bound(sets):
    features, labels = sets
    released, _ = training.noisy_descent(features, labels, 2.0, RATE, STEPS, CLIP, np.random.default_rng(10))
    posterior = training.label_log_posteriors(released, features, labels[:, 1:], 2.0, RATE, CLIP)
    counted = (posterior.argmax(axis=1) == labels[:, 0]).mean()
    expected = np.exp(posterior.max(axis=1)).mean()
    bound, _ = method.renyi_fano(gaussian_rdp(method.ORDERS, 2.0 / STEPS**0.5, CLIP), 10)
    assert counted == pytest.approx(expected, abs=0.08)  # 3.5 standard errors
    assert 0.13 < expected < bound
