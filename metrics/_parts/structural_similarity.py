"""Structural similarity of each pair of images, which several metrics look at."""

from __future__ import annotations

from torch import Tensor

from genbench.accumulators.pairs import check_shapes

from .gaussian_window import WIDEST, by_planes, check_sides, contrast, luminance, moments


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
