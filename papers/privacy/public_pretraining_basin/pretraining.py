"""Networks that name digits: trained from scratch or from a public start, privately or not."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from litmus.params import Params

from ..gaussian_mechanism import zcdp_budget
from . import network as nets
from .network import Networks

N_HIDDEN, N_CLASSES = 64, 10
DELTA = 1e-5
N_PRIVATE_STEPS = 30
PUBLIC_RATE = 0.1

Images = tuple[np.ndarray, np.ndarray]  # and labels


@dataclass(frozen=True)
class Digits:
    """One draw of public, private and test images, and how to train on them."""

    public: Images
    private: Images
    test: Images
    rates: np.ndarray
    n_noise_runs: int
    n_public_steps: int
    n_nonprivate_steps: int
    pay_for_steps: bool
    rng: np.random.Generator

    @classmethod
    def read(cls, data: dict[str, np.ndarray], params: Params, rng: np.random.Generator) -> "Digits":
        parts = [
            (data[f"{name}_images"].astype(np.float32), data[f"{name}_labels"])
            for name in ("public", "private", "test")
        ]
        steps = params.n_public_steps, params.n_nonprivate_steps
        return cls(*parts, np.array(params.rates), params.n_noise_runs, *steps, params.pay_for_steps, rng)

    def initial_network(self, rng: np.random.Generator) -> Networks:
        return nets.initial_networks(self.public[0].shape[1], N_HIDDEN, N_CLASSES, rng)

    def copies(self, network: Networks, epsilon: float = 0.0) -> Networks:
        """One run for each step size and draw of the noise, of which an infinite budget has none."""
        return network.repeat(self.rates.size * (1 if math.isinf(epsilon) else self.n_noise_runs))

    def train_publicly(self, networks: Networks) -> Networks:
        rates = np.full(len(networks.hidden), PUBLIC_RATE)
        return nets.train(networks, *self.public, self.n_public_steps, rates)

    def train_privately(self, networks: Networks, epsilon: float, n_steps: int = N_PRIVATE_STEPS) -> Networks:
        """``n_steps`` of the ``N_PRIVATE_STEPS`` that share the budget; ``n_nonprivate_steps`` if it is infinite."""
        rates = np.repeat(self.rates, len(networks.hidden) // self.rates.size)
        if math.isinf(epsilon):
            return nets.train(networks, *self.private, self.n_nonprivate_steps, rates)
        sigma = nets.step_sigma(zcdp_budget(epsilon, DELTA), N_PRIVATE_STEPS if self.pay_for_steps else 1)
        return nets.train(networks, *self.private, n_steps, rates, sigma, self.rng)

    def score(self, networks: Networks) -> pd.DataFrame:
        """Accuracies for each step size, means over the noise, of which the best in training is chosen.

        To choose by private training images is not private itself, but the same for all arms, and the test images
        choose nothing.
        """
        training, test = (
            nets.accuracy(networks, *images).reshape(self.rates.size, -1).mean(axis=1)
            for images in (self.private, self.test)
        )
        chosen = np.arange(self.rates.size) == training.argmax()
        return pd.DataFrame(
            {"rate": self.rates, "training_accuracy": training, "test_accuracy": test, "is_chosen": chosen}
        )

    def representative(self, networks: Networks) -> Networks:
        """The first run with the chosen step size."""
        n_runs = len(networks.hidden) // self.rates.size
        return networks.select(int(self.score(networks).is_chosen.argmax()) * n_runs)


def compare_starts(
    digits: Digits, starts: dict[str, Networks], epsilons: list[float]
) -> tuple[pd.DataFrame, dict[tuple[str, float], Networks]]:
    """Accuracies for every start and budget, an infinite one included, and one network of each.

    Returns
    -------
    table
        Columns ``start``, ``epsilon`` and those of ``Digits.score``.
    networks : dict of (start, epsilon) to Networks of one run
    """
    scores, solutions = [], {}
    for name, start in starts.items():
        for epsilon in [*epsilons, math.inf]:
            trained = digits.train_privately(digits.copies(start, epsilon), epsilon)
            scores.append(digits.score(trained).assign(start=name, epsilon=epsilon))
            solutions[name, epsilon] = digits.representative(trained)
    return pd.concat(scores, ignore_index=True), solutions


def compare_placements(digits: Digits, scratch: Networks, epsilon: float) -> pd.DataFrame:
    """Accuracies with the same public steps before, amid and after the private ones, or without one of the two."""
    start, half = digits.copies(scratch), N_PRIVATE_STEPS // 2
    public = digits.copies(digits.train_publicly(scratch))
    first_half = digits.train_privately(start, epsilon, half)
    trained = {
        "private only": digits.train_privately(start, epsilon),
        "before": digits.train_privately(public, epsilon),
        "amid": digits.train_privately(digits.train_publicly(first_half), epsilon, N_PRIVATE_STEPS - half),
        "after": digits.train_publicly(digits.train_privately(start, epsilon)),
        "public only": public,
    }
    return pd.concat(
        [digits.score(networks).assign(placement=name) for name, networks in trained.items()], ignore_index=True
    )


def train_another(digits: Digits, rate: float, rng: np.random.Generator) -> Networks:
    """A network from an initialisation of its own, trained publicly and then without privacy with a given step size."""
    start = digits.train_publicly(digits.initial_network(rng))
    return nets.train(start, *digits.private, digits.n_nonprivate_steps, np.array([rate]))


def losses_between(
    digits: Digits, solutions: dict[str, Networks], pairs: list[tuple[str, str]], n_positions: int = 11
) -> pd.DataFrame:
    """Cross-entropy on the test images along the segments between pairs of solutions."""
    positions = np.linspace(0, 1, n_positions)
    rows = []
    for first, second in pairs:
        networks = nets.interpolate(solutions[first], solutions[second], positions)
        losses = nets.cross_entropy(networks, *digits.test)
        rows += [(first, second, *values) for values in zip(positions, losses.astype(float), strict=True)]
    return pd.DataFrame(rows, columns=["first", "second", "position", "loss"])
