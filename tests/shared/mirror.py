"""A model whose codes are its images, and the small data set that figures are made of in tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Generator, Tensor

from genbench.data import Dataset, Split
from genbench.figures.trained_model import TrainedModel
from genbench.interfaces import Recipe

SIDE = 4


class Flat:
    """Codes are the pixels themselves, and ways are straight."""

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.view(-1, 3, SIDE, SIDE)

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(a, b, t[:, None])

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        return torch.rand(n, 3, SIDE, SIDE, generator=rng) * 2 - 1


class Round(Flat):
    """Codes are unit vectors, and ways are arcs."""

    def encode(self, images: Tensor) -> Tensor:
        return F.normalize(images.flatten(1), dim=1)

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        w = torch.acos((a * b).sum(1, keepdim=True).clamp(-1, 1))
        t = t[:, None]
        return ((1 - t) * w).sin() / w.sin() * a + (t * w).sin() / w.sin() * b


@dataclass(frozen=True, eq=False)
class Shelf(Split):
    """A split in memory."""

    def take(self, index: Tensor | slice) -> Tensor:
        return torch.from_numpy(np.asarray(self.images))[index]


def data(train: int = 40, test: int = 20, **attributes: Any) -> Dataset:
    rng = np.random.default_rng(0)
    parts = {
        name: rng.integers(0, 256, (n, 3, SIDE, SIDE), dtype=np.uint8)
        for name, n in (("train", train), ("test", test))
    }
    labels = {name: np.asarray(values) for name, values in attributes.items()}
    splits: Any = {name: Shelf(name, rows, labels) for name, rows in parts.items()}
    recipe = Recipe(crop="none", resize="none", split="made up", flip=False)
    return Dataset("noise", SIDE, recipe, "ab" * 32, "none", **splits)


def trained(model: object | None = None, name: str = "mirror", **labels: Any) -> TrainedModel:
    on = torch.device("cpu")
    sphere = isinstance(model, Round)
    return TrainedModel(name, model or Flat(), data(**labels), on, f"Run {name}", sphere=sphere)
