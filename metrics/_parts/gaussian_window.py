"""Two images compared under a sliding Gaussian window: what SSIM and MS-SSIM share.

All is said by the sum and the difference of the two images. Their variances hold those of
both images and the covariance, so four window means do the work of five, exchanging the
images changes no bit, and equal images give exactly 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from genbench.errors import NotMeasurable

WIDEST = 11  # pixels of the window where the image has room for it
SIGMA = 1.5  # of the widest; narrower ones keep the proportion
K1, K2 = 0.01, 0.03  # of the paper
C1, C2 = (K1 * 255) ** 2, (K2 * 255) ** 2  # times the range, squared
TILE = 32  # windows in a row at a time: a whole band of 1024 px would multiply 99 % zeros
AT_ONCE = 1 << 18  # numbers of a batch at a time, 2 MB: planes stay in the cache


def moments(both: Tensor) -> tuple[Tensor, Tensor]:
    """Squared means and population variances of a + b and a − b in every window.

    Args:
        both: a + b and a − b, float64 (2, k, h, w), of channels of 0..255.

    Returns:
        Two of (2, k, h - s + 1, w - s + 1), s = min(11, h, w): for `luminance`, and for
        `contrast`.
    """
    size = min(WIDEST, *both.shape[-2:])
    squares = window_means(both, size).square_()
    return squares, window_means(both.square(), size).sub_(squares)


def luminance(squares: Tensor) -> Tensor:
    """(2 μa μb + c1) / (μa² + μb² + c1) of the squared means: (2, ...) -> (...)."""
    return _likeness(squares, C1)


def contrast(variances: Tensor) -> Tensor:
    """(2 σab + c2) / (σa² + σb² + c2) of the variances, contrast and structure in one."""
    return _likeness(variances, C2)


def window_means(planes: Tensor, size: int) -> Tensor:
    """Gaussian means over every window that lies inside.

    Two products with a banded matrix, one a direction, tile by tile.

    Args:
        planes: float64, (..., h, w).
        size: side of the window, s, no larger than h or w.

    Returns:
        (..., h - s + 1, w - s + 1).
    """
    *rest, height, width = planes.shape
    down, right = height - size + 1, width - size + 1
    rows = planes.reshape(-1, width)
    band = _band(size, planes.device)
    # Products go straight to their place: joining them afterwards takes a quarter longer.
    across = rows.new_empty(len(rows), right)
    for start, stop, weights in _tiles(right, band):
        torch.mm(rows[:, start : stop + size - 1], weights, out=across[:, start:stop])
    across = across.view(-1, height, right)
    means = across.new_empty(len(across), down, right)
    for start, stop, weights in _tiles(down, band):
        each = weights.T.expand(len(across), -1, -1)
        torch.bmm(each, across[:, start : stop + size - 1], out=means[:, start:stop])
    return means.view(*rest, down, right)


def by_planes(score: Callable[[Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Score the channels of images of 0..255, a few at a time so that they stay in the cache.

    Args:
        score: takes a + b and a − b, float64 (2, k, h, w), and gives (k, ...).
        a: uint8 or float64, (n, 3, h, w).
        b: likewise.

    Returns:
        (n, 3, ...).
    """
    few = max(1, AT_ONCE // (a.shape[-2] * a.shape[-1]))
    pairs = zip(torch.split(a.flatten(0, 1), few), torch.split(b.flatten(0, 1), few), strict=True)
    scores = torch.cat([score(torch.stack([x.double() + y, x.double() - y])) for x, y in pairs])
    return scores.view(*a.shape[:2], *scores.shape[1:])


def check_sides(what: str, sides: tuple[int, ...], least: int) -> None:
    """Raise `NotMeasurable` where a side is below *least*."""
    if min(sides) < least:
        found = "x".join(map(str, sides))
        raise NotMeasurable(
            f"{what} needs sides of {least} pixels or more, got {found}; use a higher resolution"
        )


def _likeness(squares: Tensor, c: float) -> Tensor:
    """(p − m + 2c) / (p + m + 2c) of p, m = *squares*: both formulas, doubled, in a ± b."""
    plus, minus = squares[0] + 2 * c, squares[1]
    return (plus - minus).div_(plus + minus)


def _band(size: int, device: torch.device) -> Tensor:
    """Column j holds the weights from row j on: (TILE + s - 1, TILE) float64."""
    offset = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) / 2
    weights = (-(offset**2) / (2 * (SIGMA * size / WIDEST) ** 2)).exp()
    padded = torch.nn.functional.pad(weights / weights.sum(), (1, 1))
    rows = torch.arange(TILE + size - 1, device=device)
    columns = torch.arange(TILE, device=device)
    band: Tensor = padded[(rows[:, None] - columns).clamp(-1, size) + 1]
    return band


def _tiles(windows: int, band: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """(start, stop) of the tiles of a line of *windows*, and the part of the band each takes."""
    margin = len(band) - TILE
    for start in range(0, windows, TILE):
        count = min(TILE, windows - start)
        yield start, start + count, band[: count + margin, :count]
