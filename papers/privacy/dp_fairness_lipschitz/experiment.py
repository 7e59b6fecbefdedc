"""How far private models are from the non-private one, in parameters and in fairness, and what the bounds say."""

import numpy as np
import pandas as pd

from litmus.fitting import log_log_slope
from litmus.outcome import Outcome
from litmus.params import Params

from . import method

N_CLASSES = 10
N_QUANTILES = 60
BLOCK_SIZE = 400  # test points over which a typical Lipschitz constant is averaged


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """Compare private models with theta* on every data set, sample size and budget.

    All randomness here is noise that protects the training records.
    """
    draws, margins, radii = [], [], []
    for name, sizes in params.sample_sizes.items():
        compare = compare_multiclass if name == "digits_ten_classes" else compare_binary
        budgets = {n: [params.epsilon] for n in sizes}
        budgets[sizes[-2]] = sorted([params.epsilon, *params.other_epsilons[name]])
        for n, epsilons in budgets.items():
            # The broken variant penalises the sum of the losses: the mean's penalty then vanishes as 1/n.
            mu = params.mu * sizes[0] / n if params.penalise_sum else params.mu
            setting_draws, setting_radii, reference_margins = compare(parts(data, name, n), epsilons, mu, params, rng)
            draws.append(setting_draws.assign(dataset=name, n=n))
            radii.append(setting_radii)
        margins.append(margin_quantiles(reference_margins, data[f"{name}_test_group"]).assign(dataset=name))
    table = pd.concat(draws, ignore_index=True)
    return Outcome(
        metrics={
            **slack_metrics(table),
            **rate_metrics(table[(table.dataset == "synthetic") & (table.epsilon == params.epsilon)]),
            **tail_metrics(pd.concat(radii)),
        },
        tables={"draws": table, "margins": pd.concat(margins, ignore_index=True)},
    )


def parts(data: dict[str, np.ndarray], name: str, n: int) -> tuple[np.ndarray, ...]:
    """The first n training points (x, y) and the test set (x, y, group), in double precision."""
    x_train, y_train = (data[f"{name}_train_{content}"][:n] for content in ("x", "y"))
    x_test, y_test, group = (data[f"{name}_test_{content}"] for content in ("x", "y", "group"))
    return x_train.astype(float), y_train, x_test.astype(float), y_test, group


# --- One sample size --------------------------------------------------------------------------------------


