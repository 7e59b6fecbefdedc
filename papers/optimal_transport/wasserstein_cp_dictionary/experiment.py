"""BCD-PR on nonnegative CP and on Powell's function; a Wasserstein dictionary against its Frobenius counterpart."""

from fractions import Fraction
from functools import partial

import numpy as np
import ot
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..sinkhorn import grid_costs
from . import method
from .wasserstein_dictionary import Dictionary, learn, matched

FIRST_SWEEP = 5  # of the fitted slope
ENOUGH_STEPS = 200  # inner steps that solve a block to rounding
START_CONCENTRATION = 5.0
FROBENIUS_RHO = 1e-3  # the factors of joint laws have small curvature


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Three parts: convergence on tensors, Powell's cycle, dictionaries of joint laws."""
    convergence, final = descend_on_tensors(data, params)
    powell = powell_paths(data["powell_thousandths"], params)
    dictionaries, descent, atoms = learn_dictionaries(data, params, rng)
    last = powell[powell.sweep == params.powell_sweeps]
    gains = dictionaries.pivot(index="set", columns="loss")
    return Outcome(
        metrics={
            "gap_exponent": max(
                log_log_slope(rows.sweep, rows.best_gap).value
                for _, rows in convergence[convergence.sweep >= FIRST_SWEEP].groupby(["tensor", "rho"])
            ),
            "cp_rise": convergence.rise.max(),
            "inexact_ratio": farthest_from_one(final.few_steps / final.many_steps),
            "plain_least_gap": powell[powell.rho == 0].gap.min(),
            "proximal_last_gap": last[last.method == "BCD-PR"].gap.max(),
            "dictionary_rise": descent.rise.max(),
            "atom_gain": geometric_mean(gains.atom_error["Frobenius"] / gains.atom_error["Wasserstein"]),
            "fit_gain": geometric_mean(gains.fit_error["Frobenius"] / gains.fit_error["Wasserstein"]),
        },
        tables={
            "convergence": convergence,
            "powell": powell,
            "dictionaries": dictionaries,
            "descent": descent,
            "atoms": atoms,
        },
    )


def geometric_mean(ratios: pd.Series) -> float:
    return float(np.exp(np.log(ratios).mean()))


def farthest_from_one(ratios: pd.Series) -> float:
    """The ratio whose logarithm is largest in size."""
    return float(ratios.iloc[np.abs(np.log(ratios)).argmax()])


def relative_rise(objective: np.ndarray) -> np.ndarray:
    """Increase at every step relative to the last value, zero where it falls and at the first entry."""
    return np.maximum(np.diff(objective, prepend=objective[0]), 0) / objective[-1]


# --- Parts ------------------------------------------------------------------------------------------------


def descend_on_tensors(data: dict[str, np.ndarray], params: Params) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Gap and objective of every sweep, and final objectives with few and with many inner steps."""
    rows, final = [], []
    solve = partial(method.nonnegative_cp, n_sweeps=params.n_sweeps, cyclic=params.cyclic)
    for index, (tensor, start) in enumerate(zip(data["tensors"], data["tensor_starts"], strict=True)):
        for rho in params.rhos:
            _, objective, gap = solve(tensor, start, rho, n_steps=params.inner_steps, warm_start=params.warm_start)
            rows.append(
                pd.DataFrame(
                    {
                        "tensor": index,
                        "rho": float(rho),
                        "sweep": np.arange(1, len(gap) + 1),
                        "gap": gap,
                        "best_gap": np.minimum.accumulate(gap),
                        "rise": relative_rise(objective)[1:],
                    }
                )
            )
            if rho == 1:
                _, accurate, _ = solve(tensor, start, rho, n_steps=ENOUGH_STEPS)
                final.append({"few_steps": objective[-1], "many_steps": accurate[-1]})
    return pd.concat(rows), pd.DataFrame(final)


def powell_paths(thousandths: np.ndarray, params: Params) -> pd.DataFrame:
    """Gaps on Powell's function for every start, without and with proximal term, in exact arithmetic."""
    number = Fraction if params.exact else float
    weights = [("BCD", "0"), *(("BCD-PR", str(rho)) for rho in params.powell_rhos)]
    rows = []
    for thousandth in thousandths:
        start = [number(value) for value in method.powell_start(Fraction(int(thousandth), 1000))]
        for name, rho in weights:
            _, gaps = method.powell_bcd(start, number(Fraction(rho)), params.powell_sweeps)
            sweeps = np.arange(1, params.powell_sweeps + 1)
            rows.append(
                pd.DataFrame({"method": name, "rho": float(rho), "start": thousandth, "sweep": sweeps, "gap": gaps})
            )
    return pd.concat(rows)


