"""Where private-only, public-only and combined training end: on the two-phase loss, and with networks on digits."""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..gaussian_mechanism import zcdp_budget
from . import method
from .pretraining import Digits, compare_placements, compare_starts, losses_between, train_another

RHO = zcdp_budget(epsilon=1.0, delta=1e-6)
EQUAL_PARTS = 0.5
BASIN_SHARES = (EQUAL_PARTS, 0.7, 0.9)  # of the budget of private only
N_NOISE_RUNS = 40  # of every procedure on the same samples
COMPARED_SIZE = 1000
DESCENT_RATES = np.array([0.03, 0.1, 0.3, 1.0])
N_DESCENT_STEPS = 30
ANOTHER = "another initialisation"  # of a network trained like "not private"


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
    pairs = [*combinations(compared, 2), ("private, public start", ANOTHER)]
    compared[ANOTHER] = train_another(digits, nonprivate_rate(accuracies), simulation_rng)
    segments = losses_between(digits, compared, pairs)
    return Outcome(
        metrics={
            **estimator_metrics(losses, needed),
            **descent_metrics(descents),
            **accuracy_metrics(accuracies),
            **placement_metrics(placements),
            **barrier_metrics(segments),
        },
        tables={
            "losses": losses,
            "needed": needed,
            "descents": descents,
            "accuracies": accuracies,
            "placements": placements,
            "segments": segments,
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
    """Population loss of every procedure, and that of its u with the true centre; means over the repetitions."""
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
                for key, (u, v) in found.items():
                    losses = problem.loss(u, v).mean(), problem.loss(u, problem.centre).mean()
                    rows.append((dimension, n_samples, *key, *losses))
    table = pd.DataFrame(rows, columns=["dimension", "n_samples", "procedure", "basin_share", "loss", "basin_loss"])
    return table.groupby(["dimension", "n_samples", "procedure", "basin_share"], as_index=False).mean()


def samples_needed(losses: pd.DataFrame, level: float = 0.5) -> pd.DataFrame:
    """Private samples at which private only crosses the level: as a whole, and with equal parts its basin alone.

    With the true centre the loss is 1 - <u, s>/p, so that at the level 1/2 the basin alone has <u, s>/p = 1/2.
    """
    private_only = losses[losses.procedure == "private only"]
    rows = []
    for (dimension, share), curve in private_only.groupby(["dimension", "basin_share"]):
        rows.append((dimension, share, "whole", crossing(curve.n_samples, curve.loss, level)))
        if share == EQUAL_PARTS:
            rows.append((dimension, share, "basin alone", crossing(curve.n_samples, curve.basin_loss, level)))
    return pd.DataFrame(rows, columns=["dimension", "basin_share", "part", "n_samples"])


def crossing(sizes: pd.Series, losses: pd.Series, level: float) -> float:
    """Size at which the losses fall to the level, interpolated in the logarithm of the size.

    Raises
    ------
    ValueError
        If they do not cross the level exactly once, from above, within the sizes.
    """
    is_reached = losses.to_numpy() <= level
    if is_reached[0] or np.count_nonzero(np.diff(is_reached)) != 1:
        raise ValueError(f"losses {losses.tolist()} at sizes {sizes.tolist()} do not fall to {level} once")
    return math.exp(np.interp(-level, -losses.to_numpy(), np.log(sizes.to_numpy())))


def estimator_metrics(losses: pd.DataFrame, needed: pd.DataFrame) -> dict[str, float]:
    """How the samples needed grow with the dimension, and the losses at the largest one.

    ``basin_alone_slope`` and ``basin_slope``, that of the whole procedure, have equal parts of the budget;
    ``basin_slope_best_split`` is that of the whole procedure with the best split in each dimension, which private only
    also gets in the comparison of losses.
    """
    whole, basin_alone = needed[needed.part == "whole"], needed[needed.part == "basin alone"]
    equal = whole[whole.basin_share == EQUAL_PARTS]
    least = whole.groupby("dimension").n_samples.min()
    at_size = losses[(losses.dimension == losses.dimension.max()) & (losses.n_samples == COMPARED_SIZE)]
    best = at_size.groupby("procedure").loss.min()
    return {
        "basin_alone_slope": log_log_slope(basin_alone.dimension, basin_alone.n_samples).value,
        "basin_slope": log_log_slope(equal.dimension, equal.n_samples).value,
        "basin_slope_best_split": log_log_slope(least.index, least).value,
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


def nonprivate_rate(accuracies: pd.DataFrame) -> float:
    """The step size chosen for the public start without privacy."""
    chosen = accuracies.is_chosen & (accuracies.start == "public") & np.isinf(accuracies.epsilon)
    return accuracies[chosen].rate.item()


def placement_metrics(placements: pd.DataFrame) -> dict[str, float]:
    """Test accuracy by the place of the public steps, recorded without a claim."""
    chosen = placements[placements.is_chosen].set_index("placement").test_accuracy
    return {
        "accuracy_public_before": chosen["before"],
        "accuracy_public_amid": chosen["amid"],
        "accuracy_public_after": chosen["after"],
        "accuracy_public_only": chosen["public only"],
    }


def barrier_metrics(segments: pd.DataFrame) -> dict[str, float]:
    """Highest loss on a segment above the higher of its ends, recorded without a claim."""
    curves = segments.groupby(["first", "second"]).loss
    barriers = curves.max() - np.maximum(curves.first(), curves.last())
    is_another = barriers.index.get_level_values("second") == ANOTHER
    return {
        "barrier_one_initialisation": barriers[~is_another].max(),
        "barrier_another_initialisation": barriers[is_another].item(),
    }
