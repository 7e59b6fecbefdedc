"""Error of the private estimators against users and dimensions, and of the by-product on clean data.

All randomness here is that of the users' mechanisms. One population a seed; noise is drawn several times over it.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from ..gaussian_mechanism import gaussian_epsilon
from . import method
from .method import Privacy

CHUNK = 200_000  # users whose covariates are unpacked at a time
# Of the noisy covariance: below, its noise is more than half of the covariance, n is too small for the one-shot
# theory, and nothing is fitted.
LEAST_EIGENVALUE = 0.5
ONE_SHOT, PUBLIC, INTERACTIVE = "NLDP", "NLDP, public x", "LDP-IHT"


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Measure every setting (n, d), audit the reports, and compare the by-product with the Lasso."""
    privacy = Privacy(params.epsilon, params.delta, params.full_sensitivity, params.noise_per_user)
    most_users, highest = max(params.n_users), max(params.dimensions)
    settings = {(n, params.rate_dimension) for n in params.n_users}
    settings |= {(most_users, d) for d in params.dimensions} | {(params.n_compared, highest)}
    moments = prefix_moments(data, sorted({n for n, _ in settings}), highest)
    rows = []
    for n, d in sorted(settings):
        errors = one_shot_errors(data, moments[n], (n, d), privacy, params, rng)
        errors += interactive_errors(data, (n, d), privacy, params, rng)
        rows += [{"n_users": n, "dimension": d, **row} for row in errors]
    errors = pd.DataFrame(rows)
    smallest = errors.groupby(["n_users", "dimension"]).eigenvalue.transform("min")
    errors["within_theory"] = smallest >= LEAST_EIGENVALUE
    audit = audit_reports(min(params.dimensions), privacy, params, rng)
    clean = clean_errors(data, params.soft_threshold)

    by_users = errors[errors.dimension == params.rate_dimension]
    by_dimension = errors[errors.n_users == most_users]
    compared = errors[(errors.n_users == params.n_compared) & (errors.dimension == highest)]
    compared = compared.set_index("method").error
    exponents = {name: exponent(by_dimension, "dimension", name) for name in (ONE_SHOT, PUBLIC, INTERACTIVE)}
    clean_means = clean.groupby("method").error.mean()
    metrics = {
        "n_slope": exponent(by_users, "n_users", ONE_SHOT),
        "n_slope_public": exponent(by_users, "n_users", PUBLIC),
        "n_slope_iht": exponent(by_users, "n_users", INTERACTIVE),
        "d_exponent_nldp": exponents[ONE_SHOT],
        "d_exponent_public": exponents[PUBLIC],
        "d_exponent_iht": exponents[INTERACTIVE],
        "d_exponent_gap": exponents[ONE_SHOT] - exponents[PUBLIC],
        "public_gain": compared[ONE_SHOT] / compared[PUBLIC],
        "iht_gain": compared[ONE_SHOT] / compared[INTERACTIVE],
        "elementary_over_lasso": clean_means["soft OLS"] / clean_means["Lasso"],
        "audited_epsilon_max": audit.epsilon.max(),
        "smallest_eigenvalue": errors.eigenvalue.min(),
    }
    return Outcome(
        metrics={name: float(value) for name, value in metrics.items()},
        tables={"errors": errors, "clean": clean, "audit": audit},
    )


def exponent(errors: pd.DataFrame, x: str, name: str) -> float:
    rows = errors[(errors.method == name) & errors.within_theory]
    return log_log_slope(rows[x], rows.error).value


# --- The population ---------------------------------------------------------------------------------------


def sign_vectors(bits: np.ndarray, dimension: int) -> np.ndarray:
    """The first covariates of each user, float32 of shape (n, dimension); bit j of the word is covariate j."""
    octets = bits.astype("<u4").view(np.uint8).reshape(-1, 4)
    return 2 * np.unpackbits(octets, axis=1, count=dimension, bitorder="little").astype(np.float32) - 1


def prefix_moments(data: dict[str, np.ndarray], counts: list[int], dimension: int) -> dict[int, tuple]:
    """Means of x x^T and x y over the first n users, for each n of the (ascending) counts."""
    products, vector, moments, start = np.zeros((dimension, dimension)), np.zeros(dimension), {}, 0
    for n in counts:
        for low in range(start, n, CHUNK):
            users = slice(low, min(low + CHUNK, n))
            x = sign_vectors(data["bits"][users], dimension)
            products, vector = products + x.T @ x, vector + data["response"][users] @ x
        moments[n], start = (products / n, vector / n), n
    return moments


# --- Errors -----------------------------------------------------------------------------------------------


