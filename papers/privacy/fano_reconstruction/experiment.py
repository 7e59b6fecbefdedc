"""Success of the best attacker on each channel, and what the bounds allow it."""

import numpy as np
import pandas as pd

from litmus.fitting import slope
from litmus.outcome import Outcome
from litmus.params import Params

from .. import gaussian_mechanism
from . import method, training

CLIP = 1.0
SMALLEST_FITTED = 16  # of the Gaussian half-success curve; below, 1/M is not small against 1/2
SIBSON_ORDERS = (1, 2, 5, 20, 100)
TIGHT_RESPONSE_SIZES = (2, 10, 100)
N_ERRORS = 3  # standard errors that simulated quantities get in the bound's favour, lest luck refute it
N_EPSILON_BISECTIONS = 20


def run(data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> Outcome:
    """The noise of responses and of training protects; draws that only estimate an information do not."""
    privacy_rng, simulation_rng = rng.spawn(2)
    attacked, models = training_bounds(data, params, privacy_rng)
    exact = [response_bounds(params), gaussian_bounds(params, simulation_rng), channel_bounds(data["channels"])]
    bounds = pd.concat([*exact, attacked], ignore_index=True)
    sibson = sibson_bounds(data["channels"], params)
    halves = half_success(params, privacy_rng)
    fitted = halves[halves.n_values >= SMALLEST_FITTED]
    noisiest = attacked[attacked.noise == max(params.training_sigmas)].set_index("kind")
    metrics = {
        "worst_slack": bounds[bounds.kind.str.contains("Fano")].slack.min(skipna=False),
        "sibson_tightness": sibson[sibson.order == params.sibson_order].ratio.max(),
        "eps_half_slope": slope(np.log(halves.n_values), halves.response_epsilon).value,
        "rho_half_slope": slope(np.log(fitted.n_values), fitted.renyi).value,
        "rho_half_slope_attack": slope(np.log(fitted.n_values), fitted.attack).value,
        "dpgd_ratio": noisiest.success["Renyi-Fano"] / noisiest.success["expected"],
    }
    return Outcome(
        metrics={name: float(value) for name, value in metrics.items()},
        tables={"bounds": bounds, "sibson": sibson, "halves": halves, "models": models},
    )


# --- Rows of the table of bounds --------------------------------------------------------------------------


def rows(
    channel: str, n_values: int, noise: float, attack: float, fano: dict[str, float], others: dict[str, float],
    order: float = np.nan, error: float = 0.0,
) -> pd.DataFrame:  # fmt: skip
    """One row per bound of the paper, whose slack counts, and one per other success."""
    table = [(kind, bound, bound - attack + N_ERRORS * error) for kind, bound in fano.items()]
    table += [(kind, success, np.nan) for kind, success in {"attack": attack, **others}.items()]
    frame = pd.DataFrame(table, columns=["kind", "success", "slack"])
    frame["order"] = np.where(frame.kind == "Renyi-Fano", order, np.nan)
    frame.insert(0, "channel", channel)
    frame.insert(1, "n_values", n_values)
    frame.insert(2, "noise", noise)
    return frame


def guessable(n_values: int, params: Params) -> int:
    """What the attacker chooses from, in the bounds; the control forgets that it is more than yes and no."""
    return 2 if params.coin_baseline else n_values


# --- Channels with exact attackers ------------------------------------------------------------------------


def response_keep(epsilon: float, n_values: int, params: Params) -> float:
    return method.keep_probability(epsilon, 2 if params.binary_keep else n_values)


def response_bounds(params: Params) -> pd.DataFrame:
    """Randomised response, with the budget in the column ``noise``."""
    frames = []
    for n_values in params.domain_sizes:
        for epsilon in params.epsilons:
            channel = method.response_channel(response_keep(epsilon, n_values, params), n_values)
            renyi, order = method.renyi_fano(method.response_rdp(epsilon, n_values), guessable(n_values, params))
            shannon = method.shannon_fano(method.mutual_information(channel), n_values)
            rivals = {
                "posterior": method.posterior_bound(epsilon, n_values),
                "advantage": method.advantage_bound(epsilon, n_values),
            }
            fano = {"Renyi-Fano": renyi, "Shannon-Fano": shannon}
            frames.append(rows("response", n_values, epsilon, method.map_success(channel), fano, rivals, order))
    return pd.concat(frames)


def gaussian_bounds(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Gaussian noise on one-hot vectors, whose pairs are sqrt(2) apart."""
    frames = []
    for n_values in params.domain_sizes:
        for sigma in params.sigmas:
            divergences = gaussian_mechanism.gaussian_rdp(method.ORDERS, sigma, sensitivity=2**0.5)
            renyi, order = method.renyi_fano(divergences, guessable(n_values, params))
            # The mean of the one-hot vectors is at the squared distance 1 - 1/M from each of them.
            centroid, _ = method.renyi_fano(divergences * (1 - 1 / n_values) / 2, guessable(n_values, params))
            information, error = method.gaussian_information(sigma, n_values, params.n_draws, rng)
            fano = {
                "Renyi-Fano": renyi,
                "Renyi-Fano, centroid": centroid,
                "Shannon-Fano": method.shannon_fano(max(information + N_ERRORS * error, 0.0), n_values),
            }
            epsilon = gaussian_mechanism.gaussian_epsilon(sigma, params.delta, sensitivity=2**0.5)
            rivals = {"posterior": method.posterior_bound(epsilon, n_values, params.delta)}
            attack = method.gaussian_map_success(sigma, n_values)
            frames.append(rows("gaussian", n_values, sigma, attack, fano, rivals, order))
    return pd.concat(frames)


def channel_bounds(channels: np.ndarray) -> pd.DataFrame:
    """Random channels, numbered in the column ``noise``."""
    frames = []
    for index, channel in enumerate(channels):
        n_values = len(channel)
        fano = {
            f"Sibson-Fano, order {order}": sibson_bound(method.sibson_information(channel, order), order, n_values)
            for order in SIBSON_ORDERS
        }
        frames.append(rows("random", n_values, float(index), method.map_success(channel), fano, {}))
    return pd.concat(frames)


def sibson_bound(information: float, order: float, n_values: int) -> float:
    return float(method.largest_success(information, order, n_values))


def sibson_bounds(channels: np.ndarray, params: Params) -> pd.DataFrame:
    """Sibson-Fano over the best success at each order, on the random channels and on randomised response."""
    named = [("random", channel) for channel in channels]
    for n_values in TIGHT_RESPONSE_SIZES:
        keep = response_keep(float(np.log(n_values)), n_values, params)
        named.append(("response", method.response_channel(keep, n_values)))
    table = []
    for index, (name, channel) in enumerate(named):
        for order in (*SIBSON_ORDERS, params.sibson_order):
            if params.centroid_reference and order > 1:
                information = method.renyi_information(channel, order, channel.mean(axis=0))
            else:
                information = method.sibson_information(channel, order)
            bound = sibson_bound(information, order, len(channel))
            table.append((name, index, order, bound / method.map_success(channel)))
    return pd.DataFrame(table, columns=["channel", "index", "order", "ratio"])


# --- Budgets at success one half --------------------------------------------------------------------------


def half_success(params: Params, rng: np.random.Generator) -> pd.DataFrame:
    """Budgets at which a guess is right half of the time, against the number of values.

    ``response_epsilon`` is that of randomised response, from attacks played out. The other columns are 1/sigma^2
    for Gaussian noise on one-hot vectors: by the best attack, by the Renyi-Fano bound, and by the posterior bound.
    """
    table = []
    for n_values in params.half_sizes:
        epsilon = float(np.log((n_values - 1) * (1 - 2 * params.delta)))  # where posterior_bound is 1/2
        table.append(
            {
                "n_values": n_values,
                "response_epsilon": played_half_epsilon(n_values, params, rng),
                "attack": method.gaussian_half_success(n_values),
                "renyi": method.half_success_divergence(guessable(n_values, params)),
                "posterior": gaussian_mechanism.gaussian_sigma(epsilon, params.delta, sensitivity=2**0.5) ** -2,
            }
        )
    return pd.DataFrame(table)


def played_half_epsilon(n_values: int, params: Params, rng: np.random.Generator) -> float:
    """The budget at which half of the responses are true, and so half of the best guesses right.

    Every budget that is tried sees the same secrets and coins, so that the share of true responses cannot fall as
    the budget grows, and bisection is safe.
    """
    seed = int(rng.integers(2**63))

    def success(epsilon: float) -> float:
        coins = np.random.default_rng(seed)
        secrets = coins.integers(n_values, size=params.n_responses)
        guesses = method.responses(secrets, response_keep(epsilon, n_values, params), n_values, coins)
        return float((guesses == secrets).mean())

    low, high = 0.0, 2 * float(np.log(n_values)) + 5
    for _ in range(N_EPSILON_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if success(middle) < 0.5 else (low, middle)
    return (low + high) / 2


# --- Training ---------------------------------------------------------------------------------------------


def training_bounds(
    data: dict[str, np.ndarray], params: Params, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Attacks on a label from the transcript of noisy gradient descent; all noise levels train on the same sets.

    The reference law of the bound is training without the record: every step then costs a CLIP^2/(2 sigma^2).
    ``attack`` counts right guesses; ``expected`` averages the attacker's own probability of being right, which has
    the same mean and less noise. The second table holds the budget and the accuracy of the models, to compare.
    """
    features, labels = data["features"][data["records"]], data["labels"][data["records"]]
    secrets, n_values = data["secrets"], training.N_CLASSES
    labels[:, 0] = secrets
    clip = np.inf if params.unclipped else CLIP
    frames, models = [], []
    for sigma in params.training_sigmas:
        released, weights = training.noisy_descent(
            features, labels, sigma, params.learning_rate, params.n_steps, clip, rng
        )
        log_posteriors = training.label_log_posteriors(
            released, features, labels[:, 1:], sigma, params.learning_rate, clip
        )
        right = log_posteriors.argmax(axis=1) == secrets
        information, information_error = method.information_estimate(
            log_posteriors[np.arange(len(secrets)), secrets], n_values
        )
        paid_steps = 1 if params.one_step_budget else params.n_steps
        total_sigma = gaussian_mechanism.composed_sigma(np.full(paid_steps, sigma))
        divergences = gaussian_mechanism.gaussian_rdp(method.ORDERS, total_sigma, sensitivity=CLIP)
        renyi, order = method.renyi_fano(divergences, guessable(n_values, params))
        fano = {
            "Renyi-Fano": renyi,
            "Shannon-Fano": method.shannon_fano(max(information + N_ERRORS * information_error, 0.0), n_values),
        }
        epsilon = gaussian_mechanism.gaussian_epsilon(total_sigma, params.delta, sensitivity=CLIP)
        others = {
            "expected": float(np.exp(log_posteriors.max(axis=1)).mean()),
            "removal": method.removal_bound(epsilon, n_values, params.delta),
        }
        attack = float(right.mean())
        error = (attack * (1 - attack) / len(right)) ** 0.5
        frames.append(rows("training", n_values, sigma, attack, fano, others, order, error))
        correct = (features @ weights.swapaxes(1, 2)).argmax(axis=-1) == labels
        models.append({"noise": sigma, "epsilon": epsilon, "accuracy": float(correct[:, 1:].mean())})
    return pd.concat(frames), pd.DataFrame(models)
