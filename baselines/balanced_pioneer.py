"""Balanced Pioneer: spectral norm in both networks, and a margin that keeps them in balance.

Paper: A. Heljakka, A. Solin, J. Kannala, "Towards Photographic Image Manipulation with
    Balanced Growing of Generative Autoencoders", WACV 2020, arXiv:1904.06145.
Follows the released code where it departs from the paper, since the published numbers come
    from it: no residual blocks and no strides; the fade lasts 1.2 million images in every
    phase, and after it the reconstruction weighs half as much again; latents on the unit
    sphere; only the encoder's output is normalised; the ablation changes the generator alone.
    Follows the paper in beta2 (``betas``; the code has 0.9), and in margins and learning
    rates below 64x64 (``schedule: release`` takes the code's).
Differs: as Pioneer does in blocks, spectral norm, sphere, running average and smaller
    images. The running average of the generator is used with spectral norms of its own
    weights, exactly, where the code warms up estimates. A margin is the paper's number, a gap
    between two K; the code's is a tenth, of 0.1 K. Batches above 256x256 are our own, where
    the code has none. Not here: the code's switches that the published models leave off
    (labels, bilinear doubling, more weight on pixels in late phases).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genbench.interfaces import Batch, Model, Preset, Tensors

from ._parts.divergence_rules import ADVERSARIAL_CODES
from ._parts.growing_autoencoder import RELEASED, GrowingAutoencoder, check
from ._parts.growing_networks import (
    Dress,
    Encoder,
    Generator,
    Norm,
)
from ._parts.layers import (
    PixelNorm,
    equalised,
    plain,
    settle,
    spectral,
)
from ._parts.progressive_schedule import Growth, last_phase
from ._parts.schedule_table import (
    PHASE,
    TABLES,
    Row,
    RowGrowth,
    Table,
    grows_evenly,
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 512  # d, numbers in a latent; also the widest layer
    table: str = "default"  # when to grow, margins, learning rates: celebahq, lsun or default
    schedule: str = "paper"  # or release: the table as the released code has it
    rows: tuple[tuple[int, int, float, float], ...] = ()  # own table: from image, size, margin, lr
    starts_scale: float = 1.0  # times the images after which the rows of the table begin
    margin: float | None = None  # M, in every row; empty: the table's; 0: no hinge
    lr: float | None = None  # in every row; empty: the table's
    fade_images: int = 1_200_000  # over which a new block fades in; alpha is 1 after that
    images: int | None = (
        None  # in the whole training; empty: 4.8 million after the last row's start
    )
    betas: tuple[float, float] = (0.0, 0.99)  # of Adam; the released code has 0.9
    batches: tuple[int, ...] = (128, 128, 128, 64, 32, 32, 32, 16, 8)  # at 4x4, 8x8, ... 1024x1024
    buffer: int = 200  # older generated images kept for the encoder; half of it from 256x256 on
    average_decay: float = 0.999  # of the running average of the generator
    kl_weight: float = 0.1  # of K, a mean over the latent, and of the margin
    l1_weight: float = 1.0  # lambda_X while a block fades in
    l1_late: float = 1.5  # lambda_X after that
    cosine_weight: float = 100.0  # lambda_Z, of 2 - cos / d
    generator_steps: int = 2  # generator updates to one of the encoder; 1 is advised now
    spectral_norm: bool = True  # in the generator, as these two; the encoder always has it
    pixel_norm: bool = False
    equalised: bool = False  # learning rate; without it or spectral norm: torch's initial weights
    encoder_last_activation: bool = True  # before the normalisation; later advised against


TWO_GPUS: Mapping[str, Any] = {"batches": (256, 256, 256, 128, 64, 32, 32, 16, 8)}
ABLATION: Mapping[str, Any] = {**TWO_GPUS, "table": "celebahq", "images": 20_000_000}
# Rows of the paper's table 2, each with and without margin.
NORMS: Mapping[str, Mapping[str, Any]] = {
    "pn": {"spectral_norm": False, "pixel_norm": True},
    "eqlr": {"spectral_norm": False, "equalised": True},
    "eqlr-pn": {"spectral_norm": False, "equalised": True, "pixel_norm": True},
    "sn": {},
}


def _ablation(settings: Mapping[str, Any]) -> Preset:
    """A row of the paper's table 2."""
    return Preset(
        {**ABLATION, **settings},
        data="celeba-hq",
        resolution=128,
        source="paper, table 2: to 20 million images, at 128x128",
    )


