"""Several processes that work as one: batch statistics over all of their rows."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor


def processes() -> int:
    """How many processes train together; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in the order of their ranks.

    Every process is to compute the same loss of what it gets. The gradient of that loss, summed
    over the processes, comes back to the rows; so where gradients of weights are averaged over
    processes, as DistributedDataParallel does, they are those of one process with all the rows.
    It may be differentiated twice.

    Args:
        rows: (n, ...), the same n and shape in every process.

    Returns:
        (n * processes, ...); *rows* itself without a process group.
    """
    count = processes()
    if count == 1:
        return rows
    before = dist.get_rank() * len(rows)
    after = (count - 1) * len(rows) - before
    # Each process adds its rows to zeros, so the sum is exact, and its gradient is the same sum.
    placed = F.pad(rows, (*(0, 0) * (rows.dim() - 1), before, after))
    total: Tensor = _Sum.apply(placed)
    return total


def own(rows: Tensor) -> Tensor:
    """This process's share of what `gathered` gave: (n * processes, ...) -> (n, ...)."""
    if processes() == 1:
        return rows
    n = len(rows) // processes()
    return rows[dist.get_rank() * n :][:n]


class _Sum(torch.autograd.Function):
    """Sum over the processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *grads: Tensor) -> Any:
        return _Sum.apply(*grads)
