"""Generator and encoder that grow from 4x4, as Pioneer and its successors use them.

All blocks exist from the start; phase and alpha say which of them work. Normalisation of
weights and features is handed in, so that the variants of the papers share one shape.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from .layers import (
    DoublingConv,
    LatentConv,
    WholeConv,
    from_colours,
)
from .progressive_schedule import blend, double, settled

Dress: TypeAlias = Callable[[nn.Conv2d], nn.Conv2d]  # initialises a convolution and returns it
Norm: TypeAlias = Callable[[], nn.Module]  # makes the norm between convolution and activation


def channels(latent: int, phase: int) -> int:
    """Feature maps of a phase: d up to 32x32, then half as many at every doubling."""
    return latent >> max(phase - 3, 0)


class Generator(nn.Module):
    """Latents to images."""

    def __init__(self, latent: int, last: int, dress: Dress, norm: Norm) -> None:
        """Allocate the blocks of phases 0 to *last*."""
        super().__init__()
        wide = [channels(latent, phase) for phase in range(last + 1)]
        first = LatentConv(latent, wide[0])
        self.blocks = nn.ModuleList([_pair(first, wide[0], dress, norm)])
        for before, here in pairwise(wide):
            pair = _pair(DoublingConv(before, here), here, dress, norm)
            # A name that stood for the doubling: checkpoints count layers from there.
            self.blocks.append(nn.Sequential(nn.Identity(), *pair))
        self.to_rgb = nn.ModuleList(nn.Conv2d(width, 3, 1) for width in wide)

    def forward(self, z: Tensor, phase: int, alpha: float | Tensor = 1.0) -> Tensor:
        """(n, d) -> (n, 3, r, r), r = 4 * 2^phase; alpha is the share of the newest block."""
        features = before = self.blocks[0](z)
        for above in range(1, phase + 1):
            before, features = features, self.blocks[above](features)
        image: Tensor = self.to_rgb[phase](features)
        if phase == 0 or settled(alpha):
            return image
        # toRGB looks at one pixel at a time, so it may as well come before the doubling.
        old = double(self.to_rgb[phase - 1](before))
        return blend(old, image, alpha)


class Encoder(nn.Module):
    """Images to unit vectors."""

    def __init__(self, latent: int, last: int, dress: Dress, *, last_activation: bool) -> None:
        """Allocate the blocks of phases 0 to *last*."""
        super().__init__()
        wide = [channels(latent, phase) for phase in range(last + 1)]
        self.from_rgb = nn.ModuleList(nn.Conv2d(3, width, 1) for width in wide)
        head = [
            dress(nn.Conv2d(wide[0], latent, 3, padding=1)),
            _activation(),
            dress(WholeConv(latent, latent, 4)),
            _activation() if last_activation else nn.Identity(),
            nn.Flatten(),
        ]
        self.blocks = nn.ModuleList([nn.Sequential(*head)])
        for smaller, here in pairwise(wide):
            narrowed = nn.Conv2d(here, smaller, 3, padding=1)
            pair = _pair(narrowed, smaller, dress, nn.Identity)
            self.blocks.append(nn.Sequential(*pair, nn.AvgPool2d(2)))

    def forward(self, images: Tensor, phase: int, alpha: float | Tensor = 1.0) -> Tensor:
        """(n, 3, r, r) -> (n, d) of norm 1, r = 4 * 2^phase; alpha as in `Generator`."""
        colour, (first, *rest) = self.from_rgb[phase], self.blocks[phase].children()
        assert isinstance(colour, nn.Conv2d)
        assert isinstance(first, nn.Conv2d)
        features = from_colours(images, colour, first)
        for part in rest:
            features = part(features)
        if phase > 0 and not settled(alpha):
            old = self.from_rgb[phase - 1](F.avg_pool2d(images, 2))
            features = blend(old, features, alpha)
        for below in reversed(range(phase)):
            features = self.blocks[below](features)
        return F.normalize(features, dim=1)


def _pair(first: nn.Conv2d, width: int, dress: Dress, norm: Norm) -> nn.Sequential:
    """Two convolutions, the second of 3x3 from *width* to *width*, each normed and activated."""
    second = nn.Conv2d(width, width, 3, padding=1)
    parts = [dress(first), norm(), _activation(), dress(second), norm(), _activation()]
    return nn.Sequential(*[part for part in parts if not isinstance(part, nn.Identity)])


def _activation() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