def one_shot_errors(
    data: dict[str, np.ndarray],
    moments: tuple[np.ndarray, np.ndarray],
    setting: tuple[int, int],
    privacy: Privacy,
    params: Params,
    rng: np.random.Generator,
) -> list[dict]:
    """NLDP with private and with public covariance, thresholded and not."""
    n, d = setting
    covariance, vector = moments[0][:d, :d], moments[1][:d]
    shape = (params.n_runs, d)
    sigmas = method.one_shot_sigmas(d, params.tau, privacy)
    covariance_sd, vector_sd = (privacy.mean_sd(sigma, n) for sigma in sigmas)
    covariance_sd *= params.noisy_covariance
    private = method.private_covariances(covariance, covariance_sd, rng, params.n_runs)
    plain = method.least_squares(private, vector + vector_sd * rng.standard_normal(shape))
    # The threshold for the fewest users does not shrink as n grows.
    inflation = 1.0 if params.shrink_threshold else np.sqrt(n / min(params.n_users))
    threshold = inflation * method.noise_threshold(d, covariance_sd, vector_sd)

    # The public sample estimates S theta with an error of at most ||theta||/sqrt(m) a coordinate.
    x = sign_vectors(data["public_bits"], d)
    public = (x.T @ x / len(x)).astype(float)
    public_sd = privacy.mean_sd(privacy.sigma(method.vector_diameter(d, params.tau)), n)
    noisy = vector + public_sd * rng.standard_normal(shape)
    public_plain = method.least_squares(public, noisy)
    public_threshold = inflation * method.noise_threshold(d, len(x) ** -0.5, public_sd)
    if not params.soft_threshold:
        threshold = public_threshold = 0.0

    smallest = {
        "private": float(np.linalg.eigvalsh(private)[:, 0].mean()),
        "public": float(np.linalg.eigvalsh(public)[0]),
    }
    estimates = {
        ONE_SHOT: method.soft_threshold(plain, threshold),
        "OLS": plain,
        PUBLIC: method.soft_threshold(public_plain, public_threshold),
        "OLS, public x": public_plain,
    }
    return [
        {
            "method": name,
            **quality(estimate, data["theta"][:d]),
            "eigenvalue": smallest["public" if "public" in name else "private"],
        }
        for name, estimate in estimates.items()
    ]


def interactive_errors(
    data: dict[str, np.ndarray],
    setting: tuple[int, int],
    privacy: Privacy,
    params: Params,
    rng: np.random.Generator,
) -> list[dict]:
    """LDP-IHT with the same users in total, n/T of them a round."""
    n, d = setting
    cuts = np.linspace(0, n, params.n_rounds + 1).astype(int)
    groups = [(sign_vectors(data["bits"][low:high], d), data["response"][low:high]) for low, high in pairwise(cuts)]
    kept = params.sparsity if params.hard_threshold else d
    estimates = method.iterative_hard_thresholding(
        groups, kept, params.residual_bound, privacy, rng, params.n_interactive_runs
    )
    scores = quality(estimates, data["theta"][:d])
    return [{"method": INTERACTIVE, **scores, "eigenvalue": 1.0}]  # the population's: no matrix is inverted


def quality(estimates: np.ndarray, theta: np.ndarray) -> dict[str, float]:
    """Mean l2 error over the runs, and the share of the support among the k largest entries."""
    support = np.flatnonzero(theta)
    largest = np.argsort(-np.abs(estimates), axis=1, kind="stable")[:, : support.size]
    return {
        "error": float(np.linalg.norm(estimates - theta, axis=1).mean()),
        "support_found": float(np.isin(largest, support).mean()),
    }


def clean_errors(data: dict[str, np.ndarray], soft: bool) -> pd.DataFrame:
    """Both penalised estimators at their best threshold or penalty for each data set, and least squares."""
    theta, rows = data["clean_theta"], []
    levels = np.geomspace(1.0, 1e-3, 80)
    for run_id, (x, y) in enumerate(zip(data["clean_x"], data["clean_y"], strict=True)):
        paths = {
            "soft OLS": method.soft_least_squares_path(x, y, levels if soft else np.zeros(1)),
            "Lasso": method.lasso_solutions(x, y, levels),
            "OLS": method.soft_least_squares_path(x, y, np.zeros(1)),
        }
        best = {name: np.linalg.norm(path - theta, axis=1).min() for name, path in paths.items()}
        rows += [{"run": run_id, "method": name, "error": float(error)} for name, error in best.items()]
    return pd.DataFrame(rows)


# --- Privacy ----------------------------------------------------------------------------------------------


def audit_reports(dimension: int, privacy: Privacy, params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """The epsilon (at delta) with which simulated reports of two users, as far apart as can be, are told apart.

    The best linear test is found and judged on the reports; its scores are Gaussian, and the distance of their
    means in standard deviations has an exact epsilon.
    """
    x = np.ones(dimension)
    # 4 t (1-t) + t, the squared separation if a share t of the signs differs, is largest at t = 5/8.
    flipped = np.where(np.arange(dimension) < round(5 * dimension / 8), -1.0, 1.0)

    def reports(protocol: str, side: int) -> np.ndarray:
        if protocol == ONE_SHOT:
            user = x if side else flipped
            return method.one_shot_reports(user, params.tau, params.tau, privacy, rng, params.n_audits)
        bound = params.tau if protocol == PUBLIC else params.residual_bound
        response = bound if side else -2 * bound  # beyond the bound: it is clipped
        return method.vector_reports(x, response, bound, privacy, rng, params.n_audits)

    rows = []
    for protocol in (ONE_SHOT, PUBLIC, INTERACTIVE):
        first, second = reports(protocol, 0), reports(protocol, 1)
        shift = second.mean(axis=0) - first.mean(axis=0)
        weights = shift / first.var(axis=0)
        scores = [first @ weights, second @ weights]
        separation = (scores[1].mean() - scores[0].mean()) / np.sqrt((scores[0].var() + scores[1].var()) / 2)
        rows.append({"method": protocol, "epsilon": gaussian_epsilon(1 / separation, params.delta)})
    return pd.DataFrame(rows)
