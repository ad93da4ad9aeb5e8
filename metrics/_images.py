"""Every image of a view, for what cannot be had batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.interfaces import Json, Pass, State, Tensors

from ._kept import KeptRows


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

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``images`` (n, 3, h, h) uint8, their ``index`` (n,), ascending, and the ``seed``."""
        return {**whole, "seed": torch.tensor(about.seed)}

    def describe(self) -> dict[str, Json]:
        """What the protocol must say."""
        return {"kept": "every image, uint8"}


class Kept:
    """uint8 images."""

    def __init__(self, about: Pass) -> None:
        """Room for *about.n* images."""
        self.kept = KeptRows(about)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take uint8 images (n, 3, h, h)."""
        self.kept.add(rows[0], index)

    def state(self) -> State:
        """The images."""
        images, index = self.kept.parts()
        return State(rows={"images": images}, index=index)
