"""Amplitude amplification simulated: search for marked items with phase-dependent reflections.

One iteration with phases (alpha, beta) is -S_s(alpha) S_t(beta), where S_t(beta) = I - (1 - e^{i beta}) P gives
marked items the phase e^{i beta}, S_s(alpha) = I - (1 - e^{-i alpha}) |s><s| reflects about the uniform state |s>,
and the oracle behind S_t is queried twice. Grover's algorithm has all phases equal to pi.
"""

import numpy as np


def search_states(marked: np.ndarray, alphas: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """State vectors after one iteration per phase pair, from the uniform state; simulated on all N items.

    Parameters
    ----------
    marked : boolean array (batch, N)
        The marked items of each search.
    alphas, betas : arrays (l,)
        Phases of the iterations, first one first.

    Returns
    -------
    complex array (batch, N)
    """
    n_items = marked.shape[-1]
    states = np.full(marked.shape, n_items**-0.5, dtype=complex)
    for alpha, beta in zip(alphas, betas, strict=True):
        states *= np.where(marked, np.exp(1j * beta), 1)
        # <s|state> |s> has the entry mean(state) everywhere.
        states -= (1 - np.exp(-1j * alpha)) * states.mean(axis=-1, keepdims=True)
        states *= -1
    return states


def success_probability(states: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Probability (batch,) to measure a marked item."""
    return (np.abs(states) ** 2 * marked).sum(axis=-1)


def plane_success(fractions: np.ndarray, alphas: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Success probability at marked fractions of any size, in the plane that the iterations leave invariant.

    The plane is spanned by the uniform states of the marked and of the unmarked items.

    Parameters
    ----------
    fractions : array (batch,), in (0, 1]
    alphas, betas : arrays (l,)

    Returns
    -------
    array (batch,)
    """
    source = np.stack([np.sqrt(fractions), np.sqrt(1 - fractions)])
    states = source.astype(complex)
    for alpha, beta in zip(alphas, betas, strict=True):
        states[0] *= np.exp(1j * beta)
        states -= (1 - np.exp(-1j * alpha)) * (source * states).sum(axis=0) * source
        states *= -1
    return np.abs(states[0]) ** 2


def grover_iterations(fraction: float) -> int:
    """The number of iterations that brings plain Grover search closest to success at a known marked fraction."""
    angle = np.arcsin(np.sqrt(fraction))
    return int(np.floor(np.pi / (4 * angle)))


def pi_third_success(fractions: np.ndarray, depth: int) -> np.ndarray:
    """Success of the recursive pi/3 search (Grover 2005), U_{m+1} = U_m R_s U_m^dagger R_t U_m, at a recursion depth m.

    It uses R_t (3^m - 1)/2 times, at two queries each. `fractions` has shape (batch,), and so has the result.
    """
    angle = np.arcsin(np.sqrt(fractions))
    # Columns: images of the marked and of the source direction; the source is mapped to (sin, cos).
    step = (
        np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1).astype(complex)
    )
    phase = np.exp(1j * np.pi / 3)
    about_marked, about_source = np.diag([phase, 1]), np.diag([1, phase])
    for _ in range(depth):
        step = step @ about_source @ step.conj().transpose(0, 2, 1) @ about_marked @ step
    return np.abs(step[:, 0, 1]) ** 2
