"""WGAN-GP: a Wasserstein GAN with gradient penalty on DCGAN's networks.

Paper: I. Gulrajani, F. Ahmed, M. Arjovsky, V. Dumoulin, A. Courville, "Improved Training of
    Wasserstein GANs", NeurIPS 2017, arXiv:1704.00028, algorithm 1 and the DCGAN of its figure 2.
Baseline of: H. Huang et al., "IntroVAE", NeurIPS 2018, arXiv:1807.06358, table 2, which quotes
    its MS-SSIM from elsewhere and does not say how it was trained.
Differs: kernels of 4x4 as in the DCGAN of genbench, for 5x5; 128x128 by one more doubling; the
    critic has no norm at all, which the paper allows. A step is one of the generator and
    takes the images of all of its critic updates at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from genbench.distributed import processes
from genbench.interfaces import Batch, Model, Preset, Stage, Tensors

from ._parts.dcgan_networks import (
    Shape,
    check_shape,
    generator,
    strided_stack,
)
from ._parts.divergence_rules import STEEP_CRITIC
from ._parts.gradient_penalty import TWICE, gradient_norms, penalty
from ._parts.latent_model import LatentModel
from ._parts.layers import frozen
from ._parts.setting_rules import check_rules


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 128  # d, numbers in a latent
    base: int = 64  # feature maps at half the resolution
    lr: float = 1e-4
    betas: tuple[float, float] = (0.0, 0.9)  # of Adam
    batch: int = 64  # images of one critic update
    critic_steps: int = 5  # critic updates to one of the generator
    gp_weight: float = 10.0  # lambda
    images: int = 64_000_000  # in the whole training: 200 000 generator updates


TINY: Mapping[str, Any] = {  # for a CPU
    "latent": 64,
    "base": 16,
    "lr": 5e-4,
    "batch": 32,
    "critic_steps": 3,
    "images": 200_000,
}


class WGANGP(LatentModel):
    """Generator G and critic D; there is no encoder."""

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks for *resolution*.

        Raises:
            BadSetting: the resolution is not 8, 16, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        shape = Shape(resolution, settings.base)
        check_shape(shape, "wgan_gp")
        _check(settings)
        self.generator = generator(settings.latent, shape)
        # A norm over the batch would make the penalty of an image depend on the others.
        self.critic = strided_stack(shape, 1, norm=None, bias=True, head_bias=True)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("critic", self.critic), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        return self.settings.images

    def stage(self, seen: int) -> Stage:
        """There is one stage; its batch is that of all critic updates of a step."""
        settings = self.settings
        images = settings.batch * settings.critic_steps
        return Stage("train", self.resolution, 1.0, images, settings.critic_steps)

    # --- use

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""
        images: Tensor = self.generator(latents.to(self._device))
        return images

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the critic for each part of the images, then one of the generator."""
        scores: dict[str, Tensor] = {}
        batch_size = self.settings.batch // processes()
        for reals in torch.split(batch.images, batch_size):
            scores = self._critic_step(reals, rng)
        with frozen(self.critic):
            loss = -self._judge(self.sample(batch_size, rng)).mean()
            self.descend("generator", loss)
        scores |= {"generator_loss": loss}
        return {name: score.detach() for name, score in scores.items()}

    def _critic_step(self, reals: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Down E[D(G(z)) - D(x)] + lambda E[(n - 1)^2], n the slope between x and G(z)."""
        with torch.no_grad():
            fakes = self.sample(len(reals), rng)
        wasserstein = self._judge(reals).mean() - self._judge(fakes).mean()
        norms = gradient_norms(self._judge, reals, fakes, rng)
        loss = self.settings.gp_weight * penalty(norms) - wasserstein
        self.descend("critic", loss)
        return {"wasserstein": wasserstein, "gradient_norm": norms.mean(), "critic_loss": loss}

    def _judge(self, images: Tensor) -> Tensor:
        """Scores, in float32: (n, 3, r, r) -> (n,)."""
        scores: Tensor = self.critic(images)[:, 0]
        return scores.float()

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    counts = {
        "latent": settings.latent,
        "batch": settings.batch,
        "critic_steps": settings.critic_steps,
        "images": settings.images,
    }
    check_rules("wgan_gp", settings, {n: (k >= 1, "at least 1") for n, k in counts.items()})


MODEL = Model(
    build=WGANGP,
    settings=Settings,
    presets={
        "celeba-128": Preset(
            {},
            data="celeba",
            resolution=128,
            source="settings of the paper; IntroVAE table 2 quotes a number",
        ),
        "lsun-64": Preset(
            {},
            data="lsun-bedroom",
            resolution=64,
            source="settings of the paper and of its released 64x64 code",
        ),
        "lsun-128": Preset(
            {},
            data="lsun-bedroom",
            resolution=128,
            source="settings of the paper; IntroVAE table 2 quotes a number",
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "images": 4_000}, resolution=32),
    },
    flips=True,
    geometry=WGANGP.geometry,
    published_as=("WGAN-GP",),
    eager={"critic": TWICE},
    alarms=(STEEP_CRITIC,),
)
