"""ALI's networks: convolutions without padding, and a discriminator of pairs.

Each layout is given as the paper's tables give it, (kernel, stride, feature maps) a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Generator, Tensor, nn

from genbench.distributed import BatchNorm2d, drawn

Layers: TypeAlias = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Layout:
    """Layers of the networks, less the last ones of encoder, decoder and D(x, z)."""

    encoder: Layers
    decoder: Layers  # transposed
    image: Layers  # D(x)
    latent: tuple[int, ...]  # D(z), feature maps of 1x1 convolutions
    joint: tuple[int, ...]  # D(x, z), likewise

    def wide(self, width: float) -> Layout:
        """The same with a share of the feature maps."""

        def layers(given: Layers) -> Layers:
            return tuple((kernel, stride, round(maps * width)) for kernel, stride, maps in given)

        def flat(given: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(round(maps * width) for maps in given)

        return Layout(
            layers(self.encoder),
            layers(self.decoder),
            layers(self.image),
            flat(self.latent),
            flat(self.joint),
        )


_DOWN_64 = ((2, 1, 64), (7, 2, 128), (5, 2, 256), (7, 2, 256), (4, 1, 512))
_DOWN_32 = ((5, 1, 32), (4, 2, 64), (4, 1, 128), (4, 2, 256), (4, 1, 512))
_DOWN_16 = ((5, 1, 64), (4, 2, 128), (5, 1, 512))

# By resolution: ours, the paper's for SVHN and CIFAR-10, and that for CelebA.
LAYOUTS = {
    16: Layout(
        encoder=(*_DOWN_16, (1, 1, 512)),
        decoder=((5, 1, 128), (4, 2, 64), (5, 1, 32), (1, 1, 32)),
        image=_DOWN_16,
        latent=(512, 512),
        joint=(1024, 1024),
    ),
    32: Layout(
        encoder=(*_DOWN_32, (1, 1, 512)),
        decoder=((4, 1, 256), (4, 2, 128), (4, 1, 64), (4, 2, 32), (5, 1, 32), (1, 1, 32)),
        image=_DOWN_32,
        latent=(512, 512),
        joint=(1024, 1024),
    ),
    64: Layout(
        encoder=_DOWN_64,
        decoder=((4, 1, 512), (7, 2, 256), (5, 2, 256), (7, 2, 128), (2, 1, 64)),
        image=_DOWN_64,
        latent=(1024, 1024),
        joint=(2048, 2048),
    ),
}


def encoder(layers: Layers, latent: int, slope: float) -> nn.Sequential:
    """Images (n, 3, r, r) to (n, 2d, 1, 1): mean, and log of the standard deviation."""
    parts: list[nn.Module] = []
    before = 3
    for kernel, stride, maps in layers:
        parts.append(nn.Conv2d(before, maps, kernel, stride, bias=False))
        parts += [_norm(maps), nn.LeakyReLU(slope)]
        before = maps
    return nn.Sequential(*parts, nn.Conv2d(before, 2 * latent, 1))


class Decoder(nn.Module):
    """Latents (n, d) to images in [0, 1], with a bias for every pixel."""

    def __init__(self, layers: Layers, latent: int, slope: float, resolution: int) -> None:
        """Allocate the layers; the bias starts at 0, which is grey."""
        super().__init__()
        parts: list[nn.Module] = []
        before = latent
        for kernel, stride, maps in layers:
            parts.append(nn.ConvTranspose2d(before, maps, kernel, stride, bias=False))
            parts += [_norm(maps), nn.LeakyReLU(slope)]
            before = maps
        self.layers = nn.Sequential(*parts, nn.Conv2d(before, 3, 1, bias=False))
        self.bias = nn.Parameter(torch.zeros(3, resolution, resolution))

    def forward(self, z: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r) in [0, 1]."""
        return torch.sigmoid(self.layers(z[:, :, None, None]) + self.bias)


class Maxout(nn.Module):
    """The larger of each two neighbouring feature maps: half as many come out."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, 2c, h, w) -> (n, c, h, w)."""
        return torch.maximum(x[:, 0::2], x[:, 1::2])


@dataclass(frozen=True)
class Dropout:
    """Shares of numbers that the discriminator does without, and where."""

    data: float  # of images and latents as they come in
    features: float  # of what later convolutions see
    as_released: bool = False  # for CIFAR-10: D(x) as the code has it


@dataclass(frozen=True)
class Style:
    """What the discriminators of the paper differ in, beside their sizes."""

    slope: float  # of the leaky ReLU
    maxout: bool  # instead of the leaky ReLU and of batch norm
    norm_first: bool  # batch norm on the first layer of D(x) too
    dropout: Dropout


