"""Processes that share one piece of work: who they are, what each does, how they agree.

Work goes from one point where all meet to the next. What fails on the way is told at the
next meeting, so that no process waits for one that has left. All talk is through the
memory of the host: what is told is small, or wanted there anyway.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from genbench import scratch
from genbench.distributed import processes
from genbench.errors import BadSetting, GenbenchError
from genbench.interfaces import State
from genbench.merging import check, whole
from genbench.seeds import BLOCK

T = TypeVar("T")
PIECE = 1 << 28  # bytes sent at once
# The first process may compare features for hours while the others wait for it. One that dies
# closes its connections, which is noticed at once.
PATIENCE = datetime.timedelta(days=7)


class OthersEnd(Exception):
    """Another process has failed in a way that ends all; its message is the text of this."""


def count() -> int:
    """How many processes work together; 1 without a process group."""
    return processes()


def rank() -> int:
    """Which of them this is: the first, 0, prints, writes and keeps."""
    return dist.get_rank() if count() > 1 else 0


def share(n: int) -> range:
    """The rows of 0..n that are this process's own: whole blocks, as nearly equal as can be."""
    blocks = -(-n // BLOCK)
    start, stop = (blocks * at // count() * BLOCK for at in (rank(), rank() + 1))
    return range(min(start, n), min(stop, n))


# --- agreement --------------------------------------------------------------------------


def everyone(mine: T) -> list[T]:
    """What each process says, in the order of ranks. All must ask.

    Raises:
        OthersEnd: a process has failed.
    """
    if count() == 1:
        return [mine]
    told = _tell((mine, None))
    for other, (_, end) in enumerate(told):
        if end is not None and other != rank():
            raise OthersEnd(end)
    return [said for said, _ in told]


@contextlib.contextmanager
def agreed() -> Iterator[None]:
    """Work that fails in every process where it fails in one. All meet at its end.

    Raises:
        GenbenchError: as raised here, or with the words of the first process that failed.
    """
    error: GenbenchError | None = None
    try:
        yield
    except GenbenchError as failure:
        error = failure
    told = everyone(None if error is None else str(error))
    if error is not None:
        raise error
    for text in told:
        if text is not None:
            raise GenbenchError(text)


@contextlib.contextmanager
def together(devices: int, device: torch.device) -> Iterator[torch.device]:
    """Work that ends in every process as it ends in one; gives the device of this process.

    Args:
        devices: processes on this machine, one for each device. Those that torchrun or SLURM
            has started are used; where there are none, this program is started so often.
        device: its type counts.

    Raises:
        BadSetting: another number of processes is there, or too few devices.
        GenbenchError: what ended another process.
    """
    own = launched(devices, device)
    try:
        yield own
    except OthersEnd as end:
        raise GenbenchError(str(end)) from None
    except Exception as error:
        if count() > 1:
            words = (
                str(error) if isinstance(error, GenbenchError) else f"process {rank()}: {error!r}"
            )
            with contextlib.suppress(OthersEnd):  # it has heard of another end, or tells nobody
                _tell((None, words))
        raise


def _tell(mine: tuple[Any, str | None]) -> list[tuple[Any, str | None]]:
    told: list[Any] = [None] * count()
    try:
        dist.all_gather_object(told, mine)
    except RuntimeError as error:
        raise OthersEnd("another process of this evaluation has died; see its messages") from error
    return told


# --- start ------------------------------------------------------------------------------


def launched(devices: int, device: torch.device) -> torch.device:
    """Join the other processes, or start them; the device that this one is to work on."""
    _check(devices, device)
    if devices == 1 and _started() == 1:
        return device
    fabric_module: Any = importlib.import_module("lightning_fabric")
    strategies: Any = importlib.import_module("lightning_fabric.strategies")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets, in ten lines
    try:
        fabric = fabric_module.Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=max(1, _started() // devices),
            strategy=strategies.DDPStrategy(process_group_backend="gloo", timeout=PATIENCE),
        )
        fabric.launch()
    except ValueError as error:  # Fabric's MisconfigurationException is not one: that is a bug
        raise BadSetting(f"--devices {devices}: {error}") from error
    own: torch.device = fabric.device
    return own


def _check(devices: int, device: torch.device) -> None:
    if devices < 1:
        raise BadSetting(f"--devices must be at least 1, got {devices}")
    started = _started()
    if started > 1 and (devices == 1 or started % devices):
        raise BadSetting(
            f"--devices {devices} was asked for, but {started} processes were started; "
            "say how many of them are on each machine"
        )
    if device.type == "cuda" and devices > torch.cuda.device_count():
        found = torch.cuda.device_count()
        raise BadSetting(f"--devices {devices} was asked for, but torch sees {found} GPUs here")
    if devices > 1 and started == 1 and hasattr(sys, "ps1"):
        raise BadSetting(
            f"--devices {devices} starts this program {devices} times, and here is none; "
            "use genbench evaluate, or a script"
        )


def _started() -> int:
    """Processes that torchrun, SLURM or an earlier call here has started."""
    if "WORLD_SIZE" in os.environ:
        return int(os.environ["WORLD_SIZE"])
    if os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return 1
    return int(os.environ.get("SLURM_NTASKS", "1"))


# --- states -----------------------------------------------------------------------------


def merged(state: State | None) -> dict[str, Tensor] | None:
    """The states of all processes as one, in the first process; None in the others.

    Args:
        state: of this process's share; None where it had no rows.
    """
    if state is not None:
        check(state)
    if count() == 1:
        assert state is not None
        return whole([state])
    shapes = everyone(None if state is None else _outline(state))
    known = next(shape for shape in shapes if shape is not None)
    sums = {
        name: _reduced(None if state is None else state.sums[name], shape, dist.ReduceOp.SUM)
        for name, shape in known.sums.items()
    }
    least = {
        name: _reduced(None if state is None else state.least[name], shape, dist.ReduceOp.MIN)
        for name, shape in known.least.items()
    }
    lengths = [0 if shape is None else shape.length for shape in shapes]
    mine = {} if state is None or state.index is None else {**state.rows, "index": state.index}
    rows = {name: _collected(mine.get(name), shape, lengths) for name, shape in known.rows.items()}
    if rank():
        return None
    index = rows.pop("index", None)
    return whole([State(sums, least, rows, index)])


Shape = tuple[torch.dtype, Sequence[int]]


@dataclass(frozen=True)
class Outline:
    """Types and shapes of a state: small enough to tell everyone."""

    sums: dict[str, Shape]
    least: dict[str, Shape]
    rows: dict[str, Shape]  # of one row
    length: int  # rows


def _outline(state: State) -> Outline:
    index = {} if state.index is None else {"index": state.index}
    return Outline(
        {name: (t.dtype, tuple(t.shape)) for name, t in state.sums.items()},
        {name: (t.dtype, tuple(t.shape)) for name, t in state.least.items()},
        {name: (t.dtype, tuple(t.shape[1:])) for name, t in {**state.rows, **index}.items()},
        0 if state.index is None else len(state.index),
    )


def _reduced(own: Tensor | None, shape: Shape, how: Any) -> Tensor:
    """Reduced into the first process; a process without rows adds nothing."""
    if own is None:
        nothing = 0 if how == dist.ReduceOp.SUM else torch.iinfo(shape[0]).max
        value = torch.full(tuple(shape[1]), nothing, dtype=shape[0])
    else:
        value = own.to("cpu", copy=True).contiguous()
    dist.reduce(value, 0, how)
    return value


def _collected(own: Tensor | None, shape: Shape, lengths: Sequence[int]) -> Tensor:
    """Rows of all processes in the order of ranks, in the first one; nothing elsewhere."""
    dtype, rest = shape
    if rank():
        if own is not None:
            for piece in _pieces(own):
                dist.send(piece, 0)
        return torch.empty(0, dtype=dtype)
    rows = scratch.room((sum(lengths), *rest), dtype)
    if own is not None:
        rows[: lengths[0]] = own
    start = lengths[0]
    for other, length in enumerate(lengths[1:], 1):
        for piece in _pieces(rows[start : start + length]):
            dist.recv(piece, other)
        start += length
    return rows


def _pieces(rows: Tensor) -> Sequence[Tensor]:
    """The bytes of rows, some at a time."""
    if rows.numel() == 0:
        return ()
    flat = scratch.moved(rows).contiguous().view(-1).view(torch.uint8)
    return torch.split(flat, PIECE)
