"""Pioneer: a generator and an encoder that play against each other while they grow.

Paper: A. Heljakka, A. Solin, J. Kannala, "Pioneer Networks: Progressively Growing
    Generative Autoencoder", ACCV 2018, arXiv:1807.03026.
Follows the released code where it departs from the paper, since the published numbers
    come from it: latents on the unit sphere; a reconstruction term that is a mean over
    pixels, heavier in the second half of every phase; a KL that is a mean over the latent;
    pixel norm before the activation; an activation after the encoder's last convolution.
Differs: blocks above the resolution of the run are not allocated; the vectors of the
    spectral norm begin converged, rest in evaluation mode and are part of the checkpoint;
    the prior is the same sphere in training and evaluation; the running average survives a
    resume; smaller images come from the full one by an antialiased resize, and for CelebA-HQ
    too they are drawn without replacement and rounded to 8 bits; at 1024x1024 the default
    batch is 2, since a batch of 1 has no variance. The preset for CIFAR-10 counts from 0
    where the code counts from 8.4 million; both show 7 million images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.errors import BadSetting
from genbench.interfaces import Batch, Stage, Tensors

from ._buffer import ImageBuffer
from ._growing import RESOLUTIONS, Place, Schedule, last_phase, show
from ._growing_nets import Encoder, Generator
from ._latent import slerp, sphere
from ._layers import PixelNorm, equalised, frozen, spectral
from ._losses import batch_kl, mean_cosine, moments


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 512  # d, numbers in a latent; also the widest layer
    lr: float = 1e-3
    betas: tuple[float, float] = (0.0, 0.99)  # of Adam
    phase_images: int = 2_400_000  # S, images a phase lasts; the fade takes the first half
    phase_starts: tuple[int, ...] = ()  # images shown when phase 0, 1, ... begins; empty: k S
    images: int | None = None  # in the whole training; empty: S (last phase + 2)
    batches: tuple[int, ...] = (128, 128, 128, 64, 32, 16, 8, 4, 2)  # at 4x4, 8x8, ... 1024x1024
    buffer: int = 200  # older generated images kept for the encoder; half of it from 256x256 on
    average_decay: float = 0.999  # of the running average of the generator
    kl_weight: float = 0.1  # of K, a mean over the latent; the paper's sum would be 10 d times that
    l1_weight: float = 1.0  # lambda_X in the first half of a phase, in units of the paper's 10 d
    l1_late: float = 1.5  # lambda_X in the second half
    cosine_weight: float = 100.0  # lambda_Z, of 2 - cos / d
    generator_steps: int = 2  # generator updates to one of the encoder
    encoder_last_activation: bool = True  # before the normalisation; later advised against
    growing: bool = True  # false: all layers from the first image on, no fade


TINY: Mapping[str, Any] = {  # for a CPU
    "latent": 64,
    "batches": (16,) * 9,
    "phase_images": 40_000,
    "buffer": 32,
    "average_decay": 0.99,
}
Own: TypeAlias = Settings  # within the class that name is the class's attribute


class Pioneer(nn.Module):
    """Encoder E on the unit sphere, generator G; no discriminator."""

    Settings: ClassVar[type[Own]] = Own
    FLIPS: ClassVar[bool] = True
    GEOMETRY: ClassVar[str] = "sphere"
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "celeba-64": {"images": 25_000_000},
        # The paper's 128x128 model goes on from a 64x64 model of 26.28 million images.
        "celeba-128": {
            "phase_starts": (0, 2_400_000, 4_800_000, 7_200_000, 9_600_000, 26_280_000),
            "images": 36_200_000,
        },
        # Batches of the four GPUs that the paper used: its moments are over all of them.
        "celebahq-256": {
            "phase_images": 4_800_000,
            "images": 43_200_000,
            "batches": (512, 256, 128, 64, 32, 32, 32, 16, 4),
        },
        "lsun-128": {
            "images": 35_000_000,
            "batches": (256, 256, 256, 128, 64, 32, 16, 8, 2),  # two GPUs
        },
        "cifar10-32": {"growing": False, "images": 7_000_000},
        "tiny": TINY,
        "smoke": {**TINY, "phase_images": 2_048},
        "quickstart": {**TINY, "phase_images": 3_000, "images": 15_000},
    }
    PRESET_RESOLUTION: ClassVar[Mapping[str, int]] = {
        "celeba-64": 64,
        "celeba-128": 128,
        "celebahq-256": 256,
        "lsun-128": 128,
        "cifar10-32": 32,
        "tiny": 32,
        "smoke": 32,
        "quickstart": 32,
    }
    PRESET_DATA: ClassVar[Mapping[str, str]] = {
        "celeba-64": "celeba",
        "celeba-128": "celeba",
        "celebahq-256": "celebahq",
        "lsun-128": "lsun",
        "cifar10-32": "cifar10",
    }

    PRESET_SOURCE: ClassVar[Mapping[str, str]] = {
        "celeba-64": "released code and its README; stop at the best FID near 25 million",
        "celeba-128": "README: goes on from a 64x64 model of 26.28 million images",
        "celebahq-256": "released code; 1,600 epochs of 27,000 images on four GPUs",
        "lsun-128": "released code; two GPUs",
        "cifar10-32": "released code; no growing, 7 million images",
    }
    PUBLISHED_AS: ClassVar[tuple[str, ...]] = ("PIONEER",)

    def __init__(self, settings: Own, resolution: int) -> None:
        """Build both networks up to *resolution*.

        Raises:
            BadSetting: the resolution is not 4, 8, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        self.last = last_phase(resolution, "pioneer")
        _check(settings, self.last)
        self.schedule = _schedule(settings, self.last)
        self.generator = Generator(settings.latent, self.last, equalised, PixelNorm)
        self.encoder = Encoder(
            settings.latent,
            self.last,
            spectral,
            last_activation=settings.encoder_last_activation,
        )
        # The layout that a GPU's tensor cores want; 5 % faster on a CPU too.
        self.to(memory_format=torch.channels_last)
        self.buffer = _buffer(settings, self.last)
        self._adams = {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("encoder", self.encoder), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        images = self.settings.images
        return self.settings.phase_images * (self.last + 2) if images is None else images

    def stage(self, seen: int) -> Stage:
        """Phase, resolution, fade and batch size after *seen* images."""
        place = self.schedule.place(seen)
        alpha = place.alpha if place.fading else 1.0
        return Stage(place.name, place.resolution, alpha, self.settings.batches[place.phase])

    # --- use

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """n points on the unit sphere, (n, d), on the device of *rng*."""
        return sphere(n, self.settings.latent, rng)

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), r the resolution of the present phase."""
        place = self.schedule.place(self.seen)
        return self._generate(latents.to(self._device), place)

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> (n, d) of norm 1; shrunk to the present phase first."""
        place = self.schedule.place(self.seen)
        return self._encode(show(images.to(self._device), place), place)

    def sample(self, n: int, rng: torch.Generator | None = None) -> Tensor:
        """n new images, (n, 3, r, r); without *rng*, from torch's global generator."""
        return self.decode(self.draw(n, torch.default_generator if rng is None else rng))

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Along the arc: (n, d), (n, d) -> (n, d)."""
        return slerp(a, b, t)

    # --- training

    def optimizers(self) -> Mapping[str, Optimizer]:
        """One Adam for each network; neither is reset when the networks grow."""
        return self._adams

    def averaged(self) -> Mapping[str, nn.Module]:
        """The generator; the encoder is used as it is."""
        return {"generator": self.generator}

    def average_decay(self) -> float:
        """Share of the old average kept at every step."""
        return self.settings.average_decay

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the encoder, then some of the generator, each against the other frozen."""
        place = self.schedule.place(self.seen)
        # Fakes come in the nominal number even if the last real batch is shorter.
        n = self.settings.batches[place.phase]
        with frozen(self.generator):
            scores = self._encoder_step(show(batch.images, place), n, place, rng)
        with frozen(self.encoder):
            for _ in range(self.settings.generator_steps):
                scores |= self._generator_step(n, place, rng)
        alpha = torch.full((), place.alpha, device=self._device)
        return {name: score.detach() for name, score in scores.items()} | {"alpha": alpha}

    def _encoder_step(
        self, images: Tensor, n: int, place: Place, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """Down 0.1 K(E(x)) - 0.1 K(E(G(z))) + lambda_X |x - G(E(x))|."""
        settings = self.settings
        codes = self._encode(images, place)
        l1 = F.l1_loss(self._generate(codes, place), images)
        kl_real = batch_kl(codes)
        with torch.no_grad():
            fakes = self._fakes(n, place, rng)
            if place.settled:
                fakes = self.buffer.mix(fakes, place.phase, rng)
        kl_fake = batch_kl(self._encode(fakes, place))
        weight = settings.l1_late if place.settled else settings.l1_weight
        loss = settings.kl_weight * (kl_real - kl_fake) + weight * l1
        self._descend("encoder", loss)
        variance = moments(codes.detach())[0].sum()
        return {
            "kl_real": kl_real,
            "kl_fake": kl_fake,
            "l1": l1,
            "variance": variance,  # mean of v_j d: 1 for codes all over the sphere, 0 for one code
            "encoder_loss": loss,
        }

    def _generator_step(self, n: int, place: Place, rng: torch.Generator) -> dict[str, Tensor]:
        """Down 0.1 K(E(G(z))) + 100 (2 - cos / d)."""
        settings = self.settings
        z = self.draw(n, rng).to(self._device)
        codes = self._encode(self._generate(z, place), place)
        kl, cosine = batch_kl(codes), mean_cosine(z, codes)
        loss = settings.kl_weight * kl + settings.cosine_weight * (2 - cosine / settings.latent)
        self._descend("generator", loss)
        return {"kl_generator": kl, "cosine": cosine, "generator_loss": loss}

    def _descend(self, name: str, loss: Tensor) -> None:
        adam = self._adams[name]
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        adam.step()

    def _fakes(self, n: int, place: Place, rng: torch.Generator) -> Tensor:
        return self._generate(self.draw(n, rng).to(self._device), place)

    def _generate(self, z: Tensor, place: Place) -> Tensor:
        images: Tensor = self.generator(z, place.phase, place.alpha)
        return images

    def _encode(self, images: Tensor, place: Place) -> Tensor:
        codes: Tensor = self.encoder(images, place.phase, place.alpha)
        return codes

    @property
    def _device(self) -> torch.device:
        return self.buffer.storage.device


def _schedule(settings: Settings, last: int) -> Schedule:
    """Phases of S images each, or as ``phase_starts`` says; the fade takes S / 2 in any case."""
    if not settings.growing:
        return Schedule((0,) * (last + 1), fade=0)
    even = tuple(phase * settings.phase_images for phase in range(last + 1))
    starts = settings.phase_starts[: last + 1] or even
    return Schedule(starts, settings.phase_images / 2)


def _buffer(settings: Settings, last: int) -> ImageBuffer:
    """Room for the images of every phase, fewer of the large ones."""
    sizes = dict(enumerate(RESOLUTIONS[: last + 1]))
    held = {p: settings.buffer if size < 256 else settings.buffer // 2 for p, size in sizes.items()}
    return ImageBuffer(held, {phase: (3, size, size) for phase, size in sizes.items()})


def _check(settings: Settings, last: int) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    size = RESOLUTIONS[last]
    least = max(2, 1 << max(last - 3, 0))  # narrowest layer: 1 feature map, or 2 latents
    batches = settings.batches[: last + 1]
    starts = settings.phase_starts[: last + 1]
    rising = all(a < b for a, b in pairwise(starts))
    rules = {
        "latent": (
            settings.latent >= least and settings.latent % least == 0,
            f"a multiple of {least}",
        ),
        "batches": (len(batches) > last and min(batches) > 1, f"{last + 1} numbers from 2 on"),
        "phase_starts": (
            not starts or (len(starts) > last and starts[0] == 0 and rising),
            f"none, or {last + 1} rising numbers of which the first is 0",
        ),
        "phase_images": (settings.phase_images > 0, "at least 1"),
        "buffer": (settings.buffer >= 0, "at least 0"),
        "generator_steps": (settings.generator_steps > 0, "at least 1"),
        "average_decay": (0 <= settings.average_decay <= 1, "0 to 1"),
    }
    for name, (kept, wanted) in rules.items():
        if not kept:
            raise BadSetting(
                f"pioneer.{name} wants {wanted} at {size}x{size}, got {getattr(settings, name)}; "
                f"change it with --set {name}=..."
            )


ROOM = Pioneer
