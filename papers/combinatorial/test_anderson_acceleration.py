import numpy as np

from papers.combinatorial.anderson_acceleration import AndersonAcceleration


def iterate(step, start: np.ndarray, count: int, **keywords) -> np.ndarray:
    acceleration, point = AndersonAcceleration(**keywords), start
    for _ in range(count):
        point = acceleration.advance(point, step(point))
    return point


def slow_contraction(order: int) -> tuple:
    """An affine map whose contraction factors reach 0.999, and its fixed point."""
    factors = np.linspace(0.9, 0.999, order)
    fixed_point = np.arange(1.0, order + 1)
    return lambda point: fixed_point + factors * (point - fixed_point), fixed_point


def test_affine_map_is_solved_in_about_as_many_steps_as_dimensions():
    step, fixed_point = slow_contraction(3)
    accelerated = iterate(step, np.zeros(3), 12, memory=3, interval=1)
    plain = iterate(step, np.zeros(3), 12, memory=0)
    assert np.linalg.norm(accelerated - fixed_point) < 1e-6 * np.linalg.norm(plain - fixed_point)


def test_without_memory_it_is_the_plain_iteration():
    step, _ = slow_contraction(3)
    point = np.zeros(3)
    for _ in range(7):
        point = step(point)
    np.testing.assert_array_equal(iterate(step, np.zeros(3), 7, memory=0), point)


def test_extrapolation_that_moves_further_is_undone():
    acceleration = AndersonAcceleration(memory=1, interval=1)
    acceleration.advance(np.array([0.0]), np.array([1.0]))
    plain = np.array([1.9])
    proposal = acceleration.advance(np.array([1.0]), plain)
    assert proposal[0] > plain[0]
    far = proposal + 100.0
    np.testing.assert_array_equal(acceleration.advance(proposal, far), plain)
    np.testing.assert_array_equal(acceleration.advance(plain, far), far)  # and the records are dropped


def test_forgetting_starts_again():
    acceleration = AndersonAcceleration(memory=1, interval=1)
    acceleration.advance(np.array([0.0]), np.array([1.0]))
    acceleration.forget()
    image = np.array([1.9])
    np.testing.assert_array_equal(acceleration.advance(np.array([1.0]), image), image)