class Layer(nn.Module):
    """Dropout, convolution, dropout again, norm, activation; all but the convolution may lack."""

    def __init__(
        self, conv: nn.Conv2d, norm: nn.Module, activation: nn.Module, drop: tuple[float, float]
    ) -> None:
        """Take the parts; *drop* is the share dropped before and after the convolution."""
        super().__init__()
        self.conv, self.norm, self.activation = conv, norm, activation
        self.before, self.after = drop

    def forward(self, x: Tensor, rng: Generator | None) -> Tensor:
        """(n, c, h, w) -> (n, c', h', w'); without *rng* nothing is dropped."""
        x = dropped(self.conv(dropped(x, self.before, rng)), self.after, rng)
        result: Tensor = self.activation(self.norm(x))
        return result


class Discriminator(nn.Module):
    """D(x, z): the logit that an image and a latent came from the encoder."""

    def __init__(self, layout: Layout, latent: int, style: Style) -> None:
        """Allocate D(x), D(z) and D(x, z)."""
        super().__init__()
        halves = 2 if style.maxout else 1
        data, features = style.dropout.data, style.dropout.features
        drops = _drops(len(layout.image), style.dropout)
        self.image = nn.ModuleList()
        before = 3
        for number, ((kernel, stride, maps), drop) in enumerate(
            zip(layout.image, drops, strict=True)
        ):
            normed = not style.maxout and (number > 0 or style.norm_first)
            conv = nn.Conv2d(before, maps, kernel, stride, bias=not normed)
            norm = _norm(maps) if normed else nn.Identity()
            self.image.append(Layer(conv, norm, _activation(style), drop))
            before = maps // halves
        self.latent = _flat(latent, layout.latent, style, (data, features), bias=False)
        joint = before + layout.latent[-1] // halves
        self.joint = _flat(joint, layout.joint, style, (features, features), bias=True)
        last = nn.Conv2d(layout.joint[-1] // halves, 1, 1)
        self.joint.append(Layer(last, nn.Identity(), nn.Identity(), (features, 0.0)))

    def forward(self, x: Tensor, z: Tensor, rng: Generator | None = None) -> Tensor:
        """(n, 3, r, r) in [0, 1], (n, d) -> logits (n,); *rng* for the dropout, if any."""
        z = z[:, :, None, None]
        for layer in self.image:
            x = layer(x, rng)
        for layer in self.latent:
            z = layer(z, rng)
        both = torch.cat([x, z], dim=1)
        for layer in self.joint:
            both = layer(both, rng)
        return both.flatten()


def dropped(x: Tensor, share: float, rng: Generator | None) -> Tensor:
    """Zeros in place of a *share* of all numbers, the others larger by 1 / (1 - share).

    torch's own dropout draws from the global generator, which a step must not depend on.
    The rows are real pairs and as many generated ones.
    """
    if rng is None or not share:
        return x

    def tossed(shape: tuple[int, ...]) -> Tensor:
        return torch.empty(shape, device=rng.device).bernoulli_(1 - share, generator=rng)

    kept = drawn(tossed, x.shape, parts=2)
    return x * kept.to(x.device, x.dtype).div_(1 - share)


def initialise(network: nn.Module, std: float, momentum: float) -> None:
    """All weights of convolutions from N(0, std^2), biases 0; norms start as the identity.

    *momentum* is the share of a batch in the running statistics of the norms.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            part.momentum = momentum


def _drops(count: int, dropout: Dropout) -> list[tuple[float, float]]:
    """Shares dropped before and after each convolution of D(x)."""
    data, features = (dropout.data, 0.0), (dropout.features, 0.0)
    if not dropout.as_released:
        return [data, *[features] * (count - 1)]
    # The released indices were those of a network with norms: they hit what conv 3 puts out,
    # and leave out what convs 3 and 4 take in.
    released = [data, features, (0.0, dropout.features), (0.0, 0.0), features]
    return released[:count]


def _flat(
    before: int, wide: Sequence[int], style: Style, drops: tuple[float, float], *, bias: bool
) -> nn.ModuleList:
    """Convolutions of 1x1, of whose inputs the first share, then the second is dropped."""
    layers = nn.ModuleList()
    for number, maps in enumerate(wide):
        conv = nn.Conv2d(before, maps, 1, bias=bias)
        drop = (drops[min(number, 1)], 0.0)
        layers.append(Layer(conv, nn.Identity(), _activation(style), drop))
        before = maps // 2 if style.maxout else maps
    return layers


def _activation(style: Style) -> nn.Module:
    return Maxout() if style.maxout else nn.LeakyReLU(style.slope)


def _norm(maps: int) -> BatchNorm2d:
    """With the epsilon of Blocks, the library of the released code."""
    return BatchNorm2d(maps, eps=1e-4)
