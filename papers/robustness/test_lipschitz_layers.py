"""Lipschitz layers against linear algebra, finite differences and each other."""

import numpy as np
import pytest
import torch

from papers.robustness.lipschitz_layers import KINDS, almost_orthogonal, cayley, lipschitz_network

SIZES = (3, 7, 7, 7, 4)


def network(kind, gamma=(1.0,), seed=0, spread=3.0):
    """A network with parameters well away from their first values."""
    generator = torch.Generator().manual_seed(seed)
    made = lipschitz_network(kind, SIZES, torch.tensor(gamma, dtype=torch.float64), generator)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(spread * torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 4)
    return made


@pytest.mark.parametrize(("rows", "columns"), [(9, 4), (5, 5), (3, 8), (6, 1)])
def test_cayley_has_orthonormal_columns_or_rows(rows, columns):
    free = torch.randn(3, rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q = cayley(free)
    gram = q.mT @ q if rows >= columns else q @ q.mT
    torch.testing.assert_close(gram, torch.eye(min(rows, columns)).double().expand_as(gram), rtol=0, atol=1e-12)


def test_cayley_follows_its_formula():
    free = torch.randn(7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
    x, y = free[:3], free[3:]
    z = x - x.T + y.T @ y
    inverse = np.linalg.inv(np.eye(3) + z)
    expected = np.vstack([inverse @ (np.eye(3) - z), -2 * y @ inverse])
    np.testing.assert_allclose(cayley(torch.from_numpy(free)).numpy(), expected, rtol=0, atol=1e-13)


def test_gradient_of_cayley_equals_finite_differences():
    free = torch.randn(5, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cayley, free)


def test_almost_orthogonal_bounds_the_norm_and_keeps_orthogonal_matrices():
    weight = torch.randn(20, 6, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    norms = torch.linalg.matrix_norm(almost_orthogonal(weight), ord=2)
    assert norms.max() <= 1 + 1e-12
    assert norms.min() > 0.3
    q = cayley(weight[0].mT)
    torch.testing.assert_close(almost_orthogonal(3 * q), q)
    assert torch.equal(almost_orthogonal(torch.zeros(2, 2)), torch.zeros(2, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_no_pair_of_points_exceeds_the_bound(kind):
    made = network(kind, gamma=(0.5, 4.0))
    rng = torch.Generator().manual_seed(4)
    x = torch.randn(3000, 3, generator=rng, dtype=torch.float64) * 3
    step = torch.randn(3000, 3, generator=rng, dtype=torch.float64) * 10 ** torch.linspace(-4, 1, 3000)[:, None]
    with torch.no_grad():
        ratio = (made(x + step) - made(x)).norm(dim=2) / step.norm(dim=1) / made.gamma[:, None]
    assert ratio.max() <= 1 + 1e-9
    assert ratio.max() > 0.1  # the bound is not met by a network that is nearly constant


@pytest.mark.parametrize("kind", KINDS)
def test_training_can_use_most_of_the_bound(kind):
    # One hidden layer, gradient ascent on the slope of a single direction: every kind contains a near-isometry.
    made = lipschitz_network(kind, (2, 6, 2), torch.ones(1), torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(made.parameters(), lr=0.05)
    x = torch.tensor([[1.0, 0.0], [0.5, 0.0]], dtype=torch.float64)
    for _ in range(70):
        slope = (made(x)[0, 0] - made(x)[0, 1]).norm() / 0.5
        optimiser.zero_grad()
        (-slope).backward()
        optimiser.step()
    assert 0.9 < slope.item() <= 1 + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_copies_equal_separate_networks(kind):
    made = network(kind, gamma=(1.0, 9.0))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for copy, gamma in enumerate((1.0, 9.0)):
        alone = lipschitz_network(kind, SIZES, torch.tensor([gamma]), torch.Generator())
        for target, source in zip(alone.parameters(), made.parameters(), strict=True):
            target.data.copy_(source.data[copy : copy + 1])
        torch.testing.assert_close(alone(x)[0], made(x)[copy])


def test_copies_start_alike_and_count_their_parameters():
    made = lipschitz_network("orthogonal", (3, 5, 2), torch.ones(4), torch.Generator().manual_seed(0))
    assert all(torch.equal(part, parameter[0]) for parameter in made.parameters() for part in parameter)
    assert made.n_parameters == (3 * 5 + 5 + 1) + (5 * 2 + 2 + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_zero_biases_make_the_output_proportional_to_gamma(kind):
    made = network(kind, gamma=(1.5, 3.0))
    for parameter in made.parameters():
        parameter.data[1] = parameter.data[0]
    for module in made.layers:
        module.bias.data.zero_()
    outputs = made(torch.randn(10, 3, generator=torch.Generator().manual_seed(6), dtype=torch.float64))
    torch.testing.assert_close(outputs[1], 2 * outputs[0])


def test_unknown_kinds_and_uneven_residual_widths_are_errors():
    with pytest.raises(ValueError, match="kind must be one of"):
        lipschitz_network("plain", (1, 2, 1), torch.ones(1), torch.Generator())
    with pytest.raises(ValueError, match="one hidden width"):
        lipschitz_network("sll", (1, 2, 3, 1), torch.ones(1), torch.Generator())
