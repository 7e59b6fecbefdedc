"""Losses and gradients against autograd, noise against closed forms, sensitivity and privacy from the outputs."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from litmus.params import Params
from papers.privacy import auditing
from papers.privacy.gaussian_mechanism import gaussian_zcdp, zcdp_budget, zcdp_epsilon
from papers.privacy.public_pretraining_basin import data, experiment, method
from papers.privacy.public_pretraining_basin import network as nets
from papers.privacy.public_pretraining_basin.pretraining import Digits, losses_between

PARAMS = {
    "dimensions": [64, 256],
    "sample_sizes": [500, 1000],
    "n_repeats": 2,
    "public_shift": 0.7,
    "shared_basin": True,
    "joint_sensitivity": True,
}


@pytest.fixture(scope="module")
def arrays():
    return data.generate(Params(PARAMS, "test"), np.random.default_rng(0))


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(1)
    return rng.choice([-1.0, 1.0], (40, 12)), rng.normal(0, 1.5, (40, 5))


# --- The two-phase loss ---------------------------------------------------------------------------------------


def test_samples_have_the_means_they_should(arrays):
    a = experiment.unpacked(arrays["private_bits_256"][1])
    mean = a.mean(axis=0) * arrays["signs_256"][1]
    np.testing.assert_allclose(mean, 0.5, atol=5 * math.sqrt(0.75 / len(a)))
    np.testing.assert_allclose(experiment.mean_of(arrays["private_bits_256"][1]), a.mean(axis=0), atol=1e-6)
    moved = arrays["public_points_256"].mean(axis=1) - arrays["centres_256"]
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 0.7, atol=0.25)


def test_images_are_disjoint_and_rotated(arrays):
    assert [len(arrays[f"{name}_images"]) for name in ("public", "private", "test")] == [400, 1000, 397]
    everything = data.datasets.digits(scaling="unit")
    originals = {x.tobytes() for x in np.concatenate([everything.x_train, everything.x_test])}
    private, test = ({x.tobytes() for x in arrays[f"{name}_images"]} for name in ("private", "test"))
    assert private | test <= originals
    assert not private & test
    assert not {x.tobytes() for x in arrays["public_images"]} & originals


def test_loss_is_zero_at_the_solution_and_one_elsewhere(arrays):
    signs, centre = arrays["signs_256"][0].astype(float), arrays["centres_256"][0]
    assert method.population_loss(signs, centre, signs, centre) == pytest.approx(0)
    assert method.population_loss(signs, centre, signs, centre + 1) == pytest.approx(1)
    random = np.random.default_rng(2).choice([-1.0, 1.0], (500, 256))
    # max(0, <u, s>/p) of random signs has mean 1/sqrt(2 pi p).
    assert method.population_loss(signs, centre, random, centre).mean() == pytest.approx(1 - 0.0249, abs=0.01)


def test_without_privacy_the_loss_tends_to_zero(arrays):
    problem = experiment.Problem.read(arrays, 256, 0)
    losses = [
        problem.loss(np.sign(experiment.mean_of(problem.private_bits[:n])), problem.private_points[:n].mean(axis=0))
        for n in (10, 100, 1000)
    ]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] < 0.01


def per_sample_gradients(loss, parameters, *samples):
    """Gradients by autograd, one sample after another: for each parameter (n_samples, ...)."""
    parameters = [torch.from_numpy(x.copy()).requires_grad_() for x in parameters]
    gradients = [
        torch.autograd.grad(loss(*parameters, *sample), parameters)
        for sample in zip(*map(torch.from_numpy, samples), strict=True)
    ]
    return [torch.stack(parts).numpy() for parts in zip(*gradients, strict=True)]


def two_phase_loss(u, v, a, b):
    activation = torch.relu(u @ a) / (len(a) * 0.5)
    return 1 - activation * (1 - torch.clamp(((v - b) ** 2).sum() / (2 * len(b)), max=1.0))


def network_loss(hidden, hidden_offset, output, output_offset, image, label):
    logits = torch.relu(image @ hidden[0] + hidden_offset[0]) @ output[0] + output_offset[0]
    return torch.nn.functional.cross_entropy(logits, label[None])


@pytest.mark.parametrize("trains_basin", [True, False])
@pytest.mark.parametrize("clip_norm", [math.inf, 0.3])
def test_two_phase_gradients_equal_autograd_in_scaled_coordinates(samples, clip_norm, trains_basin):
    a, b = samples
    rng = np.random.default_rng(3)
    u, v = rng.uniform(-1, 1, (2, 12)), rng.normal(size=(2, 5))
    basin, centre = method.clipped_gradient_sum(a, b, u, v, clip_norm, trains_basin)
    for run in range(2):
        basin_parts, centre_parts = per_sample_gradients(two_phase_loss, (u[run], v[run]), a, b)
        basin_parts *= trains_basin * 0.5 * math.sqrt(12)
        centre_parts *= math.sqrt(5)
        norms = np.sqrt((basin_parts**2).sum(axis=1) + (centre_parts**2).sum(axis=1))
        scale = np.minimum(1, clip_norm / np.maximum(norms, 1e-12))
        assert (scale < 1).any() == math.isfinite(clip_norm)
        np.testing.assert_allclose(basin[run], scale @ basin_parts, atol=1e-10)
        np.testing.assert_allclose(centre[run], scale @ centre_parts, atol=1e-10)


def test_descent_without_privacy_finds_basin_and_centre(arrays):
    problem = experiment.Problem.read(arrays, 256, 0)
    start = 1e-3 * np.random.default_rng(4).standard_normal(256), np.zeros(5)
    found = experiment.descend(
        experiment.unpacked(problem.private_bits), problem.private_points, start, math.inf, np.random.default_rng(5)
    )
    assert problem.loss(*found.solution) < 0.02
    held = experiment.descend(
        experiment.unpacked(problem.private_bits), problem.private_points, start, 1.0, np.random.default_rng(5), False
    )
    np.testing.assert_array_equal(held.u, np.tile(np.sign(start[0].astype(np.float32)), (4, 1)))


def test_samples_needed_interpolates():
    columns = {"dimension": 4, "procedure": "private only", "basin_share": 0.5, "n_samples": [100, 400]}
    losses = experiment.pd.DataFrame(columns | {"loss": [0.75, 0.25], "basin_loss": [0.5 + 1e-9, 0.0]})
    needed = experiment.samples_needed(losses).set_index("part").n_samples
    assert needed["whole"] == pytest.approx(200)
    assert needed["basin alone"] == pytest.approx(100)


@pytest.mark.parametrize("losses", [[0.9, 0.8, 0.6], [0.4, 0.3, 0.2], [0.8, 0.4, 0.6], [0.4, 0.6, 0.3]])
def test_losses_without_one_crossing_are_refused(losses):
    with pytest.raises(ValueError, match="do not fall to"):
        experiment.crossing(experiment.pd.Series([1, 2, 3]), experiment.pd.Series(losses), 0.5)


# --- Noise against closed forms -------------------------------------------------------------------------------


def test_error_rate_of_noisy_signs_in_closed_form():
    n, p, rho = 300, 400, 0.02
    sd = 2 * math.sqrt(p) / n / math.sqrt(2 * rho)
    signs = method.noisy_signs(np.full(p, 0.5), n, rho, np.random.default_rng(6), 200)
    assert (signs < 0).mean() == pytest.approx(norm.cdf(-0.5 / sd), abs=0.005)  # ten standard errors


@pytest.mark.parametrize("n", [500, 1000])
def test_loss_of_private_only_in_closed_form(arrays, n):
    """Basin and centre err independently: 1 - (1 - 2 error rate)(1 - E|v - theta|^2), with sampling noise in both."""
    rng, rho, losses = np.random.default_rng(7), experiment.RHO / 2, []
    for repeat in range(2):
        problem = experiment.Problem.read(arrays, 256, repeat)
        signs = method.noisy_signs(experiment.mean_of(problem.private_bits[:n]), n, rho, rng, 100)
        centres = method.noisy_centre(problem.private_points[:n], rho, rng, 100)
        losses.append(problem.loss(signs, centres).mean())
    sd = math.sqrt((2 * 16 / n) ** 2 / (2 * rho) + 0.75 / n)
    squared_error = 5 * (0.25 / n + (6 / n) ** 2 / (2 * rho))
    expected = 1 - (1 - 2 * norm.cdf(-0.5 / sd)) * (1 - squared_error)
    assert np.mean(losses) == pytest.approx(expected, abs=0.03)


def test_loss_of_the_basin_alone_in_closed_form(arrays):
    """Twice the error rate of the signs, of which those of the combination are the public ones."""
    losses = experiment.estimator_losses(arrays, Params(PARAMS, "test"), np.random.default_rng(13))
    losses = losses.set_index(["dimension", "n_samples", "procedure", "basin_share"]).basin_loss
    for dimension, n in ((64, 500), (256, 500), (256, 1000)):
        for share in experiment.BASIN_SHARES:
            sd = math.sqrt((2 * math.sqrt(dimension) / n) ** 2 / (2 * share * experiment.RHO) + 0.75 / n)
            found = losses[dimension, n, "private only", share]
            assert found == pytest.approx(2 * norm.cdf(-0.5 / sd), abs=0.025)
        assert losses[dimension, n, "combined", 0.0] == losses[dimension, n, "public only", 0.0] == pytest.approx(0)


def test_budget_of_all_steps():
    rho = zcdp_budget(0.5, 1e-5)
    assert zcdp_epsilon(rho, 1e-5) == pytest.approx(0.5)
    sigma = nets.step_sigma(rho, 30)
    assert sigma == pytest.approx(2 * math.sqrt(30 / (2 * rho)))
    assert gaussian_zcdp(sigma, 2.0, 30) == pytest.approx(rho)


# --- Networks -------------------------------------------------------------------------------------------------


def small_problem(n=30):
    rng = np.random.default_rng(8)
    network = nets.initial_networks(9, 7, 4, rng)
    network = nets.Networks(*(x + 0.1 * rng.standard_normal(x.shape) for x in network))  # offsets too, and double
    return network, 2 * rng.standard_normal((n, 9)), rng.integers(0, 4, n)


def test_norms_from_layer_products_equal_those_of_autograd():
    network, images, labels = small_problem()
    gradients = per_sample_gradients(network_loss, network, images, labels)
    norms = np.sqrt(sum((g**2).reshape(len(images), -1).sum(axis=1) for g in gradients))
    deltas = nets.backward(network, images, labels)
    np.testing.assert_allclose(nets.gradient_norms(images, *deltas)[0], norms, rtol=1e-10)


@pytest.mark.parametrize("clip_norm", [math.inf, 1.0])
def test_gradient_sum_equals_clipped_autograd(clip_norm):
    network, images, labels = small_problem()
    gradients = per_sample_gradients(network_loss, network, images, labels)
    norms = np.sqrt(sum((g**2).reshape(len(images), -1).sum(axis=1) for g in gradients))
    scale = np.minimum(1, clip_norm / norms)
    found = nets.gradient_sum(network.repeat(2), images, labels, clip_norm)
    for array, gradient in zip(found, gradients, strict=True):
        expected = np.tensordot(scale, gradient, 1)
        np.testing.assert_allclose(array, np.concatenate([expected, expected]), atol=1e-10)


def test_training_equals_momentum_on_traced_gradients():
    network, images, labels = small_problem()
    parameters = [torch.from_numpy(x.copy()).requires_grad_() for x in network]
    velocities = [torch.zeros_like(x) for x in parameters]
    x, y = torch.from_numpy(images), torch.from_numpy(labels)

    def logits():
        return torch.relu(x @ parameters[0][0] + parameters[1][0]) @ parameters[2][0] + parameters[3][0]

    for _ in range(5):
        gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(logits(), y), parameters)
        for parameter, velocity, gradient in zip(parameters, velocities, gradients, strict=True):
            velocity.mul_(0.9).add_(gradient)
            parameter.data -= 0.125 * velocity  # exact in single precision
    trained = nets.train(network.repeat(2), images, labels, 5, np.array([0.5, 0.125]))
    for array, parameter in zip(trained.select(1), parameters, strict=True):
        np.testing.assert_allclose(array, parameter.detach().numpy(), atol=1e-10)
    expected = torch.nn.functional.cross_entropy(logits(), y).item()
    assert nets.cross_entropy(trained, images, labels)[1] == pytest.approx(expected)
    expected = (logits().argmax(1) == y).double().mean().item()
    assert nets.accuracy(trained, images, labels)[1] == pytest.approx(expected)


def test_step_size_is_chosen_in_training_and_never_by_test_images():
    rng = np.random.default_rng(9)
    network, images, labels = small_problem()
    good = nets.train(network, images, labels, 300, np.array([0.2]))
    wrong = (labels + 1 + rng.integers(0, 2, labels.size)) % 4
    digits = Digits((images, labels), (images, labels), (images, wrong), np.array([0.1, 0.3]), 2, 0, 0, True, rng)
    ordered = nets.Networks(*(np.concatenate([x, x, y, y]) for x, y in zip(network, good, strict=True)))
    scores = digits.score(ordered)
    assert scores.is_chosen.tolist() == [False, True]
    assert scores.test_accuracy[1] < scores.test_accuracy[0]


def test_losses_between_two_networks():
    network, images, labels = small_problem()
    other = nets.train(network, images, labels, 50, np.array([0.2]))
    digits = Digits(*[(images, labels)] * 3, np.array([0.1]), 2, 0, 0, True, np.random.default_rng(14))
    segment = losses_between(digits, {"one": network, "other": other}, [("other", "one")], 3)
    ends = [nets.cross_entropy(end, images, labels).item() for end in (other, network)]
    np.testing.assert_allclose(segment.loss[[0, 2]], ends, rtol=1e-6)
    halfway = nets.Networks(*((x + y) / 2 for x, y in zip(network, other, strict=True)))
    assert segment.loss[1] == pytest.approx(nets.cross_entropy(halfway, images, labels).item())


def test_barrier_is_the_height_above_the_higher_end():
    first, second = ["a"] * 3 + ["b"] * 3, ["b"] * 3 + [experiment.ANOTHER] * 3
    segments = experiment.pd.DataFrame({"first": first, "second": second, "loss": [0.5, 0.4, 0.1, 0.4, 0.8, 0.2]})
    assert experiment.barrier_metrics(segments) == pytest.approx(
        {"barrier_one_initialisation": 0, "barrier_another_initialisation": 0.4}
    )


# --- Sensitivity and privacy from outputs ---------------------------------------------------------------------


def test_a_replaced_image_moves_the_sum_by_at_most_two_clip_norms_and_nearly_that():
    network, images, labels = small_problem()
    sums = []
    for label in range(4):
        for factor in (1.0, -1.0, 50.0):
            other, their_labels = images.copy(), labels.copy()
            other[0], their_labels[0] = factor * images[0], label
            parts = nets.gradient_sum(network, other, their_labels, nets.CLIP_NORM)
            sums.append(np.concatenate([x.ravel() for x in parts]))
    distances = np.linalg.norm(np.array(sums)[:, None] - np.array(sums), axis=2)
    assert 1.0 < distances.max() <= 2 * nets.CLIP_NORM + 1e-9


def test_a_replaced_sample_moves_the_two_phase_sum_by_at_most_two_clip_norms(samples):
    a, b = samples
    rng = np.random.default_rng(10)
    u, v = np.sign(rng.normal(size=(1, 12))), np.zeros((1, 5))
    sums = []
    for a_0, b_0 in [(u[0], 1.2 * np.eye(5)[0]), (u[0], -1.2 * np.eye(5)[0]), (-u[0], b[0]), (a[0], b[0])]:
        parts = method.clipped_gradient_sum(np.vstack([a_0, a[1:]]), np.vstack([b_0, b[1:]]), u, v)
        sums.append(np.concatenate([x.ravel() for x in parts]))
    distances = np.linalg.norm(np.array(sums)[:, None] - np.array(sums), axis=2)
    assert 1.0 < distances.max() <= 2 * method.CLIP_NORM + 1e-9


@pytest.mark.parametrize(("joint_sensitivity", "is_private"), [(True, True), (False, False)])
def test_audit_of_noisy_signs(joint_sensitivity, is_private):
    """The sample is turned around; the attack counts with how many of its coordinates the signs agree."""
    n, p, rho, delta, n_runs = 20, 64, 0.1, 1e-5, 4000
    rng = np.random.default_rng(11)
    agreements = [
        method.noisy_signs(np.full(p, shift / n), n, rho, rng, n_runs, joint_sensitivity).sum(axis=1)
        for shift in (1.0, -1.0)
    ]
    audited = max(
        auditing.epsilon_lower_bound((agreements[0] > t).sum(), (agreements[1] > t).sum(), n_runs, 1e-3, delta)
        for t in (0, 4, 8)
    )
    assert audited > 0.1
    assert (audited < zcdp_epsilon(rho, delta)) == is_private


@pytest.mark.parametrize(("paid_steps", "is_private"), [(20, True), (1, False)])
def test_audit_of_a_whole_training(paid_steps, is_private):
    """Twenty steps on neighbouring images; the attack looks at the last parameters along the line between the means."""
    rng, rho, delta, n_runs, n_steps = np.random.default_rng(12), 0.1, 1e-5, 3000, 20
    network = nets.initial_networks(3, 2, 2, rng)
    images = rng.standard_normal((4, 3)).astype(np.float32)
    images[0] = np.where(network.hidden[0].sum(axis=1) > 0, 3, -3)  # far out, its gradient is clipped
    sigma = nets.step_sigma(rho, paid_steps)
    ends = []
    for label in (0, 1):
        labels = np.array([label, 0, 1, 1])
        trained = nets.train(
            network.repeat(2 * n_runs), images, labels, n_steps, np.full(2 * n_runs, 0.001), sigma, rng
        )
        ends.append(np.concatenate([x.reshape(2 * n_runs, -1) for x in trained], axis=1))
    line = ends[1][:n_runs].mean(axis=0) - ends[0][:n_runs].mean(axis=0)
    scores = [end[n_runs:] @ line for end in ends]
    thresholds = np.quantile(ends[0][:n_runs] @ line, [0.5, 0.9, 0.99])
    audited = max(
        auditing.epsilon_lower_bound((scores[1] > t).sum(), (scores[0] > t).sum(), n_runs, 1e-3, delta)
        for t in thresholds
    )
    assert audited > 0.1
    assert (audited < zcdp_epsilon(rho, delta)) == is_private
