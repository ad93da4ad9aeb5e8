"""Lap1: the absolute difference of two images, seen at every scale of a Laplacian pyramid.

Paper: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks", ICML 2018,
    arXiv:1707.05776, which leaves filter, borders and number of levels open; they are those of
    P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983, down to 4x4.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from genbench.images import blur

COARSEST = 4  # pixels, side of what is left below the bands
# level -> its weight, of a mean over pixels; level 0 is the finest. The paper's 2^(2j) on sums
# over pixels weighs the means equally, since a level has a quarter of the pixels of the one before.
LEVEL_WEIGHTS = {"equal_mean": 1.0, "4^j": 4.0, "4^-j": 0.25}  # name -> from one level to the next


def lap1(a: Tensor, b: Tensor, level_weight: str = "equal_mean") -> Tensor:
    """Lap1(a, b) = sum_j w_j mean |L_j(a) - L_j(b)|, of each image.

    Args:
        a: images, (n, c, h, h), h a power of 2 from 4 on.
        b: images of the same shape; an equal *shape*, since rows would broadcast silently.
        level_weight: a name of `LEVEL_WEIGHTS`.

    Returns:
        (n,), in the unit of the images; float32 or better, under autocast too.
    """
    assert a.shape == b.shape, f"{tuple(a.shape)} against {tuple(b.shape)}"
    ratio = LEVEL_WEIGHTS[level_weight]
    with torch.autocast(a.device.type, enabled=False):
        # The pyramid is linear: one of the difference instead of two.
        levels = pyramid(_precise(a) - _precise(b))
        means = [level.abs().flatten(1).mean(1) for level in levels]
        return sum((ratio**j * mean for j, mean in enumerate(means)), torch.zeros_like(means[0]))


def pyramid(images: Tensor) -> list[Tensor]:
    """Bands, finest first, and the low-pass rest of 4x4: (n, c, h, h) -> [(n, c, h / 2^j, ...)].

    band_j = image_j - up(down(image_j)), image_(j+1) = down(image_j); 3 bands at 32x32.
    """
    levels = []
    while images.shape[-1] > COARSEST:
        down, passed = _matrices(images.shape[-1], images.device, images.dtype)
        levels.append(images - passed @ images @ passed.T)
        images = down @ images @ down.T
    return [*levels, images]


def _precise(images: Tensor) -> Tensor:
    return images.float() if images.dtype.itemsize < 4 else images


@functools.lru_cache(maxsize=32)
def _matrices(side: int, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Along one axis: blur and halve, (side / 2, side), and that doubled again, (side, side)."""
    # One first made while evaluating would refuse to take part in training later.
    with torch.inference_mode(False):
        matrix = blur(side)
        down, up = matrix[::2], 2 * matrix[:, ::2]
        return down.to(device, dtype), (up @ down).to(device, dtype)
