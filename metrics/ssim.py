"""Structural similarity of reconstructions.

Paper: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image Quality Assessment: From
    Error Visibility to Structural Similarity", IEEE Trans. Image Processing 13(4), 2004.
Checked against: skimage.metrics.structural_similarity with the paper's settings. Its
    defaults, a flat window of 7x7 and sample covariances, give another number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from genbench.accumulators import pair_metric
from genbench.accumulators.pairs import as_pairs
from genbench.interfaces import Column

from ._parts.gaussian_window import K1, K2, SIGMA, WIDEST, check_sides
from ._parts.structural_similarity import ssim_per_pair

__all__ = ["METRIC", "ssim", "ssim_per_pair"]

if TYPE_CHECKING:
    from genbench.images import Array, Range


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


def _check(side: int) -> None:
    check_sides("SSIM", (side, side), WIDEST)


SSIM = pair_metric(
    ssim_per_pair,
    {"ssim": Column("SSIM", lower_is_better=False)},
    parameters={
        "window": "gaussian",
        "side": WIDEST,
        "sigma": SIGMA,
        "variance": "population",
        "k1": K1,
        "k2": K2,
        "range": 255,
        "order": "mean",
    },
    check=_check,
)
METRIC = replace(SSIM, symmetric=True)
