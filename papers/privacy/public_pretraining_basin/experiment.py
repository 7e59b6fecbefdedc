"""Where private-only, public-only and combined training end: on the two-phase loss, and with networks on digits."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..gaussian_mechanism import zcdp_budget
from . import method
from .pretraining import Digits, compare_placements, compare_starts, losses_between

RHO = zcdp_budget(epsilon=1.0, delta=1e-6)
BASIN_SHARES = (0.5, 0.7, 0.9)  # of the budget of private only
N_NOISE_RUNS = 40  # of every procedure on the same samples
COMPARED_SIZE = 1000
DESCENT_RATES = np.array([0.03, 0.1, 0.3, 1.0])
N_DESCENT_STEPS = 30


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The first stream draws all noise that protects, the second one initial parameters."""
    privacy_rng, simulation_rng = rng.spawn(2)
    losses = estimator_losses(data, params, privacy_rng)
    needed = samples_needed(losses)
    descents = descent_losses(data, params, privacy_rng, simulation_rng)
    digits = Digits.read(data, params, privacy_rng)
    scratch = digits.initial_network(simulation_rng)
    starts = {"scratch": scratch, "public": digits.train_publicly(scratch)}
    accuracies, solutions = compare_starts(digits, starts, params.epsilons)
    placements = compare_placements(digits, scratch, min(params.epsilons))
    compared = {
        "private, scratch": solutions["scratch", max(params.epsilons)],
        "private, public start": solutions["public", max(params.epsilons)],
        "not private": solutions["public", math.inf],
    }
    return Outcome(
        metrics={
            **estimator_metrics(losses, needed),
            **descent_metrics(descents),
            **accuracy_metrics(accuracies),
            **placement_metrics(placements),
        },
        tables={
            "losses": losses,
            "needed": needed,
            "descents": descents,
            "accuracies": accuracies,
            "placements": placements,
            "segments": losses_between(digits, compared),
        },
    )


# --- Noisy estimators on the two-phase loss -------------------------------------------------------------------


