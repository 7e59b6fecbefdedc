"""The recursion and the search against SciPy, SymPy and known special cases."""

import numpy as np
import pytest
import sympy
from scipy.special import eval_chebyt

from papers.quantum.amplitude_amplification import plane_success, search_states, success_probability
from papers.quantum.quasi_chebyshev_search import experiment, method

X = np.linspace(-1, 1, 101)


@pytest.mark.parametrize("z", [-3.0, -1.0, -0.2, 0.0, 0.7, 1.0, 2.5])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_chebyshev_equals_scipy(length, z):
    assert method.chebyshev(length, z) == pytest.approx(eval_chebyt(length, z), rel=1e-12, abs=1e-12)


def test_fractional_chebyshev_inverts_the_integer_one():
    assert method.chebyshev(1 / 7, method.chebyshev(7, 1.3)) == pytest.approx(1.3)


def test_phases_zero_give_chebyshev():
    np.testing.assert_allclose(method.quasi_chebyshev(X, np.zeros(8)), eval_chebyt(9, X), atol=1e-13)


@pytest.mark.parametrize("length", [3, 11, 51])
@pytest.mark.parametrize("gamma", [0.3, 0.9])
def test_lemma_against_scipy(length, gamma):
    found = method.quasi_chebyshev(X, method.lemma_phases(length, gamma))
    np.testing.assert_allclose(found, eval_chebyt(length, X / gamma) / eval_chebyt(length, 1 / gamma), atol=1e-12)


@pytest.mark.parametrize("length", [3, 5])
def test_lemma_is_an_identity(length):
    """Exactly, with t = tan(n pi/L): e^{-i phi} = (1 - i t g)/(1 + i t g) for g = sqrt(1 - gamma^2)."""
    x, gamma = sympy.symbols("x gamma", positive=True)
    g = sympy.sqrt(1 - gamma**2)
    previous, current = sympy.Integer(1), x
    for n in range(1, length):
        t = sympy.tan(sympy.pi * n / length)
        turn = (1 - sympy.I * t * g) / (1 + sympy.I * t * g)
        previous, current = current, x * (1 + turn) * current - turn * previous
    closed = sympy.chebyshevt(length, x / gamma) / sympy.chebyshevt(length, 1 / gamma)
    point = {x: sympy.Rational(2, 7), gamma: sympy.Rational(3, 5)}
    assert abs(sympy.N((current - closed).subs(point), 60)) < 1e-50


def test_delta_of_one_is_grover():
    alphas, betas = method.search_phases(6, 1 - 1e-12)
    np.testing.assert_allclose(np.abs(alphas), np.pi, atol=1e-4)
    np.testing.assert_allclose(np.abs(betas), np.pi, atol=1e-4)


@pytest.mark.parametrize(("n_iterations", "delta"), [(1, 0.5), (4, 0.1), (12, 0.02)])
def test_search_has_the_predicted_success(n_iterations, delta):
    marked = np.arange(32) < np.arange(1, 33)[:, None]
    states = search_states(marked, *method.search_phases(n_iterations, delta))
    predicted = method.predicted_success(marked.mean(axis=1), n_iterations, delta)
    np.testing.assert_allclose(success_probability(states, marked), predicted, atol=1e-12)
    np.testing.assert_allclose(np.abs(states**2).sum(axis=1), 1)


def test_order_of_the_phases_matters_but_not_when_all_items_are_marked():
    wrong = method.search_phases(6, 0.1, reverse_oracle=False)
    assert plane_success(np.array([1.0]), *wrong)[0] == pytest.approx(1)
    fraction = np.array([0.3])
    assert abs(plane_success(fraction, *wrong) - method.predicted_success(fraction, 6, 0.1))[0] > 1e-3


def test_success_is_exactly_the_promise_at_the_bound():
    bound = method.smallest_fraction(21, 0.2)
    assert plane_success(np.array([bound]), *method.search_phases(10, 0.2))[0] == pytest.approx(1 - 0.04)
    assert plane_success(np.array([0.9 * bound]), *method.search_phases(10, 0.2))[0] < 1 - 0.04


def test_queries_of_the_pi_third_search():
    # (1 - w)^(3^m) = 0.01 at 3^m = ln 0.01/ln(1 - w).
    power = np.log(0.01) / np.log(1 - 1 / 256)
    assert experiment.pi_third_queries(1 / 256) == pytest.approx(power - 1, rel=1e-6)
