"""Square-wave regression, certified digits, and the way from a certificate back to sandwich parameters."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from litmus.outcome import Outcome
from litmus.params import Params

from ..lipschitz_layers import KINDS, LipschitzNetwork, lipschitz_network, sandwich_network
from ..lipsdp import certificate_matrix, lipsdp, slope_form
from ..parallel_training import minibatches, train_copies
from .method import (
    VARIANTS,
    best_lipschitz_fit,
    built_in_multipliers,
    certified_radii,
    explicit_weights,
    local_lipschitz_constants,
    matched_width,
    relu_network,
    sandwich_from_certificate,
    slopes,
    square_wave_ramp,
    widened,
)

BASELINES = KINDS[1:]
SELECTION_RADIUS = 0.5  # the radius at which certified accuracy picks the learning rate
RADII = np.linspace(0.0, 1.5, 31)
N_VALIDATION = 257  # of the 1257 training digits
WAVE_BATCH, DIGITS_BATCH = 50, 128  # the former is the paper's
TEMPERATURE, MARGIN_OFFSET = 0.25, 1.5 * 2**0.5  # the loss of the authors' code
CERTIFICATE_SLACK = 1e-3  # above the LipSDP optimum, where the certificate is strict


class Trained(NamedTuple):
    """Networks of one kind, one copy for each pair of a bound and a learning rate."""

    network: LipschitzNetwork
    rates: Tensor
    width: int


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """All three parts; the sandwich networks of the first two also enter the checks of the bound."""
    metrics, wave, curves, wave_excess = fit_square_wave(data, params, rng)
    digits_metrics, certified, digits_excess = certify_digits(data, params, rng)
    completeness = reconstruct(data, params, rng)
    metrics |= digits_metrics
    metrics["lip_excess"] = np.max([0.0, wave_excess, digits_excess])  # unlike max(), lets a NaN through
    metrics["reconstruction_error"] = completeness["error"].max()
    return Outcome(metrics, {"wave": wave, "curves": curves, "certified": certified, "completeness": completeness})


def build(
    kind: str, own: tuple[int, ...], gammas: list[float], rates: list[float], variant: str, rng: np.random.Generator
) -> Trained:
    """Untrained copies for all bounds and learning rates.

    The sandwich network has the layer widths ``own``, another type the least hidden width that gives it no fewer
    parameters.
    """
    gamma = torch.tensor(gammas, dtype=torch.float64).repeat(len(rates))
    peaks = torch.tensor(rates, dtype=torch.float64).repeat_interleave(len(gammas))
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    if kind == "sandwich":
        return Trained(sandwich_network(own, gamma, generator, VARIANTS[variant]), peaks, own[1])
    width = matched_width(kind, own)
    return Trained(lipschitz_network(kind, widened(own, width), gamma, generator), peaks, width)


def fit_square_wave(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[dict[str, float], pd.DataFrame, pd.DataFrame, float]:
    """Regression under a Lipschitz bound (Section 5.1): how much of the bound is used, how good is the fit."""
    gammas = [float(gamma) for gamma in params.gammas]
    x, y = data["wave_x"], data["wave_y"]
    inputs, targets = torch.from_numpy(x)[:, None], torch.from_numpy(y)[:, None]
    least_error = np.array([np.mean((best_lipschitz_fit(x, y, gamma) - y) ** 2) for gamma in gammas])
    batches = minibatches(len(x), WAVE_BATCH, params.wave_steps, rng)
    own = (1, *[params.wave_width] * params.wave_depth, 1)
    zoom = np.linspace(-0.35, 0.35, 141)
    steepest = int(np.argmax(gammas))
    curves = [pd.DataFrame({"layer": "best possible", "x": zoom, "y": square_wave_ramp(zoom, max(gammas))})]
    metrics, fits, excess = {}, [], 0.0
    for kind in KINDS:
        network, rates, width = build(kind, own, gammas, [params.wave_rates[kind]], params.variant, rng)
        train_copies(network, squared_losses(network, inputs, targets, batches), rates, params.wave_steps)
        with torch.no_grad():
            errors = (network(inputs) - targets).square().mean((1, 2)).numpy()
            tightness = (slopes(network, -2.0, 2.0, 20001).amax(1) / network.gamma).numpy()
            zoomed = network(torch.from_numpy(zoom)[:, None])[steepest, :, 0].numpy()
        fits.append(pd.DataFrame({
            "layer": kind, "gamma": gammas, "tightness": tightness, "mse_over_best": errors / least_error,
            "rate": rates.numpy(), "width": width, "n_parameters": network.n_parameters,
        }))  # fmt: skip
        curves.append(pd.DataFrame({"layer": kind, "x": zoom, "y": zoomed}))
        if kind == "sandwich":
            excess = tightness.max() - 1
            eigenvalues, products = certificates(network)
            metrics["certificate_excess"] = eigenvalues.max()
            metrics |= {
                f"spectral_product_gamma_{gamma:g}": product for gamma, product in zip(gammas, products, strict=True)
            }
    wave = pd.concat(fits, ignore_index=True)
    for gamma, fit in wave.groupby("gamma"):
        tight, error = fit.set_index("layer")["tightness"], fit.set_index("layer")["mse_over_best"]
        metrics[f"tightness_gamma_{gamma:g}"] = tight["sandwich"]
        metrics[f"tightness_lead_gamma_{gamma:g}"] = tight["sandwich"] - tight[list(BASELINES)].max()
        metrics[f"mse_over_best_gamma_{gamma:g}"] = error["sandwich"]
        earlier = error[list(BASELINES)].min()
        metrics[f"gap_closed_gamma_{gamma:g}"] = (earlier - error["sandwich"]) / (earlier - 1)
    return metrics, wave, pd.concat(curves, ignore_index=True), excess


def squared_losses(network: LipschitzNetwork, x: Tensor, y: Tensor, batches: Tensor) -> Callable[[int], Tensor]:
    """Mean squared error of every copy on the batch of a step."""
    return lambda step: (network(x[batches[step]]) - y[batches[step]]).square().mean((1, 2))


def certificates(network: LipschitzNetwork) -> tuple[np.ndarray, np.ndarray]:
    """Of every copy: the largest eigenvalue of its LipSDP matrix over gamma^2, and the product of its layer norms."""
    with torch.no_grad():
        weights = [weight.numpy() for weight in explicit_weights(network)]
        multipliers = [values.numpy() for values in built_in_multipliers(network)]
    largest, products = [], []
    for copy, gamma in enumerate(network.gamma.tolist()):
        mine = [weight[copy] for weight in weights]
        matrix = certificate_matrix(mine, gamma**2, [slope_form(values[copy]) for values in multipliers])
        largest.append(np.linalg.eigvalsh(matrix)[-1] / gamma**2)
        products.append(prod(np.linalg.norm(weight, 2) for weight in mine))
    return np.array(largest), np.array(products)


def certify_digits(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[dict[str, float], pd.DataFrame, float]:
    """1-Lipschitz classifiers of digits: accuracy within a radius, the learning rate chosen on held-out digits."""
    x, y = torch.from_numpy(data["x_train"]), torch.from_numpy(data["y_train"])
    x_test, y_test = torch.from_numpy(data["x_test"]), torch.from_numpy(data["y_test"])
    own = (x.shape[1], *[params.digits_width] * params.digits_depth, 10)
    order = torch.from_numpy(rng.permutation(len(x)))
    held_out, rest = order[:N_VALIDATION], order[N_VALIDATION:]
    batches = rest[minibatches(len(rest), DIGITS_BATCH, params.digits_steps, rng)]
    rows, mean_radius, excess = [], {}, 0.0
    for kind in KINDS:
        network, rates, width = build(kind, own, [1.0], params.digits_rates, params.variant, rng)
        train_copies(network, margin_losses(network, x, y, batches), rates, params.digits_steps)
        with torch.no_grad():
            validation = certified_radii(network, x[held_out], y[held_out])
            chosen = int((validation > SELECTION_RADIUS).double().mean(1).argmax())
            radii = certified_radii(network, x_test, y_test)[chosen].numpy()
        mean_radius[kind] = np.mean(np.maximum(radii, 0.0))
        rows.append(pd.DataFrame({
            "layer": kind, "radius": RADII, "accuracy": [np.mean(radii > radius) for radius in RADII],
            "rate": float(rates[chosen]), "width": width, "n_parameters": network.n_parameters,
        }))  # fmt: skip
        if kind == "sandwich":
            excess = float(local_lipschitz_constants(network, x_test).max()) - 1
    certified = pd.concat(rows, ignore_index=True)
    at_radius = certified[np.isclose(certified["radius"], SELECTION_RADIUS)].set_index("layer")["accuracy"]
    metrics = {
        "certified_radius_ratio": mean_radius["sandwich"] / max(mean_radius[kind] for kind in BASELINES),
        "certified_accuracy_gain": at_radius[params.certified_layer] - at_radius[list(BASELINES)].mean(),
    }
    return metrics, certified, excess


def margin_losses(network: LipschitzNetwork, x: Tensor, y: Tensor, batches: Tensor) -> Callable[[int], Tensor]:
    """Cross-entropy that asks for a margin: the true logit enters MARGIN_OFFSET too low, over a temperature."""

    def losses(step: int) -> Tensor:
        labels = y[batches[step]]
        offset = MARGIN_OFFSET * torch.nn.functional.one_hot(labels, 10)
        log_odds = ((network(x[batches[step]]) - offset) / TEMPERATURE).log_softmax(-1)
        return -log_odds[:, torch.arange(len(labels)), labels].mean(1)

    return losses


def reconstruct(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Certify random ReLU networks by LipSDP and rebuild them from sandwich parameters (Theorem 3.1)."""
    rows = []
    for i, sizes in enumerate(params.relu_networks):
        weights = [data[f"net{i}_weight{k}"] for k in range(len(sizes) - 1)]
        offsets = [data[f"net{i}_bias{k}"] for k in range(len(sizes) - 1)]
        certificate = lipsdp(weights)
        gamma = (1 + CERTIFICATE_SLACK) * certificate.bound
        layers = VARIANTS[params.variant]
        network = sandwich_from_certificate(weights, offsets, certificate.multipliers, gamma, layers)
        x = rng.standard_normal((200, sizes[0]))
        with torch.no_grad():
            difference = network(torch.from_numpy(x))[0].numpy() - relu_network(weights, offsets, x)
        rows.append({
            "network": "-".join(map(str, sizes)), "lipsdp_bound": certificate.bound,
            "norm_product": prod(np.linalg.norm(weight, 2) for weight in weights), "error": np.abs(difference).max(),
        })  # fmt: skip
    return pd.DataFrame(rows)
