"""The training step of DCGAN as the public PyTorch code has it: eager, float32, default layout."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn


class PlainDCGAN:
    """Both networks and their optimisers."""

    def __init__(self, model: Any) -> None:
        """With the weights of *model*, one of ours."""
        settings = model.settings
        self.settings, self.device = settings, next(model.parameters()).device
        doublings = (model.resolution // 8).bit_length() - 1
        wide = [settings.base << k for k in reversed(range(doublings + 1))]
        self.generator = generator(settings.latent, wide)
        self.discriminator = discriminator(wide[::-1])
        for mine, theirs in (
            (self.generator, model.generator),
            (self.discriminator, model.discriminator),
        ):
            mine.load_state_dict(theirs.state_dict())
            mine.to(self.device)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(net.parameters(), settings.lr, settings.betas)
            for net in (self.generator, self.discriminator)
        )

    def networks(self) -> dict[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def step(self, images: Tensor, rng: torch.Generator) -> dict[str, float]:
        n = len(images)
        ones, zeros = torch.ones(n, 1, device=self.device), torch.zeros(n, 1, device=self.device)
        self.discriminator.zero_grad()
        z = torch.randn(n, self.settings.latent, generator=rng, device=rng.device).to(self.device)
        fakes = self.generator(z[:, :, None, None])
        real = self.discriminator(images)
        loss_real = F.binary_cross_entropy_with_logits(real, ones)
        loss_real.backward()
        fake = self.discriminator(fakes.detach())
        loss_fake = F.binary_cross_entropy_with_logits(fake, zeros)
        loss_fake.backward()
        self.adam_d.step()
        self.generator.zero_grad()
        loss = F.binary_cross_entropy_with_logits(self.discriminator(fakes), ones)
        loss.backward()
        self.adam_g.step()
        return {
            "discriminator_loss": (loss_real + loss_fake).item(),
            "real": real.sigmoid().mean().item(),
            "fake": fake.sigmoid().mean().item(),
            "generator_loss": loss.item(),
        }


def generator(latent: int, wide: list[int]) -> nn.Sequential:
    layers = [nn.ConvTranspose2d(latent, wide[0], 4, 1, 0, bias=False)]
    for here, above in pairwise(wide):
        layers += [nn.BatchNorm2d(here), nn.ReLU(True)]
        layers.append(nn.ConvTranspose2d(here, above, 4, 2, 1, bias=False))
    layers += [nn.BatchNorm2d(wide[-1]), nn.ReLU(True)]
    layers += [nn.ConvTranspose2d(wide[-1], 3, 4, 2, 1, bias=False), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(wide: list[int]) -> nn.Sequential:
    layers = [nn.Conv2d(3, wide[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
    for above, here in pairwise(wide):
        layers += [nn.Conv2d(above, here, 4, 2, 1, bias=False), nn.BatchNorm2d(here)]
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return nn.Sequential(*layers, nn.Conv2d(wide[-1], 1, 4, bias=False), nn.Flatten())
