"""Variational autoencoder on DCGAN's networks, as the GLO paper compares with.

Paper: D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", ICLR 2014,
    arXiv:1312.6114.
Baseline of: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks",
    ICML 2018, arXiv:1707.05776, whose presets (``glo-...``) are named here as those of pca.
Chosen where that paper says nothing: the encoder is the generator's mirror; squared error and
    Lap1 are means over the numbers of an image and the KL is divided by as many, so with weights
    of 1 all are sums over pixels and latents; Adam has DCGAN's rates; batch 64. It says that
    codes come from the encoder, and its table gives them two values, one for each loss that
    codes can be searched with: ``encode: search`` is for comparison with the table.
Differs: log variances are clamped to [-30, 20]; codes are the posterior's mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from genbench.interfaces import Batch, Model, Preset, Stage, Tensors

from ._parts.dcgan_networks import (
    Shape,
    check_shape,
    coloured,
    generator,
    grey,
    strided_stack,
)
from ._parts.divergence_rules import empty_codes
from ._parts.gaussian_posterior import Posterior
from ._parts.glo_presets import glo_presets
from ._parts.laplacian_loss import LEVEL_WEIGHTS, lap1
from ._parts.latent_model import LatentModel
from ._parts.latent_search import OBJECTIVES, Search, search
from ._parts.layers import frozen
from ._parts.losses import mean_square
from ._parts.setting_rules import check_rules

ENCODE = ("encoder", "search")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 256  # d, numbers in a latent
    base: int = 64  # feature maps at half the resolution
    channels: int = 3  # of the images inside; 1: grey ones
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    batch: int = 64
    epochs: float = 25.0  # times every image is shown
    images: int | None = None  # in the whole training; empty: epochs
    l2_weight: float = 1.0  # of the mean squared error
    lap1_weight: float = 1.0  # of Lap1
    level_weight: str = "equal_mean"  # of Lap1's levels; or "4^j" or "4^-j", j = 0 the finest
    kl_weight: float = 1.0  # of the KL, nats an image, over the numbers in an image
    encode: str = "encoder"  # or "search", from the encoder's code
    search_steps: int = 500  # of Adam
    search_lr: float = 0.1
    search_loss: str = "mse"  # or "lap1"


TINY: Mapping[str, Any] = {  # for a CPU
    "latent": 64,
    "base": 16,
    "batch": 32,
    "lr": 1e-3,
    "kl_weight": 3.0,  # at 1 few draws of the prior lie near a code after minutes
    "search_steps": 50,
}

TOYFACES: Mapping[str, Any] = {  # of the reference model: ten minutes of a CPU's core
    "latent": 64,
    "base": 16,
    "batch": 32,
    "lr": 1e-3,
    "kl_weight": 3.0,
    "images": 300_000,
}


class VAE(LatentModel):
    """q(z|x) is a diagonal Gaussian, the prior N(0, I)."""

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks for *resolution*.

        Raises:
            BadSetting: the resolution is not 8, 16, ... 1024, or a setting is out of range.
        """
        super().__init__()
        shape = Shape(resolution, settings.base, settings.channels)
        check_shape(shape, "vae")
        _check(settings)
        self.settings, self.resolution, self.seen = settings, resolution, 0
        self.numbers = settings.channels * resolution**2  # in an image
        self.encoder = strided_stack(shape, 2 * settings.latent)
        self.decoder = generator(settings.latent, shape)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for both networks."""
        settings = self.settings
        return {"both": Adam(self.parameters(), settings.lr, settings.betas, fused=True)}

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        settings = self.settings
        return round(settings.epochs * train_size) if settings.images is None else settings.images

    def stage(self, seen: int) -> Stage:
        """There is one stage."""
        return Stage("train", self.resolution, 1.0, self.settings.batch)

    # --- use

    def encode(self, images: Tensor) -> Tensor:
        """The posterior's mean, or the code found from there: (n, 3, r, r) -> (n, d)."""
        settings = self.settings
        target = grey(images.to(self._device), settings.channels)
        mean = self._posterior(target).mean
        if settings.encode == "encoder":
            return mean
        how = Search(
            steps=settings.search_steps, lr=settings.search_lr, objective=settings.search_loss
        )
        with frozen(self.decoder):
            return search(self._decode, target, mean[None], how)

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r) in [-1, 1]."""
        return coloured(self._decode(latents.to(self._device)))

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One step down l2 + Lap1 + KL / numbers in an image."""
        settings = self.settings
        x = grey(batch.images, settings.channels)
        posterior = self._posterior(x)
        y = self._decode(posterior.draw(rng))
        scores = {"l2": mean_square(y, x).mean(), "kl": posterior.kl().mean()}
        loss = settings.l2_weight * scores["l2"]
        if settings.lap1_weight:
            scores["lap1"] = lap1(y, x, settings.level_weight).mean()
            loss = loss + settings.lap1_weight * scores["lap1"]
        loss = loss + settings.kl_weight * scores["kl"] / self.numbers
        self.descend("both", loss)
        return {name: score.detach() for name, score in (scores | {"loss": loss}).items()}

    def _posterior(self, images: Tensor) -> Posterior:
        return Posterior.of(self.encoder(images))

    def _decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, c, r, r)."""
        images: Tensor = self.decoder(latents)
        return images

    @property
    def _device(self) -> torch.device:
        return next(self.decoder.parameters()).device


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    rules = {
        "latent": (settings.latent > 0, "at least 1"),
        "batch": (settings.batch > 0, "at least 1"),
        "epochs": (settings.epochs > 0, "more than 0"),
        "level_weight": (settings.level_weight in LEVEL_WEIGHTS, " or ".join(LEVEL_WEIGHTS)),
        "encode": (settings.encode in ENCODE, " or ".join(ENCODE)),
        "search_steps": (settings.search_steps > 0, "at least 1"),
        "search_loss": (settings.search_loss in OBJECTIVES, " or ".join(OBJECTIVES)),
    }
    check_rules("vae", settings, rules)


MODEL = Model(
    build=VAE,
    settings=Settings,
    presets={
        **glo_presets(
            "GLO, table 1; what it leaves open is settled as under Differs",
            {
                "mnist": {"latent": 32, "channels": 1, "lap1_weight": 0.0},  # squared error alone
                "svhn": {"latent": 64},
                "celeba": {},
                "lsun": {},
            },
        ),
        "toyfaces-32": Preset(
            TOYFACES, data="toyfaces", resolution=32, source="ours: what `genbench zoo` offers"
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "images": 6_000, "search_steps": 10}, resolution=32),
        "quickstart": Preset({**TOYFACES, "images": 30_000}, resolution=32),
    },
    geometry=VAE.geometry,
    published_as=("VAE",),
    alarms=(empty_codes("kl"),),
)
