"""Peak signal-to-noise ratio of reconstructions, in decibels.

pSNR = 20 log10(255 / RMSE), image by image, then the mean over images, which is no less
than the ratio of the pooled error. Exact reconstructions would be infinite: they are left
out of the mean, and `n` counts those that were kept.
Checked against: skimage.metrics.peak_signal_noise_ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genbench.errors import NotMeasurable
from genbench.interfaces import Column, Look, Measured, Metric, Tensors, View

from ._pairs import SQUARED_ERRORS, TOP, mean_over_images, squared_error

if TYPE_CHECKING:
    from torch import Tensor


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each pair.

    Args:
        a: images, uint8 (n, 3, h, w).
        b: their reconstructions, in the same order and shape.

    Returns:
        (n,) float64, in dB, 0 or more; infinite where a pair is equal.

    Raises:
        BadInput: another type, or two shapes.
    """
    return _decibels(squared_error(a, b))


def _decibels(mse: Tensor) -> Tensor:
    return 10 * (TOP**2 / mse).log10()


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    mse = pairs["mse"]
    inexact = mse[mse > 0]
    if len(inexact) == 0:
        raise NotMeasurable(
            f"all {len(mse)} reconstructions equal their images bit for bit, "
            "so pSNR is infinite; see RMSE, which is 0"
        )
    return {"psnr": mean_over_images(_decibels(inexact))}


ROOM = Metric(
    version=1,
    looks={"pairs": Look(View.PAIRS, SQUARED_ERRORS)},
    compute=_compute,
    columns={"psnr": Column("pSNR", lower_is_better=False, unit="dB", digits=2)},
)