class Problem(NamedTuple):
    """One draw of the two-phase problem with its samples; a in {-1, 1} and packed, or b."""

    signs: np.ndarray
    centre: np.ndarray
    private_bits: np.ndarray
    private_points: np.ndarray
    public_bits: np.ndarray
    public_points: np.ndarray

    @classmethod
    def read(cls, data: dict[str, np.ndarray], dimension: int, repeat: int) -> "Problem":
        names = ("signs", "centres", "private_bits", "private_points", "public_bits", "public_points")
        return cls(*(data[f"{name}_{dimension}"][repeat] for name in names))

    def loss(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return method.population_loss(self.signs, self.centre, u, v)


def unpacked(bits: np.ndarray) -> np.ndarray:
    """Samples a of shape (n, p) in single precision from packed bits (n, p/8)."""
    return 2 * np.unpackbits(bits, axis=1).astype(np.float32) - 1


def mean_of(bits: np.ndarray) -> np.ndarray:
    return 2 * np.unpackbits(bits, axis=1).mean(axis=0) - 1


def estimator_losses(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Population loss of every procedure, mean over the repetitions."""
    rows = []
    for dimension in params.dimensions:
        for repeat in range(params.n_repeats):
            problem = Problem.read(data, dimension, repeat)
            public_signs, public_centre = np.sign(mean_of(problem.public_bits)), problem.public_points.mean(axis=0)
            for n_samples in params.sample_sizes:
                mean, points = mean_of(problem.private_bits[:n_samples]), problem.private_points[:n_samples]
                noise = rng, N_NOISE_RUNS
                found = {
                    ("public only", 0.0): (public_signs, public_centre),
                    ("combined", 0.0): (public_signs, method.noisy_centre(points, RHO, *noise)),
                    ("not private", 0.0): (np.sign(mean), points.mean(axis=0)),
                }
                for share in BASIN_SHARES:
                    signs = method.noisy_signs(mean, n_samples, share * RHO, *noise, params.joint_sensitivity)
                    found["private only", share] = signs, method.noisy_centre(points, (1 - share) * RHO, *noise)
                rows += [(dimension, n_samples, *key, problem.loss(*uv).mean()) for key, uv in found.items()]
    table = pd.DataFrame(rows, columns=["dimension", "n_samples", "procedure", "basin_share", "loss"])
    return table.groupby(["dimension", "n_samples", "procedure", "basin_share"], as_index=False).mean()


def samples_needed(losses: pd.DataFrame, level: float = 0.5) -> pd.DataFrame:
    """Private samples at which private only crosses the level, interpolated; at most the ends of the range."""
    private_only = losses[losses.procedure == "private only"]
    rows = []
    for (dimension, share), curve in private_only.groupby(["dimension", "basin_share"]):
        log_size = np.interp(-level, -curve.loss.to_numpy(), np.log(curve.n_samples.to_numpy()))
        rows.append((dimension, share, math.exp(log_size)))
    return pd.DataFrame(rows, columns=["dimension", "basin_share", "n_samples"])


def estimator_metrics(losses: pd.DataFrame, needed: pd.DataFrame) -> dict[str, float]:
    """How the samples needed grow with the dimension, and the losses at the largest one.

    The exponent is that of equal parts of the budget, as the best split changes with the dimension. In the comparison
    private only gets the best split.
    """
    equal = needed[needed.basin_share == BASIN_SHARES[0]]
    at_size = losses[(losses.dimension == losses.dimension.max()) & (losses.n_samples == COMPARED_SIZE)]
    best = at_size.groupby("procedure").loss.min()
    return {
        "basin_slope": log_log_slope(equal.dimension, equal.n_samples).value,
        "joint_loss": best["combined"],
        "separation": min(best["private only"], best["public only"]) - best["combined"],
        "private_only_loss": best["private only"],
        "public_only_loss": best["public only"],
    }


# --- Gradient descent on the trained loss ---------------------------------------------------------------------


class Descent(NamedTuple):
    """Where descent ends with each step size, and which step size is chosen."""

    u: np.ndarray  # (n_rates, p), signs
    v: np.ndarray  # (n_rates, q)
    trained_losses: np.ndarray
    chosen: int

    @property
    def solution(self) -> tuple[np.ndarray, np.ndarray]:
        return self.u[self.chosen], self.v[self.chosen]


def descend(
    a: np.ndarray,
    b: np.ndarray,
    start: tuple[np.ndarray, np.ndarray],
    rho: float,
    rng: np.random.Generator,
    trains_basin: bool = True,
) -> Descent:
    """Descent with all step sizes; the least trained loss on its own samples chooses one, in every procedure alike."""
    u, v = (np.tile(parameters, (len(DESCENT_RATES), 1)) for parameters in start)
    u, v = method.descend(a, b, u.astype(np.float32), v, DESCENT_RATES, N_DESCENT_STEPS, rho, rng, trains_basin)
    u = np.sign(u)
    trained_losses = method.trained_loss(a, b, u, v)
    return Descent(u, v, trained_losses, int(trained_losses.argmin()))


def descent_losses(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator, simulation_rng: np.random.Generator
) -> pd.DataFrame:
    """Population loss after gradient descent from scratch and from the public solution, for every step size."""
    rows = []
    for dimension in params.dimensions:
        problem = Problem.read(data, dimension, 0)
        scratch = 1e-3 * simulation_rng.standard_normal(dimension), np.zeros_like(problem.centre)
        public = descend(unpacked(problem.public_bits), problem.public_points, scratch, math.inf, rng)
        for n_samples in params.descent_sizes:
            a, b = unpacked(problem.private_bits[:n_samples]), problem.private_points[:n_samples]
            descents = {
                "private only": descend(a, b, scratch, RHO, rng),
                "public only": public,
                "combined": descend(a, b, public.solution, RHO, rng),
                "combined, u held": descend(a, b, public.solution, RHO, rng, trains_basin=False),
                "not private": descend(a, b, scratch, math.inf, rng),
            }
            for procedure, found in descents.items():
                chosen = np.arange(len(DESCENT_RATES)) == found.chosen
                columns = DESCENT_RATES, found.trained_losses, problem.loss(found.u, found.v), chosen
                rows += [(dimension, n_samples, procedure, *values) for values in zip(*columns, strict=True)]
    names = ["dimension", "n_samples", "procedure", "rate", "trained_loss", "loss", "is_chosen"]
    return pd.DataFrame(rows, columns=names)


def descent_metrics(descents: pd.DataFrame) -> dict[str, float]:
    """Losses at the chosen step sizes in the largest dimension, recorded beside the estimators' ones."""
    at_size = (descents.dimension == descents.dimension.max()) & (descents.n_samples == COMPARED_SIZE)
    losses = descents[at_size & descents.is_chosen].set_index("procedure").loss
    return {
        "descent_private_only_loss": losses["private only"],
        "descent_public_only_loss": losses["public only"],
        "descent_combined_loss": losses["combined"],
        "descent_combined_basin_held_loss": losses["combined, u held"],
    }


# --- Networks on digits ---------------------------------------------------------------------------------------


def accuracy_metrics(accuracies: pd.DataFrame) -> dict[str, float]:
    """Test accuracy gained by the public start under the tightest budget, and without privacy."""
    chosen = accuracies[accuracies.is_chosen].pivot(index="epsilon", columns="start", values="test_accuracy")
    gain = chosen["public"] - chosen["scratch"]
    return {"private_gain": gain[gain.index.min()], "nonprivate_gain": gain[math.inf]}


def placement_metrics(placements: pd.DataFrame) -> dict[str, float]:
    """Test accuracy by the place of the public steps, recorded without a claim."""
    chosen = placements[placements.is_chosen].set_index("placement").test_accuracy
    return {
        "accuracy_public_before": chosen["before"],
        "accuracy_public_amid": chosen["amid"],
        "accuracy_public_after": chosen["after"],
        "accuracy_public_only": chosen["public only"],
    }
