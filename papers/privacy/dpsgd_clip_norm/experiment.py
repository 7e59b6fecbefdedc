"""Tuned accuracy and training loss against the clip norm, on every data set and budget."""

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method

LOSS_RATIO = 4  # the clip norm, over the smallest constant, whose training loss is compared
SMALL_RATIOS = (0.03, 0.1, 0.3)
NO_CLIPPING = 1e300
REFERENCE_STEPS = 200
N_REPLACEMENTS = 4
N_HALVINGS = 100


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The noise that protects the records and the search for the worst replaced record have streams of their own."""
    privacy_rng, simulation_rng = rng.spawn(2)
    curves, searches, constants = [], [], []
    largest_shift = 0.0
    for name in params.data_sets:
        parts = {part: (data[f"{name}_{part}_x"], data[f"{name}_{part}_y"]) for part in ("train", "held_out")}
        clip_norms = candidate_clip_norms(parts["train"][0], params.ratios)
        halves = method.random_halves(len(parts["held_out"][1]), N_HALVINGS, simulation_rng)
        for epsilon in params.epsilons:
            n_repetitions = params.n_repetitions[name]
            runs = train_all(parts, clip_norms.clip_norm.to_numpy(), epsilon, n_repetitions, params, privacy_rng)
            curves.append(tuned_curve(runs, clip_norms, halves, params).assign(dataset=name, epsilon=epsilon))
            searches.append(searched_accuracies(runs, clip_norms, halves) | {"dataset": name, "epsilon": epsilon})
        constants.append(describe_constants(parts, halves, params) | {"dataset": name})
        shift = largest_relative_shift(*parts["train"], params, simulation_rng)
        largest_shift = max(largest_shift, shift)
    tables = {
        "curves": pd.concat(curves, ignore_index=True),
        "searches": pd.DataFrame(searches),
        "constants": pd.DataFrame(constants),
    }
    return Outcome(
        metrics={**tuning_metrics(tables["curves"], tables["searches"]), "largest_relative_shift": largest_shift},
        tables=tables,
    )


# --- Training ---------------------------------------------------------------------------------------------


def candidate_clip_norms(features: np.ndarray, ratios: list[float]) -> pd.DataFrame:
    """Multiples of the smallest constant, and the usual choices: the median constant and the largest."""
    constants = method.lipschitz_constants(features)
    smallest = constants.min()
    usual = {"median": np.median(constants), "largest": constants.max()}
    rows = [("multiple", ratio * smallest, ratio) for ratio in ratios]
    rows += [(choice, clip_norm, clip_norm / smallest) for choice, clip_norm in usual.items()]
    return pd.DataFrame(rows, columns=["choice", "clip_norm", "ratio"])


def train_all(
    parts: dict[str, tuple[np.ndarray, np.ndarray]],
    clip_norms: np.ndarray,
    epsilon: float,
    n_repetitions: int,
    params: Params,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Mean scores over the repetitions for every clip norm, number of steps and step size c/(tau sqrt(R)).

    Returns
    -------
    dict of ndarray
        "correct" (n_held_out, n_clip_norms, n_horizons, n_multipliers), the share of the repetitions that classify a
        record correctly; "train_loss" without the first axis.
    """
    features, labels = parts["train"]
    n_classes = labels.max() + 1
    constants = method.lipschitz_constants(features)
    tau, multiplier = (grid.ravel() for grid in np.meshgrid(clip_norms, params.step_multipliers, indexing="ij"))
    shape = (len(clip_norms), len(params.step_multipliers))
    # Broken variants: noise for the true Lipschitz constant, one step size for all clip norms.
    protected = {"clip_norm": tau, "largest_constant": constants.max()}[params.noise_covers]
    step_unit = {"clip_norm": tau, "smallest_constant": constants.min()}[params.step_unit]
    correct, losses = [], []
    for n_steps in params.n_steps:
        sigmas = method.noise_scale(protected, len(labels), n_steps, epsilon, params.delta) * np.ones(tau.size)
        step_sizes = multiplier / (step_unit * np.sqrt(n_steps))
        weights = method.noisy_descent(
            features, labels, n_classes, applied(tau, params), step_sizes, sigmas, n_steps, n_repetitions, rng
        ).reshape(n_classes, features.shape[1], -1)
        correct.append(method.is_correct(weights, *parts["held_out"]).reshape(-1, *shape, n_repetitions))
        losses.append(method.mean_loss(weights, features, labels).reshape(*shape, n_repetitions))
    return {
        "correct": np.stack(correct, axis=2).mean(axis=-1),
        "train_loss": np.stack(losses, axis=1).mean(axis=-1),
    }


def applied(clip_norms: np.ndarray, params: Params) -> np.ndarray:
    """The clip norms, or, in a broken variant that forgets to clip, norms that no gradient reaches."""
    return clip_norms if params.clip else np.full_like(clip_norms, NO_CLIPPING)


