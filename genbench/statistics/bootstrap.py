"""How far a number over rows would move with other rows: the bootstrap, over single images only.

Rows are drawn with replacement, so an image stands twice in most draws. That is right for a
mean or a median of numbers that each belong to one image; a distance between sets would be
biased by it, and gets its error bar from separate sets instead.

Source: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, percentiles.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from genbench.runtime.seeds import generator

RESAMPLES = 1000
SHARE = 0.95  # of the draws that an interval holds
OVER = f"percentiles of {RESAMPLES} bootstrap draws"
AT_ONCE = 1 << 20  # values drawn at a time: 8 MB, and as much again for their rows


def resampled(
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
    values = values.cpu()
    n, rng = len(values), generator(0, "bootstrap", *names)
    step = max(1, AT_ONCE // n)
    return torch.cat(
        [
            statistic(values[torch.randint(n, (min(step, draws - done), n), generator=rng)])
            for done in range(0, draws, step)
        ]
    )


def means(rows: Tensor) -> Tensor:
    """(k, n) -> (k,)."""
    return rows.mean(1)


def medians(rows: Tensor) -> Tensor:
    """(k, n) -> (k,); the mean of the two in the middle where n is even."""
    return rows.quantile(0.5, dim=1)


def interval(draws: Tensor, share: float = SHARE) -> tuple[float, float]:
    """The middle *share* of draws, (k,)."""
    tail = (1 - share) / 2
    ends = torch.tensor([tail, 1 - tail], dtype=draws.dtype)
    low, high = draws.quantile(ends).tolist()
    return low, high
