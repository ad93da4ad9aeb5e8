"""ProgGAN/L1: a trained ProgGAN whose discriminator is retrained as an encoder.

Paper: A. Heljakka, A. Solin, J. Kannala, "Pioneer Networks: Progressively Growing
    Generative Autoencoder", ACCV 2018, arXiv:1807.03026, section 4.1.
Follows the paper's description; no code of it was released. The encoder is the
    discriminator without its last layer, it starts from the trained weights, and the generator
    stays as it is, so its samples are those of the ProgGAN run.
Differs: where the paper says nothing, Adam and its settings are those of ProgGAN, the code is
    taken after the last activation, 500 000 images are shown, and the minibatch statistics are
    0, so that a code does not depend on the images it shares a batch with (``mates``).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor
from torch.optim import Adam, Optimizer

from genbench.errors import BadInput
from genbench.interfaces import Batch, Geometry, Model, Preset, Stage, Tensors

from ._parts.latent_model import LatentModel
from ._parts.layers import PixelNorm
from ._parts.priors import gaussian
from ._parts.proggan_networks import (
    SLOPE,
    Generator,
    Shape,
    Trunk,
    channels,
    check_shape,
)
from ._parts.proggan_presets import shape
from ._parts.progressive_schedule import last_phase
from ._parts.setting_rules import check_rules


@dataclass(frozen=True, kw_only=True)
class Settings(Shape):
    """What a run may change; the shape of the networks is that of the ProgGAN run."""

    batch: int = 32
    images: int = 500_000  # in the whole training
    lr: float = 1e-3
    betas: tuple[float, float] = (0.0, 0.99)  # of Adam
    latent_from: str = "activation"  # the last features before they are scaled; or pre_activation
    mates: str = "zero"  # in place of the minibatch statistics; or keep


class ProgGANL1(LatentModel):
    """Generator G at rest; encoder E learns to invert it."""

    geometry = Geometry.SPHERE

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks; `start_from` gives them their weights.

        Raises:
            BadSetting: the resolution is not 4, 8, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        self.last = last_phase(resolution, "proggan_l1")
        check_shape(settings, self.last, "proggan_l1")
        _check(settings)
        self.generator = Generator(settings, self.last).requires_grad_(False)
        self.encoder = Trunk(settings, self.last)
        self.to(memory_format=torch.channels_last)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """An Adam for the encoder; the generator is as it was."""
        lr, betas = self.settings.lr, self.settings.betas
        return {"encoder": Adam(self.encoder.parameters(), lr, betas, fused=True)}

    def start_from(self, other: Any) -> None:
        """Take the averaged generator and the discriminator of a trained ProgGAN.

        Raises:
            BadInput: its networks have another shape, or are not full-grown.
        """
        self._refuse_misfit(other)
        self.generator.load_state_dict(other.generator.state_dict())
        weights = other.discriminator.state_dict()
        self.encoder.load_state_dict({k: weights[k] for k in self.encoder.state_dict()})

    def _refuse_misfit(self, other: Any) -> None:
        mine = {"resolution": self.resolution} | _shape(self.settings)
        theirs = {"resolution": other.resolution} | _shape(other.settings)
        for name, value in theirs.items():
            if mine[name] != value:
                option = (
                    f"--resolution {value}" if name == "resolution" else f"--set {name}={value}"
                )
                raise BadInput(
                    f"proggan_l1 was asked for {name} {mine[name]}, but the proggan run to start "
                    f"from has {value}; give {option}"
                )
        stage = other.stage(other.seen)
        if stage.resolution < self.resolution or stage.alpha < 1:
            size = f"{self.resolution}x{self.resolution}"
            raise BadInput(
                f"proggan_l1 wants a proggan run that has grown to {size}, but this one stands "
                f"at {stage.name} after {other.seen} images; go on with it: "
                "genbench train --resume RUN"
            )

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        return self.settings.images

    def stage(self, seen: int) -> Stage:
        """There is one stage, at the full resolution."""
        return Stage("encode", self.resolution, 1.0, self.settings.batch)

    # --- use

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """n draws from N(0, I), each scaled to norm sqrt d, (n, d), as ProgGAN's."""
        latents: Tensor = PixelNorm()(gaussian(n, self.settings.latent, rng))
        return latents

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, r, r) in [-1, 1] -> (n, d) of norm sqrt d."""
        keep = self.settings.mates == "keep"
        features = self.encoder(images.to(self._device), self.last, mates=keep)
        if self.settings.latent_from == "activation":
            features = F.leaky_relu(features, SLOPE)
        return F.normalize(features, dim=1) * math.sqrt(self.settings.latent)

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""
        images: Tensor = self.generator(latents.to(self._device), self.last)
        return images

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One step of the encoder down E|x - G(E(x))|, a mean over pixels in [-1, 1]."""
        l1 = F.l1_loss(self.decode(self.encode(batch.images)), batch.images)
        self.descend("encoder", l1)
        return {"l1": l1.detach()}

    @property
    def _device(self) -> torch.device:
        return next(self.generator.parameters()).device


def _shape(settings: Any) -> dict[str, Any]:
    names = {field.name for field in fields(Shape)}
    return {name: value for name, value in asdict(settings).items() if name in names}


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    width = channels(settings, 0)
    rules = {
        "latent": (
            settings.latent == width,
            f"{width}, the width of the discriminator's last features "
            "(the smaller of fmap_base and fmap_max)",
        ),
        "batch": (settings.batch > 0, "at least 1"),
        "latent_from": (
            settings.latent_from in ("activation", "pre_activation"),
            "activation or pre_activation",
        ),
        "mates": (settings.mates in ("zero", "keep"), "zero or keep"),
    }
    check_rules("proggan_l1", settings, rules)


MODEL = Model(
    build=ProgGANL1,
    settings=Settings,
    presets={
        "celeba-64": Preset(
            {},
            data="celeba",
            resolution=64,
            source="Pioneer, section 4.1; length of the training not published",
        ),
        "tiny": Preset({**shape("tiny"), "batch": 16, "images": 32_000, "lr": 3e-3}, resolution=32),
        "smoke": Preset({**shape("smoke"), "batch": 16, "images": 4_000}, resolution=32),
    },
    flips=True,
    geometry=ProgGANL1.geometry,
    published_as=("ProgGAN/L1",),
    starts_from="proggan",
)
