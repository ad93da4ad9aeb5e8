"""The next batch is decoded while the last one is in use."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

import torch
from torch import Tensor


class ReadAhead:
    """Rows start..stop of a function, with those that will be asked for next under way.

    >>> ahead = ReadAhead(lambda start, stop: torch.arange(start, stop), 5)
    >>> ahead(0, 2).tolist(), ahead(2, 5).tolist()
    ([0, 1], [2, 3, 4])
    """

    def __init__(self, take: Callable[[int, int], Tensor], n: int) -> None:
        """*take* gives rows start..stop of *n*, whichever thread asks."""
        self._take, self._n = take, n
        self._next: tuple[int, int, Future[Tensor]] | None = None

    def __call__(self, start: int, stop: int) -> Tensor:
        """Rows start..stop; what they raise comes when they are asked for."""
        rows = self._known(start, stop)
        if stop < self._n:
            end = min(2 * stop - start, self._n)
            self._next = stop, end, self._thread.submit(self._take, stop, end)
        return rows

    def _known(self, start: int, stop: int) -> Tensor:
        """What is under way, as far as it fits: batches may have become larger or smaller."""
        if self._next is None or self._next[0] != start:
            return self._take(start, stop)
        _, end, future = self._next
        self._next = None
        rows = future.result()
        if end >= stop:
            return rows[: stop - start]
        return torch.cat([rows, self._take(end, stop)])

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