def compare_binary(
    points: tuple[np.ndarray, ...], epsilons: list[float], mu: float, params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """All learners of one sample size: their fairness, the noise radii, and the margins of theta*."""
    x_train, y_train, x_test, y_test, group = points
    n, dimension = x_train.shape
    theta = method.fit_logistic(x_train, y_train, mu)
    margins = method.normalised_margins(theta, x_test)
    measures = method.fairness_measures(y_test, group)

    def judge(models: np.ndarray, judged: list[method.Measure] = measures) -> pd.DataFrame:
        predictions = method.predict(np.vstack([theta, models]), x_test)
        distances = np.linalg.norm(models - theta, axis=1)
        return fairness_table(judged, predictions, y_test, margins, distances, params.ignored_share)

    tables, radii = [], []
    for epsilon in epsilons:
        sigma = method.output_noise(n, mu, epsilon, params.delta)
        private = method.output_perturbation(theta, sigma, params.n_draws, rng)
        descended = method.noisy_gradient_descent(
            x_train, y_train, mu, epsilon, params.delta, params.n_steps, params.n_descents, rng
        )
        reach = sigma * np.sqrt(dimension)
        tables.append(judge(private).assign(learner="output_perturbation", epsilon=epsilon))
        tables.append(judge(descended).assign(learner="noisy_gradient", epsilon=epsilon))
        for measure in measures:  # not a learner: a displacement of typical length, in a bad direction
            moved = theta + reach * method.adversarial_direction(measure, theta, x_test, y_test, reach)
            tables.append(judge(moved[None], [measure]).assign(learner="adversary", epsilon=epsilon))
        radii.append(radius_table(np.linalg.norm(private - theta, axis=1), sigma, dimension, params))
    return pd.concat(tables), pd.concat(radii), margins


def compare_multiclass(
    points: tuple[np.ndarray, ...], epsilons: list[float], mu: float, params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Output perturbation of softmax regression, judged by the difference of the groups' accuracies."""
    x_train, y_train, x_test, y_test, group = points
    theta = method.fit_softmax(x_train, y_train, N_CLASSES, mu)
    signed = method.multiclass_margins(theta, x_test, y_test)
    margins = np.abs(signed) / (np.sqrt(2) * np.linalg.norm(x_test, axis=1))
    measures = [method.accuracy_parity(group)]

    tables, radii = [], []
    for epsilon in epsilons:
        sigma = method.output_noise(len(x_train), mu, epsilon, params.delta, method.SOFTMAX_LIPSCHITZ)
        private = method.output_perturbation(theta, sigma, params.n_draws, rng)
        scores = np.concatenate([theta[None], private]) @ x_test.T  # (model, class, point)
        distances = np.linalg.norm(private - theta, axis=(1, 2))
        table = fairness_table(measures, scores.argmax(axis=1), y_test, margins, distances, params.ignored_share)
        tables.append(table.assign(learner="output_perturbation", epsilon=epsilon))
        radii.append(radius_table(distances, sigma, theta.size, params))
    return pd.concat(tables), pd.concat(radii), margins


def fairness_table(
    measures: list[method.Measure],
    predictions: np.ndarray,
    labels: np.ndarray,
    margins: np.ndarray,
    distances: np.ndarray,
    ignored_share: float,
) -> pd.DataFrame:
    """One row per model and measure; ``predictions`` (1 + m, n) begin with those of theta*.

    A broken variant leaves out of the bounds the share of points with the smallest margins, as if they were outliers.
    """
    kept_margins = np.where(margins < np.quantile(margins, ignored_share), np.inf, margins)
    accuracies = (predictions[1:] == labels).mean(axis=1)
    tables = []
    for measure in measures:
        typical = method.typical_lipschitz_constant(measure, kept_margins, BLOCK_SIZE)
        reference, *levels = method.fairness_level(measure, predictions, labels)
        tables.append(
            pd.DataFrame(
                {
                    "measure": measure.name,
                    "distance": distances,
                    "accuracy": accuracies,
                    "reference_level": reference,
                    "level": levels,
                    "gap": np.abs(levels - reference),
                    "margin_bound": method.margin_bound(measure, kept_margins, distances),
                    "lipschitz_bound": method.lipschitz_constant(measure, kept_margins) * distances,
                    "typical_lipschitz_bound": typical * distances,
                }
            )
        )
    return pd.concat(tables)


def radius_table(distances: np.ndarray, sigma: float, dimension: int, params: Params) -> pd.DataFrame:
    """Which draws of output perturbation leave the two radii."""
    counted = 1 if params.forget_dimension else dimension
    return pd.DataFrame(
        {
            "outside_quantile": distances > method.noise_radius(sigma, counted, params.zeta),
            "outside_paper_radius": distances > method.noise_radius_paper(sigma, counted, params.zeta),
        }
    )


def margin_quantiles(margins: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """Quantiles of the normalised margins within each group."""
    shares = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return pd.concat(
        pd.DataFrame({"group": int(value), "share": shares, "margin": np.quantile(margins[group == value], shares)})
        for value in (False, True)
    )


# --- Metrics ----------------------------------------------------------------------------------------------


def slack_metrics(draws: pd.DataFrame) -> dict[str, float]:
    """How much room the two inequalities leave, at worst over everything tried, and typically."""
    slack = np.minimum(draws.margin_bound - draws.gap, draws.lipschitz_bound - draws.margin_bound).to_numpy()
    private = draws[(draws.learner == "output_perturbation") & (draws.dataset == "synthetic")]
    adversary = draws[(draws.learner == "adversary") & (draws.gap > 0)]
    return {
        "worst_slack": slack.min(),  # NaN, not skipped, if any row has it
        "mean_margin_bound_over_mean_gap": private.margin_bound.mean() / private.gap.mean(),
        "adversary_gap_over_margin_bound_max": (adversary.gap / adversary.margin_bound).max(),
    }


def rate_metrics(draws: pd.DataFrame) -> dict[str, float]:
    """Exponents in n of the mean gap and of the mean Lipschitz bound, and of the gap of noisy gradients."""
    output = draws[draws.learner == "output_perturbation"]
    descent = draws[draws.learner == "noisy_gradient"]
    return {
        "gap_slope": exponent(output, "gap"),
        "bound_slope": exponent(output, "typical_lipschitz_bound"),
        "bound_slope_whole_test_set": exponent(output, "lipschitz_bound"),
        "gap_slope_noisy_gradient": exponent(descent, "gap"),
        "gap_noisy_gradient_over_output": descent.gap.mean() / output.gap.mean(),
    }


def exponent(draws: pd.DataFrame, column: str) -> float:
    """Log-log slope over n of the means over draws, relative to the smallest n and averaged over the measures."""
    means = draws.pivot_table(index="n", columns="measure", values=column)
    relative = (means / means.iloc[0]).mean(axis=1)
    return log_log_slope(relative.index, relative).value


def tail_metrics(radii: pd.DataFrame) -> dict[str, float]:
    return {
        "tail_violations": radii.outside_quantile.mean(),
        "paper_radius_violations": radii.outside_paper_radius.mean(),
    }
