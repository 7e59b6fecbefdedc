"""Sequences of diagonal shifts under two laws, and right-hand sides."""

import numpy as np

# Of c = -0.15 + 0.6 Beta(a, b): the authors' two laws, with standard deviations 0.15 and 0.09
LAWS = {"high_variance": (0.5, 1.5), "low_variance": (2.0, 6.0)}


def generate(params, rng):
    """Shifts of each law, (n_instances,), and right-hand sides, which do not depend on the law.

    The reference right-hand sides, (shifts, repetitions, side, side), are for measuring the constant of the bound on
    other systems than those that it is checked on.
    """
    shifts = {f"shifts_{law}": -0.15 + 0.6 * rng.beta(a, b, params.n_instances) for law, (a, b) in LAWS.items()}
    n_reference = params.n_reference_shifts * params.n_reference_sides
    reference = truncated_normals(n_reference, params.side, rng)
    return shifts | {
        "right_hand_sides": truncated_normals(params.n_instances, params.side, rng),
        "reference_right_hand_sides": reference.reshape(
            params.n_reference_shifts, params.n_reference_sides, params.side, params.side
        ),
    }


def truncated_normals(n_vectors, side, rng):
    """(n_vectors, side, side) standard normal entries, drawn anew until the norm is at most its root mean square."""
    vectors = rng.standard_normal((n_vectors, side, side))
    while (outside := np.linalg.norm(vectors, axis=(1, 2)) > side).any():
        vectors[outside] = rng.standard_normal((outside.sum(), side, side))
    return vectors
