"""DCGAN: a deep convolutional GAN, which encodes by searching for the code of an image.

Paper: A. Radford, L. Metz, S. Chintala, "Unsupervised Representation Learning with Deep
    Convolutional Generative Adversarial Networks", ICLR 2016, arXiv:1511.06434.
Follows the released code where it departs from the paper: normal latents for uniform ones; a
    generator that is trained on the fakes that the discriminator has just seen.
Baseline of: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks",
    ICML 2018, arXiv:1707.05776, whose presets (``glo-...``) are named here as those of pca;
    it ran many seeds and took the best. How it searched it does not say: here Adam from the
    best of three starts, which are the same for every image.
Differs: 128x128 by one more doubling, 32x32 by one fewer; the loss works on logits; an epoch
    that is no whole number of batches ends early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
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
from ._parts.divergence_rules import sure_discriminator
from ._parts.epoch_schedule import Epochs
from ._parts.glo_presets import glo_presets
from ._parts.latent_model import LatentModel
from ._parts.latent_search import (
    OBJECTIVES,
    Search,
    normal_starts,
    search,
)
from ._parts.layers import frozen
from ._parts.setting_rules import check_rules


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 100  # d, numbers in a latent
    base: int = 64  # ngf and ndf, feature maps at half the resolution
    channels: int = 3  # of the images inside; 1: grey ones
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    batch: int = 64
    epochs: int = 25
    search_steps: int = 500  # of Adam, from each start, for the code of an image
    search_lr: float = 0.1
    search_starts: int = 3  # the best result is kept
    search_objective: str = "mse"  # or "lap1"


TINY: Mapping[str, Any] = {  # for a CPU
    "latent": 64,
    "base": 16,
    "lr": 1e-3,
    "batch": 32,
    "search_steps": 50,
}


class DCGAN(LatentModel):
    """Generator G and discriminator D; latents are normal."""

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks for *resolution*.

        Raises:
            BadSetting: the resolution is not 8, 16, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        shape = Shape(resolution, settings.base, settings.channels)
        check_shape(shape, "dcgan")
        _check(settings)
        self.epochs = Epochs((settings.epochs,), (settings.batch,))
        self.generator = generator(settings.latent, shape)
        self.discriminator = strided_stack(shape, 1)
        # The layout that a GPU's tensor cores want; 8 % faster on a CPU too.
        self.to(memory_format=torch.channels_last)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("discriminator", self.discriminator), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows; an epoch is so long from here on."""
        self.epochs = self.epochs.over(train_size)
        return self.epochs.total

    def stage(self, seen: int) -> Stage:
        """Epoch after *seen* images."""
        epoch = self.epochs.epoch_stage(seen).epoch
        return Stage(f"epoch {epoch + 1}", self.resolution, 1.0, self.settings.batch)

    # --- use

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""
        return coloured(self._generate(latents))

    def encode(self, images: Tensor) -> Tensor:
        """The code whose image comes closest, by search: (n, 3, r, r) in [-1, 1] -> (n, d).

        In evaluation mode whatever the mode of the model is: batch norm would mix the images.
        """
        settings, mode = self.settings, self.generator.training
        target = grey(images.to(self._device), settings.channels)
        starts = normal_starts(settings.search_starts, settings.latent, target)
        how = Search(
            steps=settings.search_steps,
            lr=settings.search_lr,
            objective=settings.search_objective,
        )
        self.generator.eval()
        try:
            with frozen(self.generator):
                return search(self._generate, target, starts, how)
        finally:
            self.generator.train(mode)

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the discriminator, then one of the generator, on the same fakes."""
        fakes = self._generate(self.draw(len(batch.images), rng))
        scores = self._discriminator_step(grey(batch.images, self.settings.channels), fakes)
        with frozen(self.discriminator):
            loss = -F.logsigmoid(self._judge(fakes)).mean()
        self.descend("generator", loss)
        scores |= {"generator_loss": loss}
        return {name: score.detach() for name, score in scores.items()}

    def _discriminator_step(self, images: Tensor, fakes: Tensor) -> dict[str, Tensor]:
        """Down -log D(x) - log(1 - D(G(z))); each in a pass of its own, for the batch norms."""
        real, fake = self._judge(images), self._judge(fakes.detach())
        loss = -F.logsigmoid(real).mean() - F.logsigmoid(-fake).mean()
        self.descend("discriminator", loss)
        return {
            "discriminator_loss": loss,
            "real": real.detach().sigmoid().mean(),  # D(x): 1 where D is sure
            "fake": fake.detach().sigmoid().mean(),  # D(G(z)): 0 where D is sure
        }

    def _judge(self, images: Tensor) -> Tensor:
        """Logits, in float32: (n, c, r, r) -> (n, 1)."""
        logits: Tensor = self.discriminator(images)
        return logits.float()

    def _generate(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents.to(self._device))
        return images

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    rules = {
        "latent": (settings.latent > 0, "at least 1"),
        "batch": (settings.batch > 0, "at least 1"),
        "epochs": (settings.epochs > 0, "at least 1"),
        "search_steps": (settings.search_steps > 0, "at least 1"),
        "search_starts": (settings.search_starts > 0, "at least 1"),
        "search_objective": (
            settings.search_objective in OBJECTIVES,
            " or ".join(OBJECTIVES),
        ),
    }
    check_rules("dcgan", settings, rules)


MODEL = Model(
    build=DCGAN,
    settings=Settings,
    presets={
        "celeba-64": Preset(
            {},
            data="celeba",
            resolution=64,
            source="defaults of the public Torch and PyTorch code",
        ),
        **glo_presets(
            "GLO, table 1: default hyper-parameters",
            {
                "mnist": {"latent": 32, "channels": 1},
                "svhn": {"latent": 64},
                "celeba": {"latent": 256},
                "lsun": {"latent": 256},
            },
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "epochs": 1, "search_steps": 10}, resolution=32),
    },
    geometry=DCGAN.geometry,
    published_as=("DCGAN",),
    alarms=(sure_discriminator("real", "fake"),),
)
