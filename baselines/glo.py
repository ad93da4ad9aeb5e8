"""Generative latent optimisation: a generator, and a learned code for each training image.

Paper: P. Bojanowski, A. Joulin, D. Lopez-Paz, A. Szlam, "Optimizing the Latent Space of
    Generative Networks", ICML 2018, arXiv:1707.05776. Its authors released no code.
Follows the paper's formula, a projection onto the unit ball, where its text says sphere; its
    generator is that of DCGAN, its rates are 1 for the generator and 10 for the codes.
Differs, or chosen where the paper says nothing: the test images are those of genbench's fixed
    splits, not every 32nd; both losses are means over batch, channels and pixels, weighed 1 and
    1; a Gaussian start is N(0, I/d); principal components are divided by one number that makes
    their mean norm 1; batch 128, 50 epochs; codes of unseen images are looked for with Adam,
    500 steps from the mean code. At 32x32 the generator has one stage fewer, at 128x128 one
    more. The codes of training images are `stored`; `encode` looks for those of any image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor
from torch.optim import SGD, Adam, Optimizer

from genbench.interfaces import Batch, Model, Preset, Stage, Tensors, TrainingImages

from . import pca
from ._parts.code_init import gaussian_start, of_mean_norm_one
from ._parts.code_table import PROJECTIONS, Codes, Descent
from ._parts.dcgan_networks import (
    Shape,
    check_shape,
    coloured,
    generator,
    grey,
)
from ._parts.glo_presets import glo_presets
from ._parts.laplacian_loss import LEVEL_WEIGHTS, lap1
from ._parts.latent_model import LatentModel
from ._parts.latent_search import OBJECTIVES, Search, search
from ._parts.layers import frozen
from ._parts.losses import mean_square
from ._parts.setting_rules import check_rules

RATES = {"sgd": (1.0, 10.0), "adam": (1e-3, 1e-2)}  # optimiser -> of the generator, of the codes


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 256  # d, numbers in a code
    base: int = 64  # ngf, feature maps at half the resolution
    channels: int = 3  # of the generated images; 1 for grey ones
    batch: int = 128
    epochs: float = 50.0  # times every image is shown
    optimizer: str = "sgd"  # or "adam", with moments for each row of the table
    lr: float | None = None  # of the generator; None: 1 for sgd, 0.001 for adam
    latent_lr: float | None = None  # of the codes; None: 10 for sgd, 0.01 for adam. The loss is a
    # mean over the batch, so under sgd a code moves as before if this grows with the batch
    betas: tuple[float, float] = (0.5, 0.999)  # of adam
    halve_epochs: float = 0.0  # both rates are halved every so many epochs; 0: never
    l2_weight: float = 1.0  # of the mean squared error
    lap1_weight: float = 1.0  # of Lap1
    level_weight: str = "equal_mean"  # of Lap1's levels; or "4^j" or "4^-j", j = 0 the finest
    start: str = "gaussian"  # of the codes; or "pca"
    pca_scale: str = "mean"  # mean norm 1; or "none", which puts nearly all codes on the sphere
    pca_images: int = 24_576  # that the components are fitted to
    projection: str = "ball"  # of the codes after every step; or "sphere"
    project_samples: bool = False  # project what is drawn from the fitted Gaussian too
    search_steps: int = 500  # for the code of an unseen image
    search_lr: float = 0.05
    search_loss: str = "mse"  # or "lap1"


# For a CPU. On toyfaces Adam needs 1200 steps for the 24.7 dB on unseen images that SGD has
# after 6000, and has 25.5 then; a Gaussian start has 18.1 after 1200 steps of SGD, this one 23.7.
TINY: Mapping[str, Any] = {
    "latent": 64,
    "base": 16,
    "batch": 32,
    "optimizer": "adam",
    "start": "pca",
    "search_steps": 100,
}


class GLO(LatentModel):
    """Generator g and a table of codes z_i: min over both of the mean of loss(g(z_i), x_i)."""

    settings: Settings

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build the generator and an empty table.

        Raises:
            BadSetting: the resolution is not 8, 16, ... 1024, or a setting is out of range.
        """
        super().__init__()
        shape = Shape(resolution, settings.base, settings.channels)
        check_shape(shape, "glo")
        _check(settings, resolution)
        self.settings, self.resolution, self.seen = settings, resolution, 0
        self.generator = generator(settings.latent, shape)
        self.codes = Codes(settings.latent, adam=settings.optimizer == "adam")
        self.project = PROJECTIONS[settings.projection]
        lr, latent_lr = RATES[settings.optimizer]
        self.lr = lr if settings.lr is None else settings.lr
        self.latent_lr = latent_lr if settings.latent_lr is None else settings.latent_lr

    def make_optimizers(self) -> dict[str, Optimizer]:
        """That of the generator; the codes are moved by their table."""
        weights = self.generator.parameters()
        if self.settings.optimizer == "sgd":
            return {"generator": SGD(weights, self.lr)}
        return {"generator": Adam(weights, self.lr, self.settings.betas)}

    def prepare(self, train: TrainingImages, rng: Generator) -> None:
        """Make the table: a code for each training image, projected."""
        settings = self.settings
        if settings.start == "gaussian":
            codes = gaussian_start(len(train), settings.latent, rng)
        else:
            components = pca.Settings(latent=settings.latent, images=settings.pca_images)
            model = pca.PCA(components, self.resolution).to(self.codes.rows.device)
            codes = pca.pca_start(train, model, rng)
            if settings.pca_scale == "mean":
                codes = of_mean_norm_one(codes)
        self.codes.fill(self.project(codes))

    def total(self, train_size: int) -> int:
        """Every training image ``epochs`` times."""
        return round(self.settings.epochs * train_size)

    def stage(self, seen: int) -> Stage:
        """There is one stage."""
        return Stage("train", self.resolution, 1.0, self.settings.batch)

    def step(self, batch: Batch, rng: Generator) -> Tensors:
        """One gradient of both terms; then the generator and the codes of the batch move."""
        assert len(self.codes.rows), "prepare makes the table before the first step"
        settings, rate = self.settings, self._rate()
        images = grey(batch.images, settings.channels)
        z = self.codes.rows[batch.index].requires_grad_()
        fakes = self.generator(z)
        scalars = {"l2": mean_square(fakes, images).mean()}
        loss = settings.l2_weight * scalars["l2"]
        if settings.lap1_weight:
            scalars["lap1"] = lap1(fakes, images, settings.level_weight).mean()
            loss = loss + settings.lap1_weight * scalars["lap1"]
        for group in self._optimizers["generator"].param_groups:
            group["lr"] = rate * self.lr
        self.descend("generator", loss)
        assert z.grad is not None
        betas = settings.betas if settings.optimizer == "adam" else None
        how = Descent(lr=rate * self.latent_lr, project=self.project, betas=betas)
        self.codes.descend(batch.index, z.grad, how)
        return {name: value.detach() for name, value in {"loss": loss, **scalars}.items()}

    def stored(self, index: Tensor) -> Tensor:
        """Learned codes of training images, which need no search: rows (n,) -> (n, d)."""
        return self.codes.rows[index.to(self.codes.rows.device)]

    def draw(self, n: int, rng: Generator) -> Tensor:
        """n draws from the Gaussian fitted to the table, (n, d), on the device of *rng*."""
        z = self.codes.draw(n, rng)
        return self.project(z) if self.settings.project_samples else z

    def encode(self, images: Tensor) -> Tensor:
        """Codes found by search from the mean code, in the ball: (n, 3, h, w) -> (n, d)."""
        settings = self.settings
        how = Search(
            steps=settings.search_steps,
            lr=settings.search_lr,
            objective=settings.search_loss,
            project=self.project,
        )
        mean = self.codes.fit().mean.to(self.codes.rows)
        with frozen(self.generator):
            target = grey(images, settings.channels)
            return search(self.generator, target, mean.view(1, 1, -1), how)

    def decode(self, latents: Tensor) -> Tensor:
        """The generator: (n, d) -> (n, 3, h, w) in [-1, 1]."""
        images: Tensor = self.generator(latents.to(self.codes.rows.device))
        return coloured(images)

    def walks(self, count: int, deviations: Tensor) -> Tensor:
        """Codes along the leading principal directions of the table, through the mean code.

        Args:
            count: directions, of most variance first.
            deviations: steps along them in standard deviations, (s,); figure 6 has -3 to 3.

        Returns:
            (count, s, d); at 0 deviations the mean code, the average image of the paper.
        """
        fit = self.codes.fit()
        steps = fit.variances[:count].sqrt()[:, None] * deviations.to(fit.mean)
        return (fit.mean + steps[:, :, None] * fit.directions[:count, None]).to(self.codes.rows)

    def _rate(self) -> float:
        """Share of the first learning rates that is left after the images seen."""
        every = self.settings.halve_epochs * len(self.codes.rows)
        return 0.5 ** (self.seen // every) if every else 1.0


def _check(settings: Settings, resolution: int) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    rates = {"lr": settings.lr, "latent_lr": settings.latent_lr}
    rules = {
        "optimizer": _one_of(settings.optimizer, RATES),
        "level_weight": _one_of(settings.level_weight, LEVEL_WEIGHTS),
        "start": _one_of(settings.start, ("gaussian", "pca")),
        "pca_scale": _one_of(settings.pca_scale, ("mean", "none")),
        "projection": _one_of(settings.projection, PROJECTIONS),
        "search_loss": _one_of(settings.search_loss, OBJECTIVES),
        "latent": (settings.latent >= 1, "at least 1"),
        "batch": (settings.batch >= 1, "at least 1"),
        "epochs": (settings.epochs >= 0, "at least 0"),
        "pca_images": (settings.pca_images >= 2, "at least 2"),
        "search_steps": (settings.search_steps >= 0, "at least 0"),
        "halve_epochs": (settings.halve_epochs >= 0, "at least 0"),
        "l2_weight": (settings.l2_weight >= 0, "at least 0"),
        "lap1_weight": (settings.lap1_weight >= 0, "at least 0"),
        **{name: (rate is None or rate > 0, "more than 0") for name, rate in rates.items()},
    }
    numbers = 3 * resolution**2
    if settings.start == "pca" and settings.latent > numbers:
        rules["latent"] = (False, f"at most {numbers}, the numbers in an image, for start=pca")
    if settings.l2_weight == settings.lap1_weight == 0:
        rules["l2_weight"] = (False, "more than 0 where lap1_weight is 0")
    check_rules("glo", settings, rules)


def _one_of(value: str, known: Iterable[str]) -> tuple[bool, str]:
    return value in known, "one of " + ", ".join(known)


MODEL = Model(
    build=GLO,
    settings=Settings,
    presets={
        **glo_presets(
            "paper, table 1; what it leaves open is settled as under Differs",
            # Principal components for LSUN alone, squared error alone for MNIST.
            {
                "mnist": {"latent": 32, "channels": 1, "lap1_weight": 0.0},
                "svhn": {"latent": 64},
                "celeba": {},
                "lsun": {"start": "pca"},
            },
        ),
        "tiny": Preset(TINY, resolution=32),
        "smoke": Preset(
            {**TINY, "epochs": 0.5, "pca_images": 1_024, "search_steps": 20}, resolution=32
        ),
    },
    flips=False,  # a mirrored image would need a code of its own
    geometry=GLO.geometry,
    published_as=("GLO",),
)