def _tiny(phase_images: int, images: int) -> dict[str, Any]:
    """For a CPU: S images a phase, and margins where the published tables have them."""
    s = phase_images
    rows = ((0, 4, 0.0), (s, 8, 0.0), (2 * s, 16, 0.2), (3 * s, 32, 0.4))
    return {
        "latent": 32,
        "rows": tuple((start, size, margin, 1e-3) for start, size, margin in rows),
        "fade_images": s // 2,
        "images": images,
        "batches": (16,) * 9,
        "buffer": 32,
        "average_decay": 0.99,
        "encoder_last_activation": False,
    }


TOYFACES: Mapping[str, Any] = {  # of the reference model: an hour and a half of a CPU's core
    "latent": 48,
    "batches": (16,) * 9,
    # Margins above the published 0.2 and 0.4: with codes so short those blur everything.
    "rows": (
        (0, 4, 0.0, 1e-3),
        (10_000, 8, 0.0, 1e-3),
        (22_000, 16, 1.0, 1e-3),
        (42_000, 32, 1.0, 1e-3),
    ),
    "fade_images": 8_000,
    "images": 120_000,
    "buffer": 32,
    "average_decay": 0.995,
    "encoder_last_activation": False,
}


class BalancedPioneer(GrowingAutoencoder):
    """Encoder E on the unit sphere, generator G; no discriminator.

    The training step is `GrowingAutoencoder.step`; here are the networks, when they grow,
    and what each of them goes down.
    """

    settings: Settings
    schedule: Table

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Build both networks up to *resolution*.

        Raises:
            BadSetting: the resolution is not 4, 8, ... 1024 or has no row in the table, or a
                setting is out of range.
        """
        table = _table(settings, resolution)
        last = _check(settings, resolution, table)
        generator = Generator(settings.latent, last, *_norms(settings))
        active = settings.encoder_last_activation
        encoder = Encoder(settings.latent, last, spectral, last_activation=active)
        super().__init__(settings, table, (generator, encoder), table.rows[0].lr)

    def total(self, train_size: int) -> int:
        """How many images a full training shows."""
        images = self.settings.images
        if images is not None:
            return images
        return self.schedule.rows[-1].start + round(2 * PHASE * self.settings.starts_scale)

    def encoder_loss(self, kl_real: Tensor, kl_fake: Tensor, l1: Tensor, growth: Growth) -> Tensor:
        """max(-M, 0.1 K(E(x)) - 0.1 K(E(G(z)))) + lambda_X |x - G(E(x))|.

        Once the encoder leads by the margin, neither KL has a gradient.
        """
        assert isinstance(growth, RowGrowth)
        settings = self.settings
        gap = kl_real - kl_fake
        if growth.margin:
            gap = gap.clamp(min=-growth.margin)
        weight = settings.l1_late if growth.settled else settings.l1_weight
        return settings.kl_weight * gap + weight * l1

    def generator_loss(self, kl: Tensor, cosine: Tensor) -> Tensor:
        """0.1 K(E(G(z))) + 100 (2 - cos / d)."""
        settings = self.settings
        return settings.kl_weight * kl + settings.cosine_weight * (2 - cosine / settings.latent)

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """As `GrowingAutoencoder.step`, at the learning rate of the table."""
        lr = self.schedule.growth(self.seen).lr
        for adam in self.optimizers().values():
            for group in adam.param_groups:
                group["lr"] = lr
        return super().step(batch, rng)

    def settle(self) -> None:
        """Give the spectral norms of the generator the vectors of its present weights."""
        settle(self.generator)


def _norms(settings: Settings) -> tuple[Dress, Norm]:
    """What the generator does to its convolutions, and after them."""
    dress: Dress = plain
    if settings.spectral_norm:
        dress = spectral
    elif settings.equalised:
        dress = equalised
    return dress, PixelNorm if settings.pixel_norm else nn.Identity


def _table(settings: Settings, resolution: int) -> Table:
    """The rows up to *resolution*, of which the last goes on to the end."""
    rows = tuple(Row(*row) for row in settings.rows)
    rows = rows or TABLES.get((settings.table, settings.schedule), ())
    rows = tuple(row for row in rows if row.resolution <= resolution)
    if settings.starts_scale != 1:
        rows = tuple(row._replace(start=round(row.start * settings.starts_scale)) for row in rows)
    if settings.margin is not None:
        rows = tuple(row._replace(margin=settings.margin) for row in rows)
    if settings.lr is not None:
        rows = tuple(row._replace(lr=settings.lr) for row in rows)
    return Table(rows, settings.fade_images)


def _check(settings: Settings, resolution: int, table: Table) -> int:
    """The last phase; raises `BadSetting` for the first value that cannot work."""
    last_phase(resolution, "balanced_pioneer")  # a resolution that nothing reaches comes first
    tables, schedules = ({key[i] for key in TABLES} for i in (0, 1))
    named = settings.table in tables and settings.schedule in schedules
    whole = grows_evenly(table.rows) and table.rows[-1].resolution == resolution
    rules = {
        "schedule": (settings.schedule in schedules, f"one of {', '.join(sorted(schedules))}"),
        "table": (
            bool(settings.rows) or (named and whole),
            f"one of {', '.join(sorted(tables))}, with rows that far,",
        ),
        "rows": (
            whole or not settings.rows,
            f"starts that rise from 0 and sizes from 4 to {resolution}, none left out,",
        ),
        "margin": (all(row.margin >= 0 for row in table.rows), "at least 0"),
        "starts_scale": (settings.starts_scale > 0, "more than 0"),
        "fade_images": (settings.fade_images >= 0, "at least 0"),
        "equalised": (not (settings.equalised and settings.spectral_norm), "no spectral_norm"),
    }
    return check(settings, resolution, "balanced_pioneer", rules)


MODEL = Model(
    build=BalancedPioneer,
    settings=Settings,
    presets={
        "celebahq-256": Preset(
            {**TWO_GPUS, "table": "celebahq", "images": 25_480_000},
            data="celeba-hq",
            resolution=256,
            source="paper and released code, on two GPUs; checkpoint named 25.48 million",
        ),
        "lsun-256": Preset(
            {**TWO_GPUS, "table": "lsun", "images": 25_400_000},
            data="lsun-bedroom",
            resolution=256,
            source="paper and released code, on two GPUs; checkpoint named 25.40 million",
        ),
        **{f"ablation-{name}": _ablation({**norm, "margin": 0.0}) for name, norm in NORMS.items()},
        **{f"ablation-{name}-margin": _ablation(norm) for name, norm in NORMS.items()},
        "toyfaces-32": Preset(
            TOYFACES, data="toyfaces", resolution=32, source="ours: what `genbench zoo` offers"
        ),
        "tiny": Preset(_tiny(3_000, 24_000), resolution=32),
        "smoke": Preset(_tiny(2_048, 10_240), resolution=32),
    },
    flips=True,
    geometry=BalancedPioneer.geometry,
    published_as=(
        "Balanced PIONEER",
        "Balanced PIONEER ablation PN",
        "Balanced PIONEER ablation PN+margin",
        "Balanced PIONEER ablation EQLR",
        "Balanced PIONEER ablation EQLR+margin",
        "Balanced PIONEER ablation EQLR+PN",
        "Balanced PIONEER ablation EQLR+PN+margin",
        "Balanced PIONEER ablation SN",
        "Balanced PIONEER ablation SN+margin (ours)",
    ),
    adopts=RELEASED,
    alarms=ADVERSARIAL_CODES,
    image_counts=("starts_scale", "fade_images"),
)
