"""The law of the draws against enumeration, acceptance rates, entries read, items handled and CPU time by size."""

from collections.abc import Mapping
from itertools import combinations
from statistics import median

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params
from litmus.timing import paired_seconds

from ..dpp import Spectrum, l_ensemble_dpp
from .method import (
    GaussianKernel,
    Proposal,
    Surrogate,
    leverage_columns,
    log_acceptance_rate,
    nystrom,
    prepare,
    propose,
    sample,
    sample_k_dpp,
    scale_for_size,
    uniform_columns,
)

K = 3
COLUMNS = {"leverage": leverage_columns, "uniform": uniform_columns}


def _small_kernel(points: np.ndarray) -> GaussianKernel:
    return GaussianKernel(points, amplitude=1.5, variance=2.0)


def _large_kernel(points: np.ndarray, n: int) -> GaussianKernel:
    """An amplitude of 100 / n keeps the trace at 100 and the expected sample size near 6."""
    return GaussianKernel(points[:n], amplitude=100 / n, variance=4.0)


def _prepare(surrogate: Surrogate, params: Params, scale: float = 1.0) -> Proposal:
    if params.estimates == "surrogate only":
        surrogate = surrogate._replace(residuals=0 * surrogate.residuals)
    return prepare(surrogate, scale, q=float(len(surrogate.residuals)) if params.rate == "items" else None)


def _log_determinant(kernel: GaussianKernel) -> float:
    triangle = np.linalg.cholesky(np.eye(len(kernel)) + kernel.matrix())
    return float(2 * np.sum(np.log(np.diag(triangle))))


def _law(kernel: GaussianKernel, sizes: range) -> dict[tuple[int, ...], float]:
    """Probabilities of all subsets with one of `sizes`, proportional to det(L_S)."""
    matrix = kernel.matrix()
    subsets = [items for size in sizes for items in combinations(range(len(kernel)), size)]
    weights = np.array([np.linalg.det(matrix[np.ix_(items, items)]) for items in subsets])
    return dict(zip(subsets, (weights / weights.sum()).tolist(), strict=True))


def _frequencies(samples: list[np.ndarray], law: Mapping[tuple[int, ...], float]) -> np.ndarray:
    counts = dict.fromkeys(law, 0)
    for items in samples:
        counts[tuple(sorted(items.tolist()))] += 1
    return np.array(list(counts.values())) / len(samples)


def _chi_square(frequencies: np.ndarray, law: np.ndarray, n_draws: int) -> tuple[float, int]:
    """Statistic and degrees of freedom; subsets that are expected less than five times are pooled."""
    rare = n_draws * law < 5
    observed, expected = (np.append(p[~rare], p[rare].sum()) for p in (frequencies, law))
    terms = n_draws * (observed - expected) ** 2 / np.maximum(expected, 1 / n_draws)
    return float(terms.sum()), np.count_nonzero(~rare) - (not rare.any())


def _score(tests: list[tuple[float, int]]) -> float:
    """All tests together in standard deviations: about standard normal under the law itself."""
    statistic, freedom = np.sum(tests, axis=0)
    return (statistic - freedom) / np.sqrt(2 * freedom)


def _exactness(
    points: np.ndarray, params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, float, list[float], float]:
    """Frequencies of all subsets, chi-square score of all surrogates, acceptance ratios, largest log acceptance."""
    kernel = _small_kernel(points)
    law = _law(kernel, range(len(kernel) + 1))
    exact = np.array(list(law.values()))
    rows, tests, ratios, largest = [], [], [], []
    for n_columns in params.enumerated_columns:
        proposal = _prepare(nystrom(kernel, uniform_columns(kernel, n_columns, rng)), params)
        draws = sample(kernel, proposal, params.n_draws, rng, params.reject)
        frequencies = _frequencies(draws.samples, law)
        tests.append(_chi_square(frequencies, exact, params.n_draws))
        ratios.append(draws.acceptance_rate / np.exp(log_acceptance_rate(proposal, _log_determinant(kernel))))
        largest.append(draws.log_acceptance.max())
        rows.append(pd.DataFrame({"n_columns": n_columns, "exact": exact, "frequency": frequencies}))
    return pd.concat(rows, ignore_index=True), _score(tests), ratios, max(largest)


