"""How far a number over rows would move with other rows: the bootstrap, over single images only.

Rows are drawn with replacement, so an image stands twice in most draws. That is right for a
mean or a median of numbers that each belong to one image; a distance between sets would be
biased by it, and gets its error bar from separate sets instead.

Source: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, percentiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

RESAMPLES = 1000
SHARE = 0.95  # of the draws that an interval holds
OVER = f"percentiles of {RESAMPLES} bootstrap draws"
AT_ONCE = 1 << 20  # values drawn at a time: 8 MB, and as much again for their rows


class Values(Protocol):
    """A tensor or an array, (n,), that is indexed by one of its own library."""

    def __len__(self) -> int:
        """Of the first axis."""

    def __getitem__(self: A, indices: Any, /) -> A:
        """Rows by their numbers."""


A = TypeVar("A", bound=Values)


def resamples(
    values: A, draw: Callable[[tuple[int, int]], Any], draws: int = RESAMPLES
) -> Iterator[A]:
    """Sets of n values, drawn with replacement, (k, n), until there are *draws* of them.

    Args:
        values: (n,), n of 1 or more.
        draw: (k, n) -> integers below n of that shape, each as likely as the others.
        draws: how many sets.
    """
    n = len(values)
    step = max(1, AT_ONCE // n)
    for done in range(0, draws, step):
        yield values[draw((min(step, draws - done), n))]


def bootstrap(
    values: Tensor, statistic: Callable[[Tensor], Tensor], *names: object, draws: int = RESAMPLES
) -> Tensor:
    """A statistic of *draws* sets of n rows, drawn with replacement and always the same.

    Args:
        values: (n,) float64, n of 1 or more.
        statistic: (k, n) -> (k,), of each row.
        names: purpose of the draws; another name draws other rows.
        draws: how many.

    Returns:
        (draws,) float64.
    """
    import torch  # a table compares models without it

    from genbench.runtime.seeds import generator

    n, rng = len(values), generator(0, "bootstrap", *names)

    def draw(shape: tuple[int, int]) -> Tensor:
        return torch.randint(n, shape, generator=rng)

    return torch.cat([statistic(rows) for rows in resamples(values.cpu(), draw, draws)])


def means(rows: Tensor) -> Tensor:
    """(k, n) -> (k,)."""
    return rows.mean(1)


def medians(rows: Tensor) -> Tensor:
    """(k, n) -> (k,); the mean of the two in the middle where n is even."""
    return rows.quantile(0.5, dim=1)


def interval(draws: Tensor, share: float = SHARE) -> tuple[float, float]:
    """The middle *share* of draws, (k,)."""
    tail = (1 - share) / 2
    ends = draws.new_tensor([tail, 1 - tail])
    low, high = draws.quantile(ends).tolist()
    return low, high
