"""ALI: an encoder and a decoder whose pairs of image and latent no discriminator can tell apart.

Paper: V. Dumoulin, I. Belghazi, B. Poole, O. Mastropietro, A. Lamb, M. Arjovsky,
    A. Courville, "Adversarially Learned Inference", ICLR 2017, arXiv:1606.00704.
Follows the released code where it departs from the paper's tables: on CelebA dropout before
    every convolution of the discriminator, and no batch norm on its first layer
    (``norm_first``); on CIFAR-10 feature maps counted before the maxout (``maxout_after``: after
    it, as the table reads); a bias for every pixel of the decoder's, which starts at the
    log-odds of the mean image; both sides updated at once, where the paper's algorithm lists
    one after the other. The paper, in where dropout stands on CIFAR-10 (``dropout_as_released``).
Differs: `encode` gives the mean of q(z|x), so that measurements repeat; the paper
    reconstructs from a draw (`sample_code`, or ``codes: sampled``, where the noise is a function
    of the image). Running statistics are of the variance, not of the deviation; epochs follow
    each other without a short last batch. The layout at 16x16 is our own.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the name torch's own documentation uses
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from genbench.distributed import drawn
from genbench.errors import BadSetting
from genbench.images import to_bytes
from genbench.interfaces import Batch, Model, Preset, Stage, Tensors, TrainingImages
from genbench.runtime import seeds

from ._parts.ali_networks import (
    LAYOUTS,
    Decoder,
    Discriminator,
    Dropout,
    Layout,
    Style,
    encoder,
    initialise,
)
from ._parts.divergence_rules import easy_discriminator
from ._parts.gaussian_posterior import LEAST, MOST, Posterior
from ._parts.latent_model import LatentModel
from ._parts.priors import gaussian
from ._parts.setting_rules import check_rules


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 256  # d, numbers in a latent
    width: float = 1.0  # share of the published feature maps
    slope: float = 0.02  # of every leaky ReLU
    lr: float = 1e-4
    discriminator_lr: float | None = None  # empty: the same
    betas: tuple[float, float] = (0.5, 0.999)  # of Adam
    batch: int = 100
    epochs: int = 123
    images: int | None = None  # in the whole training; empty: the epochs
    average_decay: float = 0.0  # of a running average of encoder and decoder; 0: none is kept
    weight_std: float = 0.01  # of all initial weights
    mean_images: int = 500  # of which the mean starts the decoder's bias
    dropout_data: float = 0.2  # of images and latents that the discriminator sees
    dropout_features: float = 0.2  # of what its later convolutions see
    dropout_as_released: bool = False  # for CIFAR-10: after conv 3, and not before convs 3 and 4
    instance_noise: float = 0.0  # deviation, on all images (0 to 1) that the discriminator sees
    norm_momentum: float = 0.05  # share of a batch in the running statistics
    norm_first: bool = False  # batch norm on the discriminator's first layer too
    maxout: bool = False  # in the discriminator, instead of leaky ReLU and batch norm
    maxout_after: bool = False  # its feature maps are counted after the maxout
    codes: str = "mean"  # what `encode` gives: the mean of q(z|x), or a draw: sampled


# For a CPU: a quarter of the layout for SVHN. Noise hides all but the coarsest differences
# between images, or the discriminator wins before codes and images have to do with each other;
# a running average steadies what the game throws about.
TINY: Mapping[str, Any] = {
    "latent": 16,
    "width": 0.25,
    "batch": 64,
    "weight_std": 0.05,
    "lr": 5e-4,
    "dropout_data": 0.1,
    "dropout_features": 0.1,
    "instance_noise": 1.0,
    "norm_momentum": 0.1,  # at 0.05 the statistics stay behind the weights of a short run
    "average_decay": 0.98,
    "images": 120_000,  # ten minutes of one core
}


class ALI(LatentModel):
    """Encoder q(z|x), decoder p(x|z), discriminator D(x, z); the prior is N(0, I)."""

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build the three networks.

        Raises:
            BadSetting: there is no layout for the resolution, or a setting is out of range.
        """
        super().__init__()
        _check(settings, resolution)
        self.settings, self.resolution, self.seen = settings, resolution, 0
        layout = LAYOUTS[resolution].wide(settings.width)
        self.encoder = encoder(layout.encoder, settings.latent, settings.slope)
        self.decoder = Decoder(layout.decoder, settings.latent, settings.slope, resolution)
        self.discriminator = _discriminator(settings, layout)
        initialise(self, settings.weight_std, settings.norm_momentum)
        # The layout that a GPU's tensor cores want.
        self.to(memory_format=torch.channels_last)

    def make_optimizers(self) -> dict[str, Optimizer]:
        """One Adam for the discriminator, one for encoder and decoder."""
        settings = self.settings
        sides = {
            "discriminator": [*self.discriminator.parameters()],
            "autoencoder": [*self.encoder.parameters(), *self.decoder.parameters()],
        }
        slower = settings.discriminator_lr
        rates = {"discriminator": settings.lr if slower is None else slower}
        return {
            name: Adam(weights, rates.get(name, settings.lr), settings.betas, fused=True)
            for name, weights in sides.items()
        }

    # --- schedule

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        images = self.settings.images
        return self.settings.epochs * train_size if images is None else images

    def stage(self, seen: int) -> Stage:
        """There is one stage."""
        return Stage("train", self.resolution, 1.0, self.settings.batch)

    # --- use

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r)."""
        images: Tensor = self.decoder(latents.to(self._device)).float()
        return images * 2 - 1

    def posterior(self, images: Tensor) -> Posterior:
        """q(z|x) of images (n, 3, r, r) in [-1, 1]."""
        return self._posterior((images.to(self._device) + 1) / 2)

    def encode(self, images: Tensor) -> Tensor:
        """Mean of q(z|x), or a draw from it: (n, 3, r, r) in [-1, 1] -> (n, d).

        A draw depends on the image alone, so that the same image has the same code in any batch.
        """
        posterior = self.posterior(images)
        if self.settings.codes == "mean":
            return posterior.mean
        noise = _noise_of(images, self.settings.latent).to(posterior.mean)
        return posterior.mean + (posterior.logvar / 2).exp() * noise

    def sample_code(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """A draw from q(z|x), as the paper encodes: (n, 3, r, r) in [-1, 1] -> (n, d)."""
        return self.posterior(images).draw(rng)

    # --- training

    @torch.no_grad()
    def prepare(self, train: TrainingImages, rng: torch.Generator) -> None:
        """Let the untrained decoder give about the mean image: its bias, the log-odds of it."""
        rows = torch.randperm(len(train), generator=rng, device=rng.device)
        images = train.take(rows[: self.settings.mean_images].cpu()).double()
        mean = images.mean(0).div(255).clamp(1e-7, 1 - 1e-7)
        self.decoder.bias.copy_(mean.logit())

    def averaged(self) -> Mapping[str, nn.Module]:
        """Encoder and decoder, if an average is kept; the paper keeps none."""
        nets = {"encoder": self.encoder, "decoder": self.decoder}
        return nets if self.settings.average_decay else {}

    def average_decay(self) -> float:
        """Share of the old average kept at every step."""
        return self.settings.average_decay

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """One update of both sides, from one pass, at the same weights.

        The discriminator goes down softplus(-D(x, E(x))) + softplus(D(G(z), z)), encoder and
        decoder go down the same with the pairs exchanged.
        """
        x = (batch.images + 1) / 2
        z = gaussian(len(x), self.settings.latent, rng).to(x.device)
        posterior = self._posterior(x)
        latents = torch.cat([posterior.draw(rng), z])
        images = self._noised(torch.cat([x, self.decoder(z)]), rng)
        # In two passes the norms would tell real from generated pairs by their batch.
        real, fake = self.discriminator(images, latents, rng).float().chunk(2)
        losses = {
            "discriminator": (F.softplus(-real) + F.softplus(fake)).mean(),
            "autoencoder": (F.softplus(real) + F.softplus(-fake)).mean(),
        }
        self._descend(losses)
        return {
            "discriminator_loss": losses["discriminator"].detach(),
            "autoencoder_loss": losses["autoencoder"].detach(),
            "deviation": (posterior.logvar.detach() / 2).exp().mean(),
        }

    def _noised(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Real images, and as many generated ones."""
        if not self.settings.instance_noise:
            return images
        noise = drawn(
            lambda shape: torch.randn(shape, generator=rng, device=rng.device), images.shape, 2
        ).to(images)
        return images + self.settings.instance_noise * noise

    def _descend(self, losses: Mapping[str, Tensor]) -> None:
        """A step of each optimiser; all gradients are taken before any weight moves."""
        for name, loss in losses.items():
            weights = [w for group in self._optimizers[name].param_groups for w in group["params"]]
            pushes = torch.autograd.grad(loss, weights, retain_graph=name == "discriminator")
            for weight, push in zip(weights, pushes, strict=True):
                weight.grad = push
        for adam in self._optimizers.values():
            adam.step()

    def _posterior(self, x: Tensor) -> Posterior:
        """Of images in [0, 1]. The encoder says log sigma, half the log variance."""
        mean, log_sigma = self.encoder(x).flatten(1).float().chunk(2, dim=1)
        return Posterior(mean, (2 * log_sigma).clamp(LEAST, MOST))

    @property
    def _device(self) -> torch.device:
        return self.decoder.bias.device


