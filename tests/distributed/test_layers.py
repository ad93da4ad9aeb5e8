"""Two processes with half a batch each are one with the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from draws import rng
from together import alone, together

from genbench.distributed import gathered, own, processes

LOSS = """
from genbench.baselines._parts.losses import batch_kl
torch.manual_seed(0)
weight = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
images = torch.randn(8, 7, dtype=torch.float64)
mine = images[RANK * 8 // COUNT :][: 8 // COUNT]
codes = torch.nn.functional.normalize(mine @ weight.T, dim=1)
loss = batch_kl(codes)
loss.backward()
gradient = weight.grad
if COUNT > 1:
    dist.all_reduce(gradient)
    gradient /= COUNT  # as DistributedDataParallel does
tell([loss.item(), gradient.flatten().tolist()])
"""

TWICE = """
from genbench.distributed import gathered
torch.manual_seed(0)
x = torch.randn(6, 3, dtype=torch.float64)[RANK * 6 // COUNT :][: 6 // COUNT].requires_grad_()
y = gathered(x)
(slope,) = torch.autograd.grad((y.square().sum(0) * y.sum(0)).sum() / COUNT, x, create_graph=True)
slope.square().sum().backward()
tell([slope.detach().tolist(), x.grad.tolist()])
"""


def test_alone_the_rows_are_ones_own() -> None:
    rows = torch.randn(3, 2, generator=rng(1))

    assert processes() == 1
    assert gathered(rows) is rows
    assert own(rows) is rows


def test_moments_and_their_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    loss, gradient = alone(LOSS)

    for other_loss, other in together(LOSS, tmp_path, 2):
        assert other_loss == pytest.approx(loss, rel=1e-14)
        assert other == pytest.approx(gradient, rel=1e-12, abs=1e-15)


def test_a_gathered_batch_can_be_differentiated_twice(tmp_path: Path) -> None:
    """A gradient penalty goes through minibatch statistics."""
    slope, curve = alone(TWICE)

    told = together(TWICE, tmp_path, 2)

    for number, whole in enumerate((slope, curve)):
        halves = torch.cat([torch.tensor(part[number]) for part in told])
        torch.testing.assert_close(halves, torch.tensor(whole), rtol=1e-6, atol=0)