def describe_constants(
    parts: dict[str, tuple[np.ndarray, np.ndarray]], halves: np.ndarray, params: Params
) -> dict[str, float]:
    """Smallest, median and largest G_i, and what the same descent reaches without clipping and noise."""
    features, labels = parts["train"]
    n_classes = labels.max() + 1
    constants = method.lipschitz_constants(features)
    clip_norms = np.full(len(params.step_multipliers), constants.max())
    step_sizes = np.array(params.step_multipliers) / (constants.min() * np.sqrt(REFERENCE_STEPS))
    no_noise, unused = np.zeros_like(clip_norms), np.random.default_rng(0)
    weights = method.noisy_descent(
        features, labels, n_classes, clip_norms, step_sizes, no_noise, REFERENCE_STEPS, 1, unused
    )[..., 0]
    return {
        "smallest": constants.min(),
        "median": np.median(constants),
        "largest": constants.max(),
        "accuracy": method.cross_tuned(method.is_correct(weights, *parts["held_out"]), halves),
        "train_accuracy": method.is_correct(weights, features, labels).mean(axis=0).max(),
        "train_loss": method.mean_loss(weights, features, labels).min(),
    }


# --- Tuning -----------------------------------------------------------------------------------------------


def tuned_curve(
    runs: dict[str, np.ndarray], clip_norms: pd.DataFrame, halves: np.ndarray, params: Params
) -> pd.DataFrame:
    """One row for each clip norm, all tuned by the same rule: held-out accuracy across halves, least training loss."""
    by_clip_norm = [as_settings(runs["correct"][:, [index]]) for index in range(len(clip_norms))]
    chosen = [scores.mean(axis=0).argmax() % len(params.step_multipliers) for scores in by_clip_norm]
    return clip_norms.assign(
        accuracy=[method.cross_tuned(scores, halves) for scores in by_clip_norm],
        train_loss=runs["train_loss"].min(axis=(1, 2)),
        step_multiplier=np.array(params.step_multipliers, dtype=float)[chosen],
    )


def searched_accuracies(runs: dict[str, np.ndarray], clip_norms: pd.DataFrame, halves: np.ndarray) -> dict[str, float]:
    """Accuracy of a joint search over step sizes, steps and the clip norms on one side of the smallest constant."""
    ratio = clip_norms.ratio.to_numpy()
    return {
        "up_to_smallest": method.cross_tuned(as_settings(runs["correct"][:, ratio <= 1]), halves),
        "twice_and_more": method.cross_tuned(as_settings(runs["correct"][:, ratio >= 2]), halves),
    }


def as_settings(correct: np.ndarray) -> np.ndarray:
    return correct.reshape(len(correct), -1)


# --- Sensitivity ------------------------------------------------------------------------------------------


def largest_relative_shift(features: np.ndarray, labels: np.ndarray, params: Params, rng: np.random.Generator) -> float:
    """The largest move of the clipped mean gradient over 2 tau/n, when one record is replaced by another.

    A random search over weights, records and replacements: the same record with another class, stretched or not,
    whose gradients can point in opposite directions.
    """
    n_classes = labels.max() + 1
    clip_norms = np.array(params.ratios) * method.lipschitz_constants(features).min()
    largest = 0.0
    for scale in np.repeat([0.0, 0.1, 1.0], N_REPLACEMENTS):
        weights = scale * rng.standard_normal((n_classes, features.shape[1], 1))
        record, stretch = rng.integers(len(labels)), 10 ** rng.uniform(0, 2)
        other_features, other_labels = features.copy(), labels.copy()
        other_features[record] *= stretch
        other_labels[record] = (labels[record] + rng.integers(1, n_classes)) % n_classes
        runs = np.repeat(weights, clip_norms.size, axis=2)
        means = [
            method.clipped_mean_gradient(runs, x, method.one_hot(y, n_classes), applied(clip_norms, params))
            for x, y in ((features, labels), (other_features, other_labels))
        ]
        shifts = np.linalg.norm(means[1] - means[0], axis=(0, 1))
        largest = max(largest, (shifts / (2 * clip_norms / len(labels))).max())
    return largest


# --- Metrics ----------------------------------------------------------------------------------------------


def tuning_metrics(curves: pd.DataFrame, searches: pd.DataFrame) -> dict[str, float]:
    """What the claims are about; all choices, of steps as of clip norms, follow the one rule of ``cross_tuned``."""
    searched = searches.set_index(["dataset", "epsilon"]).loc[("pretrained_digits", searches.epsilon.min())]
    best = curves.loc[curves.groupby(["dataset", "epsilon"]).accuracy.idxmax()]
    small = curves[np.isin(curves.ratio, SMALL_RATIOS) & (curves.epsilon == curves.epsilon.max())]
    spreads = small.groupby("dataset").accuracy.agg(np.ptp)
    losses = curves[(curves.dataset == "pretrained_digits") & (curves.epsilon == curves.epsilon.max())]
    multipliers = curves.step_multiplier
    searched_best = searches.set_index(["dataset", "epsilon"]).up_to_smallest
    usual = curves.pivot_table(index=["dataset", "epsilon"], columns="choice", values="accuracy")
    return {
        "accuracy_gain_of_small_clip_norms": searched.up_to_smallest - searched.twice_and_more,
        "share_of_best_clip_norms_up_to_smallest": (best.ratio <= 1).mean(),
        "accuracy_spread_of_small_clip_norms": spreads.max(),
        "loss_above_over_below": (
            losses[losses.ratio == LOSS_RATIO].train_loss.item() / losses[losses.ratio <= 1].train_loss.min()
        ),
        "mean_accuracy_gain_over_median_constant": (searched_best - usual["median"]).mean(),
        "mean_accuracy_gain_over_largest_constant": (searched_best - usual["largest"]).mean(),
        "share_of_steps_at_end_of_grid": multipliers.isin([multipliers.min(), multipliers.max()]).mean(),
    }
