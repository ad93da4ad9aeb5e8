"""Several processes that train as one: shares of a batch, statistics and draws over all of it.

Outside of a training step every process is on its own, whatever others there are: then the
functions here do nothing. So evaluation, and pictures that one process draws, need no others.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

# The first process may work for hours while the others wait for it. One that dies closes its
# connections, which is noticed at once.
PATIENCE = datetime.timedelta(days=7)


@dataclass(frozen=True)
class Shares:
    """How the batch of the present training step is divided."""

    count: int = 1  # equal shares
    number: int = 0  # of the share that this process has
    team: Any = None  # processes with one of each; None: all there are


_shares = Shares()  # not of a thread: gradients are worked out in threads of their own


@contextlib.contextmanager
def shared(count: int) -> Iterator[None]:
    """A training step on a batch that is divided into *count* equal shares. All must enter.

    Process r has share r mod *count*: where there are more processes than shares, several have
    the same one and do the same work.

    Args:
        count: a divisor of the number of processes.
    """
    global _shares
    before, _shares = _shares, _divided(count)
    try:
        yield
    finally:
        _shares = before


def processes() -> int:
    """Shares of the present training batch, one for each process; 1 outside of a step."""
    return _shares.count


def this_share() -> tuple[int, int]:
    """How many shares the present batch is divided into, and which of them is this process's."""
    return _shares.count, _shares.number


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their shares.

    The gradients that the processes have for what they get are added up, and come back to the
    rows; so where gradients of weights are averaged over processes, as the engine does before
    every step of an optimiser, they are those of one process with all the rows: both of a loss
    that every process computes of all rows, and of one that each computes of its own.
    It may be differentiated twice.

    Args:
        rows: (n, ...), the same n and shape in every process.

    Returns:
        (n * processes, ...); *rows* itself where the batch is not shared.
    """
    count, number = _shares.count, _shares.number
    if count == 1:
        return rows
    before = number * len(rows)
    after = (count - 1) * len(rows) - before
    # Each process adds its rows to zeros, so the sum is exact, and its gradient is the same sum.
    placed = F.pad(rows, (*(0, 0) * (rows.dim() - 1), before, after))
    total: Tensor = _Sum.apply(placed)
    return total


def own(rows: Tensor) -> Tensor:
    """This process's share of what `gathered` gave: (n * processes, ...) -> (n, ...)."""
    if _shares.count == 1:
        return rows
    n = len(rows) // _shares.count
    return rows[_shares.number * n :][:n]


def drawn(
    draw: Callable[[tuple[int, ...]], Tensor], shape: Sequence[int], parts: int = 1
) -> Tensor:
    """Random numbers for this process's rows: its share of those drawn for the whole batch.

    All processes draw all of them from equal generators, so that each row has the numbers it
    would have with one process, and the generators stay equal.

    Args:
        draw: gives random numbers of a shape.
        shape: (n, ...), what is wanted.
        parts: batches that the rows are made of, one after the other, such as real images and
            generated ones; each is shared.

    Returns:
        (n, ...).
    """
    count, number = _shares.count, _shares.number
    n, *rest = shape
    if count == 1:
        return draw((n, *rest))
    whole = draw((n * count, *rest)).view(parts, count, n // parts, *rest)
    return whole[:, number].reshape(n, *rest)


class BatchNorm2d(nn.BatchNorm2d):
    """Torch's, with the statistics of the whole batch where training shares it."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        if _shares.count == 1 or not self.training:
            return super().forward(x)
        wide = x.float() if x.dtype.itemsize < 4 else x
        variance, mean = torch.var_mean(wide, dim=(0, 2, 3), correction=0)
        moments = gathered(torch.stack([mean, variance])[None])
        # All shares are equally large.
        mean = moments[:, 0].mean(0)
        variance = moments[:, 1].mean(0) + moments[:, 0].var(0, correction=0)
        if self.track_running_stats:
            self._remember(mean.detach(), variance.detach(), _shares.count * x.numel() / len(mean))
        scale = (variance + self.eps).rsqrt()
        y = (wide - mean[:, None, None]) * scale[:, None, None]
        if self.affine:
            y = y * self.weight[:, None, None] + self.bias[:, None, None]
        return y.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, numbers: float) -> None:
        """Into the running statistics, of which the variance is divided by *numbers* - 1."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        unbiased = variance * (numbers / (numbers - 1))
        self.running_var.lerp_(unbiased.to(self.running_var), share)


@functools.cache
def _divided(count: int) -> Shares:
    """Teams of *count* processes; made once, by all together, since it takes talk."""
    if count == 1:
        return Shares()
    everyone, rank = dist.get_world_size(), dist.get_rank()
    assert everyone % count == 0, f"{count} shares for {everyone} processes"
    if count == everyone:
        return Shares(count, rank)
    firsts = range(0, everyone, count)
    teams = [dist.new_group(range(k, k + count), timeout=PATIENCE) for k in firsts]
    return Shares(count, rank % count, teams[rank // count])


class _Sum(torch.autograd.Function):
    """Sum over the processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=_shares.team)
        return total

    @staticmethod
    def backward(_: Any, *grads: Tensor) -> Any:
        return _Sum.apply(*grads)
