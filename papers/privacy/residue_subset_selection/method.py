"""ModularSubsetSelection (MSS): private frequency estimation through residues (arXiv 2511.11569).

The server announces pairwise coprime moduli m_0, ..., m_{l-1}, all smaller than the domain size k. A user
with value x draws one index j uniformly and reports j together with the residue x mod m_j, randomised by
SubsetSelection over Z_{m_j} with the whole budget epsilon; that is epsilon-LDP because j says nothing about
x. The reports with index j estimate the histogram of residues modulo m_j, which is a linear image of the
histogram of values; the server inverts all those images together by weighted least squares.

In formulas E stands for e^epsilon, and p*_j, q*_j, w_j for SubsetSelection's rates and subset size over
Z_{m_j}.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh, lsmr

from ..frequency_oracles import (
    SupportRates,
    count_items,
    guess_from_subsets,
    subset_bits,
    subset_selection_attack_success,
    subset_selection_rates,
    subset_selection_reports,
    subset_size,
)


@dataclass(frozen=True)
class ResidueScheme:
    """What server and users agree on: the domain {0, ..., k-1}, the moduli and the budget.

    Raises
    ------
    ValueError
        If a modulus is not in [2, k), two share a factor, or the residues do not determine the histogram.
    """

    domain_size: int
    moduli: tuple[int, ...]
    epsilon: float

    def __post_init__(self) -> None:
        if not all(2 <= m < self.domain_size for m in self.moduli):
            raise ValueError(f"moduli must lie in [2, {self.domain_size}), got {self.moduli}")
        if math.lcm(*self.moduli) != math.prod(self.moduli):
            raise ValueError(f"moduli must be pairwise coprime, got {self.moduli}")
        if identifiable_rank(self.domain_size, self.moduli) < self.domain_size:
            raise ValueError(f"residues modulo {self.moduli} do not determine {self.domain_size} frequencies")

    @cached_property
    def rates(self) -> list[SupportRates]:
        """The support rates (p*_j, q*_j)."""
        return [subset_selection_rates(m, self.epsilon) for m in self.moduli]

    @cached_property
    def design(self) -> sparse.csr_array:
        """A, shape (sum of moduli, k)."""
        return design_matrix(self.domain_size, self.moduli)

    @cached_property
    def information(self) -> sparse.csr_array:
        """A' Omega^2 A for one user, shape (k, k): what a report tells about the histogram, over all j."""
        weights = [1 / (len(self.moduli) * rates.variance()) for rates in self.rates]
        return (self.design.T @ sparse.diags_array(np.repeat(weights, self.moduli)) @ self.design).tocsr()

    @cached_property
    def condition_number(self) -> float:
        """kappa: the ratio of the extreme eigenvalues of ``information`` (bounded in Theorem 4)."""
        low, high = (
            eigsh(self.information, 1, which=end, tol=1e-4, return_eigenvectors=False, rng=0)[0] for end in ("SA", "LA")
        )
        return high / low if low > 0 else math.inf

    def predicted_mse(self, n_users: int) -> float:
        """The paper's exact mean squared error per value, tr((A' Omega^2 A)^-1)/k, for rare values.

        It counts the noise of SubsetSelection, but not that each modulus sees only a sample of the users.
        """
        return np.trace(np.linalg.inv(self.information.toarray())) / (self.domain_size * n_users)

    def mse_bound(self, n_users: int) -> float:
        """Theorem 3: kappa 4E/(n (E-1)^2), or kappa times SubsetSelection's error on a large domain."""
        odds = math.exp(self.epsilon)
        return self.condition_number * 4 * odds / (n_users * (odds - 1) ** 2)


def design_matrix(domain_size: int, moduli: tuple[int, ...]) -> sparse.csr_array:
    """The 0/1 matrix (sum of moduli, k) that maps a histogram to its residue histograms, one below the other.

    Row (j, a) marks the values x with x mod m_j = a.
    """
    values = np.arange(domain_size)
    offsets = np.cumsum([0, *moduli[:-1]])
    rows = np.concatenate([offset + values % m for offset, m in zip(offsets, moduli, strict=True)])
    columns = np.tile(values, len(moduli))
    return sparse.csr_array((np.ones(rows.size), (rows, columns)), shape=(sum(moduli), domain_size))


def identifiable_rank(domain_size: int, moduli: tuple[int, ...]) -> int:
    """Rank of the design matrix for pairwise coprime moduli: min(k, 1 + sum_j (m_j - 1)).

    The functions of x mod m_j are spanned by the m_j characters exp(2 pi i a x/m_j). Different moduli share
    only the constant one, and distinct characters are the rows of a Vandermonde matrix.
    """
    return min(domain_size, 1 + sum(m - 1 for m in moduli))


# --- Client -----------------------------------------------------------------------------------------------


