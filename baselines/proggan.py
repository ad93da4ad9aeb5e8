"""ProgGAN: a GAN whose two networks grow from 4x4 to the full resolution.

Paper: T. Karras, T. Aila, S. Laine, J. Lehtinen, "Progressive Growing of GANs for Improved
    Quality, Stability, and Variation", ICLR 2018, arXiv:1710.10196. Variants: Gangopadhyay,
    Jain, Stilwell, "Progressive Growing of GANs", course report, Columbia University.
Follows the released TensorFlow code on one GPU where it departs from the paper: the
    discriminator pools before it activates; statistics are over groups of 4 images; Adam
    starts anew whenever a fade begins or ends; the schedule is looked at every fourth step.
Differs: works at the size of the present phase, where the original enlarges everything to
    the full one; the outcome is the same, the gradient penalty being divided by the
    enlargement (``gp_scale``). Blocks above the resolution of the run are not allocated. The
    running average takes the generator in after its step, as the first version of the code
    has it; in the second it lags one step. A last batch that is no multiple of the
    statistics' group is cut. Of the report's variants: the repelling regulariser acts on
    features, for on latents it has no gradient; least squares are means, not sums; skewness
    and kurtosis are true moments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.distributed import gathered, own, processes
from genbench.errors import BadSetting
from genbench.interfaces import Adopted, Batch, Geometry, Model, Stage, Tensors

from ._parts.divergence_rules import STEEP_CRITIC
from ._parts.gradient_penalty import TWICE, gradient_norms, penalty
from ._parts.latent_model import LatentModel
from ._parts.layers import PixelNorm, frozen
from ._parts.priors import gaussian
from ._parts.proggan_networks import (
    Discriminator,
    Generator,
    Shape,
    check_shape,
)
from ._parts.proggan_presets import PRESETS, PUBLISHED
from ._parts.proggan_released import adopt_discriminator, adopt_generator
from ._parts.progressive_schedule import (
    Glances,
    Growth,
    Schedule,
    box,
    double,
    last_phase,
    share,
)
from ._parts.released_weights import part
from ._parts.repelling_regulariser import repelling
from ._parts.setting_rules import check_rules


@dataclass(frozen=True, kw_only=True)
class Settings(Shape):
    """What a run may change, beside the shape of the networks."""

    stable_images: int = 600_000  # images a phase lasts before the next one fades in
    fade_images: int = 600_000  # images a fade lasts
    images: int = 12_000_000  # in the whole training
    batches: tuple[int, ...] = (128, 128, 128, 64, 32, 16, 8, 4, 4)  # at 4x4, 8x8, ... 1024x1024
    look_steps: int = 4  # steps for which fade, batch and learning rate stay as they are
    lr: float = 1e-3
    lr_1024: float = 1.5e-3  # at 1024x1024
    ramp_images: int = 0  # over which the learning rate rises from exp(-5) of itself
    betas: tuple[float, float] = (0.0, 0.99)  # of Adam
    average_decay: float = 0.999  # of the running average of the generator
    simultaneous: bool = False  # G learns from D as it was before D's step
    loss: str = "wasserstein"  # with penalty and drift; or least_squares, without them
    gp_weight: float = 10.0  # lambda
    gp_target: float = 1.0  # T, the norm that the gradient should have
    gp_scale: str = "full_resolution"  # of the images that norm refers to; or native
    drift_weight: float = 1e-3  # epsilon, of the mean square of the scores of real images
    rr_on: str = "none"  # repelling regulariser on features, or on latents, where it does nothing
    rr_weight: float = 0.1  # the report has 1


class ProgGAN(LatentModel):
    """Generator G and discriminator D; there is no encoder."""

    geometry = Geometry.SPHERE

    settings: Settings

    lods: Tensor  # (), int64: floor(lod) + ceil(lod) of the last step; -1 before the first

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks up to *resolution*.

        Raises:
            BadSetting: the resolution is not 4, 8, ... 1024, or a setting is out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        self.last = last_phase(resolution, "proggan")
        check_shape(settings, self.last, "proggan")
        _check(settings, self.last)
        self.schedule = _schedule(settings, self.last)
        self.generator = Generator(settings, self.last)
        self.discriminator = Discriminator(settings, self.last)
        self.to(memory_format=torch.channels_last)
        # Beside its tensor as a plain number: reading a tensor at every step makes a GPU wait.
        self.register_buffer("lods", torch.tensor(-1))
        self._lods = -1
        self.register_load_state_dict_post_hook(_read_lods)  # type: ignore[no-untyped-call]  # torch's

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("discriminator", self.discriminator), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        return self.settings.images

    def stage(self, seen: int) -> Stage:
        """Phase, resolution, fade and batch size after *seen* images."""
        growth = self.schedule.growth(seen)
        alpha = growth.alpha if growth.fading else 1.0
        return Stage(growth.name, growth.resolution, alpha, self.settings.batches[growth.phase])

    def lod(self, seen: int) -> float:
        """The original's level of detail: halvings of the full resolution still to undo."""
        growth = self.schedule.growth(seen)
        return self.last - growth.phase + (1 - growth.alpha if growth.fading else 0)

    # --- use

    def draw(self, n: int, rng: torch.Generator) -> Tensor:
        """n draws from N(0, I), each scaled to norm sqrt d, (n, d), on the device of *rng*.

        The generator begins with that scaling, so it sees the Gaussian's directions only.
        """
        latents: Tensor = PixelNorm()(gaussian(n, self.settings.latent, rng))
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), r the resolution of the present phase."""
        return self._generate(latents, self.schedule.growth(self.seen))

    # --- weights of others

    def adopt(self, found: Tensors) -> Adopted:
        """Take over a checkpoint of pytorch_GAN_zoo's progressive GAN, its average too."""
        average = part(found, "avgG", "average")
        if average:
            adopt_generator(self.generator, average)
        state = {f"generator.{k}": v.clone() for k, v in self.generator.state_dict().items()}
        live = part(found, "netG", "generator")
        if live or not average:
            adopt_generator(self.generator, live)
        if judge := part(found, "netD", "discriminator"):
            adopt_discriminator(self.discriminator, judge)
        return Adopted(state if average else {})

    # --- training

    def averaged(self) -> Mapping[str, nn.Module]:
        """The generator; samples are always those of its average."""
        return {"generator": self.generator}

    def average_decay(self) -> float:
        """Share of the old average kept at every step, whatever the batch."""
        return self.settings.average_decay

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of the discriminator, then one of the generator."""
        growth = self.schedule.growth(self.seen)
        self._ready_optimizers(growth)
        discriminator, generator = self._optimizers["discriminator"], self._optimizers["generator"]
        reals = shown(_whole_groups(batch.images, self.settings.stddev_group), growth)
        scores = self._discriminator_loss(reals, growth, rng)
        _slope(discriminator, scores["discriminator_loss"])
        if not self.settings.simultaneous:
            discriminator.step()
        with frozen(self.discriminator):
            scores |= self._generator_loss(len(reals), growth, rng)
            _slope(generator, scores["generator_loss"])
        if self.settings.simultaneous:
            discriminator.step()
        generator.step()
        alpha = torch.full((), growth.alpha, device=self.lods.device)
        return {name: score.detach() for name, score in scores.items()} | {"alpha": alpha}

    def _ready_optimizers(self, growth: Growth) -> None:
        """Set the learning rate; forget all moments if a fade began or ended since the last step.

        The layers that come in have no moments yet, those that go out keep stale ones, and
        the scale of all gradients changes.
        """
        lod = self.lod(self.seen)
        lods = math.floor(lod) + math.ceil(lod)
        for adam in self._optimizers.values():
            for group in adam.param_groups:
                group["lr"] = learning_rate(self.settings, growth.resolution, self.seen)
            if lods != self._lods:
                adam.state.clear()
        self._lods = lods
        self.lods.fill_(lods)

    def _discriminator_loss(
        self, reals: Tensor, growth: Growth, rng: torch.Generator
    ) -> dict[str, Tensor]:
        """E[D(G(z)) - D(x)] + lambda E[(n - T)^2] / T^2 + epsilon E[D(x)^2], or least squares.

        Real, generated and mixed images pass one after the other: the statistics of a batch
        must not see another's.
        """
        settings = self.settings
        with torch.no_grad():
            fakes = self._generate(self.draw(len(reals), rng), growth)
        real, fake = self._judge(reals, growth)[0], self._judge(fakes, growth)[0]
        scores = {"wasserstein": real.mean() - fake.mean()}
        if settings.loss == "least_squares":
            loss = ((real - 1).square() + fake.square()).mean() / 2
            return scores | {"discriminator_loss": loss}
        norms = gradient_norms(lambda x: self._judge(x, growth)[0], reals, fakes, rng)
        norms = norms / gradient_scale(settings.gp_scale, self.resolution, growth)
        loss = (
            -scores["wasserstein"]
            + settings.gp_weight * penalty(norms, settings.gp_target)
            + settings.drift_weight * real.square().mean()
        )
        return scores | {"gradient_norm": norms.mean(), "discriminator_loss": loss}

    def _generator_loss(self, n: int, growth: Growth, rng: torch.Generator) -> dict[str, Tensor]:
        """-E[D(G(z))], or E[(D(G(z)) - 1)^2] / 2, and the repelling regulariser."""
        settings = self.settings
        z = self.draw(n, rng).to(self.lods.device)
        fake, activations = self._judge(self._generate(z, growth), growth)
        squares = settings.loss == "least_squares"
        loss = (fake - 1).square().mean() / 2 if squares else -fake.mean()
        scores = {}
        if settings.rr_on != "none":
            rows = z if settings.rr_on == "latents" else activations
            scores["repelling"] = repelling(gathered(rows))
            loss = loss + settings.rr_weight * scores["repelling"]
        return scores | {"generator_loss": loss}

    def _generate(self, z: Tensor, growth: Growth) -> Tensor:
        alpha = share(growth, self.lods.device)
        images: Tensor = self.generator(z.to(self.lods.device), growth.phase, alpha)
        return images

    def _judge(self, images: Tensor, growth: Growth) -> tuple[Tensor, Tensor]:
        return self.discriminator.judge(images, growth.phase, growth.alpha)


def shown(images: Tensor, growth: Growth) -> Tensor:
    """Images as a model at *growth* is to see them: (n, 3, h, w) -> (n, 3, r, r).

    Smaller images were stored as bytes; the blend of a fade is not rounded.
    """
    small = box(images, growth.resolution)
    if not growth.fading:
        return small
    return torch.lerp(double(F.avg_pool2d(small, 2)), small, growth.alpha)


def gradient_scale(gp_scale: str, resolution: int, growth: Growth) -> float:
    """f: an image enlarged f times in each direction has f^2 pixels for one, each 1/f^2 as strong.

    The norm of the gradient is then 1/f of what it is for the small image.
    """
    return resolution / growth.resolution if gp_scale == "full_resolution" else 1.0


def learning_rate(settings: Settings, resolution: int, seen: int) -> float:
    """Of both networks after *seen* images."""
    lr = settings.lr_1024 if resolution == 1024 else settings.lr
    if seen < settings.ramp_images:
        lr *= math.exp(-5 * (1 - seen / settings.ramp_images) ** 2)
    return lr


def _whole_groups(images: Tensor, group: int) -> Tensor:
    """Without the rest that fills no group; a batch smaller than one group is a group."""
    n = len(images) * processes()
    size = min(group or n, n)
    whole = n // size * size
    if whole % processes():
        raise BadSetting(
            f"proggan cuts a batch of {n} to {whole} images, whole groups of {size}, which "
            f"{processes()} processes cannot share evenly; choose --set batches=... in multiples "
            "of stddev_group"
        )
    return images if whole == n else own(gathered(images)[:whole])


def _slope(adam: Optimizer, loss: Tensor) -> None:
    """Leave the gradients of *loss*, and no others, on the weights of *adam*."""
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types


def _schedule(settings: Settings, last: int) -> Glances:
    """Stable 4x4, fade to 8x8, stable 8x8, ...: a phase starts with its fade."""
    length = settings.stable_images + settings.fade_images
    starts = (0, *(phase * length - settings.fade_images for phase in range(1, last + 1)))
    return Glances(Schedule(starts, settings.fade_images), settings.batches, settings.look_steps)


def _read_lods(model: nn.Module, _: Any) -> None:
    assert isinstance(model, ProgGAN)
    model._lods = int(model.lods)


def _check(settings: Settings, last: int) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    batches = settings.batches[: last + 1]
    rules = {
        "batches": (len(batches) > last and min(batches) > 0, f"{last + 1} numbers from 1 on"),
        "stable_images": (settings.stable_images > 0, "at least 1"),
        "fade_images": (settings.fade_images >= 0, "at least 0"),
        "look_steps": (settings.look_steps > 0, "at least 1"),
        "average_decay": (0 <= settings.average_decay <= 1, "0 to 1"),
        "gp_target": (settings.gp_target > 0, "more than 0"),
        "ramp_images": (settings.ramp_images >= 0, "at least 0"),
    }
    choices = {
        "loss": (settings.loss, ("wasserstein", "least_squares")),
        "gp_scale": (settings.gp_scale, ("full_resolution", "native")),
        "rr_on": (settings.rr_on, ("none", "features", "latents")),
    }
    rules |= {
        name: (value in known, " or ".join(known)) for name, (value, known) in choices.items()
    }
    check_rules("proggan", settings, rules)


MODEL = Model(
    build=ProgGAN,
    settings=Settings,
    presets=PRESETS,
    flips=True,
    geometry=ProgGAN.geometry,
    published_as=PUBLISHED,
    adopts="facebookresearch/pytorch_GAN_zoo (--set untied_bias=true pool_first=false)",
    eager={"discriminator": TWICE},
    alarms=(STEEP_CRITIC,),
    image_counts=("stable_images", "fade_images", "ramp_images"),
)
