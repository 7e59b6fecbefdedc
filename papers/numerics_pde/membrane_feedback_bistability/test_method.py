"""The closed forms against finite volumes and limits, the steady states against other ways to find them."""

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from papers.numerics_pde.membrane_feedback_bistability.method import (
    Feedback,
    Membrane,
    crossovers,
    equilibrium_uptake,
    finite_volumes,
    flux,
    folds,
    switch,
    uptake,
)

REPULSIVE = Membrane(interaction=10.0, crossover=0.557)
COLLAPSING = Membrane(interaction=0.0, crossover=2.3, unloaded=0.05, loaded=0.35)
FORCES = np.geomspace(0.03, 32, 150)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_finite_volumes_converge_to_the_closed_forms_at_second_order(rng):
    for _ in range(10):
        slab = (10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-2, 0), 10 ** rng.uniform(-2, 2), rng.uniform(1.2, 4))
        exact = np.array([flux(*slab), uptake(*slab)])
        coarse, fine = (np.abs(finite_volumes(*slab, n) / exact - 1) for n in (200, 400))
        assert coarse.max() < 1e-3
        assert np.all((fine < coarse / 3.5) | (coarse < 1e-8))


def test_uptake_is_the_mean_of_the_integrated_profile():
    """c = K e^{F z} (e^{F L/2} - j times the integral of e^{-F s}/P(s) from -L/2 to z), in units of c0."""
    force, diffusivity, partition, length = 3.0, 0.2, 4.0, 2.5
    j = flux(force, diffusivity, partition, length)

    def inside(z):
        before = (np.exp(force * length / 2) - np.exp(force / 2)) / force
        within = (np.exp(force / 2) - np.exp(-force * z)) / force / (diffusivity * partition)
        return partition * np.exp(force * z) * (np.exp(force * length / 2) - j * (before + within))

    assert uptake(force, diffusivity, partition, length) == pytest.approx(quad(inside, -0.5, 0.5)[0], rel=1e-10)


@pytest.mark.parametrize(("diffusivity", "partition"), [(0.1, 0.05), (0.3, 20.0), (0.9, 1.0)])
def test_limits_of_small_and_large_force(diffusivity, partition):
    length, weak, strong = 2.0, 1e-6, 100.0
    series = 1 + (1 / (diffusivity * partition) - 1) / length  # resistances in series, times 1/L
    assert flux(weak, diffusivity, partition, length) == pytest.approx(weak / series, rel=1e-5)
    assert uptake(weak, diffusivity, partition, length) == pytest.approx(partition, rel=1e-4)
    assert flux(strong, diffusivity, partition, length) == pytest.approx(strong, rel=1e-6)
    jammed = 1 / diffusivity + (partition - 1 / diffusivity) / strong  # 1/D, and the layer at the entrance
    assert uptake(strong, diffusivity, partition, length) == pytest.approx(jammed, rel=1e-6)


def test_a_slab_like_the_bulk_is_not_noticed():
    np.testing.assert_allclose(flux(FORCES, 1.0, 1.0, 2.0), FORCES, rtol=1e-14)
    np.testing.assert_allclose(uptake(FORCES, 1.0, 1.0, 2.0), 1.0, rtol=1e-12)


def test_equilibrium_uptake_is_that_of_a_vanishing_force():
    np.testing.assert_array_equal(equilibrium_uptake(FORCES, 0.3, 7.0, 2.0), 7.0)


def test_materials():
    assert REPULSIVE.diffusivity(np.float64(0.5)) == pytest.approx(np.exp(-5.0))
    assert REPULSIVE.partition(np.float64(0.2)) == pytest.approx(np.exp(-2.0))
    for membrane in (REPULSIVE, COLLAPSING):
        assert membrane.response(0.0) == pytest.approx(membrane.unloaded, abs=1e-4)
        assert membrane.response(10 * membrane.crossover) == pytest.approx(membrane.loaded, abs=1e-4)
        assert membrane.response(membrane.crossover) == pytest.approx(0.2)
        slope = (membrane.response(membrane.crossover * 1.0001) - 0.2) / (membrane.crossover * 0.0001)
        expected = (membrane.loaded - membrane.unloaded) / (4 * 0.1 * membrane.crossover)
        assert slope == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("membrane", [REPULSIVE, COLLAPSING, Membrane(10.0, 0.066), Membrane(-10.0, 5.0)])
