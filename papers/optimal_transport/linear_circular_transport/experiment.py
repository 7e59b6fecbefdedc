"""Linear circular transport against circular transport: the theorems, the fit, the speed and a classification."""

from functools import partial

import numpy as np
import pandas as pd
from scipy.special import i0e

from litmus.outcome import Outcome
from litmus.params import Params
from litmus.timing import cpu_seconds, paired_seconds

from .. import circular_ot
from ..circular_ot import pairwise
from ..distance_matrices import classical_scaling, nearest_neighbour_accuracy, triangle_violation
from . import method

REFERENCE_ATOMS = 10_000  # at least, of the uniform measure, where the general solver stands in for the closed form
TIMED_REPEATS = 7
N_TRAIN = 20  # training measures of each class
N_BINS = 36  # of the histograms that are compared as vectors
TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
KERNEL = 200.0  # concentration of the von Mises kernel of the drawn densities: a width of 0.011


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Four parts, each on its own samples."""
    theory = theorem_metrics(data["mixed"], data["rotations"], params)
    pairs = distance_pairs(data, params)
    accuracy = classify(data["classes"], data["n_modes"], params, rng)
    timing = time_matrices(data["timed"], params)
    correlation = {kind: float(np.corrcoef(rows.cot, rows.lcot)[0, 1]) for kind, rows in pairs.groupby("data")}
    by_distance = accuracy.groupby("distance").accuracy.mean()
    largest = timing[timing.n_measures == timing.n_measures.max()]
    seconds = largest.pivot(index="repeat", columns="distance", values="seconds")
    mixed = pairs[pairs.data == "families"]
    return Outcome(
        metrics={
            **theory,
            "ratio_min": (mixed.lcot / mixed.cot).min(),
            "corr": correlation["families"],
            "corr_hues": correlation["hues"],
            "speed_gain": (seconds.COT / seconds.LCOT).median(),
            "knn_gap": by_distance["LCOT"] - by_distance["interval OT"],
            "knn_gap_to_cot": by_distance["LCOT"] - by_distance["COT"],
        },
        tables={
            "pairs": pairs,
            "accuracy": accuracy,
            "timing": timing,
            "rings": scaled_rotations(data, params),
            "hues": scaled_hues(data, params),
            "interpolation": interpolate(data["classes"], data["n_modes"], params),
        },
    )


# --- The distances that are compared ----------------------------------------------------------------------


def embed(samples: np.ndarray, params: Params) -> np.ndarray:
    return method.embed(samples, params.n_grid, params.shift, params.extend)


def lcot(first: np.ndarray, others: np.ndarray, params: Params) -> np.ndarray:
    distances = method.lcot(first, others) if params.wrap else method.interval_distance(first, others)
    return distances if params.take_root else distances**2


def lcot_matrix(samples: np.ndarray, params: Params) -> np.ndarray:
    return pairwise(partial(lcot, params=params), embed(samples, params))


def lcot_matrix_embedding_anew(samples: np.ndarray, params: Params) -> np.ndarray:
    """The same matrix, with two embeddings for every pair."""
    return pairwise(lambda x, others: lcot(embed(x, params), embed(others, params), params), samples)


def cot_matrix(samples: np.ndarray) -> np.ndarray:
    return pairwise(circular_ot.circular_ot, np.sort(samples))


def cot_matrix_by_correlation(samples: np.ndarray) -> np.ndarray:
    return pairwise(circular_ot.circular_ot_by_correlation, np.sort(samples))


def interval_matrix(samples: np.ndarray) -> np.ndarray:
    return pairwise(circular_ot.cut_ot, np.sort(samples))


def histogram_matrix(samples: np.ndarray) -> np.ndarray:
    bins = np.floor(samples * N_BINS).astype(int)
    histograms = (bins[..., None] == np.arange(N_BINS)).mean(axis=1)
    return pairwise(circular_ot.cut_ot, histograms)  # the same formula: root of the mean squared difference


# --- Theorems ---------------------------------------------------------------------------------------------


def theorem_metrics(samples: np.ndarray, rotations: np.ndarray, params: Params) -> dict[str, float]:
    distances = lcot_matrix(samples, params)

    def change(angle: float) -> float:
        return float(np.abs(lcot_matrix(np.mod(samples + angle, 1), params) - distances).max())

    return {
        "norm_dev": np.abs(norms(samples, params) / cot_to_uniform(samples) - 1).max(),
        "change_by_whole_cells": max(change(np.round(angle * params.n_grid) / params.n_grid) for angle in rotations),
        "change_by_any_angle": max(change(angle) for angle in rotations),
        "triangle_violation": triangle_violation(distances),
    }


def norms(samples: np.ndarray, params: Params) -> np.ndarray:
    return lcot(np.zeros(params.n_grid), embed(samples, params), params)


def cot_to_uniform(samples: np.ndarray) -> np.ndarray:
    """COT of each sample to many uniform atoms by the general solver, which knows no closed form for the shift."""
    n = samples.shape[1]
    copies = -(-REFERENCE_ATOMS // n)
    uniform = method.reference_points(copies * n)
    return np.array([circular_ot.circular_ot(uniform, np.repeat(np.sort(x), copies)[None])[0] for x in samples])


# --- LCOT against COT -------------------------------------------------------------------------------------


def distance_pairs(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Both distances of all pairs, of the mixed families and of the hue tiles."""
    tables = []
    for name, samples in (("families", data["mixed"]), ("hues", data["hues"])):
        pair = np.triu_indices(len(samples), 1)
        tables.append(
            pd.DataFrame({"data": name, "cot": cot_matrix(samples)[pair], "lcot": lcot_matrix(samples, params)[pair]})
        )
    return pd.concat(tables)


