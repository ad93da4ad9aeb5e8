"""Root mean squared error of reconstructions, in grey levels.

The root is taken image by image and then averaged, which gives an error bar; a root of the
mean over all pixels of all images is larger. Grey levels run from 0 to 255: divide by 2.55
for percent of the range, by 127.5 for images in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genbench.interfaces import Column, Look, Measured, Metric, Tensors, View

from ._pairs import SQUARED_ERRORS, mean_over_images, squared_error

if TYPE_CHECKING:
    from torch import Tensor


def rmse(a: Tensor, b: Tensor) -> Tensor:
    """Root mean squared difference of each pair over pixels and channels.

    Args:
        a: images, uint8 (n, 3, h, w).
        b: their reconstructions, in the same order and shape.

    Returns:
        (n,) float64, 0 to 255.

    Raises:
        BadInput: another type, or two shapes.
    """
    return squared_error(a, b).sqrt()


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    return {"rmse": mean_over_images(pairs["mse"].sqrt())}


ROOM = Metric(
    version=1,
    looks={"pairs": Look(View.PAIRS, SQUARED_ERRORS)},
    compute=_compute,
    columns={"rmse": Column("RMSE", lower_is_better=True, unit="grey levels of 255", digits=2)},
)