def learn_dictionaries(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Errors of atoms and of approximations, in squared cells; descent of F; the atoms of the first set."""
    side = data["laws"].shape[-1]
    distances = grid_costs(side)
    unit = (side - 1) ** 2  # the grid is the unit square for the method
    cost = distances / unit if params.ground_distance else (distances > 0).astype(float)

    def transport(first: np.ndarray, second: np.ndarray) -> float:
        return float(ot.emd2(first.ravel() / first.sum(), second.ravel() / second.sum(), distances))

    rows, descent, pictures = [], [], []
    truth = data["atoms"]
    for index, laws in enumerate(data["laws"]):
        start = Dictionary(*(data[f"start_{name}"][index] for name in ("codes", "first", "second")))
        vectors = laws.reshape(len(laws), -1)
        wasserstein, objective = learn(
            vectors,
            start,
            cost,
            params.epsilon,
            params.tau,
            params.dictionary_sweeps,
            params.lbfgs_steps,
            params.cyclic,
        )
        frobenius = frobenius_dictionary(laws, start, params, rng)
        sweeps = np.arange(len(objective))
        rise = relative_rise(objective)
        descent.append(pd.DataFrame({"set": index, "sweep": sweeps, "objective": objective, "rise": rise}))
        found = {"Wasserstein": wasserstein, "Frobenius": frobenius}
        for name, dictionary in found.items():
            atom_error, order = matched(dictionary.atoms, truth, transport)
            fits = [transport(law, mixture) for law, mixture in zip(laws, dictionary.mixtures, strict=True)]
            rows.append({"set": index, "loss": name, "atom_error": atom_error, "fit_error": np.mean(fits)})
            if index == 0:
                pictures.append(picture_rows(name, dictionary.atoms[order]))
    return pd.DataFrame(rows), pd.concat(descent), pd.concat([picture_rows("true", truth), *pictures])


def frobenius_dictionary(laws: np.ndarray, start: Dictionary, params: Params, rng: np.random.Generator) -> Dictionary:
    """The CP decomposition of the laws by the same algorithm, best of the common start and random ones."""
    starts = [[start.codes.T, start.first, start.second]]
    for _ in range(params.n_restarts):
        starts.append([random_factor(factor.shape, rng) for factor in starts[0]])
    solutions = [method.nonnegative_cp(laws, begin, FROBENIUS_RHO, params.frobenius_sweeps, 20) for begin in starts]
    codes, first, second = min(solutions, key=lambda solution: solution[1][-1])[0]
    masses = first.sum(axis=0), second.sum(axis=0)
    return Dictionary((codes * masses[0] * masses[1]).T, first / masses[0], second / masses[1])


def random_factor(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Columns from a Dirichlet law; the scale of the codes adapts in the first sweep."""
    return rng.dirichlet(np.full(shape[0], START_CONCENTRATION), size=shape[1]).T


def picture_rows(name: str, atoms: np.ndarray) -> pd.DataFrame:
    atom, row, column = (axis.ravel() for axis in np.indices(atoms.shape))
    return pd.DataFrame({"loss": name, "atom": atom, "row": row, "column": column, "mass": atoms.ravel()})
