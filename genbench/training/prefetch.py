"""Loads what will be asked for next while the present batch is being worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Batches in order, loaded by one thread, a few of them waiting.

    The next request is guessed: as many images, right after the present ones. A wrong guess,
    where the batch changes its size or training goes back, costs what was loaded and no more.
    An error of a batch is raised where that batch is asked for; one of a batch that is never
    asked for is nobody's.
    """

    def __init__(self, load: Callable[[int, int], T], depth: int) -> None:
        """*load* takes the number of the first image and how many; it runs in one thread."""
        self._load, self._depth = load, depth
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[tuple[int, int], Future[T]]] = deque()

    def get(self, seen: int, n: int) -> T:
        """Images number seen .. seen + n - 1.

        Raises:
            What *load* raises.
        """
        if self._waiting and self._waiting[0][0] != (seen, n):
            self._drop()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="genbench-loader")
        # This one too waits here, so that everything is loaded in order by the one thread.
        while len(self._waiting) <= self._depth:
            first = self._waiting[-1][0][0] + n if self._waiting else seen
            self._waiting.append(((first, n), self._pool.submit(self._load, first, n)))
        _, wanted = self._waiting.popleft()
        return wanted.result()

    def close(self) -> None:
        """Let the thread end, and wait until it has; asking again starts another."""
        self._drop()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _drop(self) -> None:
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
