"""The nearest of many images to each of many others, without holding all pairs at once."""

from __future__ import annotations

import torch
from torch import Tensor

from genbench.errors import BadInput, NotEnoughData
from genbench.runtime.devices import full_float32

from .structural_similarity import ssim_per_pair

THUMBNAIL = 8  # pixels, the least that a side is averaged down to
MARGIN = 1e-2  # grey levels by which a bound in float32 may be off
ROWS = 64  # images whose bounds are held at once: 13 MB for 50,000 others
FEW = 64  # images compared exactly at a time
SHORTLIST = 32  # of which SSIM picks the most alike


def nearest(images: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The training image nearest to each image by the mean absolute difference of pixels.

    Averaging pixels brings images nearer, never apart, so the distance of thumbnails is a
    bound: images whose thumbnails are farther than the best so far are not looked at. The
    answer is that of a comparison of all pairs.

    Args:
        images: uint8, (n, 3, h, w).
        training: uint8, (m, 3, h, w).

    Returns:
        The difference, (n,) float64 in grey levels, and the row, (n,); the first of equals.

    Raises:
        BadInput: another type, or two sizes.
        NotEnoughData: no image on one side.
    """
    _check(images, training)
    small = _thumbnails(training)
    found, rows = [], []
    for some in torch.split(images, ROWS):
        for image, bounds in zip(some, _bounds(_thumbnails(some), small), strict=True):
            distance, row = _nearest(image, training, bounds)
            found.append(distance)
            rows.append(row)
    return torch.tensor(found, dtype=torch.float64), torch.tensor(rows)


def most_alike(images: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The training image most alike to each image by SSIM, of those whose thumbnails are nearest.

    Args:
        images: uint8, (n, 3, h, w), sides of 11 or more.
        training: uint8, (m, 3, h, w).

    Returns:
        1 - SSIM, (n,) float64, and the row, (n,).

    Raises:
        as `nearest`.
    """
    _check(images, training)
    small = _thumbnails(training)
    found, rows = [], []
    for some in torch.split(images, ROWS):
        bounds = _bounds(_thumbnails(some), small)
        lists = bounds.topk(min(SHORTLIST, len(training)), dim=1, largest=False).indices
        for image, shortlist in zip(some, lists, strict=True):
            alike = ssim_per_pair(image.expand(len(shortlist), -1, -1, -1), training[shortlist])
            best = int(alike.argmax())
            found.append(1 - float(alike[best]))
            rows.append(int(shortlist[best]))
    return torch.tensor(found, dtype=torch.float64), torch.tensor(rows)


def nearest_rows(rows: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The row of *training* nearest to each of *rows*: float32 (n, d), (m, d).

    Returns:
        Squared Euclidean distance, (n,) float64, and the row, (n,).
    """
    if min(len(rows), len(training)) == 0:
        raise NotEnoughData("neighbours needs at least one image on each side")
    best = torch.full((len(rows),), torch.inf, dtype=torch.float64)
    row = torch.zeros(len(rows), dtype=torch.int64)
    with full_float32():
        for start in range(0, len(training), 16 * ROWS):
            others = training[start : start + 16 * ROWS]
            parts = [_squared(some, others) for some in torch.split(rows, ROWS)]
            distances, at = torch.cat(parts).min(1)
            closer = distances < best
            best, row = torch.where(closer, distances, best), torch.where(closer, at + start, row)
    # Products lose the digits of small distances: those that count are taken once more.
    exact = [
        (a.double() - training[i].double()).square().sum() for a, i in zip(rows, row, strict=True)
    ]
    return torch.stack(exact), row


def _squared(a: Tensor, b: Tensor) -> Tensor:
    lengths = a.double().square().sum(1)[:, None] + b.double().square().sum(1)
    return lengths - 2 * (a @ b.T).double()


def _nearest(image: Tensor, training: Tensor, bounds: Tensor) -> tuple[float, int]:
    """The nearest to one image (3, h, w), given what each is away at least, (m,)."""
    best, row, order = torch.inf, -1, bounds.argsort()
    for some in torch.split(order, FEW):
        if float(bounds[some[0]]) > best + MARGIN:
            break
        apart = (training[some].short() - image.short()).abs_().flatten(1).sum(1)
        least = int(apart.min())
        first = int(some[apart == least].min())
        distance = least / image.numel()
        if (distance, first) < (best, row):
            best, row = distance, first
    return best, row


def _thumbnails(images: Tensor) -> Tensor:
    """Means of squares of pixels, float32 (n, k): 192 numbers for sides of 8, 16, 32, 64."""
    height, width = images.shape[-2:]
    side = 1
    while min(height, width) >= 2 * side * THUMBNAIL and not (height | width) % (2 * side):
        side *= 2
    pool = torch.nn.functional.avg_pool2d
    parts = [pool(some.float(), side) for some in torch.split(images, 1024)]
    return torch.cat(parts).flatten(1)


def _bounds(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of thumbnails, (n, k), (m, k) -> (n, m)."""
    return torch.cat([torch.cdist(a, some, p=1) for some in torch.split(b, 1024)], 1) / a.shape[1]


def _check(images: Tensor, training: Tensor) -> None:
    if images.dtype != torch.uint8 or training.dtype != torch.uint8:
        raise BadInput(f"neighbours needs uint8 images, got {images.dtype} and {training.dtype}")
    if images.shape[1:] != training.shape[1:]:
        raise BadInput(
            f"neighbours needs images of one size, got {tuple(images.shape[1:])} and "
            f"{tuple(training.shape[1:])}"
        )
    if min(len(images), len(training)) == 0:
        raise NotEnoughData("neighbours needs at least one image on each side")
