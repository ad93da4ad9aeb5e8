"""Laplacian pyramid: an image as its details at each scale, and what is left below them.

Paper: P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans.
    Communications 31(4), 1983; borders and levels as in T. Karras et al., "Progressive
    Growing of GANs", ICLR 2018, arXiv:1710.10196.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from genbench.errors import NotMeasurable
from genbench.images import blur

COARSEST = 16  # pixels: no level is smaller


def sides(side: int) -> tuple[int, ...]:
    """Sides of the levels, finest first: side, side/2, ... while 16 or more.

    Raises:
        NotMeasurable: *side* is below 16, or odd before the last level.
    """
    if side < COARSEST:
        raise NotMeasurable(
            f"images of {side}x{side} have no pyramid, whose smallest level is "
            f"{COARSEST}x{COARSEST}; measure at a higher resolution"
        )
    levels = (side // COARSEST).bit_length()
    step = 2 ** (levels - 1)
    if side % step:
        raise NotMeasurable(
            f"a pyramid of {levels} levels needs sides divisible by {step}, got {side}; "
            f"crop or resize to {side - side % step}"
        )
    return tuple(side >> level for level in range(levels))


def band(images: Tensor, level: int, levels: int) -> Tensor:
    """One level of the pyramid: (n, c, h, h) -> (n, c, h / 2^level, h / 2^level).

    The last level is the blurred image itself, the others are differences.
    """
    for _ in range(level):
        images = halved(images)
    return images if level == levels - 1 else images - doubled(halved(images))


def halved(x: Tensor) -> Tensor:
    """Blur, then every second row and column: (n, c, h, h) -> (n, c, h/2, h/2)."""
    down = _blur(x.shape[-1], x.device, x.dtype)[::2]
    return down @ x @ down.T


def doubled(x: Tensor) -> Tensor:
    """Zeros between the rows and columns, then four times the blur: the way back up."""
    up = 2 * _blur(2 * x.shape[-1], x.device, x.dtype)[:, ::2]
    return up @ x @ up.T


@functools.lru_cache(maxsize=32)
def _blur(side: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):
        return blur(side).to(device, dtype)