def test_steady_states_are_odd_in_number_and_alternate(membrane):
    loop = Feedback(membrane)
    index, phi, stable = loop.steady_states(FORCES, 1000)
    np.testing.assert_allclose(loop.mismatch(phi, FORCES[index]), 0, atol=1e-9)
    for k in range(FORCES.size):
        here = stable[index == k]
        np.testing.assert_array_equal(here, np.arange(here.size) % 2 == 0)
        assert here.size % 2 == 1


def test_stability_is_the_sign_of_the_slope():
    loop = Feedback(REPULSIVE)
    index, phi, stable = loop.steady_states(FORCES, 1000)
    slope = loop.mismatch(phi + 1e-7, FORCES[index]) - loop.mismatch(phi - 1e-7, FORCES[index])
    np.testing.assert_array_equal(slope < 0, stable)
    assert not stable.all()


@pytest.mark.parametrize("membrane", [REPULSIVE, COLLAPSING])
def test_steady_states_are_those_of_the_closed_form_crossovers(membrane):
    """Their number at a force is how often the explicit curve c_c(phi) passes the crossover of the membrane."""
    _, curves = crossovers(membrane, FORCES, 40_000)
    passes = np.count_nonzero(np.diff(curves > membrane.crossover, axis=1), axis=1)
    index, _, _ = Feedback(membrane).steady_states(FORCES, 1000)
    np.testing.assert_array_equal(np.bincount(index), passes)
    assert set(passes) == {1, 3}


def test_relaxation_ends_on_either_side_of_the_unstable_state():
    loop, force = Feedback(REPULSIVE), np.array([3.0])
    _, phi, stable = loop.steady_states(force, 1000)
    np.testing.assert_array_equal(stable, [True, False, True])
    for start, end in ((phi[1] - 1e-3, phi[0]), (phi[1] + 1e-3, phi[2])):
        relaxed = solve_ivp(lambda _, p: loop.mismatch(p, force), (0, 400), [start], rtol=1e-9, atol=1e-11).y[0, -1]
        assert relaxed == pytest.approx(end, abs=1e-6)
        assert loop.sweep(force, start, 1000)[0] == pytest.approx(end, abs=1e-9)


def test_sweep_follows_slow_relaxation():
    """phi' = mismatch while the force doubles slowly and passes the fold."""
    loop, forces = Feedback(REPULSIVE), np.geomspace(4.0, 7.0, 30)
    duration = 20_000.0
    solution = solve_ivp(
        lambda t, p: loop.mismatch(p, 4.0 * 1.75 ** (t / duration)),
        (0, duration),
        [REPULSIVE.unloaded],
        t_eval=np.linspace(0, duration, 30),
        method="LSODA",
        rtol=1e-7,
    )
    away = np.abs(np.log(forces / 5.3087)) > 0.03  # the ramp lags behind at the fold
    np.testing.assert_allclose(solution.y[0][away], loop.sweep(forces, 0.35, 1000)[away], atol=3e-3)


@pytest.mark.parametrize("upward", [True, False])
def test_switches_happen_where_the_crossover_is_a_fold(upward):
    forces, start = (FORCES, 0.35) if upward else (FORCES[::-1], 0.05)
    force, decades = switch(Feedback(REPULSIVE), forces, start, 1000)
    ends, jumps = folds(REPULSIVE, np.array([force]), 20_000)
    end = 0 if upward else 1  # the collapsed state needs a crossover above the lower end
    assert ends[0, end] == pytest.approx(0.557, rel=2e-3)
    assert abs(decades) == pytest.approx(abs(jumps[0, end]), abs=0.1)  # one per cent adds a little
    assert (decades > 0) == upward


def test_without_feedback_nothing_switches():
    open_loop = Feedback(REPULSIVE, closed=False)
    index, phi, _ = open_loop.steady_states(FORCES, 1000)
    assert np.bincount(index).max() == 1
    inside = uptake(FORCES, REPULSIVE.diffusivity(0.35), REPULSIVE.partition(0.35), 2.0)
    np.testing.assert_allclose(phi, REPULSIVE.response(inside), atol=1e-9)
    assert abs(switch(open_loop, FORCES, 0.35, 1000)[1]) < 0.5


def test_attracted_solutes_close_a_negative_loop():
    """Uptake rises with the volume fraction at every force, so that a membrane that swells has one steady state."""
    phi = np.linspace(0.05, 0.35, 300)
    for interaction in (-15.0, -5.0, 0.0):
        membrane = Membrane(interaction, 1.0)
        inside = uptake(FORCES[:, None], membrane.diffusivity(phi), membrane.partition(phi), 2.0)
        assert np.all(np.diff(inside, axis=1) > 0)
        assert np.isnan(folds(membrane, FORCES, 1000)[0]).all()
