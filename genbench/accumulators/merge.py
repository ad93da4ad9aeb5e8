"""From what accumulators keep to the evidence of a whole pass.

Sums are added, rows are joined in the order of images: exact up to the order of float64
additions. What has a row twice, or sums of a type that rounds, is a bug and is refused.

>>> def state(total, rows, index):
...     sums = {"total": torch.tensor(total).double()}
...     return State(sums, rows={"x": torch.tensor(rows)}, index=torch.tensor(index))
>>> merged = whole([state(1, [5, 6], [2, 3]), state(2, [7], [0])])
>>> float(merged["total"]), merged["x"].tolist(), merged["index"].tolist()
(3.0, [7, 5, 6], [0, 2, 3])
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
import torch.distributed as dist
from torch import Tensor

from genbench.distributed import group
from genbench.interfaces import Accumulator, Pass, State, Statistic, Tensors
from genbench.runtime import spill

EXACT = (torch.float64, torch.int64)
PIECE = 1 << 28  # bytes sent at once
Shape: TypeAlias = tuple[torch.dtype, Sequence[int]]


def finished(statistic: Statistic, about: Pass, *accumulators: Accumulator) -> Tensors:
    """The evidence of accumulators that have seen different images of one stream."""
    return statistic.finish(whole([each.state() for each in accumulators]), about)


def whole(states: Sequence[State]) -> dict[str, Tensor]:
    """States of different images as one: what `Statistic.finish` is given."""
    for state in states:
        check(state)
    kinds: tuple[tuple[list[Tensors], Callable[[Tensor, Tensor], Tensor]], ...] = (
        ([state.sums for state in states], torch.add),
        ([state.least for state in states], torch.minimum),
    )
    merged: dict[str, Tensor] = {}
    for parts, merge in kinds:
        for name in parts[0]:
            merged[name] = functools.reduce(merge, [part[name].cpu() for part in parts])
    return merged | _rows(states)


def check(state: State) -> None:
    """Refuse a state that would not merge without loss: a bug of the accumulator."""
    names = [*state.sums, *state.least, *state.rows]
    assert len(set(names)) == len(names), f"two things are called the same in {names}"
    assert "index" not in names, "index is the name of the rows' own images"
    for name, tensor in state.sums.items():
        assert tensor.dtype in EXACT, f"the sum {name} is {tensor.dtype}, which rounds"
    assert bool(state.rows) == (state.index is not None), "rows need their index, and only they"
    for name, tensor in state.rows.items():
        assert state.index is not None
        assert len(tensor) == len(state.index), f"{name}: {len(tensor)} rows of other images"


def _rows(states: Sequence[State]) -> dict[str, Tensor]:
    if not states[0].rows:
        return {}
    index = torch.cat([state.index.cpu() for state in states if state.index is not None])
    order = index.argsort()
    assert bool((index[order].diff() > 0).all()), "an image is counted twice"
    sorted_already = bool((order.diff() > 0).all())
    found = {"index": index[order]}
    for name in states[0].rows:
        rows = joined([state.rows[name] for state in states])
        found[name] = rows if sorted_already else rows[order]
    return found


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Rows one after another on the CPU; one part alone that is there is not copied."""
    if len(parts) == 1:
        return spill.moved(parts[0])
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    rows, start = spill.allocate(shape, parts[0].dtype), 0
    for part in parts:
        rows[start : start + len(part)] = part
        start += len(part)
    return rows


# --- of several processes


def merged(state: State | None) -> dict[str, Tensor] | None:
    """The states of all processes as one, in the first process; None in the others.

    Args:
        state: of this process's share; None where it had no rows.
    """
    if state is not None:
        check(state)
    if group.count() == 1:
        assert state is not None
        return whole([state])
    shapes = group.everyone(None if state is None else _outline(state))
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
    if group.rank():
        return None
    index = rows.pop("index", None)
    return whole([State(sums, least, rows, index)])


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
    if group.rank():
        if own is not None:
            for piece in _pieces(own):
                dist.send(piece, 0)
        return torch.empty(0, dtype=dtype)
    rows = spill.allocate((sum(lengths), *rest), dtype)
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
    flat = spill.moved(rows).contiguous().view(-1).view(torch.uint8)
    return torch.split(flat, PIECE)
