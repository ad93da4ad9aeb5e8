"""The global generators of torch, numpy and Python, from which other people's code draws."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[Callable[[], bool]]:
    """Set them all to *seed*, and put back afterwards what the caller had.

    GPUs are set once CUDA is in use.

    Gives:
        A function that says whether anything has been drawn since.
    """
    before = _state()
    torch.default_generator.manual_seed(seed)
    if _on_gpus():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
    fresh = _state()
    try:
        yield lambda: not _equal(_state(), fresh)
    finally:
        _restore(before)


_State = tuple[torch.Tensor, list[torch.Tensor], tuple[Any, ...], tuple[Any, ...]]


def _on_gpus() -> bool:
    """Whether CUDA is in use; asking its generators would begin to use it."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]  # torch has no type


def _state() -> _State:
    devices = torch.cuda.get_rng_state_all() if _on_gpus() else []
    numpy_state = np.random.get_state(legacy=True)
    return torch.get_rng_state(), devices, tuple(numpy_state), random.getstate()


def _restore(state: _State) -> None:
    cpu, devices, numpy_state, python = state
    torch.set_rng_state(cpu)
    for number, device in enumerate(devices):
        torch.cuda.set_rng_state(device, number)
    np.random.set_state(numpy_state)
    random.setstate(python)


def _equal(a: _State, b: _State) -> bool:
    return (
        torch.equal(a[0], b[0])
        and len(a[1]) == len(b[1])
        and all(map(torch.equal, a[1], b[1]))
        and all(map(np.array_equal, a[2], b[2]))
        and a[3] == b[3]
    )
