"""Generator and discriminator of ProgGAN, which grow from 4x4.

All blocks exist from the start; phase and alpha say which of them work. Block 0 works at 4x4,
block p at 4 * 2^p.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn

from .layers import (
    DoublingConv,
    LatentConv,
    PixelNorm,
    WholeConv,
    equalised,
)
from .minibatch_std import MOMENTS, MinibatchStatistics
from .progressive_schedule import (
    RESOLUTIONS,
    blend,
    double,
    settled,
)
from .setting_rules import check_rules

SLOPE = 0.2  # of LeakyReLU


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What says how large both networks are and what stands in them."""

    latent: int = 512  # d, numbers in a latent
    fmap_base: int = 8192  # feature maps are fmap_base / 2^s, see `channels`
    fmap_max: int = 512  # and never more than this
    stddev_group: int = 4  # images whose statistics are taken together; 0: the whole batch
    statistics: tuple[str, ...] = ("std",)  # channels: std, kurtosis, skewness; () for none
    res_block_g: bool = False  # a residual pair of convolutions in every block of G from 8x8 on
    res_block_d: bool = False  # the same in D
    untied_bias: bool = False  # of G's first layer: one for each pixel, to read weights of others
    pool_first: bool = True  # D activates after it pools; false: before, as the first version did


def channels(shape: Shape, s: int) -> int:
    """nf(s): feature maps after s halvings; a block of resolution 2^r uses nf(r - 1)."""
    return min(shape.fmap_base >> s, shape.fmap_max)


class Generator(nn.Module):
    """Latents to images: convolution, bias, LeakyReLU, and only then pixel norm."""

    def __init__(self, shape: Shape, last: int) -> None:
        """Allocate the blocks of phases 0 to *last*."""
        super().__init__()
        wide = [channels(shape, phase + 1) for phase in range(last + 1)]
        # As a 4x4 convolution of one pixel its fan-in is 16 d, so the usual gain is the
        # original's sqrt(2) / 4 of the dense layer.
        dense = LatentConv(shape.latent, wide[0])
        first = _unit(equalised(dense.untie() if shape.untied_bias else dense), PixelNorm())
        self.norm = PixelNorm()
        self.blocks = nn.ModuleList([nn.Sequential(first, _normed(wide[0], wide[0]))])
        for before, here in pairwise(wide):
            widened = _unit(equalised(DoublingConv(before, here)), PixelNorm())
            pair = [_normed(here, here) for _ in range(2 if shape.res_block_g else 1)]
            rest = _Residual(*pair) if shape.res_block_g else pair[0]
            # A name that stood for the doubling: checkpoints count layers from there.
            self.blocks.append(nn.Sequential(nn.Identity(), widened, rest))
        self.to_rgb = nn.ModuleList(equalised(nn.Conv2d(width, 3, 1), gain=1.0) for width in wide)

    def forward(self, z: Tensor, phase: int, alpha: float | Tensor = 1.0) -> Tensor:
        """(n, d) -> (n, 3, r, r), r = 4 * 2^phase; alpha is the share of the newest block."""
        features = before = self.blocks[0](self.norm(z))
        for above in range(1, phase + 1):
            before, features = features, self.blocks[above](features)
        image: Tensor = self.to_rgb[phase](features)
        if phase == 0 or settled(alpha):
            return image
        # toRGB looks at one pixel at a time, so it may as well come before the doubling.
        return blend(double(self.to_rgb[phase - 1](before)), image, alpha)