def residue_reports(
    values: np.ndarray, scheme: ResidueScheme, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Algorithm 1: every user reports one random residue.

    Returns
    -------
    index : array (n_users,)
        The number j of the modulus that each user drew.
    subsets : list of arrays (n_j, w_j)
        For each j, the subsets of Z_{m_j} that its users sent, in the order of those users.
    """
    index = rng.integers(len(scheme.moduli), size=values.size)
    subsets = [
        subset_selection_reports(values[index == j] % m, m, scheme.epsilon, rng) for j, m in enumerate(scheme.moduli)
    ]
    return index, subsets


def all_residue_reports(values: np.ndarray, scheme: ResidueScheme, rng: np.random.Generator) -> list[np.ndarray]:
    """What the paper advises against: every user reports every residue, each with ``scheme.epsilon``.

    Returns arrays (n_users, w_j) for ``decode``. A user spends l times ``scheme.epsilon``: see
    ``with_split_budget``.
    """
    return [subset_selection_reports(values % m, m, scheme.epsilon, rng) for m in scheme.moduli]


def with_split_budget(scheme: ResidueScheme) -> ResidueScheme:
    """The same moduli, with the l-th part of the budget."""
    return replace(scheme, epsilon=scheme.epsilon / len(scheme.moduli))


# --- Server -----------------------------------------------------------------------------------------------


def decode(subsets: list[np.ndarray], scheme: ResidueScheme, debias: bool = True) -> np.ndarray:
    """Frequencies (k,) by weighted least squares on the residue histograms: unbiased, hence not clipped.

    Minimises ||Omega (A f - y)||, where y_{j,a} estimates the share of users with residue a modulo m_j, and
    Omega holds the inverse standard errors sqrt(n_j/V(m_j)). With ``debias=False``, y is the raw share of
    supports.
    """
    targets, weights = [], []
    for m, reports, rates in zip(scheme.moduli, subsets, scheme.rates, strict=True):
        n_reports = len(reports)
        used_rates = rates if debias else SupportRates(1.0, 0.0)
        targets.append(used_rates.estimate(count_items(reports, m), max(n_reports, 1)))
        weights.append(np.full(m, math.sqrt(n_reports / rates.variance())))
    frequencies, _ = solve(scheme, np.concatenate(targets), np.concatenate(weights), tolerance=1e-8)
    return frequencies


def solve(scheme: ResidueScheme, targets: np.ndarray, weights: np.ndarray, tolerance: float) -> tuple[np.ndarray, int]:
    """The f (k,) that minimises ||weights * (A f - targets)||, and the number of LSMR iterations."""
    weighted_design = sparse.diags_array(weights) @ scheme.design
    solution, _, n_iterations, *_ = lsmr(weighted_design, weights * targets, atol=tolerance, btol=tolerance)
    return solution, n_iterations


def iteration_bound(condition_number: float, tolerance: float) -> int:
    """LSMR iterations that suffice for any domain: ln(2/tolerance)/ln((sqrt(kappa)+1)/(sqrt(kappa)-1)).

    LSMR is MINRES on the normal equations, whose matrix has condition number kappa, and stops when their
    relative residual is below the tolerance.
    """
    root = math.sqrt(condition_number)
    return math.ceil(math.log(2 / tolerance) / math.log((root + 1) / (root - 1)))


# --- Messages and attacks ---------------------------------------------------------------------------------


def subset_message_bits(scheme: ResidueScheme) -> list[float]:
    """log2 binom(m_j, w_j) for each modulus: bits to name one of the subsets that a user may send."""
    return [subset_bits(m, subset_size(m, scheme.epsilon)) for m in scheme.moduli]


def message_bits(scheme: ResidueScheme) -> float:
    """ceil(log2 l) + mean_j log2 binom(m_j, w_j): the number of the modulus, and a subset of residues."""
    return math.ceil(math.log2(len(scheme.moduli))) + float(np.mean(subset_message_bits(scheme)))


def advertised_bits(scheme: ResidueScheme) -> float:
    """ceil(log2 l) + mean_j ceil(log2 m_j), the abstract's count: the number of the modulus, one residue."""
    residue_bits = [math.ceil(math.log2(m)) for m in scheme.moduli]
    return math.ceil(math.log2(len(scheme.moduli))) + float(np.mean(residue_bits))


def guess_values(
    index: np.ndarray, subsets: list[np.ndarray], scheme: ResidueScheme, rng: np.random.Generator
) -> np.ndarray:
    """The attacker's guesses (n_users,): all values with a residue in the reported subset are equally likely.

    So pick a residue r of the subset, then one of the ceil((k-r)/m) values that have it.
    """
    guesses = np.empty(index.size, np.int64)
    for j, (m, reports) in enumerate(zip(scheme.moduli, subsets, strict=True)):
        residues = guess_from_subsets(reports, rng)
        n_preimages = -(-(scheme.domain_size - residues) // m)
        guesses[index == j] = residues + m * rng.integers(n_preimages)
    return guesses


def attack_success(scheme: ResidueScheme) -> float:
    """Success of the Bayes-optimal guess under a uniform prior: (1/l) sum_j (m_j/k) p*_j/w_j.

    p*_j/w_j is the chance to get the residue right, and m_j/k the mean, over the values, of one over the
    number of values with the same residue.
    """
    hits = [m / scheme.domain_size * subset_selection_attack_success(m, scheme.epsilon) for m in scheme.moduli]
    return float(np.mean(hits))


def attack_success_eq7(scheme: ResidueScheme) -> float:
    """Eq. 7, with 1/ceil(k/m_j) for m_j/k: as if all residues had as many preimages as the commonest one."""
    hits = [
        subset_selection_attack_success(m, scheme.epsilon) / math.ceil(scheme.domain_size / m) for m in scheme.moduli
    ]
    return float(np.mean(hits))