def _k_exactness(points: np.ndarray, params: Params, rng: np.random.Generator) -> float:
    """Chi-square score of draws from the k-DPP, of which the surrogate on half the columns sets the scale."""
    kernel = _small_kernel(points)
    law = _law(kernel, range(K, K + 1))
    surrogate = nystrom(kernel, uniform_columns(kernel, len(kernel) // 2, rng))
    proposal = _prepare(surrogate, params, scale_for_size(surrogate, K))
    samples = sample_k_dpp(kernel, proposal, K, params.n_k_draws, rng, params.reject)
    return _score([_chi_square(_frequencies(list(samples), law), np.array(list(law.values())), params.n_k_draws)])


def _acceptance(
    kernel: GaussianKernel, proposal: Proposal, params: Params, rng: np.random.Generator
) -> dict[str, float]:
    """Acceptance of `n_proposals` candidates and the closed form; mean items and mean entries of L of a candidate."""
    before, accepted, logs, sizes = kernel.entries_read, 0, [], []
    while (missing := params.n_proposals - sum(map(len, sizes))) > 0:
        batch = propose(kernel, proposal, min(missing, proposal.largest_batch), rng)
        lucky = np.log(rng.random(len(batch.sizes))) < batch.log_acceptance
        accepted += np.count_nonzero(lucky) if params.reject else len(lucky)
        logs.append(batch.log_acceptance)
        sizes.append(batch.sizes)
    return dict(
        measured=accepted / params.n_proposals,
        items=np.concatenate(sizes).mean(),
        entries=(kernel.entries_read - before) / params.n_proposals,
        largest_log=np.concatenate(logs).max(),
        closed_form=float(np.exp(log_acceptance_rate(proposal, _log_determinant(kernel)))),
    )


def _scaling(points: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """One row a size of the ground set: entries read by the preprocessing, and what candidates take."""
    records = []
    for n in params.n_items:
        kernel = _large_kernel(points, n)
        proposal = _prepare(nystrom(kernel, COLUMNS[params.columns](kernel, params.n_columns, rng)), params)
        preprocessing = kernel.entries_read
        records.append(dict(n=n, preprocessing=preprocessing, **_acceptance(kernel, proposal, params, rng)))
    return pd.DataFrame(records)


def _by_columns(points: np.ndarray, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Acceptance against the number of columns, for both ways of choosing them."""
    kernel = _large_kernel(points, params.n_items[1])
    records = []
    for n_columns in params.column_counts:
        for chosen, choose in COLUMNS.items():
            proposal = _prepare(nystrom(kernel, choose(kernel, n_columns, rng)), params)
            records.append(dict(n_columns=n_columns, chosen=chosen, **_acceptance(kernel, proposal, params, rng)))
    return pd.DataFrame(records)


def _timings(points: np.ndarray, params: Params, rng: np.random.Generator) -> tuple[pd.DataFrame, float]:
    """CPU seconds of preprocessing plus one draw by both samplers, called in turn; median ratio at the largest size."""
    records = []
    for n in params.timed_items:
        kernel = _large_kernel(points, n)

        def rejection(kernel: GaussianKernel = kernel) -> None:
            chosen = COLUMNS[params.columns](kernel, params.n_columns, rng)
            sample(kernel, _prepare(nystrom(kernel, chosen), params), 1, rng, params.reject)

        def spectral(kernel: GaussianKernel = kernel) -> None:
            values, vectors = np.linalg.eigh(kernel.matrix())
            l_ensemble_dpp(Spectrum(np.maximum(values, 0.0), vectors), rng)

        rejection()
        if n == min(params.timed_items):
            spectral()
        seconds = dict(zip(("spectral", "DPP-VFX"), paired_seconds(spectral, rejection, params.repeats), strict=True))
        gain = median(slow / fast for slow, fast in zip(*seconds.values(), strict=True))
        records += [dict(n=n, method=name, seconds=median(values)) for name, values in seconds.items()]
    return pd.DataFrame(records), gain


def run(data: Mapping[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Exactness on enumerated ground sets, then costs on large ones."""
    law, law_score, ratios, largest = _exactness(data["small"], params, rng)
    scaling = _scaling(data["large"], params, rng)
    by_columns = _by_columns(data["large"], params, rng)
    timings, gain = _timings(data["large"], params, rng)
    rates = pd.concat([scaling, by_columns])
    read = scaling.preprocessing + scaling.entries / scaling.measured  # of one draw, rejected candidates included
    metrics = {
        "law_score": law_score,
        "k_law_score": _k_exactness(data["small_k"], params, rng),
        "largest_log_acceptance": max(largest, rates.largest_log.max()),
        "acc_ratio": np.mean([*ratios, *(rates.measured / rates.closed_form)]),
        "lowest_acceptance": scaling.measured.min(),
        "entries_exponent": log_log_slope(scaling.n, read).value,
        "sample_size_growth": scaling["items"].iloc[-1] / scaling["items"].iloc[0],
        "time_gain": gain,
    }
    return Outcome(metrics, {"law": law, "scaling": scaling, "by_columns": by_columns, "timings": timings})
