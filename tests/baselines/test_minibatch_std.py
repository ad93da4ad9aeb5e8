"""Statistics over the groups of a batch, for one process and for two."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from draws import rng
from torch import Tensor

minibatch: Any = import_module("genbench.baselines._parts.minibatch_std")
ALL = ("std", "kurtosis", "skewness")


def column(*values: float) -> Tensor:
    """Images of one pixel."""
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def test_members_of_a_group_stand_apart() -> None:
    """16 values in groups of 4: image i is in group i mod 4, so 0, 0, 0, 0 are in four groups.

    Group 0 is 0, 1, 100, 7 and so on; the population deviation, not the sample's.
    """
    values = [0, 0, 0, 0, 1, 2, 3, 4, 100, 101, 102, 103, 7, 7, 7, 9]
    x = column(*values)
    rows = minibatch.group_statistics(x, 4, ("std",))[:, 0]

    for i in range(16):
        members = torch.tensor([values[i % 4 + 4 * k] for k in range(4)], dtype=torch.float32)
        assert rows[i] == pytest.approx(float(members.std(correction=0)), rel=1e-5)


def test_a_deviation_is_averaged_over_channels_and_pixels_into_one_channel() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 5, 4, 4, generator=rng(1))
    layer = minibatch.MinibatchStatistics(4, ("std",))
    out = layer(x)

    assert out.shape == (8, 6, 4, 4)
    assert torch.equal(out[:, :5], x)
    for i in range(8):
        expected = x[i % 2 :: 2].std(0, correction=0).mean()
        assert torch.allclose(out[i, 5], expected.expand(4, 4), rtol=1e-4)


def test_equal_images_have_the_least_deviation_and_a_gradient() -> None:
    x = torch.ones(4, 2, 4, 4, requires_grad=True)
    out = minibatch.MinibatchStatistics(4, ("std",))(x)
    out.sum().backward()

    assert float(out[0, 2, 0, 0].detach()) == pytest.approx(1e-4)
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_other_moments_are_those_of_the_textbook() -> None:
    """Values 0, 0, 0, 4: variance 3, third moment 6, fourth 21; the largest kurtosis of four."""
    std, kurtosis, skewness = minibatch.group_statistics(column(0, 0, 0, 4), 4, ALL)[0]

    assert std == pytest.approx(3**0.5)
    assert skewness == pytest.approx(6 / 3**1.5)
    assert kurtosis == pytest.approx(21 / 9)
    assert kurtosis == pytest.approx(4 - 2 + 1 / 3)


def test_other_moments_have_no_unit() -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 3, 4, 4, generator=rng(2))
    a, b = (minibatch.group_statistics(y, 8, ALL) for y in (x, 1 - 5 * x))

    assert torch.allclose(b[:, 0], 5 * a[:, 0], rtol=1e-4)
    assert torch.allclose(b[:, 1], a[:, 1], rtol=1e-3)
    assert torch.allclose(b[:, 2], -a[:, 2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("n", "group", "size"),
    [(16, 4, 4), (12, 0, 12), (14, 16, 14), (3, 4, 3), (10, 4, 2), (1, 4, 1)],
)
def test_groups_divide_the_batch(n: int, group: int, size: int) -> None:
    assert minibatch.group_size(n, group) == size


def test_order_of_the_channels_is_as_asked() -> None:
    x = column(0, 0, 0, 4)
    layer = minibatch.MinibatchStatistics(4, ALL)

    assert layer(x)[0, 1:, 0, 0].tolist() == pytest.approx([3**0.5, 21 / 9, 6 / 3**1.5])
    assert not layer(x, mates=False)[:, 1:].any()
    assert minibatch.MinibatchStatistics(4, ())(x) is x