def time_matrices(samples: np.ndarray, params: Params) -> pd.DataFrame:
    """CPU seconds of a matrix of distances among the first K samples, LCOT and each rival in turn."""
    linear = lcot_matrix if params.embed_once else lcot_matrix_embedding_anew
    rows = []
    for n_measures in params.timed_sizes:
        some = samples[:n_measures]
        bisection, linear_in_turn = paired_seconds(
            partial(cot_matrix, some), partial(linear, some, params), TIMED_REPEATS
        )
        correlation = cpu_seconds(partial(cot_matrix_by_correlation, some), TIMED_REPEATS)
        for name, seconds in (("COT", bisection), ("COT by FFT", correlation), ("LCOT", linear_in_turn)):
            rows += [(name, n_measures, repeat, second) for repeat, second in enumerate(seconds)]
    return pd.DataFrame(rows, columns=["distance", "n_measures", "repeat", "seconds"])


# --- Classification ---------------------------------------------------------------------------------------


def classify(samples: np.ndarray, labels: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Accuracy of the nearest neighbour, where the folds of `N_TRAIN` measures a class are for training in turn."""
    matrices = {
        "COT": cot_matrix(samples),
        "LCOT": lcot_matrix(samples, params),
        "interval OT": interval_matrix(samples),
        "histogram L2": histogram_matrix(samples),
    }
    folds = np.empty(len(labels), int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        folds[members] = rng.permutation(np.arange(members.size) // N_TRAIN)
    return pd.DataFrame(
        [
            (name, fold, nearest_neighbour_accuracy(matrix, labels, folds == fold))
            for name, matrix in matrices.items()
            for fold in np.unique(folds)
        ],
        columns=["distance", "fold", "accuracy"],
    )


# --- For the figure ---------------------------------------------------------------------------------------


def scaled_rotations(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Rotated von Mises samples in the plane, by multidimensional scaling of three distances."""
    samples = data["rotated"]
    matrices = {
        "COT": cot_matrix(samples),
        "LCOT": lcot_matrix(samples, params),
        "interval OT": interval_matrix(samples),
    }
    tables = []
    for name, matrix in matrices.items():
        first, second = classical_scaling(matrix).T
        tables.append(
            pd.DataFrame(
                {
                    "distance": name,
                    "phase": data["rotated_phase"],
                    "concentration": data["rotated_concentration"],
                    "first": first,
                    "second": second,
                }
            )
        )
    return pd.concat(tables)


def scaled_hues(data: dict[str, np.ndarray], params: Params) -> pd.DataFrame:
    """Hue tiles in the plane under LCOT, each with its mean hue on the circle."""
    first, second = classical_scaling(lcot_matrix(data["hues"], params)).T
    resultant = np.exp(2j * np.pi * data["hues"]).mean(axis=1)
    mean_hue = np.mod(np.angle(resultant) / (2 * np.pi), 1)
    return pd.DataFrame({"image": data["hue_image"], "mean_hue": mean_hue, "first": first, "second": second})


def interpolate(samples: np.ndarray, n_modes: np.ndarray, params: Params) -> pd.DataFrame:
    """Densities on the LCOT geodesic from the first sample of one mode to the first one of two."""
    one, two = (embed(samples[np.flatnonzero(n_modes == k)[0]], params) for k in (1, 2))
    positions = np.linspace(0, 1, 121)
    tables = []
    for time in TIMES:
        points = method.push_forward(method.geodesic(one, two, time))
        angles = 2 * np.pi * (positions[:, None] - points)
        density = (np.exp(KERNEL * (np.cos(angles) - 1)) / i0e(KERNEL)).mean(axis=1)
        tables.append(pd.DataFrame({"time": time, "position": positions, "density": density}))
    return pd.concat(tables)
