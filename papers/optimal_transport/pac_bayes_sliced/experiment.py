"""Learnt slices against uniform and maximal ones on shifted Gaussians, the decay of the sampling error, the bound."""

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..sliced_wasserstein import slice_costs, uniform_directions
from . import method
from .method import SliceLaw

N_SLICES = 200  # for the evaluation, the same for training and test samples
N_DECAY_SLICES = 50
N_BIAS_REPETITIONS = 100
CUBE_SHIFTS = (0.0, 3.0)
DELTA = 0.01
GAP_SHIFT = 1.0
LOW, HIGH = 5, 20  # dimensions of the claims


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Three parts, each on its own samples."""
    values = compare_slices(data, params, rng)
    decay = decay_of_sampling_error(data, params, rng)
    bounds = check_bound(data["cubes"], params, rng)
    apart = bounds[bounds["shift"] > 0]
    gaps = relative_gaps(data["gap_train"], data["gap_test"], params, rng)
    return Outcome(
        metrics={
            "null_ratio": median(values, LOW, 0, "max-SW", "train") / median(values, LOW, 0, "PAC-SW", "train"),
            "null_bias": abs(
                median(values, LOW, 0, "PAC-SW", "train") / median(values, LOW, 0, "uniform", "train") - 1
            ),
            "disc_gain": discrimination(values, LOW, 2),
            "disc_gain_20d": discrimination(values, HIGH, 2),
            "gap_pac": gaps["PAC-SW"],
            "gap_uniform": gaps["uniform"],
            "excess_gap": excess(values, LOW, "PAC-SW") / excess(values, LOW, "uniform"),
            "decay_slope": max(
                log_log_slope(rows.n, rows.value).value for _, rows in decay.groupby(["dimension", "concentration"])
            ),
            "coverage": (bounds.bound <= bounds.true).mean(),
            "certified_over_uniform": (apart.bound / apart.true_uniform).median(),
        },
        tables={"values": values, "decay": decay, "bounds": bounds, "population": population_gains(params)},
    )


def median(values: pd.DataFrame, dimension: int, shift: float, slices: str, sample: str) -> float:
    """Over the repetitions."""
    rows = values[(values.dimension == dimension) & (values["shift"] == shift) & (values.slices == slices)]
    return float(rows[rows["sample"] == sample].value.median())


def discrimination(values: pd.DataFrame, dimension: int, shift: float) -> float:
    return median(values, dimension, shift, "PAC-SW", "test") / median(values, dimension, shift, "uniform", "test")


def excess(values: pd.DataFrame, dimension: int, slices: str) -> float:
    """Of the mean training value over the mean test value, between identical laws."""
    rows = values[(values.dimension == dimension) & (values["shift"] == 0) & (values.slices == slices)]
    means = rows.groupby("sample").value.mean()
    return float(means["train"] - means["test"])


# --- Slices -----------------------------------------------------------------------------------------------


def learn(x: np.ndarray, y: np.ndarray, params: Params, rng: np.random.Generator, penalised: bool) -> SliceLaw:
    lam = np.sqrt(len(x)) if penalised else np.inf
    return method.learn_slices(x, y, lam, params.n_steps, params.n_step_slices, params.starts, rng)


def compare_slices(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Values on the training and on the test sample; slices come from the training sample alone."""
    rows = []
    for dimension in params.dimensions:
        for shift in params.shifts:
            for repetition in range(params.n_repetitions):
                x, y = shifted(data[f"train_{dimension}"][repetition], shift)
                test = shifted(data[f"test_{dimension}"][repetition], shift)
                uniform = uniform_directions(N_SLICES, dimension, rng)
                directions = {"uniform": uniform, **learnt_directions(x, y, params, rng)}
                for slices, theta in directions.items():
                    key = (dimension, shift, repetition, slices)
                    rows.append((*key, "train", slice_costs(x, y, theta).mean()))
                    rows.append((*key, "test", slice_costs(*test, theta).mean()))
    return pd.DataFrame(rows, columns=["dimension", "shift", "repetition", "slices", "sample", "value"])


