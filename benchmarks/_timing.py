"""Timing side by side: two ways in turn, so that a drift of the machine hits both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def side_by_side(
    title: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int = 5
) -> None:
    """Print the median time of both and of their ratio, after one round that does not count."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(f"{title:<44} {mine:9.4f} s {other:9.4f} s   {ratio:6.2f} times as fast")


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
