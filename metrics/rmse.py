"""Root mean squared error of reconstructions, in grey levels.

The root is taken image by image and then averaged, which gives an error bar; a root of the
mean over all pixels of all images is larger. Grey levels run from 0 to 255: divide by 2.55
for percent of the range, by 127.5 for images in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genbench.accumulators.pairs import (
    SQUARED_ERRORS,
    as_pairs,
    mean_over_images,
    squared_error,
)
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

if TYPE_CHECKING:
    from torch import Tensor

    from genbench.images import Array, Range


def rmse(a: Array, b: Array, *, value_range: Range | None = None, pooled: bool = False) -> float:
    """Root mean squared difference over pixels and channels, image by image, then the mean.

    Args:
        a: images, (n, 3, h, w), tensor or array: uint8, or floats with a *value_range*.
        b: their reconstructions, in the same order and shape.
        value_range: what black and white are in floats, (-1, 1) or (0, 1).
        pooled: one root, of the mean over all images, which is no smaller.

    Returns:
        Grey levels, 0 to 255, whatever the range of *a* and *b*.

    Raises:
        BadInput: another type or range, two shapes, or no image.
    """
    errors = squared_error(*as_pairs(a, b, value_range))
    return float(errors.mean().sqrt() if pooled else errors.sqrt().mean())


def rmse_per_pair(a: Tensor, b: Tensor) -> Tensor:
    """Root mean squared difference of each pair, (n,) float64, of images of 0..255."""
    return squared_error(a, b).sqrt()


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    return {"rmse": mean_over_images(pairs["mse"].sqrt())}


METRIC = Metric(
    version=1,
    inputs={"pairs": Input(Stream.PAIRS, SQUARED_ERRORS)},
    compute=_compute,
    columns={"rmse": Column("RMSE", lower_is_better=True, unit="grey levels of 255", digits=2)},
    symmetric=True,
)