def learnt_directions(x: np.ndarray, y: np.ndarray, params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Slices (n_slices, d) of the method and of its rivals; without the divergence in few dimensions only."""
    directions = {
        "PAC-SW": learn(x, y, params, rng, params.penalise).slices(N_SLICES, rng),
        "max-SW": method.max_slice(x, y, params.n_steps, len(params.starts), rng)[None],
    }
    if x.shape[1] == LOW:
        directions["no divergence"] = learn(x, y, params, rng, penalised=False).slices(N_SLICES, rng)
    return directions


def relative_gaps(train: np.ndarray, test: np.ndarray, params: Params, rng: np.random.Generator) -> dict[str, float]:
    """|train - test| / test at a shift of `GAP_SHIFT`, the median over pairs of samples (repetitions, 2, n, d)."""
    gaps: dict[str, list[float]] = {"PAC-SW": [], "uniform": []}
    for train_pair, test_pair in zip(train, test, strict=True):
        x, y = shifted(train_pair, GAP_SHIFT)
        uniform = uniform_directions(N_SLICES, x.shape[1], rng)
        learnt = learn(x, y, params, rng, params.penalise).slices(N_SLICES, rng)
        tested = learnt if params.test_on_learnt_slices else uniform
        for slices, on_train, on_test in (("PAC-SW", learnt, tested), ("uniform", uniform, uniform)):
            test_value = slice_costs(*shifted(test_pair, GAP_SHIFT), on_test).mean()
            gaps[slices].append(abs(slice_costs(x, y, on_train).mean() / test_value - 1))
    return {slices: float(np.median(found)) for slices, found in gaps.items()}


def shifted(pair: np.ndarray, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """The second sample of a pair (2, n, d) moved along the first axis."""
    return pair[0], pair[1] + shift * np.eye(pair.shape[-1])[0]


def population_gains(params: Params) -> pd.DataFrame:
    """Gain over uniform slices of the law that maximises the objective without sampling."""
    lam = np.sqrt(params.n_train)
    rows = []
    for dimension in params.dimensions:
        for shift in np.linspace(0.05, max(params.shifts), 25):
            law = method.population_optimum(shift, dimension, lam)
            value = method.shifted_value(law, shift * np.eye(dimension)[0])
            rows.append((dimension, shift, value / (shift**2 / dimension)))
    return pd.DataFrame(rows, columns=["dimension", "shift", "gain"])


# --- Decay ------------------------------------------------------------------------------------------------


def decay_of_sampling_error(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Mean SW_2^2 between samples of one Gaussian law, over all disjoint samples of each size."""
    rows = []
    for dimension in params.decay_dimensions:
        pairs = data[f"decay_{dimension}"]
        for concentration in params.concentrations:
            law = SliceLaw(uniform_directions(1, dimension, rng)[0], concentration)
            directions = law.slices(N_DECAY_SLICES, rng)  # the same for all sizes, so that they do not blur the slope
            for n in params.decay_sizes:
                used = pairs[:, :, : pairs.shape[2] // n * n]
                blocks = used.reshape(len(pairs), 2, -1, n, dimension)
                costs = slice_costs(blocks[:, 0], blocks[:, 1], directions)
                values = costs.mean(axis=-1)
                rows.append((dimension, concentration, n, (values if params.squared else np.sqrt(values)).mean()))
    return pd.DataFrame(rows, columns=["dimension", "concentration", "n", "value"])


# --- The bound --------------------------------------------------------------------------------------------


def check_bound(cubes: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """True value, value on the training sample and lower bound for slices learnt from the sample that is bounded."""
    n, dimension = cubes.shape[2:]
    # From an axis to the long diagonal: the laws of the projections go from uniform to nearly Gaussian.
    diagonals = np.tril(np.ones((dimension, dimension))) / np.sqrt(np.arange(1, dimension + 1))[:, None]
    bias = method.sampling_bias(rng.random((N_BIAS_REPETITIONS, 2, n, dimension)), diagonals)
    lam = np.sqrt(n)
    rows = []
    for shift in CUBE_SHIFTS:
        diameter = np.sqrt((1 + shift) ** 2 + dimension - 1)
        vector = shift * np.eye(dimension)[0]
        for pair in cubes:
            x, y = shifted(pair, shift)
            law = learn(x, y, params, rng, params.penalise)
            train = slice_costs(x, y, law.slices(5 * N_SLICES, rng)).mean()
            slack = method.complexity(law, lam, n, diameter, DELTA) + bias if params.subtract_slack else 0.0
            rows.append((shift, train, method.shifted_value(law, vector), train - slack, shift**2 / dimension))
    return pd.DataFrame(rows, columns=["shift", "train", "true", "bound", "true_uniform"])
