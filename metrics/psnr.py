"""Peak signal-to-noise ratio of reconstructions, in decibels.

PSNR = 20 log10(255 / RMSE), image by image, then the mean over images, which is no less
than the ratio of the pooled error. Exact reconstructions would be infinite: they are left
out of the mean, and `n` counts those that were kept.
Checked against: skimage.metrics.peak_signal_noise_ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from genbench.accumulators.pairs import (
    SQUARED_ERRORS,
    as_pairs,
    mean_over_images,
    squared_error,
)
from genbench.errors import NotMeasurable
from genbench.images import TOP
from genbench.interfaces import Column, Input, Measured, Metric, Stream, Tensors

if TYPE_CHECKING:
    from torch import Tensor

    from genbench.images import Array, Range


def psnr(a: Array, b: Array, *, value_range: Range | None = None, pooled: bool = False) -> float:
    """Peak signal-to-noise ratio, image by image, then the mean.

    Args:
        a: images, (n, 3, h, w), tensor or array: uint8, or floats with a *value_range*.
        b: their reconstructions, in the same order and shape.
        value_range: what black and white are in floats, (-1, 1) or (0, 1); its width is the peak.
        pooled: one ratio, of the mean squared error over all images, which is no larger.

    Returns:
        dB, 0 or more. Pairs that are equal, whose ratio is infinite, are left out of the mean;
        infinite where all are.

    Raises:
        BadInput: another type or range, two shapes, or no image.
    """
    errors = squared_error(*as_pairs(a, b, value_range))
    kept = errors[errors > 0]
    if len(kept) == 0:
        return math.inf
    return float(_decibels(errors.mean()) if pooled else _decibels(kept).mean())


def psnr_per_pair(a: Tensor, b: Tensor) -> Tensor:
    """Ratio of each pair, (n,) float64, of images of 0..255; infinite where a pair is equal."""
    return _decibels(squared_error(a, b))


def _decibels(mse: Tensor) -> Tensor:
    return 10 * (TOP**2 / mse).log10()


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    mse = pairs["mse"]
    inexact = mse > 0
    if not inexact.any():
        raise NotMeasurable(
            f"all {len(mse)} reconstructions equal their images bit for bit, "
            "so PSNR is infinite; see RMSE, which is 0"
        )
    return {"psnr": mean_over_images(_decibels(mse), kept=inexact)}


METRIC = Metric(
    version=1,
    inputs={"pairs": Input(Stream.PAIRS, SQUARED_ERRORS)},
    compute=_compute,
    columns={"psnr": Column("PSNR", lower_is_better=False, unit="dB", digits=2)},
    symmetric=True,
)
