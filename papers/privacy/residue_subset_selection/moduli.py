"""Choosing the moduli: residues must determine the histogram, every direction of it about equally well."""

import math

import numpy as np

from ..frequency_oracles import primes_below
from .method import ResidueScheme

MAX_CONDITION = 10.0
"""kappa_max: the largest condition number that the paper accepts of a set of moduli."""


def n_moduli_for(domain_size: int) -> int:
    """l = ceil(2 ln k): the paper asks for l = Theta(log k)."""
    return math.ceil(2 * math.log(domain_size))


def draw_scheme(
    domain_size: int, epsilon: float, rng: np.random.Generator, max_condition: float = MAX_CONDITION
) -> ResidueScheme:
    """Random primes between k/2 and k, drawn anew until kappa <= ``max_condition``.

    Moduli that lie far apart merge different pairs of values {x, x + m_j}, so that one tells what another
    cannot.

    Raises
    ------
    ValueError
        If there are fewer primes than moduli, or a hundred draws are all too badly conditioned.
    """
    primes = primes_below(domain_size)
    candidates = primes[primes >= domain_size / 2]
    n_moduli = n_moduli_for(domain_size)
    if len(candidates) < n_moduli:
        raise ValueError(f"{n_moduli} primes needed between {domain_size / 2} and {domain_size}")
    for _ in range(100):
        moduli = tuple(rng.choice(candidates, n_moduli, replace=False).tolist())
        scheme = ResidueScheme(domain_size, moduli, epsilon)
        if scheme.condition_number <= max_condition:
            return scheme
    raise ValueError(f"no moduli for {domain_size} values with a condition number <= {max_condition}")


def search_scheme(domain_size: int, epsilon: float, rng: np.random.Generator, n_draws: int = 3) -> ResidueScheme:
    """Of a few draws, the one with the smallest predicted error."""
    draws = [draw_scheme(domain_size, epsilon, rng) for _ in range(n_draws)]
    return min(draws, key=lambda scheme: scheme.predicted_mse(n_users=1))


def packed_scheme(domain_size: int, epsilon: float) -> ResidueScheme:
    """As many moduli, but the smallest pairwise coprime integers above k/2: short messages, bad condition.

    Moduli that are almost equal merge almost the same pairs of values.
    """
    moduli: list[int] = []
    candidate = domain_size // 2 + 1
    while len(moduli) < n_moduli_for(domain_size):
        if all(math.gcd(candidate, m) == 1 for m in moduli):
            moduli.append(candidate)
        candidate += 1
    return ResidueScheme(domain_size, tuple(moduli), epsilon)
