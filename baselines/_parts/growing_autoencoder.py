"""A generator and an encoder that play against each other while they grow.

What Pioneer and Balanced Pioneer have in common: all but settings, schedule and losses.
One training step is one update of the encoder, with the generator frozen, and then some of
the generator, with the encoder frozen. There is no discriminator.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.distributed import processes
from genbench.interfaces import Adopted, Batch, Geometry, Stage, Tensors

from .growing_networks import Encoder, Generator
from .image_buffer import ImageBuffer
from .latent_model import LatentModel
from .layers import frozen, settle
from .losses import batch_kl, mean_cosine, moments
from .progressive_schedule import (
    RESOLUTIONS,
    Growth,
    last_phase,
    share,
    show,
)
from .released_weights import adopt, layers, part
from .setting_rules import Rules, check_rules


class GrowthSchedule(Protocol):
    """A schedule: where training stands, by the number of images shown."""

    @property
    def eras(self) -> tuple[int, ...]:
        """Resolution of each era; images of different eras do not mix in the buffer."""

    def growth(self, seen: int) -> Growth:
        """Phase and alpha after *seen* images."""


RELEASED = "AaltoVision/pioneer, AaltoVision/balanced-pioneer"  # what `adopt` takes over


class GrowingAutoencoder(LatentModel):
    """Encoder E on the unit sphere, generator G. A model adds settings, schedule and losses.

    Its settings hold latent, lr, betas, batches, buffer, average_decay and generator_steps.
    """

    geometry = Geometry.SPHERE

    settings: Any

    def __init__(
        self,
        settings: Any,
        schedule: GrowthSchedule,
        networks: tuple[Generator, Encoder],
        lr: float,
    ) -> None:
        """Take both networks, one block for each phase, and give each of them an Adam."""
        super().__init__()
        self.settings, self.schedule, self.seen = settings, schedule, 0
        self.generator, self.encoder = networks
        self.last = len(self.generator.blocks) - 1
        self.resolution = RESOLUTIONS[self.last]
        # The layout that a GPU's tensor cores want; 5 % faster on a CPU too.
        self.to(memory_format=torch.channels_last)
        self.buffer = _buffer(settings.buffer, schedule.eras)
        self._lr = lr

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), self._lr, settings.betas, fused=True)
            for name, net in (("encoder", self.encoder), ("generator", self.generator))
        }

    # --- what a model adds

    @abstractmethod
    def encoder_loss(self, kl_real: Tensor, kl_fake: Tensor, l1: Tensor, growth: Growth) -> Tensor:
        """What the encoder goes down: scalars K(E(x)), K(E(G(z))), |x - G(E(x))| -> scalar."""

    @abstractmethod
    def generator_loss(self, kl: Tensor, cosine: Tensor) -> Tensor:
        """What the generator goes down: scalars K(E(G(z))), z . E(G(z)) -> scalar."""

    # --- schedule

    def stage(self, seen: int) -> Stage:
        """Phase, resolution, fade and batch size after *seen* images."""
        growth = self.schedule.growth(seen)
        alpha = growth.alpha if growth.fading else 1.0
        return Stage(growth.name, growth.resolution, alpha, self.settings.batches[growth.phase])

    # --- use

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), r the resolution of the present phase."""
        growth = self.schedule.growth(self.seen)
        return self._generate(latents.to(self._device), growth)

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> (n, d) of norm 1; shrunk to the present phase first."""
        growth = self.schedule.growth(self.seen)
        return self._encode(show(images.to(self._device), growth), growth)

    # --- weights of the released code

    def adopt(self, found: Tensors) -> Adopted:
        """Take over a checkpoint of the released code, its running average too.

        The vectors of spectral norms, which lie in a file beside it or nowhere, are worked out.
        """
        average = part(found, "G_running_state_dict", "average")
        if average:
            self._adopt_generator(average)
        state = {f"generator.{k}": v.clone() for k, v in self.generator.state_dict().items()}
        live = part(found, "G_state_dict", "generator")
        if live or not average:
            self._adopt_generator(live)
        self._adopt_encoder(part(found, "D_state_dict", "encoder"))
        seen = int(found["iteration"]) if "iteration" in found else None
        return Adopted(state if average else {}, seen)

    def _adopt_generator(self, found: Tensors) -> None:
        for phase, block in enumerate(self.generator.blocks):
            _adopt_pair(block, found, f"progression.{phase}.conv")
            adopt(self.generator.to_rgb[phase], found, f"to_rgb.{phase}")
        settle(self.generator)

    def _adopt_encoder(self, found: Tensors) -> None:
        # There the largest images come first, and all nine sizes are always there.
        sizes = {name.split(".")[1] for name in found if name.startswith("from_rgb.")}
        for phase, block in enumerate(self.encoder.blocks):
            theirs = len(sizes) - 1 - phase
            _adopt_pair(block, found, f"progression.{theirs}.conv")
            adopt(self.encoder.from_rgb[phase], found, f"from_rgb.{theirs}")
        settle(self.encoder)

    # --- training

    def averaged(self) -> Mapping[str, nn.Module]:
        """The generator; the encoder is used as it is."""
        return {"generator": self.generator}

    def average_decay(self) -> float:
        """Share of the old average kept at every step."""
        decay: float = self.settings.average_decay
        return decay

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the encoder, then some of the generator, each against the other frozen."""
        growth = self.schedule.growth(self.seen)
        with frozen(self.generator):
            scores = self._encoder_step(show(batch.images, growth), growth, rng)
        with frozen(self.encoder):
            for _ in range(self.settings.generator_steps):
                scores |= self._generator_step(growth, rng)
        alpha = torch.full((), growth.alpha, device=self._device)
        return {name: score.detach() for name, score in scores.items()} | {"alpha": alpha}

    def _encoder_step(
        self, images: Tensor, growth: Growth, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Moments of real and of generated images, and the way of real ones there and back."""
        codes = self._encode(images, growth)
        l1 = F.l1_loss(self._generate(codes, growth), images)
        kl_real = batch_kl(codes)
        with torch.no_grad():
            fakes = self._generate(self._latents(growth, rng), growth)
            if growth.settled:
                fakes = self.buffer.mix(fakes, growth.era, rng)
        kl_fake = batch_kl(self._encode(fakes, growth))
        loss = self.encoder_loss(kl_real, kl_fake, l1, growth)
        self.descend("encoder", loss)
        variance = moments(codes.detach())[0].sum()
        return {
            "kl_real": kl_real,
            "kl_fake": kl_fake,
            "l1": l1,
            "variance": variance,  # mean of v_j d: 1 for codes all over the sphere, 0 for one code
            "encoder_loss": loss,
        }

    def _generator_step(self, growth: Growth, rng: torch.Generator) -> dict[str, Tensor]:
        """Moments of generated images, and the way of latents there and back."""
        z = self._latents(growth, rng)
        codes = self._encode(self._generate(z, growth), growth)
        kl, cosine = batch_kl(codes), mean_cosine(z, codes)
        loss = self.generator_loss(kl, cosine)
        self.descend("generator", loss)
        return {"kl_generator": kl, "cosine": cosine, "generator_loss": loss}

    def _latents(self, growth: Growth, rng: torch.Generator) -> Tensor:
        """New ones, in the nominal number even if the last real batch is shorter."""
        n = self.settings.batches[growth.phase] // processes()
        return self.draw(n, rng).to(self._device)

    def _generate(self, z: Tensor, growth: Growth) -> Tensor:
        images: Tensor = self.generator(z, growth.phase, share(growth, self._device))
        return images

    def _encode(self, images: Tensor, growth: Growth) -> Tensor:
        # One layout, wherever images come from: compiled networks have a form for each.
        images = images.contiguous(memory_format=torch.channels_last)
        codes: Tensor = self.encoder(images, growth.phase, share(growth, self._device))
        return codes

    @property
    def _device(self) -> torch.device:
        return self.buffer.storage.device


def check(settings: Any, resolution: int, owner: str, rules: Rules) -> int:
    """The last phase of a model, once its settings can work.

    Args:
        settings: those of a `GrowingAutoencoder`.
        resolution: that it is built for.
        owner: public name of the model, for the message.
        rules: of the model's own settings.

    Raises:
        BadSetting: the resolution is not 4, 8, ... 1024, or a setting is out of range.
    """
    last = last_phase(resolution, owner)
    least = max(2, 1 << max(last - 3, 0))  # narrowest layer: 1 feature map, or 2 latents
    batches = settings.batches[: last + 1]
    common = {
        "latent": (
            settings.latent >= least and settings.latent % least == 0,
            f"a multiple of {least}",
        ),
        "batches": (len(batches) > last and min(batches) > 1, f"{last + 1} numbers from 2 on"),
        "buffer": (settings.buffer >= 0, "at least 0"),
        "generator_steps": (settings.generator_steps > 0, "at least 1"),
        "average_decay": (0 <= settings.average_decay <= 1, "0 to 1"),
    }
    check_rules(owner, settings, common | dict(rules), where=f"at {resolution}x{resolution}")
    return last


def _adopt_pair(block: nn.Module, found: Tensors, name: str) -> None:
    """Two convolutions; what stands between them decides how they are numbered."""
    numbers = {
        int(key.removeprefix(f"{name}.").partition(".")[0])
        for key in found
        if key.startswith(f"{name}.")
    }
    ours = layers(block)
    # Without a number nothing is found, and `adopt` says so.
    for layer, number in zip(ours, sorted(numbers) or range(len(ours)), strict=True):
        adopt(layer, found, f"{name}.{number}")


def _buffer(held: int, eras: tuple[int, ...]) -> ImageBuffer:
    """Room for the images of every era, half as many of the large ones."""
    sizes = dict(enumerate(eras))
    capacities = {era: held if size < 256 else held // 2 for era, size in sizes.items()}
    return ImageBuffer(capacities, {era: (3, size, size) for era, size in sizes.items()})