class Trunk(nn.Module):
    """The discriminator without its last layer: images to vectors."""

    def __init__(self, shape: Shape, last: int) -> None:
        """Allocate the blocks of phases 0 to *last*."""
        super().__init__()
        wide = [channels(shape, phase + 1) for phase in range(last + 1)]
        self.from_rgb = nn.ModuleList(_conv(3, width, 1) for width in wide)
        blocks = []
        for smaller, here in pairwise(wide):
            pair = [_conv(here, here, 3) for _ in range(2 if shape.res_block_d else 1)]
            rest = _Residual(*pair) if shape.res_block_d else pair[0]
            blocks.append(nn.Sequential(rest, _down(here, smaller, first=shape.pool_first)))
        self.blocks = nn.ModuleList(blocks)  # of phases 1 to last
        self.statistics = MinibatchStatistics(shape.stddev_group, shape.statistics)
        self.head = _conv(wide[0] + len(shape.statistics), wide[0], 3)
        self.dense = equalised(WholeConv(wide[0], channels(shape, 0), 4))

    def forward(
        self, images: Tensor, phase: int, alpha: float = 1.0, *, mates: bool = True
    ) -> Tensor:
        """Scores' last features, before their activation.

        Args:
            images: (n, 3, r, r), r = 4 * 2^phase.
            phase: of the images.
            alpha: share of the newest block.
            mates: false to put 0 in place of the statistics of the batch.

        Returns:
            (n, nf(0)).
        """
        features: Tensor = self.from_rgb[phase](images)
        for above in reversed(range(phase)):
            features = self.blocks[above](features)
            if above == phase - 1 and alpha < 1:
                old = self.from_rgb[above](F.avg_pool2d(images, 2))
                features = torch.lerp(old, features, alpha)
        vectors: Tensor = self.dense(self.head(self.statistics(features, mates=mates)))
        return vectors.flatten(1)


class Discriminator(Trunk):
    """Images to scores; no normalisation anywhere."""

    def __init__(self, shape: Shape, last: int) -> None:
        """Allocate the blocks of phases 0 to *last*."""
        super().__init__(shape, last)
        self.score = equalised(nn.Linear(channels(shape, 0), 1), gain=1.0)

    def judge(self, images: Tensor, phase: int, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
        """Scores and the activations they are a linear function of: (n,), (n, nf(0))."""
        activations = F.leaky_relu(self(images, phase, alpha), SLOPE)
        return self.score(activations)[:, 0], activations


class _Residual(nn.Module):
    """Adds its input to what its layers make of it."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same shape."""
        added: Tensor = x + self.layers(x)
        return added


def _normed(inputs: int, outputs: int) -> nn.Sequential:
    return _unit(equalised(nn.Conv2d(inputs, outputs, 3, padding=1)), PixelNorm())


def _conv(inputs: int, outputs: int, size: int) -> nn.Sequential:
    return _unit(equalised(nn.Conv2d(inputs, outputs, size, padding=size // 2)))


def _unit(conv: nn.Module, *after: nn.Module) -> nn.Sequential:
    # Not in place: the gradient penalty differentiates the discriminator twice.
    return nn.Sequential(conv, nn.LeakyReLU(SLOPE), *after)


def _down(inputs: int, outputs: int, *, first: bool) -> nn.Sequential:
    """Convolution and halving; the mean commutes with the bias, but not with LeakyReLU."""
    conv, pool = equalised(nn.Conv2d(inputs, outputs, 3, padding=1)), nn.AvgPool2d(2)
    activation = nn.LeakyReLU(SLOPE)
    return nn.Sequential(conv, pool, activation) if first else nn.Sequential(conv, activation, pool)


def check_shape(shape: Shape, last: int, owner: str) -> None:
    """Raise `BadSetting` for the first value that no network can have."""
    unknown = [name for name in shape.statistics if name not in MOMENTS]
    rules = {
        "latent": (shape.latent > 0, "at least 1"),
        "fmap_max": (shape.fmap_max > 0, "at least 1"),
        "fmap_base": (shape.fmap_base >> last + 1 > 0, f"at least {2 << last}"),
        "stddev_group": (shape.stddev_group >= 0, "at least 0"),
        "statistics": (not unknown, f"some of {', '.join(MOMENTS)}"),
    }
    size = RESOLUTIONS[last]
    check_rules(owner, shape, rules, where=f"at {size}x{size}")
