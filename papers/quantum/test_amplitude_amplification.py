"""Simulated amplitude amplification against closed forms and matrices."""

import numpy as np
import pytest

from papers.quantum.amplitude_amplification import (
    grover_iterations,
    pi_third_success,
    plane_success,
    search_states,
    success_probability,
)


def mark(n_items, n_marked):
    return (np.arange(n_items) < n_marked)[None]


def test_one_grover_iteration_finds_one_of_four_with_certainty():
    states = search_states(mark(4, 1), np.array([np.pi]), np.array([np.pi]))
    assert success_probability(states, mark(4, 1))[0] == pytest.approx(1)


@pytest.mark.parametrize("n_iterations", [1, 3, 7])
def test_grover_rotates_by_twice_the_angle(n_iterations):
    phases = np.full(n_iterations, np.pi)
    found = success_probability(search_states(mark(50, 2), phases, phases), mark(50, 2))[0]
    assert found == pytest.approx(np.sin((2 * n_iterations + 1) * np.arcsin(np.sqrt(2 / 50))) ** 2)


def test_iterations_equal_explicit_matrices():
    rng = np.random.default_rng(0)
    n_items, alphas, betas = 6, rng.uniform(0, 6, 4), rng.uniform(0, 6, 4)
    marked = rng.random((1, n_items)) < 0.4
    source = np.full(n_items, n_items**-0.5)
    state = source.astype(complex)
    for alpha, beta in zip(alphas, betas, strict=True):
        oracle = np.eye(n_items) - (1 - np.exp(1j * beta)) * np.diag(marked[0])
        diffusion = np.eye(n_items) - (1 - np.exp(-1j * alpha)) * np.outer(source, source)
        state = -diffusion @ oracle @ state
    np.testing.assert_allclose(search_states(marked, alphas, betas)[0], state, atol=1e-14)


def test_plane_equals_all_items():
    rng = np.random.default_rng(1)
    alphas, betas = rng.uniform(0, 6, (2, 9))
    marked = np.arange(40) < np.array([[1], [7], [40]])
    found = success_probability(search_states(marked, alphas, betas), marked)
    np.testing.assert_allclose(plane_success(marked.mean(axis=1), alphas, betas), found, atol=1e-13)


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_pi_third_failure_is_a_power(depth):
    fractions = np.array([0.01, 0.3, 0.9])
    np.testing.assert_allclose(1 - pi_third_success(fractions, depth), (1 - fractions) ** (3**depth), atol=1e-13)


def test_grover_iterations_for_one_of_a_million():
    assert grover_iterations(1e-6) == 785
