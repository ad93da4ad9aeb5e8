"""AGE: an encoder and a generator that play against each other over the spread of codes.

Paper: D. Ulyanov, A. Vedaldi, V. Lempitsky, "It Takes (Only) Two: Adversarial
    Generator-Encoder Networks", AAAI 2018, arXiv:1704.02304.
Follows the released code where it departs from the paper, since the published results come
    from it: a KL with the variance where the deviation should stand (``kl=corrected`` puts
    that right), a mean over the code; reconstruction terms that are means over pixels, and
    over batch and code; a new rate, and Adam anew, at the second stage of the CelebA runs.
Differs: the running statistics of the encoder's batch norms are those of real images only,
    so that it can be used in evaluation mode (``statistics=mixed``: of every pass, as in the
    code, whose training grids keep the encoder in training mode instead); an epoch that is
    no whole number of batches ends early, but the images left out are shown in the next one.
    ``celeba-128`` is the variant that the Pioneer paper compares with: it says no more than
    that the network was enlarged, has 512 latents and was trained until unstable, so one
    more doubling is added, up to 16 w feature maps (``widest=512``: 8 w); the checkpoint to
    measure is the best one before the collapse. ``cosine_weight=8000`` gives (1 - cos) the
    weight there that it has with 64 latents.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.distributed import BatchNorm2d
from genbench.errors import BadInput
from genbench.interfaces import Adopted, Batch, Geometry, Model, Preset, Stage, Tensors

from ._parts.dcgan_networks import (
    Shape,
    check_shape,
    doubling,
    generator,
    halving,
    initialised,
    strided_stack,
)
from ._parts.divergence_rules import ADVERSARIAL_CODES
from ._parts.epoch_schedule import Epochs
from ._parts.latent_model import LatentModel
from ._parts.layers import batch_statistics, frozen
from ._parts.losses import (
    batch_kl,
    deviation_kl,
    mean_cosine,
    moments,
)
from ._parts.released_weights import adopt, layers, part
from ._parts.setting_rules import check_rules

SMALL = 32  # pixels on a side up to which the smaller networks are used
KLS = {"code": deviation_kl, "corrected": batch_kl}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change. Lists have a number for each stage of the training."""

    latent: int = 64  # d, numbers in a latent
    base: int = 64  # w, feature maps at half the resolution
    widest: int | None = None  # most feature maps of a layer; empty: w resolution / 8
    lr: float = 2e-4  # at the start of every stage
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    halving: int = 5  # the rate is halved at every so-manieth epoch; 0: never
    epochs: tuple[int, ...] = (5, 1)
    batches: tuple[int, ...] = (64, 256)
    l1_weights: tuple[float, ...] = (10.0, 15.0)  # w_X, of the mean |x - G(E(x))|
    cosine_weight: float = 1000.0  # w_Z, of 2 - cos / d
    generator_steps: int = 3  # n_g, generator updates to one of the encoder
    kl: str = "code"  # or "corrected"
    statistics: str = "real"  # images that the encoder's batch norms remember; or "mixed"


ONE_STAGE: Mapping[str, Any] = {"batches": (64,), "l1_weights": (10.0,), "generator_steps": 2}
TINY: Mapping[str, Any] = {  # for a CPU
    **ONE_STAGE,
    "base": 16,
    "lr": 1e-3,  # 2e-4 takes several times as long to beat the mean image
    "batches": (32,),
    "epochs": (6,),  # ten minutes of one core
    "halving": 0,
}


