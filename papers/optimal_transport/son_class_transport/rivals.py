"""Other regularised transports between uniform marginals, each over a grid of its parameters, from POT."""

import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
import ot

ENTROPY = np.logspace(-1, 2, 13)
# The error of lp-l1 falls as 1/reg as long as eta grows along. That of the group lasso would fall as 1/eta, but POT's
# solver stops long before that, and returns its least error inside this grid.
LPL1 = tuple((reg, reg * share) for reg in (1.0, 10.0, 1e2, 1e3, 1e4, 1e5) for share in (1.0, 10.0, 100.0))
GROUP_LASSO = tuple(product((0.3, 1.0, 3.0, 10.0), (10.0, 100.0, 1000.0)))
QUADRATIC = np.logspace(1, 5, 13)
LAPLACE = np.logspace(0, 4, 5)

Plans = np.ndarray  # (number of grid points, n, q)


def linear(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Transport without a penalty."""
    return ot.emd(*uniform(cost), cost)[None]


def entropic(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Sinkhorn."""
    return np.array([ot.sinkhorn(*uniform(cost), cost, reg) for reg in ENTROPY])


def quadratic(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Penalty reg |P|^2 / 2; the same as squared norms of all differences of rows and columns."""
    return np.array([ot.smooth.smooth_ot_dual(*uniform(cost), cost, reg) for reg in QUADRATIC])


def laplacian(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Neighbours in the source are to stay neighbours."""
    return np.array([ot.da.emd_laplace(*uniform(cost), source, target, cost, eta=eta) for eta in LAPLACE])


def entropic_lpl1(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Sinkhorn with a concave penalty on the mass that a target point gets from each source class."""
    a, b = uniform(cost)
    return np.array([ot.da.sinkhorn_lpl1_mm(a, labels, b, cost, *pair) for pair in LPL1])


def entropic_group_lasso(source: np.ndarray, target: np.ndarray, cost: np.ndarray, labels: np.ndarray) -> Plans:
    """Sinkhorn with a group lasso over the source classes in every column."""
    a, b = uniform(cost)
    return np.array([ot.da.sinkhorn_l1l2_gl(a, labels, b, cost, *pair) for pair in GROUP_LASSO])


WITHOUT_LABELS = {"linear": linear, "entropic": entropic, "quadratic": quadratic, "Laplacian": laplacian}
WITH_LABELS = {"lp-l1": entropic_lpl1, "group lasso": entropic_group_lasso}


def uniform(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The marginals 1/n and 1/q."""
    return ot.unif(cost.shape[0]), ot.unif(cost.shape[1])


def usable_plans(rival: Callable[..., Plans], *arguments: np.ndarray) -> Plans:
    """The finite plans of a rival; at extreme parameters POT warns, and some plans underflow."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        plans = rival(*arguments)
    return plans[np.isfinite(plans).all(axis=(1, 2))]
