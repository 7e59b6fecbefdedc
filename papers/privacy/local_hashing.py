"""Local hashing: each user reports a randomised cell of an own hash function (Wang et al. 2017, Section 4.3).

The user draws a hash H: [k] -> [g], keeps H, and sends it with the randomised response of H(value) on the g
cells. A report (H, c) supports the values that H puts into c. BLH has g = 2 cells; OLH has about E+1, which
minimises the variance. Here E stands for e^epsilon, and ``values`` is an integer array with entries in
[0, domain_size).

A hash is named by a 64-bit key, as a seed names a function of the xxHash family. ``hash_values`` mixes key and
value with the finaliser of SplitMix64 (Steele, Lea and Flood 2014): over random keys the cells of different values
behave like independent uniform draws. A linear family (a x + b mod P) mod g is only pairwise independent: its cells
hold almost equally many values, which changes what an attacker gains from a cell.
"""

import math

import numpy as np
from numba import vectorize

from .frequency_oracles import SupportRates, grr_rates, grr_reports

BINARY_CELLS = 2  # BLH


def optimal_cells(epsilon: float) -> int:
    """g = round(E) + 1, the number of cells of OLH."""
    return round(math.exp(epsilon)) + 1


def local_hashing_rates(n_cells: int, epsilon: float) -> SupportRates:
    """p* = E/(E+g-1), and q* = 1/g over the choice of the hash."""
    return SupportRates(grr_rates(n_cells, epsilon).true, 1 / n_cells)


def draw_hashes(n_users: int, rng: np.random.Generator) -> np.ndarray:
    """Keys (n_users,) of independent hash functions, uint64."""
    return rng.integers(2**64, size=n_users, dtype=np.uint64)


@vectorize(cache=True)
def _cell(key, value, n_cells):
    mixed = np.uint64(key) + np.uint64(value + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return np.int64(((mixed >> np.uint64(32)) * np.uint64(n_cells)) >> np.uint64(32))  # top bits, without a division


def hash_values(keys: np.ndarray, values: np.ndarray, n_cells: int) -> np.ndarray:
    """Cells in [0, n_cells), int64; keys and values broadcast: (n, 1) and (k,) give all the cells of n users."""
    return _cell(np.asarray(keys, dtype=np.uint64), np.asarray(values, dtype=np.int64), np.int64(n_cells))


def local_hashing_reports(
    values: np.ndarray, keys: np.ndarray, n_cells: int, epsilon: float, rng: np.random.Generator
) -> np.ndarray:
    """One cell per user, shape (n_users,); a report is the pair of key and cell."""
    return grr_reports(hash_values(keys, values, n_cells), n_cells, epsilon, rng)


def supported_values(keys: np.ndarray, cells: np.ndarray, domain_size: int, n_cells: int) -> np.ndarray:
    """Boolean (n_users, domain_size): does the user's hash put the value into the reported cell?"""
    return hash_values(keys[:, None], np.arange(domain_size), n_cells) == cells[:, None]


def local_hashing_support_counts(keys: np.ndarray, cells: np.ndarray, domain_size: int, n_cells: int) -> np.ndarray:
    """Support counts (domain_size,), in blocks of users that bound the memory."""
    block = max(1, 2_000_000 // domain_size)
    counts = np.zeros(domain_size, dtype=np.int64)
    for start in range(0, len(keys), block):
        users = slice(start, start + block)
        counts += supported_values(keys[users], cells[users], domain_size, n_cells).sum(axis=0)
    return counts


def local_hashing_attack_success(domain_size: int, rates: SupportRates) -> float:
    """p*(1-(1-1/g)^k)g/k + (1-p*)(1-1/g)^(k-1)/k: a uniform guess in the support, or in [k] if that is empty.

    The other k-1 values fall into the reported cell independently, each with probability 1/g. Where the cell is not
    the user's, the guess can be right only if no value is in it. p* = 1 is hashing alone.
    """
    absent = 1 - rates.false
    seen = rates.true * (1 - absent**domain_size) / rates.false
    blind = (1 - rates.true) * absent ** (domain_size - 1)
    return (seen + blind) / domain_size
