"""A slab-like membrane whose polymer answers to the driven solutes that it takes up (arXiv 2212.00537).

The slab has width d = 1 and sits in the middle of a system of length L; both ends are held at the bulk concentration.
Lengths are in units of d, concentrations of the bulk concentration c0, diffusivities of that in the bulk, D0, and
forces of k_B T/d. phi is the polymer volume fraction, D the diffusivity inside, K the partition ratio, P = D K the
permeability.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit


@dataclass(frozen=True)
class Membrane:
    """What the polymer does to the solutes, and the solutes to the polymer.

    Attributes
    ----------
    interaction : float
        B of K = exp(-B phi): positive if polymer and solute repel each other, negative if they attract.
    crossover : float
        Concentration inside at which the volume phase transition is half done, c_c.
    unloaded, loaded : float
        Volume fractions far below and far above the crossover, phi_0 and phi_1; the membrane swells on uptake if
        ``unloaded > loaded`` and collapses on uptake otherwise.
    sharpness : float
        Width w of the transition, relative to the crossover.
    obstruction : float
        A of the free-volume law D = exp(-A phi/(1 - phi)).
    length : float
        L > 1.
    """

    interaction: float
    crossover: float
    unloaded: float = 0.35
    loaded: float = 0.05
    sharpness: float = 0.1
    obstruction: float = 5.0
    length: float = 2.0

    def diffusivity(self, phi: np.ndarray) -> np.ndarray:
        return np.exp(-self.obstruction * phi / (1 - phi))

    def partition(self, phi: np.ndarray) -> np.ndarray:
        return np.exp(-self.interaction * phi)

    def response(self, concentration: np.ndarray) -> np.ndarray:
        """Volume fraction that the polymer takes at a concentration inside: a sigmoid from phi_0 to phi_1."""
        distance = (concentration - self.crossover) / (self.sharpness * self.crossover)
        return self.unloaded + (self.loaded - self.unloaded) * expit(distance)


def flux(force: np.ndarray, diffusivity: np.ndarray, partition: np.ndarray, length: float) -> np.ndarray:
    """Steady flux F/(1 + q S) through the slab, in units of c0 D0/d, with q = 1/P - 1 and S = sinh(F/2)/sinh(F L/2).

    From integrating (c e^{G - F z})' = -j e^{G - F z}/D over the system, where G = -ln K inside and 0 outside.
    Arrays broadcast; forces are positive.
    """
    q = 1 / (diffusivity * partition) - 1
    return force / (1 + q * sinh_ratio(force, length))


def uptake(force: np.ndarray, diffusivity: np.ndarray, partition: np.ndarray, length: float) -> np.ndarray:
    """Mean concentration inside, K (1 + q - q T)/(1 + q S) with T = sinh(F(L-1)/2)/sinh(F L/2) sinh(F/2)/(F/2).

    It goes from K without a force to 1/D at a large one.
    """
    q = 1 / (diffusivity * partition) - 1
    T = np.expm1(-force * (length - 1)) / np.expm1(-force * length) * -np.expm1(-force) / force
    return partition * (1 + q - q * T) / (1 + q * sinh_ratio(force, length))


def sinh_ratio(force: np.ndarray, length: float) -> np.ndarray:
    """sinh(F/2)/sinh(F L/2) in exponentials of -F, so that nothing overflows at large forces."""
    return np.exp(-force * (length - 1) / 2) * np.expm1(-force) / np.expm1(-force * length)


def equilibrium_uptake(force: np.ndarray, diffusivity: np.ndarray, partition: np.ndarray, length: float) -> np.ndarray:
    """K at every force: the uptake of a membrane at rest, for comparison."""
    return partition + 0 * force


Uptake = Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Feedback:
    """The loop from the volume fraction through the uptake back to the volume fraction.

    Attributes
    ----------
    membrane : Membrane
    uptake : function of force, diffusivity, partition and length
    closed : bool
        If not, the uptake is that of the unloaded membrane, so that the volume fraction follows the force alone.
    """

    membrane: Membrane
    uptake: Uptake = uptake
    closed: bool = True

    def mismatch(self, phi: np.ndarray, force: np.ndarray) -> np.ndarray:
        """phi_resp(c_in(F, phi)) - phi, the rate at which phi relaxes; it is zero in a steady state."""
        membrane = self.membrane
        felt = phi if self.closed else membrane.unloaded + 0 * phi
        inside = self.uptake(force, membrane.diffusivity(felt), membrane.partition(felt), membrane.length)
        return membrane.response(inside) - phi

    def flux(self, phi: np.ndarray, force: np.ndarray) -> np.ndarray:
        membrane = self.membrane
        return flux(force, membrane.diffusivity(phi), membrane.partition(phi), membrane.length)

    def steady_states(self, forces: np.ndarray, n_grid: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All roots of the mismatch at every force.

        Sign changes on `n_grid` points of the range of volume fractions, then bisection; all roots are kept, the
        unstable ones too.

        Parameters
        ----------
        forces : array (n,)

        Returns
        -------
        index : int array (m,), ascending
            Position in `forces`.
        phi : array (m,), ascending at each force
        stable : bool array (m,)
            Whether the mismatch falls through zero.
        """
        membrane = self.membrane
        margin = abs(membrane.loaded - membrane.unloaded) / n_grid  # for roots where the sigmoid has saturated
        low, high = sorted((membrane.unloaded, membrane.loaded))
        grid = np.linspace(low - margin, high + margin, n_grid)
        positive = self.mismatch(grid, forces[:, None]) > 0
        index, cell = np.nonzero(positive[:, 1:] != positive[:, :-1])
        stable = positive[index, cell]
        low, high = grid[cell], grid[cell + 1]
        for _ in range(40):
            middle = (low + high) / 2
            before = (self.mismatch(middle, forces[index]) > 0) == stable
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        return index, (low + high) / 2, stable

    def sweep(self, forces: np.ndarray, start: float, n_grid: int) -> np.ndarray:
        """Volume fractions (n,) while the force takes the values `forces` (n,), slowly, one after the other.

        At each force phi relaxes by phi' = mismatch from where it was; the unstable roots part the basins of the stable
        ones.
        """
        index, phi, stable = self.steady_states(forces, n_grid)
        path = np.empty(forces.size)
        for k in range(forces.size):
            here = index == k
            start = phi[here & stable][np.searchsorted(phi[here & ~stable], start)]
            path[k] = start
        return path


