"""Linear autoencoder: one matrix there, one back, and a Gaussian prior. A page to copy.

Paper: the first line is what ``genbench list`` prints; here stands where the idea is from.
Differs: and here, what is done in another way than there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from genbench.interfaces import Batch, Geometry, Model, Preset, Stage, Tensors


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run may change, with --set; `genbench show` prints the comments."""

    latent: int = 32  # d, numbers in a latent
    lr: float = 1e-3
    batch: int = 64
    images: int = 50_000  # shown in a full training


class Linear(nn.Module):
    """Built of settings and resolution; its weights come from torch's generator alone."""

    def __init__(self, settings: Settings, resolution: int) -> None:
        """Make the networks, and their optimisers."""
        super().__init__()
        self.settings = settings
        self.resolution = resolution  # of the images; they are (n, 3, resolution, resolution)
        self.seen = 0  # training images shown so far; the engine keeps it
        numbers = 3 * resolution**2
        self.encoder = nn.Linear(numbers, settings.latent)
        self.decoder = nn.Linear(settings.latent, numbers)
        self.adam = torch.optim.Adam(self.parameters(), settings.lr)

    def total(self, train_size: int) -> int:
        """Images in a full training; some models count epochs of *train_size* images."""
        return self.settings.images

    def stage(self, seen: int) -> Stage:
        """Where training stands: its name, resolution, fade and the images of the next step."""
        return Stage("train", self.resolution, 1.0, self.settings.batch)

    def step(self, batch: Batch, rng: Generator) -> Tensors:
        """One step down; returns scalars to log. All that is random comes from *rng*."""
        loss = (self.decode(self.encode(batch.images)) - batch.images).square().mean()
        self.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
        self.adam.step()
        return {"loss": loss.detach()}

    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By name, for the checkpoint."""
        return {"both": self.adam}

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        """n new images in [-1, 1]; the same *rng* gives the same ones. Every model samples."""
        return self.decode(self.draw(n, torch.default_generator if rng is None else rng))

    # What a model can do besides, it says by having the method: draw, encode, decode, interpolate.

    def draw(self, n: int, rng: Generator) -> Tensor:
        """n latents of the prior, on the device of *rng*: (n, d)."""
        return torch.randn(n, self.settings.latent, generator=rng, device=rng.device)

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, r, r) in [-1, 1] -> (n, d)."""
        latents: Tensor = self.encoder(images.flatten(1))
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """(n, d) -> (n, 3, r, r), nominally in [-1, 1]."""
        images: Tensor = self.decoder(latents).float()
        return images.view(-1, 3, self.resolution, self.resolution)


MODEL = Model(
    build=Linear,
    settings=Settings,
    # Settings under a name. "tiny" has to be there: what anybody can try on a CPU.
    presets={"tiny": Preset({"images": 10_000}, resolution=32)},
    flips=True,  # mirrored training images are welcome
    geometry=Geometry.GAUSSIAN,  # of the latents: ways between them are straight
)
