"""Reconstructions against their images, pair by pair, in one pass.

>>> from genbench.accumulators.merge import finished
>>> about = Pass(torch.device("cpu"), n=2, resolution=8, side=1, seed=0)
>>> kept = SQUARED_ERRORS.start(about)
>>> images = torch.full((2, 3, 8, 8), 100, dtype=torch.uint8)
>>> kept.update((images, images + 3), torch.arange(2))
>>> errors = finished(SQUARED_ERRORS, about, kept)["mse"]
>>> errors.tolist(), mean_over_images(errors.sqrt()).value
([9.0, 9.0], 3.0)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.accumulators.row_buffer import KeptRows
from genbench.errors import BadInput, BadPlugin
from genbench.images import Array, Range, as_images
from genbench.interfaces import Json, Measured, Pass, State, Tensors
from genbench.statistics.bootstrap import (
    bootstrap,
    interval,
    means,
    medians,
)

OF_MEDIAN = "bootstrap standard error over images, of the median"


@dataclass(frozen=True)
class PerPair:
    """Keeps one number of each pair of images."""

    name: str  # of the numbers in the evidence
    score: Callable[[Tensor, Tensor], Tensor]  # uint8 (n, 3, h, w) twice -> (n,)
    code: str  # what it is, for the protocol

    @property
    def features(self) -> None:
        return

    def start(self, about: Pass) -> Numbers:
        return Numbers(self.name, self.score, about)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """The numbers, (n,) float64, in the order of the images."""
        del about
        return {self.name: whole[self.name]}

    def describe(self) -> dict[str, Json]:
        return {"statistic": self.code}


class Numbers:
    """One number a pair."""

    def __init__(self, name: str, score: Callable[[Tensor, Tensor], Tensor], about: Pass) -> None:
        self.name, self.score, self.kept = name, score, KeptRows(about)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take images and their reconstructions, uint8 (n, 3, h, w).

        Raises:
            BadPlugin: the function does not give one number a pair.
        """
        values = self.score(*rows)
        if values.shape != index.shape:
            raise BadPlugin(
                f"{self.name} must give one number for each of {len(index)} pairs, "
                f"got shape {tuple(values.shape)}; average over pixels and channels"
            )
        self.kept.add(values.double(), index)

    def state(self) -> State:
        values, index = self.kept.parts()
        return State(rows={self.name: values}, index=index)


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of each pair, (n,) float64, in squared grey levels.

    Args:
        a: uint8, whose squares are summed in integers: exact; or float64 of 0..255; (n, 3, h, w).
        b: likewise.

    Raises:
        BadInput: two shapes.
    """
    check_shapes(a, b)
    if a.is_floating_point() or b.is_floating_point():
        return (a.double() - b.double()).square_().flatten(1).mean(1)
    difference = a.int() - b.int()  # in uint8 it would wrap around
    return difference.square().flatten(1).sum(1).double() / a[0].numel()


# Shared by RMSE and PSNR, which therefore share the work.
SQUARED_ERRORS = PerPair("mse", squared_error, "mse-255")


def check_pairs(a: Tensor, b: Tensor) -> None:
    """Raise `BadInput` where two batches are not uint8 images of one shape."""
    if a.dtype != torch.uint8 or b.dtype != torch.uint8:
        raise BadInput(f"pairs must be uint8 images of 0..255, got {a.dtype} and {b.dtype}")
    check_shapes(a, b)


def check_shapes(a: Tensor, b: Tensor) -> None:
    """Raise `BadInput` where two batches are not pairs of images."""
    if a.ndim == b.ndim == 4 and a.shape[1:] == b.shape[1:] and len(a) != len(b):
        raise BadInput(
            f"pairs must have one shape (n, 3, h, w), got {tuple(a.shape)} and {tuple(b.shape)}: "
            f"image {min(len(a), len(b))} has no partner"
        )
    if a.shape != b.shape or a.ndim != 4:
        raise BadInput(
            f"pairs must have one shape (n, 3, h, w), got {tuple(a.shape)} and {tuple(b.shape)}"
        )


def as_pairs(a: Array, b: Array, value_range: Range | None) -> tuple[Tensor, Tensor]:
    """Two batches of images, one of which shows what the other does, in grey levels of 0..255.

    Args:
        a: images, (n, 3, h, w), uint8; or floats with a *value_range*.
        b: the images to compare them with, in the same order.
        value_range: see `as_images`.

    Raises:
        BadInput: another type or range, two shapes, or no image at all.
    """
    x, y = as_images(a, value_range), as_images(b, value_range)
    check_shapes(x, y)
    if len(x) == 0:
        raise BadInput("there is no pair of images to compare; give one or more")
    return x, y


def median_over_images(
    values: Tensor, note: str | None = None, kept: Tensor | None = None
) -> Measured:
    """Median of (n,) float64 with its standard error and 95 % interval, both by bootstrap.

    The mean of the two in the middle where n is even. What is *kept*, (n,) bool, counts; the
    others have no value.
    """
    if kept is not None:
        every, values = values.masked_fill(~kept, torch.nan), values[kept]
    else:
        every = values
    n, median = len(values), float(values.quantile(0.5))
    if n < 2:
        note = "; ".join(filter(None, (note, f"no error bar: it is taken over {n} of images")))
        return Measured(median, n=n, note=note, values=every)
    draws = bootstrap(values, medians)
    error = float((draws - median).std())
    return Measured(median, error, OF_MEDIAN, n, note, interval(draws), every)


def mean_over_images(
    values: Tensor, rows: str = "images", note: str | None = None, kept: Tensor | None = None
) -> Measured:
    """Mean of (n,) float64 with its standard error over *rows*, and its 95 % interval.

    One row has no error bar. What is *kept*, (n,) bool, counts; the others have no value.
    """
    if kept is not None:
        every, values = values.masked_fill(~kept, torch.nan), values[kept]
    else:
        every = values
    n, mean = len(values), float(values.mean())
    if n < 2:
        note = "; ".join(filter(None, (note, f"no error bar: it is taken over {n} of {rows}")))
        return Measured(mean, n=n, note=note, values=every)
    return Measured(
        mean,
        float(values.std()) / n**0.5,
        f"standard error over {rows}",
        n,
        note,
        interval(bootstrap(values, means)),
        every,
    )
