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
from typing import Any

from torch import Tensor

from genbench.interfaces import Model, Preset

from ._parts.divergence_rules import ADVERSARIAL_CODES
from ._parts.growing_autoencoder import RELEASED, GrowingAutoencoder, check
from ._parts.growing_networks import Encoder, Generator
from ._parts.layers import PixelNorm, equalised, spectral
from ._parts.progressive_schedule import Growth, Schedule, last_phase


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


TINY: Mapping[str, Any] = {  # for a CPU: fully grown in two minutes of one core, done in eight
    "latent": 32,
    "batches": (16,) * 9,
    "phase_images": 3_000,
    "images": 24_000,
    "buffer": 32,
    "average_decay": 0.99,
}

# Of the reference model: an hour of a CPU's core. Up to here reconstructions become better; then
# the terms drift apart, kl_fake above kl_real, which Balanced Pioneer's margins prevent.
TOYFACES: Mapping[str, Any] = {
    "latent": 48,
    "batches": (16,) * 9,
    "phase_starts": (0, 10_000, 22_000, 42_000),
    "phase_images": 16_000,  # twice the fade
    "images": 68_000,
    "buffer": 32,
    "average_decay": 0.995,
}


class Pioneer(GrowingAutoencoder):
    """Encoder E on the unit sphere, generator G; no discriminator.

    The training step is `GrowingAutoencoder.step`; here are the networks, when they grow,
    and what each of them goes down.
    """

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks up to *resolution*.

        Raises:
            BadSetting: the resolution is not 4, 8, ... 1024, or a setting is out of range.
        """
        last = _check(settings, resolution)
        generator = Generator(settings.latent, last, equalised, PixelNorm)
        active = settings.encoder_last_activation
        encoder = Encoder(settings.latent, last, spectral, last_activation=active)
        schedule = _schedule(settings, last)
        super().__init__(settings, schedule, (generator, encoder), settings.lr)

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        images = self.settings.images
        return self.settings.phase_images * (self.last + 2) if images is None else images

    def encoder_loss(self, kl_real: Tensor, kl_fake: Tensor, l1: Tensor, growth: Growth) -> Tensor:
        """0.1 K(E(x)) - 0.1 K(E(G(z))) + lambda_X |x - G(E(x))|."""
        settings = self.settings
        weight = settings.l1_late if growth.settled else settings.l1_weight
        return settings.kl_weight * (kl_real - kl_fake) + weight * l1

    def generator_loss(self, kl: Tensor, cosine: Tensor) -> Tensor:
        """0.1 K(E(G(z))) + 100 (2 - cos / d)."""
        settings = self.settings
        return settings.kl_weight * kl + settings.cosine_weight * (2 - cosine / settings.latent)


def _schedule(settings: Settings, last: int) -> Schedule:
    """Phases of S images each, or as ``phase_starts`` says; the fade takes S / 2 in any case."""
    if not settings.growing:
        return Schedule((0,) * (last + 1), fade=0)
    even = tuple(phase * settings.phase_images for phase in range(last + 1))
    starts = settings.phase_starts[: last + 1] or even
    return Schedule(starts, settings.phase_images / 2)


def _check(settings: Settings, resolution: int) -> int:
    """The last phase; raises `BadSetting` for the first value that cannot work."""
    phases = last_phase(resolution, "pioneer") + 1
    starts = settings.phase_starts[:phases]
    rising = all(a < b for a, b in pairwise(starts))
    rules = {
        "phase_starts": (
            not starts or (len(starts) == phases and starts[0] == 0 and rising),
            f"none, or {phases} rising numbers of which the first is 0",
        ),
        "phase_images": (settings.phase_images > 0, "at least 1"),
    }
    return check(settings, resolution, "pioneer", rules)


MODEL = Model(
    build=Pioneer,
    settings=Settings,
    presets={
        "celeba-64": Preset(
            {"images": 25_000_000},
            data="celeba",
            resolution=64,
            source="released code and its README; stop at the best FID near 25 million",
        ),
        # The paper's 128x128 model goes on from a 64x64 model of 26.28 million images.
        "celeba-128": Preset(
            {
                "phase_starts": (0, 2_400_000, 4_800_000, 7_200_000, 9_600_000, 26_280_000),
                "images": 36_200_000,
            },
            data="celeba",
            resolution=128,
            source="README: goes on from a 64x64 model of 26.28 million images",
        ),
        # Batches of the four GPUs that the paper used: its moments are over all of them.
        "celebahq-256": Preset(
            {
                "phase_images": 4_800_000,
                "images": 43_200_000,
                "batches": (512, 256, 128, 64, 32, 32, 32, 16, 4),
            },
            data="celeba-hq",
            resolution=256,
            source="released code; 1,600 epochs of 27,000 images on four GPUs",
        ),
        "lsun-128": Preset(
            {
                "images": 35_000_000,
                "batches": (256, 256, 256, 128, 64, 32, 16, 8, 2),  # two GPUs
            },
            data="lsun-bedroom",
            resolution=128,
            source="released code; two GPUs",
        ),
        "cifar10-32": Preset(
            {"growing": False, "images": 7_000_000},
            data="cifar10",
            resolution=32,
            source="released code; no growing, 7 million images",
        ),
        "toyfaces-32": Preset(
            TOYFACES, data="toyfaces", resolution=32, source="ours: what `genbench zoo` offers"
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "phase_images": 2_048, "images": 10_240}, resolution=32),
    },
    flips=True,
    geometry=Pioneer.geometry,
    published_as=("PIONEER",),
    adopts=RELEASED,
    alarms=ADVERSARIAL_CODES,
    image_counts=("phase_images", "phase_starts"),
)
