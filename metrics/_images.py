"""Every image of a view, for what cannot be had batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces import Json, Pass, Tensors


@dataclass(frozen=True)
class AllImages:
    """Keeps the images: 3 h² bytes each, 12 kB at 64x64."""

    @property
    def features(self) -> None:
        """Looks at pixels."""
        return

    def start(self, about: Pass) -> Kept:
        """Room for all images."""
        return Kept(about)

    def describe(self) -> dict[str, Json]:
        """What the protocol must say."""
        return {"kept": "every image, uint8"}


class Kept:
    """uint8 images on the device that made them, with their index."""

    def __init__(self, about: Pass) -> None:
        """Room for *about.n* images."""
        shape = (about.n, 3, about.resolution, about.resolution)
        self.images = torch.empty(shape, dtype=torch.uint8, device=about.device)
        self.index = torch.empty(about.n, dtype=torch.int64)
        self.seed, self.n = about.seed, 0

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take uint8 images (n, 3, h, h)."""
        stop = self.n + len(index)
        self.images[self.n : stop] = rows[0]
        self.index[self.n : stop] = index
        self.n = stop

    def finish(self) -> Tensors:
        """``images`` (n, 3, h, h) uint8 sorted by ``index`` (n,), and the ``seed``."""
        images, index = self.images[: self.n].cpu(), self.index[: self.n]
        if bool((index.diff() < 0).any()):
            order = index.argsort()
            images, index = images[order], index[order]
        return {"images": images, "index": index, "seed": torch.tensor(self.seed)}
