"""Rank against depth for Gaussian, orthogonal and leaky networks of several widths."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from litmus.outcome import Outcome
from litmus.params import Params

from . import method

BLOCK = 50  # networks drawn at a time, to bound the memory
N_SHOWN = 3  # single networks in the figure


@dataclass(frozen=True)
class Setting:
    """Networks of width n on m inputs of dimension d."""

    name: str
    m: int
    n: int
    d: int
    kind: str = "gaussian"
    slope: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What is measured of many networks of one setting."""

    ranks: np.ndarray  # (n_networks, depth)
    active: np.ndarray  # (n_networks, depth)
    singular_values: np.ndarray  # (n_spectra, depth, min(m, n))


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The metrics are those of square networks (n = m) with the largest m, if not named otherwise."""
    samples = {setting: measure(setting, data, params, rng) for setting in settings(params)}
    small, m = min(params.batch_sizes), max(params.batch_sizes)
    square = {setting.name: sample for setting, sample in samples.items() if (setting.m, setting.n) == (m, m)}
    gaussian = square["Gaussian"]
    mean_rank = gaussian.ranks.mean(axis=0)
    leaky = [sample for setting, sample in samples.items() if setting.name.startswith("leaky")]
    return Outcome(
        metrics={
            "rank_fraction_depth1": mean_rank[0] / m,
            "rank_fraction_last": mean_rank[-1] / m,
            "deficit_ratio": method.deficit_ratio(gaussian.ranks, m),
            "revival_peaks": method.revival_peaks(gaussian.ranks),
            "orthogonal_rank": lowest_mean(square["orthogonal"].ranks) / m,
            "orthogonal_advantage": (square["orthogonal"].ranks.mean(axis=0)[-1] - mean_rank[-1]) / m,
            "leaky_rank": min(lowest_mean(sample.ranks) for sample in leaky) / m,
            "rank_sd_over_sqrt_m_max": max(
                spread_of(sample.ranks, setting.m).max()
                for setting, sample in samples.items()
                if setting.name == "Gaussian"
            ),
            "dead_share_of_deficit": (m - gaussian.active.mean(axis=0)[-1]) / (m - mean_rank[-1]),
            "numerical_rank_error_max": max(numerical_error(sample, setting) for setting, sample in samples.items()),
        },
        tables={
            "ranks": stack(samples, rank_curve),
            "spectra": stack({s: sample for s, sample in samples.items() if s.m == s.n == m}, spectrum_curve),
            "networks": single_networks(samples[Setting("Gaussian", small, small, small)].ranks / small),
            "revivals": stated_revivals(params.depth),
        },
    )


def settings(params: Params) -> list[Setting]:
    """Square Gaussian networks; other widths for the smallest m, and the variants for the largest."""
    small, m = min(params.batch_sizes), max(params.batch_sizes)
    sizes = [(b, b) for b in params.batch_sizes] + [(small, round(small * ratio)) for ratio in params.width_ratios]
    return [
        *(Setting("Gaussian", b, n, n) for b, n in sizes),
        Setting("low-dimensional inputs", m, m, params.low_dimension),
        Setting("orthogonal", m, m, m, kind="orthogonal"),
        *(Setting(f"leaky, slope {slope:g}", m, m, m, slope=slope) for slope in params.leaky_slopes),
    ]


def measure(setting: Setting, data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Sample:
    """Draw the networks of a setting, in blocks, and measure them."""
    inputs = method.on_grid(data[f"inputs_{setting.m}_{setting.d}"])
    widths = [setting.d] + [setting.n] * params.depth
    ranks, active, spectra = [], [], []
    for start in range(0, params.n_networks, BLOCK):
        size = min(BLOCK, params.n_networks - start)
        weights = method.draw_weights(setting.kind, size, widths, rng, params.weight_correlation)
        if params.rank_cutoff:
            singular_values = singular_values_of(inputs, weights, setting.slope)
            ranks.append(method.numerical_rank(singular_values, params.rank_cutoff))
        else:
            ranks.append(method.feature_ranks(inputs, weights, setting.slope))
        active.append(method.active_units(inputs, weights))
        n_more_spectra = min(size, max(0, params.n_spectra - start))
        spectra.append(singular_values_of(inputs, [w[:n_more_spectra] for w in weights], setting.slope))
    return Sample(np.concatenate(ranks), np.concatenate(active), np.concatenate(spectra))


def singular_values_of(inputs: np.ndarray, weights: list[np.ndarray], slope: float) -> np.ndarray:
    """Singular values (n_networks, layers, min(m, n)) of the features."""
    return np.linalg.svd(method.features(inputs, weights, slope), compute_uv=False)


def lowest_mean(ranks: np.ndarray) -> float:
    """Smallest mean rank over the depths."""
    return ranks.mean(axis=0).min()


def spread_of(ranks: np.ndarray, m: int) -> np.ndarray:
    """Standard deviation of the rank over networks, in units of sqrt(m), at each depth."""
    return ranks.std(axis=0, ddof=1) / math.sqrt(m)


def numerical_error(sample: Sample, setting: Setting) -> int:
    """Largest error of NumPy's numerical rank over the networks with known singular values."""
    cutoff = max(setting.m, setting.n) * np.finfo(float).eps
    found = method.numerical_rank(sample.singular_values, cutoff)
    return np.abs(found - sample.ranks[: len(found)]).max()


def rank_curve(setting: Setting, sample: Sample) -> dict:
    return {
        "rank_fraction": sample.ranks.mean(axis=0) / setting.m,
        "active_fraction": sample.active.mean(axis=0) / setting.n,
        "sd_over_sqrt_m": spread_of(sample.ranks, setting.m),
    }


def spectrum_curve(setting: Setting, sample: Sample) -> dict:
    return {
        "participation": method.participation_ratio(sample.singular_values).mean(axis=0) / setting.m,
        "entropy": method.entropy_rank(sample.singular_values).mean(axis=0) / setting.m,
    }


def stack(samples: dict[Setting, Sample], curve: Callable[[Setting, Sample], dict]) -> pd.DataFrame:
    """One row for each setting and depth, with what ``curve`` gives of them."""
    tables = []
    for setting, sample in samples.items():
        depths = np.arange(1, sample.ranks.shape[1] + 1)
        where = {"setting": setting.name, "m": setting.m, "n": setting.n, "width_ratio": setting.n / setting.m}
        stated = method.stated_rank_fraction(depths)
        tables.append(pd.DataFrame({**where, "depth": depths, "stated": stated, **curve(setting, sample)}))
    return pd.concat(tables, ignore_index=True)


def single_networks(rank_fractions: np.ndarray) -> pd.DataFrame:
    """The first few networks one by one."""
    shown = pd.DataFrame(rank_fractions[:N_SHOWN]).rename_axis("network").reset_index()
    long = shown.melt("network", var_name="depth", value_name="rank_fraction")
    return long.assign(depth=long.depth.astype(int) + 1)


def stated_revivals(max_depth: int) -> pd.DataFrame:
    """Where the peaks of the mean rank are said to be; their height is the formula's value at the first of them."""
    depths = method.stated_revival_depths(max_depth)
    return pd.DataFrame({"depth": depths, "rank_fraction": method.stated_rank_fraction(depths[0])})
