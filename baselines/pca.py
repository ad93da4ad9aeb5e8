"""Principal components: the linear autoencoder, a floor that any other has to beat.

Method: D. Ross, J. Lim, R.-S. Lin, M.-H. Yang, "Incremental Learning for Robust Visual
    Tracking", IJCV 77, 2008, section 3.3: components, spread and mean from batches.
Baseline of: P. Bojanowski et al., "Optimizing the Latent Space of Generative Networks",
    ICML 2018, arXiv:1707.05776.
Differs: latents are divided by their standard deviation over the training images, so that
    N(0, I) is the prior; more components are carried along than are used, since those cut
    off at one batch cannot come back at the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from genbench.distributed import gathered
from genbench.images import to_floats
from genbench.interfaces import Batch, Model, Preset, Stage, Tensors, TrainingImages

from ._parts.glo_presets import glo_presets
from ._parts.latent_model import LatentModel
from ._parts.setting_rules import check_rules

# p numbers in an image; k components carried along; d of them used

BATCH = 512  # images whose coordinates are worked out together
NOISE = 1e-12  # share of the largest eigenvalue below which rounding makes the components


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change."""

    latent: int = 64  # d, components used
    batch: int = 512  # images folded in at once
    images: int = 24_576  # shown in all, each once; more change little
    oversample: float = 2.0  # k / d


class PCA(LatentModel):
    """Mean, components and spread of the training images; nothing is learned by gradient."""

    settings: Settings

    count: Tensor  # (), images folded in
    mean: Tensor  # (p,)
    components: Tensor  # (k, p), orthonormal rows, zero where the data has no more directions
    singular: Tensor  # (k,), falling; singular values of the centred images
    scatter: Tensor  # (), sum of squares of the centred images, all directions

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Make room for the components.

        Raises:
            BadSetting: more components than pixels, or a setting out of range.
        """
        super().__init__()
        pixels = 3 * resolution**2
        _check(settings, resolution)
        self.settings, self.resolution, self.seen = settings, resolution, 0
        kept = min(round(settings.oversample * settings.latent), pixels)
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(pixels, dtype=torch.float64))
        self.register_buffer("components", torch.zeros(kept, pixels, dtype=torch.float64))
        self.register_buffer("singular", torch.zeros(kept, dtype=torch.float64))
        self.register_buffer("scatter", torch.zeros((), dtype=torch.float64))

    def make_optimizers(self) -> dict[str, Optimizer]:
        """None: there is nothing to go down."""
        return {}

    def total(self, train_size: int) -> int:
        """Every training image once, up to ``images``."""
        return min(train_size, self.settings.images)

    def stage(self, seen: int) -> Stage:
        """There is one stage."""
        return Stage("fit", self.resolution, 1.0, self.settings.batch)

    def encode(self, images: Tensor) -> Tensor:
        """Whitened coordinates: (n, 3, h, w) -> (n, d), float32."""
        spread = self._spread()
        # A direction that the training images do not have is coded as 0.
        inverse = torch.where(spread > 0, 1 / spread.clamp_min(torch.finfo(spread.dtype).tiny), 0)
        return (self._project(images) * inverse).float()

    def coordinates(self, images: Tensor) -> Tensor:
        """Coordinates along the components, not whitened: (n, 3, h, w) -> (n, d), float32."""
        return self._project(images).float()

    def decode(self, latents: Tensor) -> Tensor:
        """Mean + components: (n, d) -> (n, 3, h, w), float32, not clamped."""
        rows = latents.to(self.mean) * self._spread() @ self._used() + self.mean
        return rows.view(-1, 3, self.resolution, self.resolution).float()

    @torch.no_grad()
    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        """Fold a batch into mean, components and spread."""
        images = gathered(batch.images.to(self.mean).flatten(1))
        mean, n = images.mean(0), self.count + len(images)
        rows = self._rows(images, mean)
        kept = len(self.singular)
        # Through the small matrix of products: p x p would fill 1.2 GB at 64x64.
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        values, vectors = values[-kept:].flip(0), vectors[:, -kept:].flip(1)
        sound = values > NOISE * values[0]
        singular = torch.where(sound, values, 0).sqrt()
        inverse = torch.where(sound, 1 / singular, 0)
        self.scatter += rows[kept:].square().sum()
        self.singular.copy_(singular)
        torch.mm((vectors * inverse).T, rows, out=self.components)
        self.mean.lerp_(mean, len(images) / n)
        self.count.copy_(n)
        used = self.singular[: self.settings.latent].square().sum()
        least = torch.finfo(used.dtype).tiny  # equal images have no variance to explain
        return {"explained": (used / self.scatter.clamp_min(least)).float()}

    def _rows(self, images: Tensor, mean: Tensor) -> Tensor:
        """Few rows with the scatter of all images so far: (k + n + 1, p).

        What was known, the batch about its own mean, and the step from the old mean to that
        of the batch, weighted so that the scatter comes out about the common mean.
        """
        n, m = self.count, len(images)
        step = (n * m / (n + m)).sqrt() * (mean - self.mean)
        known = self.singular[:, None] * self.components
        return torch.cat([known, images - mean, step[None]])

    def _project(self, images: Tensor) -> Tensor:
        centred = images.to(self.mean).flatten(1) - self.mean
        return centred @ self._used().T

    def _used(self) -> Tensor:
        return self.components[: self.settings.latent]

    def _spread(self) -> Tensor:
        """Standard deviation of the training images along each component used, (d,)."""
        return self.singular[: self.settings.latent] / (self.count - 1).clamp_min(1).sqrt()


def pca_start(train: TrainingImages, model: PCA, rng: torch.Generator) -> Tensor:
    """Coordinates of all images along their leading principal components.

    Args:
        train: the training images.
        model: a fresh PCA on the device, whose settings say how many images it is fitted to.
        rng: chooses them, where there are more.

    Returns:
        (N, d), not scaled: the variance along a component is that of the images.
    """
    chosen = torch.randperm(len(train), generator=rng, device=rng.device).cpu()
    device = model.mean.device
    for part in torch.split(chosen[: model.total(len(train))], model.settings.batch):
        model.step(Batch(to_floats(train.take(part).to(device)), part), rng)
    everything = torch.split(torch.arange(len(train)), BATCH)
    return torch.cat(
        [model.coordinates(to_floats(train.take(part).to(device))) for part in everything]
    )


def _check(settings: Settings, resolution: int) -> None:
    """Raise `BadSetting` for the first value that cannot work."""
    pixels = 3 * resolution**2
    rules = {
        "latent": (
            1 <= settings.latent <= pixels,
            f"1 to {pixels}, the numbers in an image of {resolution}x{resolution}",
        ),
        "batch": (settings.batch >= 1, "at least 1"),
        "images": (settings.images >= 2, "at least 2"),
        "oversample": (settings.oversample >= 1, "at least 1"),
    }
    check_rules("pca", settings, rules)


MODEL = Model(
    build=PCA,
    settings=Settings,
    presets={
        **glo_presets(
            "GLO, Table 1: as many components as its latents have numbers",
            {
                "mnist": {"latent": 32},
                "svhn": {"latent": 64},
                "celeba": {"latent": 256},
                "lsun": {"latent": 256},
            },
        ),
        "tiny": Preset({"latent": 64}, resolution=32),
        "smoke": Preset({"latent": 64, "images": 2_048}, resolution=32),
        "quickstart": Preset({"latent": 64}, resolution=32),
    },
    geometry=PCA.geometry,
    published_as=("PCA",),
)
