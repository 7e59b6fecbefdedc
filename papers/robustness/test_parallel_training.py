"""Training of many copies against torch's own Adam, one copy at a time."""

import numpy as np
import pytest
import torch

from papers.robustness.parallel_training import minibatches, train_copies, triangular_schedule


class Lines(torch.nn.Module):
    """Straight lines, one a copy."""

    def __init__(self, n_copies):
        super().__init__()
        self.slope = torch.nn.Parameter(torch.linspace(-1, 1, n_copies, dtype=torch.float64)[:, None])
        self.level = torch.nn.Parameter(torch.zeros(n_copies, 1, dtype=torch.float64))
        self.idle = torch.nn.Parameter(torch.ones(n_copies, 2, dtype=torch.float64))

    def forward(self, x):
        return self.slope * x + self.level


def test_every_copy_follows_adam_with_its_own_rate():
    n_steps, rates = 40, torch.tensor([0.01, 0.1, 0.3], dtype=torch.float64)
    x = torch.linspace(-1, 2, 20, dtype=torch.float64)
    y = torch.sin(x)
    batches = minibatches(20, 7, n_steps, np.random.default_rng(0))
    lines = Lines(3)
    train_copies(lines, lambda s: (lines(x[batches[s]]) - y[batches[s]]).square().mean(1), rates, n_steps)
    for copy, rate in enumerate(rates.tolist()):
        alone = Lines(3)
        optimiser = torch.optim.Adam([alone.slope, alone.level], lr=1.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: rate * triangular_schedule((s + 1) / n_steps))  # noqa: B023
        for step in range(n_steps):
            optimiser.zero_grad()
            (alone(x[batches[step]]) - y[batches[step]])[copy].square().mean().backward()
            optimiser.step()
            schedule.step()
        torch.testing.assert_close(lines.slope[copy], alone.slope[copy])
        torch.testing.assert_close(lines.level[copy], alone.level[copy])
    assert torch.equal(lines.idle, torch.ones(3, 2, dtype=torch.float64))  # it enters no loss


def test_schedule_rises_and_falls():
    assert [triangular_schedule(p) for p in (0.0, 0.2, 0.4, 0.8, 1.0)] == pytest.approx([0, 0.5, 1, 0.05, 0])


def test_minibatches_pass_over_all_points_before_any_comes_again():
    batches = minibatches(10, 4, 6, np.random.default_rng(0))
    assert batches.shape == (6, 4)
    order = batches.flatten()
    assert sorted(order[:10].tolist()) == sorted(order[10:20].tolist()) == list(range(10))
