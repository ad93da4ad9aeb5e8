"""Patches cut at random places, where the place depends on the image and not on its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from genbench.runtime import spill
from genbench.runtime.seeds import derive

from . import laplacian_pyramid

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 7  # pixels, the side of a patch
PER_IMAGE = 128  # patches of each level
LENGTH = 3 * SIZE * SIZE  # numbers in a patch
Words: TypeAlias = "NDArray[np.uint64]"
AT_ONCE = 256  # images cut together: their patches fill 19 MB


def positions(index: Tensor, side: int, seed: int, *names: object) -> Tensor:
    """Upper left corners of the patches of images *index*: (n,) -> (n, 128, 2), row and column.

    Uniform over all places where a patch fits, independent, with repetition: the bits of
    a hash of (seed, names, index, patch, axis), so no batch or process changes them.
    """
    image: Words = index.numpy().astype(np.uint64)[:, None]
    draw = np.arange(2 * PER_IMAGE, dtype=np.uint64)
    bits = _mixed(image * np.uint64(2 * PER_IMAGE) + draw, derive(seed, *names)) >> np.uint64(32)
    corner = (bits * np.uint64(side - SIZE + 1)) >> np.uint64(32)
    return torch.from_numpy(corner.astype(np.int64)).view(-1, PER_IMAGE, 2)


def cut(images: Tensor, corners: Tensor) -> Tensor:
    """Patches of *images* (n, 3, h, h) at *corners* (n, k, 2) -> (n k, 147).

    A patch is laid out as channel, row, column.
    """
    windows = images.unfold(2, SIZE, 1).unfold(3, SIZE, 1)
    rows, columns = corners.to(images.device).unbind(-1)
    image = torch.arange(len(images), device=images.device)[:, None]
    return windows[image, :, rows, columns].flatten(0, 1).flatten(1)


def patches_of(images: Tensor, level: int, corners: Tensor) -> Tensor:
    """Patches of one level of the pyramid of uint8 images (n, 3, h, h) -> float32 (n k, 147)."""
    n, k = corners.shape[:2]
    levels = len(laplacian_pyramid.sides(images.shape[-1]))
    shape = (n, k, LENGTH)
    found = torch.empty(shape, device=images.device) if images.is_cuda else spill.allocate(shape)
    for start in range(0, n, AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        scale = laplacian_pyramid.band(images[rows].float(), level, levels)
        found[rows] = cut(scale, corners[rows]).view(-1, k, LENGTH)
    return found.flatten(0, 1)


def _mixed(counters: Words, key: int) -> Words:
    """Sixty-four bits for each counter.

    The generator of G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number
    Generators", OOPSLA 2014, started at *key* and read at any place.
    """
    with np.errstate(over="ignore"):
        x = np.uint64(key) + (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
