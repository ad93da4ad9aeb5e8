"""Structural similarity of reconstructions.

Paper: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image Quality Assessment: From
    Error Visibility to Structural Similarity", IEEE Trans. Image Processing 13(4), 2004.
Checked against: skimage.metrics.structural_similarity with the paper's settings. Its
    defaults, a flat window of 7x7 and sample covariances, give another number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genbench.interfaces import Column, Look, Measured, Metric, Tensors, View

from ._pairs import PerPair, as_pairs, check_shapes, mean_over_images
from ._windows import WIDEST, by_planes, check_sides, contrast, luminance, moments

if TYPE_CHECKING:
    from torch import Tensor

    from ._inputs import Array, Range


def ssim(a: Array, b: Array, *, value_range: Range | None = None) -> float:
    """Structural similarity of each pair, then the mean.

    Args:
        a: images, (n, 3, h, w), tensor or array: uint8, or floats with a *value_range*.
        b: their reconstructions, in the same order and shape.
        value_range: what black and white are in floats, (-1, 1) or (0, 1).

    Returns:
        -1 to 1; 1 for equal images.

    Raises:
        BadInput: another type or range, two shapes, or no image.
        NotMeasurable: a side below 11.
    """
    return float(ssim_per_pair(*as_pairs(a, b, value_range)).mean())


def ssim_per_pair(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of each pair.

    The mean of l · cs over channels and all windows of 11x11 inside the image, Gaussian
    of deviation 1.5; images are not made smaller first.

    Args:
        a: images of 0..255, uint8 or float64, (n, 3, h, w).
        b: their reconstructions, in the same order and shape.

    Returns:
        (n,) float64, -1 to 1; 1 for equal images.

    Raises:
        BadInput: two shapes.
        NotMeasurable: a side below 11.
    """
    check_shapes(a, b)
    check_sides("SSIM", tuple(a.shape[-2:]), WIDEST)
    return by_planes(_ssim, a, b).mean(1)


def _ssim(both: Tensor) -> Tensor:
    """One number a channel: (2, k, h, w) -> (k,)."""
    squares, variances = moments(both)
    return luminance(squares).mul_(contrast(variances)).mean((1, 2))


def _check(side: int) -> None:
    check_sides("SSIM", (side, side), WIDEST)


def _compute(pairs: Tensors) -> Mapping[str, Measured]:
    return {"ssim": mean_over_images(pairs["ssim"])}


ROOM = Metric(
    version=1,
    looks={"pairs": Look(View.PAIRS, PerPair("ssim", ssim_per_pair, "SSIM of each pair"))},
    compute=_compute,
    columns={"ssim": Column("SSIM", lower_is_better=False)},
    parameters={
        "window": "Gaussian 11x11, sigma 1.5, inside the image",
        "variance": "population",
        "constants": "k1 0.01, k2 0.03, range 255",
        "order": "mean over channels and positions",
    },
    check=_check,
)
