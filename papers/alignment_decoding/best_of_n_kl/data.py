"""Base policies: random ones, and small language models with rewards."""

import numpy as np

from litmus.params import Params

VOCABULARY, LENGTH = 8, 3
LIKELIHOOD_CORRELATIONS = (-0.5, 0.0, 0.5)
FLOOR = 1e-12  # smallest probability: rewards are distinct, and every outcome can occur


def generate(params: Params, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Policies with outcomes in the order of increasing reward.

    Returns
    -------
    bases : array (n_bases, max_outcomes)
        Dirichlet draws over 2 to `max_outcomes` outcomes, padded with zeros at the end.
    models : array (n_models, 512)
        Probabilities of all sequences of three tokens.
    rewards : array (n_models, 512)
        Their rewards, ascending.
    correlations : array (n_models,)
        The intended correlation of reward and log-likelihood.
    """
    bases = np.zeros((params.n_bases, params.max_outcomes))
    for base in bases:
        n_outcomes = rng.integers(2, params.max_outcomes + 1)
        draw = rng.dirichlet(np.full(n_outcomes, rng.choice(params.concentrations)))
        base[:n_outcomes] = np.maximum(draw, FLOOR) / np.maximum(draw, FLOOR).sum()
    correlations = np.resize(LIKELIHOOD_CORRELATIONS, params.n_models)
    models, rewards = zip(*(language_model(correlation, rng) for correlation in correlations), strict=True)
    return {"bases": bases, "models": np.stack(models), "rewards": np.stack(rewards), "correlations": correlations}


def language_model(correlation: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and rewards (512,) of all sequences, ordered by reward, with Dirichlet(0.3) next-token laws."""
    probabilities = rng.dirichlet(np.full(VOCABULARY, 0.3))
    for _ in range(LENGTH - 1):
        transitions = rng.dirichlet(np.full(VOCABULARY, 0.3), size=VOCABULARY)
        last = np.arange(probabilities.size) % VOCABULARY
        probabilities = (probabilities[:, None] * transitions[last]).ravel()
    probabilities = np.maximum(probabilities, FLOOR) / np.maximum(probabilities, FLOOR).sum()
    log_likelihood = np.log(probabilities)
    standardised = (log_likelihood - log_likelihood.mean()) / log_likelihood.std()
    noise = rng.standard_normal(probabilities.size)
    reward = correlation * standardised + np.sqrt(1 - correlation**2) * noise
    order = np.argsort(reward)
    return probabilities[order], reward[order]
