"""The residual encoder and generator of IntroVAE.

Both are described by a list of channels c[0] ... c[n-1], the finest stage first; images are
4 * 2^n wide. Follows the released code, which the paper's table 3 matches layer by layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from genbench.distributed import BatchNorm2d

Norm: TypeAlias = Callable[[int], nn.Module]
SLOPE = 0.2  # of every leaky ReLU
SIDE = 4  # of the smallest feature maps
SHARED = 256  # Python keeps one object for each integer up to here


def batch_norm(channels: int) -> nn.Module:
    """Torch's defaults: gain 1, shift 0, eps 1e-5, momentum 0.1."""
    return BatchNorm2d(channels)


def group_norm(channels: int) -> nn.Module:
    """At most 32 groups, of at least 4 channels where there are so many."""
    return nn.GroupNorm(math.gcd(32, max(channels // 4, 1)), channels)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the second norm follows their sum."""

    def __init__(self, before: int, after: int, norm: Norm, *, project: bool = False) -> None:
        """The shortcut is the identity where the channels agree, unless *project* says not."""
        super().__init__()
        project = project or before != after
        self.shortcut = nn.Conv2d(before, after, 1, bias=False) if project else nn.Identity()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm1 = norm(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = norm(after)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, after, h, w)."""
        inner = F.leaky_relu(self.norm1(self.conv1(x)), SLOPE)
        return F.leaky_relu(self.norm2(self.conv2(inner) + self.shortcut(x)), SLOPE)


class Encoder(nn.Module):
    """Images to 2 d numbers: means, then log variances."""

    def __init__(
        self, channels: tuple[int, ...], latent: int, norm: Norm, *, as_released: bool = False
    ) -> None:
        """*as_released*: with the needless projections of `_between`."""
        super().__init__()
        first, last = channels[0], channels[-1]
        self.first = nn.Conv2d(3, first, 5, padding=2, bias=False)
        self.norm = norm(first)
        narrowing = _between(channels, norm, as_released)
        self.blocks = nn.ModuleList([*narrowing, Block(last, last, norm)])
        self.last = nn.Linear(last * SIDE**2, 2 * latent)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, r, r) in [0, 1] -> (n, 2 d)."""
        x = F.leaky_relu(self.norm(self.first(images)), SLOPE)
        for block in self.blocks:
            x = block(F.avg_pool2d(x, 2))
        numbers: Tensor = self.last(x.flatten(1))
        return numbers


class Generator(nn.Module):
    """Latents to images; the last layer is linear, nothing holds it in [0, 1]."""

    def __init__(
        self, channels: tuple[int, ...], latent: int, norm: Norm, *, as_released: bool = False
    ) -> None:
        """*as_released*: with the needless projections of `_between`."""
        super().__init__()
        first, last = channels[0], channels[-1]
        self.first = nn.Linear(latent, last * SIDE**2)
        widening = _between(channels[::-1], norm, as_released)
        self.blocks = nn.ModuleList([Block(last, last, norm), *widening, Block(first, first, norm)])
        self.last = nn.Conv2d(first, 3, 5, padding=2)

    def forward(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), nominally in [0, 1]."""
        x = F.relu(self.first(latents)).view(len(latents), -1, SIDE, SIDE)
        *coarse, finest = self.blocks
        for block in coarse:
            x = F.interpolate(block(x), scale_factor=2, mode="nearest")
        images: Tensor = self.last(finest(x))
        return images


def _between(channels: tuple[int, ...], norm: Norm, as_released: bool) -> list[Block]:
    """A block from each place of the list to the next.

    The released code asks whether two numbers are the same object, not whether they are equal.
    Above 256 Python makes a new one for each place of a list read from text, so there blocks
    512 -> 512 have a projection that they do not need.
    """
    return [
        Block(before, after, norm, project=as_released and before > SHARED)
        for before, after in pairwise(channels)
    ]
