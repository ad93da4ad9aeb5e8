"""The training step of Pioneer and Balanced Pioneer as a research repository would write it.

Eager float32, layers of torch.nn in the default layout, spectral norm as torch offers it, the
equalised rate a multiplication at every forward pass, gradients of all parameters in every
backward pass, Adam with its defaults, a loop for the running average, numbers read at once.
It is the same algorithm: from the same weights and noise it takes the same step.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

CONVOLUTION = nn.Conv2d | nn.ConvTranspose2d


class EqualisedConv(nn.Conv2d):
    """Its weight, drawn from N(0, 1), is multiplied by sqrt(2 / fan in) in use."""

    def forward(self, x: Tensor) -> Tensor:
        scale = math.sqrt(2 / self.weight[0].numel())
        return F.conv2d(x, self.weight * scale, self.bias, self.stride, self.padding)


class PixelNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt(torch.mean(x**2, dim=1, keepdim=True) + 1e-8)


class Block(nn.Module):
    """Two convolutions, normed and activated."""

    def __init__(
        self, first: nn.Module, second: nn.Module, pixel_norm: bool, last: bool = True
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = [first]
        parts += [PixelNorm()] if pixel_norm else []
        parts += [nn.LeakyReLU(0.2), second]
        parts += [PixelNorm()] if pixel_norm else []
        parts += [nn.LeakyReLU(0.2)] if last else []
        self.parts = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.parts(x)
        return found


class Generator(nn.Module):
    def __init__(self, latent: int, wide: list[int], norm: str, pixel_norm: bool) -> None:
        super().__init__()

        def conv(*shape: int, padding: int = 1) -> nn.Module:
            if norm == "equalised":
                return EqualisedConv(*shape, padding=padding)
            layer = nn.Conv2d(*shape, padding=padding)
            return spectral_norm(layer) if norm == "spectral" else layer

        blocks = [Block(conv(latent, wide[0], 4, padding=3), conv(wide[0], wide[0], 3), pixel_norm)]
        for before, here in pairwise(wide):
            blocks.append(Block(conv(before, here, 3), conv(here, here, 3), pixel_norm))
        self.blocks = nn.ModuleList(blocks)
        self.to_rgb = nn.ModuleList(nn.Conv2d(width, 3, 1) for width in wide)

    def forward(self, z: Tensor, phase: int, alpha: float) -> Tensor:
        x = before = self.blocks[0](z[:, :, None, None])
        for block in list(self.blocks)[1 : phase + 1]:
            before = F.interpolate(x, scale_factor=2)
            x = block(before)
        image: Tensor = self.to_rgb[phase](x)
        if phase > 0 and alpha < 1:
            image = alpha * image + (1 - alpha) * self.to_rgb[phase - 1](before)
        return image


class Encoder(nn.Module):
    def __init__(self, latent: int, wide: list[int], last_activation: bool) -> None:
        super().__init__()

        def conv(*shape: int, padding: int = 1) -> nn.Module:
            return spectral_norm(nn.Conv2d(*shape, padding=padding))

        head = Block(
            conv(wide[0], latent, 3), conv(latent, latent, 4, padding=0), False, last_activation
        )
        self.from_rgb = nn.ModuleList(nn.Conv2d(3, width, 1) for width in wide)
        self.blocks = nn.ModuleList([head])
        for before, here in pairwise(wide):
            self.blocks.append(Block(conv(here, before, 3), conv(before, before, 3), False))

    def forward(self, images: Tensor, phase: int, alpha: float) -> Tensor:
        x = self.from_rgb[phase](images)
        for level in range(phase, 0, -1):
            x = F.avg_pool2d(self.blocks[level](x), 2)
            if level == phase and alpha < 1:
                old = self.from_rgb[phase - 1](F.avg_pool2d(images, 2))
                x = alpha * x + (1 - alpha) * old
        codes: Tensor = F.normalize(self.blocks[0](x).flatten(1))
        return codes


class PlainPioneer:
    """Both networks, their optimisers, the image buffer and the running average."""

    def __init__(self, model: Any) -> None:
        """With the weights of *model*, one of ours."""
        settings = model.settings
        norm, pixel_norm = "equalised", True
        if hasattr(settings, "spectral_norm"):
            norm = "spectral" if settings.spectral_norm else "plain"
            norm = "equalised" if settings.equalised else norm
            pixel_norm = settings.pixel_norm
        wide = [settings.latent >> max(phase - 3, 0) for phase in range(model.last + 1)]
        self.ours, self.settings = model, settings  # for schedule and settings; not its networks
        self.device = next(model.parameters()).device
        self.generator = Generator(settings.latent, wide, norm, pixel_norm)
        self.encoder = Encoder(settings.latent, wide, settings.encoder_last_activation)
        self.average = Generator(settings.latent, wide, norm, pixel_norm)
        for mine, theirs in (
            (self.generator, model.generator),
            (self.encoder, model.encoder),
            (self.average, model.generator),
        ):
            copy_weights(mine, theirs)
            mine.to(self.device)
        lr = getattr(settings, "lr", None) or model.schedule.growth(model.seen).lr
        self.adam_g = torch.optim.Adam(self.generator.parameters(), lr, settings.betas)
        self.adam_e = torch.optim.Adam(self.encoder.parameters(), lr, settings.betas)
        self.pool: list[Tensor] = []
        self.era = -1

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "encoder": self.encoder}

    def step(self, images: Tensor, rng: torch.Generator) -> dict[str, float]:
        """As `GrowingAutoencoder.step` and the running average after it."""
        settings, growth = self.settings, self.ours.schedule.growth(self.ours.seen)
        phase, alpha, late = growth.phase, growth.alpha, growth.alpha >= 1
        x = at_resolution(images, 4 << phase, alpha if phase > 0 else 1.0)
        # the encoder
        self.adam_e.zero_grad()
        self.adam_g.zero_grad()
        codes = self.encoder(x, phase, alpha)
        l1 = F.l1_loss(self.generator(codes, phase, alpha), x)
        kl_real = self.kl(codes)
        fakes = self.generator(self.noise(phase, rng), phase, alpha).detach()
        if late:
            fakes = self.from_pool(fakes, growth.era, rng)
        kl_fake = self.kl(self.encoder(fakes, phase, alpha))
        gap = kl_real - kl_fake
        if getattr(growth, "margin", 0):
            gap = torch.clamp(gap, min=-growth.margin)
        weight = settings.l1_late if late else settings.l1_weight
        encoder_loss = settings.kl_weight * gap + weight * l1
        encoder_loss.backward()
        self.adam_e.step()
        scores = {"kl_real": kl_real.item(), "kl_fake": kl_fake.item(), "l1": l1.item()}
        scores["encoder_loss"] = encoder_loss.item()
        # the generator
        for _ in range(settings.generator_steps):
            self.adam_e.zero_grad()
            self.adam_g.zero_grad()
            z = self.noise(phase, rng)
            codes = self.encoder(self.generator(z, phase, alpha), phase, alpha)
            kl, cosine = self.kl(codes), (z * codes).sum(1).mean()
            loss = settings.kl_weight * kl + settings.cosine_weight * (2 - cosine / settings.latent)
            loss.backward()
            self.adam_g.step()
            scores |= {"cosine": cosine.item(), "generator_loss": loss.item()}
        self.update_average()
        return scores

    def kl(self, codes: Tensor) -> Tensor:
        mean, var = codes.mean(0), codes.var(0, unbiased=False)
        return ((var + mean**2 - torch.log(var.clamp(min=1e-20)) - 1) / 2).mean()

    def noise(self, phase: int, rng: torch.Generator) -> Tensor:
        shape = (self.settings.batches[phase], self.settings.latent)
        return F.normalize(torch.randn(*shape, generator=rng, device=rng.device)).to(self.device)

    def from_pool(self, images: Tensor, era: int, rng: torch.Generator) -> Tensor:
        """An image at a time; the draws are those of `ImageBuffer.mix`."""
        if era != self.era:
            self.era, self.pool = era, []
        capacity = self.ours.buffer.capacities[era]
        plugin = min(capacity - len(self.pool), len(images))
        used = list(images[:plugin])
        self.pool += [image.clone() for image in used]
        n = len(images) - plugin
        coins = (torch.rand(n, generator=rng, device=rng.device) < 0.5).tolist()
        places = torch.randint(capacity, (n,), generator=rng, device=rng.device).tolist()
        for image, coin, place in zip(images[plugin:], coins, places, strict=True):
            if coin:
                used.append(self.pool[place])
                self.pool[place] = image.clone()
            else:
                used.append(image)
        return torch.stack(used)

    def update_average(self) -> None:
        decay = self.settings.average_decay
        with torch.no_grad():
            for average, weight in zip(
                self.average.parameters(), self.generator.parameters(), strict=True
            ):
                average.mul_(decay).add_(weight, alpha=1 - decay)


def at_resolution(images: Tensor, size: int, alpha: float) -> Tensor:
    """Smaller images, blended with still smaller ones while a block fades in."""
    x = smaller(images, size)
    if alpha < 1:
        half = F.interpolate(smaller(x, size // 2), scale_factor=2)
        x = rounded(alpha * x + (1 - alpha) * half)
    return x


def smaller(images: Tensor, size: int) -> Tensor:
    if images.shape[-1] == size:
        return images
    return rounded(F.interpolate(images, (size, size), mode="bilinear", antialias=True))


def rounded(images: Tensor) -> Tensor:
    return ((images * 127.5 + 127.5).round().clamp(0, 255)) / 127.5 - 1


def copy_weights(mine: nn.Module, theirs: nn.Module) -> None:
    """Layer by layer; both list their convolutions in the same order."""
    pairs = zip(convolutions(mine), convolutions(theirs), strict=True)
    with torch.no_grad():
        for here, there in pairs:
            original(here).copy_(original(there))
            here.bias.copy_(there.bias)  # type: ignore[union-attr]  # all have one
            if is_parametrized(here):
                for key, value in here.parametrizations.weight[0].named_buffers():  # type: ignore[index,union-attr]  # torch's
                    value.copy_(dict(there.parametrizations.weight[0].named_buffers())[key])  # type: ignore[index,union-attr]


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """In order; blocks first, the way to or from colours after them."""
    found = {name: part for name, part in network.named_modules() if isinstance(part, CONVOLUTION)}
    return [found[name] for name in sorted(found, key=lambda name: "rgb" in name)]


def original(layer: nn.Conv2d) -> Tensor:
    """The stored weight, before any norm of it."""
    if is_parametrized(layer, "weight"):
        stored: Tensor = layer.parametrizations.weight.original  # type: ignore[union-attr]  # torch's
        return stored
    return layer.weight
