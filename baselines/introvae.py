"""IntroVAE: a variational autoencoder whose encoder judges what its generator makes.

Paper: H. Huang, Z. Li, R. He, Z. Sun, T. Tan, "IntroVAE: Introspective Variational
    Autoencoders for Photographic Image Synthesis", NeurIPS 2018, arXiv:1807.06358.
Follows the released code where it departs from the paper: squared errors without the factor
    1/2, everything averaged over the batch, the hinge on the batch's mean KL, the networks;
    presets ``paper-...`` and ``code-...`` hold the coefficients of either. Equation 9 of the
    paper has the wrong sign. The warm-up weighs reconstructions as the paper does.
Differs: blocks of equal width have no projection (``released_shortcuts`` brings it back);
    the encoder's running statistics are those of real images only, since it is evaluated on
    them (``statistics: mixed`` is the code's); log variances are clamped to [-30, 20]; codes
    are the posterior's mean; the second gradient stops at the generator's weights, where the
    code's would meet weights that have moved on; the margin can be learned from the warm-up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor
from torch.optim import Adam, Optimizer

from genbench.distributed import gathered
from genbench.errors import BadSetting
from genbench.interfaces import Adopted, Batch, Model, Stage, Tensors

from ._parts.divergence_rules import empty_codes
from ._parts.gaussian_posterior import Posterior
from ._parts.introvae_networks import (
    SIDE,
    Encoder,
    Generator,
    batch_norm,
    group_norm,
)
from ._parts.introvae_presets import PRESETS
from ._parts.introvae_released import adopt_encoder, adopt_generator
from ._parts.latent_model import LatentModel
from ._parts.layers import batch_statistics
from ._parts.losses import mean_square
from ._parts.released_weights import part
from ._parts.setting_rules import check_rules

MEASURED = 0.2  # share of the warm-up, its last, whose KL sets a learned margin
NORMS = {"batch": batch_norm, "group": group_norm}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 512  # d, numbers in a latent
    channels: tuple[int, ...] = (64, 128, 256, 512, 512, 512)  # finest first; few stages: the first
    batch: int = 16
    lr: float = 2e-4
    betas: tuple[float, float] = (0.9, 0.999)  # of Adam
    epochs: int = 500
    images: int | None = None  # in the whole training; empty: epochs
    warmup: int = 0  # images shown to the plain variational autoencoder first
    beta: float = 0.05  # of the squared error summed over an image, without the paper's 1/2
    warmup_beta: float | None = None  # during the warm-up; empty: beta; the code has 1
    encoder_weight: float = 0.25  # alpha, of each hinge in the encoder's loss
    generator_weight: float = 0.5  # of each KL in the generator's; alpha in the paper
    margin: float | None = 120.0  # m, nats an image; empty: learned from the warm-up
    margin_factor: float = 1.5  # a learned m to the mean KL late in the warm-up
    hinge: str = "batch"  # [m - K]+ of the batch's mean K; "image": the mean of each image's
    statistics: str = "real"  # the encoder's running ones: of "real" images, or "mixed"
    norm: str = "batch"  # or "group"
    released_shortcuts: bool = False  # to read released weights


class IntroVAE(LatentModel):
    """Encoder E, whose KL is low for real images and at least m for others; generator G."""

    settings: Settings

    warm_kl: Tensor  # (), mean KL of real images late in the warm-up, nats an image
    warm_steps: Tensor  # (), steps it is the mean of

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks for images of *resolution*.

        Raises:
            BadSetting: no list of channels for that resolution, or a setting out of range.
        """
        super().__init__()
        self.settings, self.resolution, self.seen = settings, resolution, 0
        channels = _channels(settings, resolution)
        _check(settings)
        norm = NORMS[settings.norm]
        as_released = settings.released_shortcuts
        self.encoder = Encoder(channels, settings.latent, norm, as_released=as_released)
        self.generator = Generator(channels, settings.latent, norm, as_released=as_released)
        self.to(memory_format=torch.channels_last)
        self.register_buffer("warm_kl", torch.zeros(()))
        self.register_buffer("warm_steps", torch.zeros(()))

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for each network."""
        settings = self.settings
        return {
            name: Adam(net.parameters(), settings.lr, settings.betas, fused=True)
            for name, net in (("encoder", self.encoder), ("generator", self.generator))
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        images = self.settings.images
        return self.settings.epochs * train_size if images is None else images

    def stage(self, seen: int) -> Stage:
        """Warm-up, or the game of both networks."""
        name = "warm-up" if seen < self.settings.warmup else "train"
        return Stage(name, self.resolution, 1.0, self.settings.batch)

    # --- use

    def encode(self, images: Tensor) -> Tensor:
        """The posterior's mean: (n, 3, h, w) in [-1, 1] -> (n, d)."""
        return self._posterior(_to_unit(images.to(self.warm_kl.device))).mean

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), not clamped."""
        return 2 * self._generate(latents.to(self.warm_kl.device)) - 1

    # --- weights of the released code

    def adopt(self, found: Tensors) -> Adopted:
        """Take over the state of the released model, wherever in the file it lies."""
        whole = part(found, "model") or found
        adopt_encoder(self.encoder, part(whole, "encoder"))
        adopt_generator(self.generator, part(whole, "decoder"))
        return Adopted()

    # --- training

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of both networks: of a plain VAE at first, then against each other."""
        x = _to_unit(batch.images)
        warm = self.seen < self.settings.warmup
        scores = self._vae_step(x, rng) if warm else self._introspective_step(x, rng)
        return {name: score.detach() for name, score in scores.items()}

    def _vae_step(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Both down Kx + beta |x - G(z)|^2."""
        settings = self.settings
        posterior = self._posterior(x)
        error = squared_error(x, self._generate(posterior.draw(rng)))
        kl = _mean(posterior.kl())
        if self.seen >= settings.warmup * (1 - MEASURED):
            self._measure(kl)
        beta = settings.beta if settings.warmup_beta is None else settings.warmup_beta
        loss = beta * error + kl
        self.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        for adam in self._optimizers.values():
            adam.step()
        return {"kl_real": kl, "squared_error": error, "encoder_loss": loss}

    def _introspective_step(self, x: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """The encoder, then the generator against the moved encoder, on the same images.

        E down Kx + beta |x - G(z)|^2 + alpha ([m - Kr]+ + [m - Kp]+), the images detached;
        G down beta |x - G(z)|^2 + alpha (Kr + Kp).
        """
        settings = self.settings
        posterior = self._posterior(x)
        latents = posterior.draw(rng), self.draw(len(x), rng).to(x)
        fakes = [self._generate(each) for each in latents]
        error, kl = squared_error(x, fakes[0]), _mean(posterior.kl())
        margin = self._margin(kl)
        kl_fakes = self._kl_of_fakes(fake.detach() for fake in fakes)
        hinges = sum((self._hinge(margin, each) for each in kl_fakes), torch.zeros_like(kl))
        encoder_loss = settings.beta * error + kl + settings.encoder_weight * hinges
        self.zero_grad()
        # The gradient that G gets of the squared error here is the one that its own step wants.
        encoder_loss.backward(retain_graph=True)  # type: ignore[no-untyped-call]
        self._optimizers["encoder"].step()
        kr, kp = map(_mean, self._kl_of_fakes(fakes))
        against = settings.generator_weight * (kr + kp)
        # No further than G's weights: behind the latents lies E as it was, which is gone.
        torch.autograd.backward(against, inputs=list(self.generator.parameters()))
        self._optimizers["generator"].step()
        return {
            "kl_real": kl,
            "kl_sample": _mean(kl_fakes[1]),
            "squared_error": error,
            "kl_reconstruction": _mean(kl_fakes[0]),
            "margin": margin,
            "encoder_loss": encoder_loss,
            "generator_loss": settings.beta * error + against,
        }

    def _kl_of_fakes(self, fakes: Iterable[Tensor]) -> list[Tensor]:
        """KL of each image, (n,), for each set on its own: no batch norm mixes them."""
        mixed = self.settings.statistics == "mixed"
        with contextlib.nullcontext() if mixed else batch_statistics(self.encoder):
            return [self._posterior(fake).kl() for fake in fakes]

    def _hinge(self, margin: Tensor, kl: Tensor) -> Tensor:
        """[m - K]+ of the mean K, or the mean over images: (n,) -> scalar."""
        whole = self.settings.hinge == "batch"
        return F.relu(margin - _mean(kl)) if whole else _mean(F.relu(margin - kl))

    def _measure(self, kl: Tensor) -> None:
        """Count a batch's mean KL of real images into that of the warm-up."""
        self.warm_steps += 1
        self.warm_kl.lerp_(kl.detach(), 1 / self.warm_steps)

    def _margin(self, kl: Tensor) -> Tensor:
        """m; a model that saw no warm-up learns it from its first batch, of mean KL *kl*."""
        if self.settings.margin is not None:
            return torch.full_like(kl, self.settings.margin).detach()
        self.warm_kl.copy_(torch.where(self.warm_steps > 0, self.warm_kl, kl.detach()))
        self.warm_steps.clamp_(min=1)
        return self.settings.margin_factor * self.warm_kl

    def _generate(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), nominally in [0, 1]."""
        images: Tensor = self.generator(latents)
        return images

    def _posterior(self, images: Tensor) -> Posterior:
        """Of images in [0, 1]."""
        return Posterior.of(self.encoder(images))


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Summed over channels and pixels, averaged over the batch: (n, c, h, w) twice -> scalar."""
    return x[0].numel() * mean_square(x, y).mean()


def _mean(numbers: Tensor) -> Tensor:
    """Over the batches of all processes: (n,) -> scalar."""
    return gathered(numbers).mean()


def _to_unit(images: Tensor) -> Tensor:
    """[-1, 1] -> [0, 1], which both networks speak."""
    return (images + 1) / 2


def _channels(settings: Settings, resolution: int) -> tuple[int, ...]:
    """One entry for each halving down to 4x4."""
    stages = resolution.bit_length() - SIDE.bit_length()
    if stages < 1 or resolution != SIDE << stages:
        raise BadSetting(
            f"introvae works at 8x8, 16x16, ... 1024x1024, not at {resolution}x{resolution}; "
            "choose another --resolution"
        )
    if len(settings.channels) < stages:
        raise BadSetting(
            f"introvae.channels wants {stages} numbers at {resolution}x{resolution}, one for each "
            f"halving down to 4x4, got {settings.channels}; change it with --set channels=..."
        )
    return settings.channels[:stages]


def _check(settings: Settings) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    rules = {
        "latent": (settings.latent > 0, "at least 1"),
        "channels": (min(settings.channels) > 0, "numbers from 1 on"),
        "batch": (settings.batch > 0, "at least 1"),
        "warmup": (settings.warmup >= 0, "at least 0 images"),
        "margin": (
            settings.margin is not None or settings.warmup > 0,
            "a number where there is no warm-up to learn it from",
        ),
        "hinge": (settings.hinge in ("batch", "image"), "batch or image"),
        "statistics": (settings.statistics in ("real", "mixed"), "real or mixed"),
        "norm": (settings.norm in NORMS, "batch or group"),
    }
    check_rules("introvae", settings, rules)


MODEL = Model(
    build=IntroVAE,
    settings=Settings,
    presets=PRESETS,
    flips=True,
    geometry=IntroVAE.geometry,
    published_as=("IntroVAE",),
    adopts="hhb072/IntroVAE (state_dict of its model)",
    alarms=(empty_codes("kl_real"),),
    image_counts=("warmup",),
)
