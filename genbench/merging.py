"""From what accumulators keep to the evidence of a whole pass.

Sums are added, rows are joined in the order of images: exact up to the order of float64
additions. What has a row twice, or sums of a type that rounds, is a bug and is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from genbench import scratch
from genbench.interfaces import Accumulator, Gather, Pass, State, Tensors

EXACT = (torch.float64, torch.int64)


def finished(gather: Gather, about: Pass, *accumulators: Accumulator) -> Tensors:
    """The evidence of accumulators that have seen different images of one view."""
    return gather.finish(whole([each.state() for each in accumulators]), about)


def whole(states: Sequence[State]) -> dict[str, Tensor]:
    """States of different images as one: what `Gather.finish` is given."""
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
        return scratch.moved(parts[0])
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    rows, start = scratch.room(shape, parts[0].dtype), 0
    for part in parts:
        rows[start : start + len(part)] = part
        start += len(part)
    return rows