class AGE(LatentModel):
    """Encoder E on the unit sphere, generator G; no discriminator."""

    geometry = Geometry.SPHERE

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks for *resolution*.

        Raises:
            BadSetting: the resolution is not 8, 16, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        shape = Shape(resolution, settings.base, widest=settings.widest)
        check_shape(shape, "age")
        _check(settings)
        self.epochs = Epochs(settings.epochs, settings.batches)
        small = resolution <= SMALL
        self.generator = (_small_generator if small else generator)(settings.latent, shape)
        self.encoder = (
            _small_encoder(shape, settings.latent)
            if small
            else strided_stack(shape, settings.latent, head_bias=True)
        )
        # The layout that a GPU's tensor cores want; 15 % faster on a CPU too.
        self.to(memory_format=torch.channels_last)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("encoder", self.encoder), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows; an epoch is so long from here on."""
        self.epochs = self.epochs.over(train_size)
        return self.epochs.total

    def stage(self, seen: int) -> Stage:
        """Epoch and batch size after *seen* images."""
        now = self.epochs.epoch_stage(seen)
        batch = self.settings.batches[now.stage]
        return Stage(f"epoch {now.epoch + 1}", self.resolution, 1.0, batch)

    def rate(self, seen: int) -> float:
        """Learning rate after *seen* images."""
        now, every = self.epochs.epoch_stage(seen), self.settings.halving
        if not every:
            return self.settings.lr
        # Halved as epochs every - 1, 2 every - 1, ... begin; those of earlier stages are forgotten.
        halved = (now.epoch + 1) // every - sum(self.settings.epochs[: now.stage]) // every
        return self.settings.lr / 2.0**halved

    # --- use

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""
        images: Tensor = self.generator(latents.to(self._device))
        return images

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, r, r) in [-1, 1] -> (n, d) of norm 1."""
        # In float32, since norms in bfloat16 would be off by 0.4 %.
        return F.normalize(self.encoder(images.to(self._device)).float(), dim=1)

    # --- weights of the released code

    def adopt(self, found: Tensors) -> Adopted:
        """Take over two files of weights, given as encoder=FILE and generator=FILE."""
        for network, name in ((self.encoder, "encoder"), (self.generator, "generator")):
            theirs = part(found, name)
            known = {int(key.split(".")[1]) for key in theirs if key.startswith("main.")}
            ours = layers(network)
            if len(known) != len(ours):
                raise BadInput(
                    f"{name} has {len(known)} layers called main.N, the model has {len(ours)} at "
                    f"{self.resolution}x{self.resolution}; give {name}=FILE, and the --resolution "
                    "of the weights"
                )
            for layer, number in zip(ours, sorted(known), strict=True):
                adopt(layer, theirs, f"main.{number}")
        return Adopted()

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the encoder, then some of the generator, each against the other frozen."""
        now = self.epochs.epoch_stage(self.seen)
        for adam in self._optimizers.values():
            if now.begins and now.stage > 0:
                adam.state.clear()
            adam.param_groups[0]["lr"] = self.rate(self.seen)
        n = len(batch.images)  # never short, since an epoch is a number of whole batches
        with frozen(self.generator):
            scores = self._encoder_step(batch.images, n, self.settings.l1_weights[now.stage], rng)
        with frozen(self.encoder):
            for _ in range(self.settings.generator_steps):
                scores |= self._generator_step(n, rng)
        return {name: score.detach() for name, score in scores.items()}

    def _encoder_step(
        self, images: Tensor, n: int, l1_weight: float, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Down K(E(x)) - K(E(G(z))) + w_X |x - G(E(x))|."""
        codes = self.encode(images)
        l1 = (self.decode(codes) - images).abs().mean()
        with torch.no_grad():
            fakes = self.decode(self.draw(n, rng))
        kl_real, kl_fake = self._kl(codes), self._kl(self._encode_fakes(fakes))
        loss = kl_real - kl_fake + l1_weight * l1
        self.descend("encoder", loss)
        return {
            "kl_real": kl_real,
            "kl_fake": kl_fake,
            "l1": l1,
            "variance": moments(codes.detach())[
                0
            ].sum(),  # mean of v_j d: 0 for one code, at most 1
            "encoder_loss": loss,
        }

    def _generator_step(self, n: int, rng: torch.Generator) -> dict[str, Tensor]:
        """Down K(E(G(z))) + w_Z (2 - cos / d)."""
        z = self.draw(n, rng).to(self._device)
        codes = self._encode_fakes(self.decode(z))
        kl, cosine = self._kl(codes), mean_cosine(z, codes)
        loss = kl + self.settings.cosine_weight * (2 - cosine / self.settings.latent)
        self.descend("generator", loss)
        return {"kl_generator": kl, "cosine": cosine, "generator_loss": loss}

    def _encode_fakes(self, fakes: Tensor) -> Tensor:
        """Codes of generated images, which batch norm must not see together with real ones."""
        real = self.settings.statistics == "real"
        with batch_statistics(self.encoder) if real else contextlib.nullcontext():
            return self.encode(fakes)

    def _kl(self, codes: Tensor) -> Tensor:
        return KLS[self.settings.kl](codes)

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device


def _small_generator(latent: int, shape: Shape) -> nn.Sequential:
    """8 w, 4 w, 2 w, 2 w feature maps at 4x4 to 32x32, and colours from each pixel by itself."""
    wide = [2 * width for width in shape.widths] + [2 * shape.base]
    to_rgb = nn.Conv2d(wide[-1], 3, 1)
    layers = doubling(latent, wide, BatchNorm2d)
    return initialised(nn.Sequential(*layers, to_rgb, nn.Tanh()))


def _small_encoder(shape: Shape, latent: int) -> nn.Sequential:
    """w, 2 w, 4 w feature maps at 16x16 to 4x4, then the mean of four codes."""
    layers = halving(shape, BatchNorm2d)
    codes = nn.Conv2d(shape.widths[0], latent, 4, 2, 1)
    return initialised(nn.Sequential(*layers, codes, nn.AvgPool2d(2), nn.Flatten()))


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    stages = len(settings.epochs)
    rules = {
        "latent": (settings.latent > 1, "at least 2"),
        "epochs": (stages > 0 and min(settings.epochs) > 0, "at least one number, from 1 on"),
        "batches": (
            len(settings.batches) == stages and min(settings.batches) > 1,
            f"a number for each of the {stages} stages of epochs, from 2 on",
        ),
        "l1_weights": (
            len(settings.l1_weights) == stages,
            f"a number for each of the {stages} stages of epochs",
        ),
        "halving": (settings.halving >= 0, "at least 0"),
        "generator_steps": (settings.generator_steps > 0, "at least 1"),
        "kl": (settings.kl in KLS, "code or corrected"),
        "statistics": (settings.statistics in ("real", "mixed"), "real or mixed"),
    }
    check_rules("age", settings, rules)


MODEL = Model(
    build=AGE,
    settings=Settings,
    presets={
        "celeba-64": Preset({}, "celeba", 64, "README of the released code: both stages"),
        "celeba-128": Preset(
            {"latent": 512},
            data="celeba",
            resolution=128,
            source="Pioneer, table 1, which says only that the network was enlarged",
        ),
        "cifar10-32": Preset(
            {**ONE_STAGE, "latent": 128, "epochs": (150,), "halving": 40},
            data="cifar10",
            resolution=32,
            source="README of the released code",
        ),
        "imagenet-32": Preset(
            {**ONE_STAGE, "latent": 128, "epochs": (6,), "halving": 3, "cosine_weight": 2000.0},
            resolution=32,
            source="README of the released code",
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "epochs": (1,)}, resolution=32),
    },
    geometry=AGE.geometry,
    published_as=("AGE",),
    adopts="DmitryUlyanov/AGE (state_dict of netE and netG)",
    alarms=ADVERSARIAL_CODES,
)