def _discriminator(settings: Settings, layout: Layout) -> Discriminator:
    style = Style(
        settings.slope,
        settings.maxout,
        settings.norm_first,
        Dropout(settings.dropout_data, settings.dropout_features, settings.dropout_as_released),
    )
    return Discriminator(layout.wide(2 if settings.maxout_after else 1), settings.latent, style)


def _noise_of(images: Tensor, latent: int) -> Tensor:
    """Standard normal numbers that are a function of each image: (n, 3, r, r) -> (n, latent)."""
    marks = [zlib.crc32(image.numpy().tobytes()) for image in to_bytes(images).cpu()]
    return torch.cat([gaussian(1, latent, seeds.generator(mark, "code")) for mark in marks])


def _check(settings: Settings, resolution: int) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    if resolution not in LAYOUTS:
        raise BadSetting(
            f"ali has no layout for {resolution}x{resolution}; choose --resolution from "
            f"{', '.join(map(str, LAYOUTS))}"
        )
    shares = settings.dropout_data, settings.dropout_features
    rules = {
        "latent": (settings.latent > 0, "at least 1"),
        # 32 feature maps are the fewest of a layout, and maxout takes them by twos.
        "width": (settings.width >= 1 / 16, "at least 0.0625"),
        "batch": (settings.batch > 1, "at least 2"),
        "mean_images": (settings.mean_images > 0, "at least 1"),
        "dropout_data": (0 <= shares[0] < 1, "0 to less than 1"),
        "dropout_features": (0 <= shares[1] < 1, "0 to less than 1"),
        "average_decay": (0 <= settings.average_decay <= 1, "0 to 1"),
        "norm_momentum": (0 < settings.norm_momentum <= 1, "more than 0 and up to 1"),
        "instance_noise": (settings.instance_noise >= 0, "at least 0"),
        "maxout_after": (settings.maxout or not settings.maxout_after, "maxout"),
        "codes": (settings.codes in ("mean", "sampled"), "mean or sampled"),
    }
    check_rules("ali", settings, rules)


MODEL = Model(
    build=ALI,
    settings=Settings,
    presets={
        "celeba-64": Preset(
            {},
            data="celeba",
            resolution=64,
            source="paper's table and released code; the code's dropout and first layer",
        ),
        "svhn-32": Preset(
            {"slope": 0.01, "epochs": 100},
            data="svhn:split=extra",
            resolution=32,
            source="paper's table and released code",
        ),
        "cifar10-32": Preset(
            {
                "latent": 64,
                "slope": 0.1,
                "epochs": 6_475,
                "maxout": True,
                "dropout_features": 0.5,
            },
            data="cifar10",
            resolution=32,
            source="paper's table and released code; the paper's dropout, the code's widths",
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset({**TINY, "images": 2_000}, resolution=32),
    },
    geometry=ALI.geometry,
    published_as=("ALI",),
    alarms=(easy_discriminator("discriminator_loss"),),
)
