"""DCGAN's generator and its mirror of strided convolutions, as GANs, AGE, GLO and VAEs use them.

Paper: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep
    Convolutional Generative Adversarial Networks", ICLR 2016, arXiv:1511.06434.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from genbench.distributed import BatchNorm2d
from genbench.errors import BadSetting

from .layers import WholeConv
from .progressive_schedule import RESOLUTIONS

Norm: TypeAlias = Callable[[int], nn.Module]  # makes the norm of so many feature maps

SMALLEST = 8  # pixels on a side: one doubling from 4x4


@dataclass(frozen=True)
class Shape:
    """What a generator and its mirror have in common."""

    resolution: int  # of the images: 8, 16, ... 1024
    base: int = 64  # ngf, ndf: feature maps at half the resolution
    channels: int = 3  # of the images: 3, or 1 for grey ones
    widest: int | None = None  # most feature maps of a layer; None: as many as the doubling gives

    @property
    def widths(self) -> list[int]:
        """Feature maps at 4x4, 8x8, ... half the resolution; twice as many at each halving."""
        doublings = (self.resolution // SMALLEST).bit_length() - 1
        wide = [self.base << k for k in reversed(range(doublings + 1))]
        return [min(width, self.widest or width) for width in wide]


def generator(latent: int, shape: Shape, norm: Norm = BatchNorm2d) -> nn.Sequential:
    """Transposed convolutions, kernel 4, norm and ReLU between them: (n, d) -> (n, c, r, r).

    Images are in [-1, 1], through a tanh.
    """
    wide = shape.widths
    last = nn.ConvTranspose2d(wide[-1], shape.channels, 4, 2, 1, bias=False)
    return initialised(nn.Sequential(*doubling(latent, wide, norm), last, nn.Tanh()))


def strided_stack(
    shape: Shape,
    head: int,
    *,
    norm: Norm | None = BatchNorm2d,
    bias: bool = False,
    head_bias: bool = False,
) -> nn.Sequential:
    """The generator's mirror, a discriminator or an encoder: (n, c, r, r) -> (n, head).

    Args:
        shape: of the images and layers.
        head: numbers given for an image; nothing comes after the last convolution.
        norm: between convolution and leaky ReLU, in all layers but the first and the last;
            None for none at all, as a gradient penalty wants it.
        bias: whether the convolutions before the last have one.
        head_bias: whether the last has one.
    """
    last = WholeConv(shape.widths[0], head, 4, bias=head_bias)
    return initialised(nn.Sequential(*halving(shape, norm, bias=bias), last, nn.Flatten()))


def doubling(latent: int, wide: Sequence[int], norm: Norm) -> list[nn.Module]:
    """Layers from a latent, (n, d), to *wide* feature maps at 4x4, 8x8, ..., not initialised."""
    layers: list[nn.Module] = [LatentTranspose(latent, wide[0]), norm(wide[0]), nn.ReLU(True)]
    for here, above in pairwise(wide):
        transposed = nn.ConvTranspose2d(here, above, 4, 2, 1, bias=False)
        layers += [transposed, norm(above), nn.ReLU(True)]
    return layers


def halving(shape: Shape, norm: Norm | None, *, bias: bool = False) -> list[nn.Module]:
    """Layers from images to ``shape.widths[0]`` feature maps at 4x4, not initialised."""
    wide = [shape.channels, *reversed(shape.widths)]
    layers: list[nn.Module] = []
    for above, here in pairwise(wide):
        layers.append(nn.Conv2d(above, here, 4, 2, 1, bias=bias))
        if norm is not None and len(layers) > 1:
            layers.append(norm(here))
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return layers


class LatentTranspose(nn.ConvTranspose2d):
    """The first layer: 4x4, stride 1, without bias, on one pixel. That is a linear map."""

    def __init__(self, latent: int, channels: int) -> None:
        """Weight (latent, channels, 4, 4), as the transposed convolution has it."""
        super().__init__(latent, channels, 4, bias=False)

    def forward(self, z: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(n, latent) -> (n, channels, 4, 4)."""
        assert output_size is None
        taps = self.weight.reshape(self.in_channels, -1)
        return F.linear(z, taps.T).view(-1, self.out_channels, 4, 4)


def initialised(net: nn.Sequential) -> nn.Sequential:
    """Draw DCGAN's weights: convolutions N(0, 0.02^2), gains of batch norm N(1, 0.02^2), shifts 0.

    Biases of convolutions, which DCGAN does not have, stay as torch draws them.
    """
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, _BatchNorm):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
    return net


def grey(images: Tensor, channels: int) -> Tensor:
    """Images as a network with so many channels wants them: (n, 3, h, w) -> (n, channels, h, w)."""
    return images.mean(1, keepdim=True) if channels == 1 else images


def coloured(images: Tensor) -> Tensor:
    """Images as genbench wants them: (n, 1 or 3, h, w) -> (n, 3, h, w)."""
    return images.expand(-1, 3, -1, -1)


def check_shape(shape: Shape, owner: str) -> None:
    """Refuse what cannot be built.

    Raises:
        BadSetting: a resolution that is no power of two from 8 to 1024, or a number out of range.
    """
    known = [size for size in RESOLUTIONS if size >= SMALLEST]
    if shape.resolution not in known:
        raise BadSetting(
            f"{owner} doubles from 4x4 and has no resolution {shape.resolution}; "
            f"choose --resolution from {', '.join(map(str, known))}"
        )
    if shape.base < 1 or (shape.widest is not None and shape.widest < 1):
        raise BadSetting(
            f"{owner} wants at least 1 feature map in a layer, got base {shape.base} and widest "
            f"{shape.widest}; change them with --set"
        )
    if shape.channels not in (1, 3):
        raise BadSetting(
            f"{owner}.channels is 3, or 1 for grey images, got {shape.channels}; "
            "change it with --set channels=..."
        )