def switch(feedback: Feedback, forces: np.ndarray, start: float, n_grid: int) -> tuple[float, float]:
    """The sharpest change of the flux in a sweep: its force, and its decades over one per cent of the force.

    The sweep is repeated twice on the step in which the flux changed most, and once over the one per cent about it.
    """
    for _ in range(3):
        path = feedback.sweep(forces, start, n_grid)
        k = np.abs(np.diff(np.log(feedback.flux(path, forces)))).argmax()
        start, forces = path[k], np.geomspace(forces[k], forces[k + 1], 40)
    at = np.sqrt(forces[0] * forces[-1])
    around = at * np.exp(0.005 * np.sign(forces[-1] - forces[0]) * np.array([-1, 1]))
    before, after = np.log10(feedback.flux(feedback.sweep(around, start, n_grid), around))
    return float(at), float(after - before)


def crossovers(membrane: Membrane, forces: np.ndarray, n_grid: int) -> tuple[np.ndarray, np.ndarray]:
    """The crossover concentration with which a volume fraction is steady, in closed form.

    With c_in = c_c (1 + w x) the sigmoid gives phi = phi_0 + (phi_1 - phi_0)/(1 + e^{-x}), and so
    c_c = c_in(F, phi)/(1 + w x). The crossover of `membrane` is not used.

    Returns
    -------
    phi : array (n_grid,)
        From about `unloaded` to about `loaded`.
    crossovers : array (n_forces, n_grid)
        Where they are not monotone, three volume fractions share a crossover.
    """
    loads = np.geomspace(0.005, 200, n_grid)  # 1 + w x
    phi = membrane.unloaded + (membrane.loaded - membrane.unloaded) * expit((loads - 1) / membrane.sharpness)
    inside = uptake(forces[:, None], membrane.diffusivity(phi), membrane.partition(phi), membrane.length)
    return phi, inside / loads


def folds(membrane: Membrane, forces: np.ndarray, n_grid: int) -> tuple[np.ndarray, np.ndarray]:
    """Where stable and unstable states meet at fixed force, and how far the flux then jumps.

    Returns
    -------
    ends : array (n_forces, 2), ascending
        Crossover concentrations between which the membrane is bistable; NaN where there are none.
    decades : array (n_forces, 2)
        log10 of the flux on the branch that is left to that on the branch that is reached; NaN likewise.
    """
    phi, curves = crossovers(membrane, forces, n_grid)
    ends, decades = np.full((2, forces.size, 2), np.nan)
    for k, curve in enumerate(curves):
        slopes = np.sign(np.diff(curve))
        turns = np.flatnonzero(slopes[1:] != slopes[:-1]) + 1
        if turns.size < 2:
            continue
        first, last = turns[0], turns[-1]
        reached = [
            last + np.abs(curve[last:] - curve[first]).argmin(),
            np.abs(curve[: first + 1] - curve[last]).argmin(),
        ]
        log_flux = np.log10(flux(forces[k], membrane.diffusivity(phi), membrane.partition(phi), membrane.length))
        order = np.argsort(curve[[first, last]])
        ends[k] = curve[[first, last]][order]
        decades[k] = (log_flux[reached] - log_flux[[first, last]])[order]
    return ends, decades


def finite_volumes(
    force: float, diffusivity: float, partition: float, length: float, n_cells: int
) -> tuple[float, float]:
    """Flux and mean concentration inside from the differential equation j = -D (c' + c G' - F c), j' = 0.

    In u = c e^G, which is continuous at the faces of the slab, it reads j = -P (u' - F u) with P = D K inside and 1
    outside. Central differences on `n_cells` cells inside and as many in each outer region.
    """
    from scipy.linalg import solve_banded

    outside = (length - 1) / 2
    h = np.repeat([outside, 1.0, outside], n_cells) / n_cells
    permeability = np.repeat([1.0, diffusivity * partition, 1.0], n_cells)
    # The flux over cell i is left_i u_i - right_i u_{i+1}.
    left, right = permeability * (1 / h + force / 2), permeability * (1 / h - force / 2)
    n_inner = h.size - 1
    bands = np.zeros((3, n_inner))
    bands[0, 1:], bands[1], bands[2, :-1] = -right[1:-1], left[1:] + right[:-1], -left[1:-1]
    sources = np.zeros(n_inner)
    sources[0], sources[-1] = left[0], right[-1]
    u = np.concatenate([[1.0], solve_banded((1, 1), bands, sources), [1.0]])
    inside = u[n_cells : 2 * n_cells + 1]
    mean = partition * (inside.sum() - (inside[0] + inside[-1]) / 2) / n_cells
    return float(left[0] * u[0] - right[0] * u[1]), float(mean)
