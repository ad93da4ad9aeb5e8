"""Every image of a stream, for what cannot be had batch by batch.

>>> from genbench.accumulators.merge import finished
>>> about = Pass(torch.device("cpu"), n=3, resolution=8, side=0, seed=5)
>>> statistic = AllImages(most=2)
>>> kept = statistic.start(about)
>>> kept.update((torch.zeros(3, 3, 8, 8, dtype=torch.uint8),), torch.arange(3))
>>> evidence = finished(statistic, about, kept)
>>> tuple(evidence["images"].shape), evidence["index"].tolist(), int(evidence["seed"])
((2, 3, 8, 8), [0, 1], 5)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genbench.accumulators.row_buffer import KeptRows
from genbench.interfaces import Json, Pass, State, Tensors


@dataclass(frozen=True)
class AllImages:
    """Keeps the images: 3 h² bytes each, 12 kB at 64x64 and 200 kB at 256x256."""

    most: int | None = None  # only the first so many of the stream

    @property
    def features(self) -> None:
        return

    def start(self, about: Pass) -> ImagesAccumulator:
        return ImagesAccumulator(about, self.most)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``images`` (n, 3, h, h) uint8, their ``index`` (n,), ascending, and the ``seed``."""
        return {**whole, "seed": torch.tensor(about.seed)}

    def describe(self) -> dict[str, Json]:
        if self.most is None:
            return {"statistic": "images"}
        return {"statistic": "first-images", "first": self.most}


class ImagesAccumulator:
    """uint8 images."""

    def __init__(self, about: Pass, most: int | None) -> None:
        """Room for those of *about*, or the first *most* of them."""
        self.about, self.most, self.kept = about, most, KeptRows(about, most)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take uint8 images (n, 3, h, h)."""
        images = rows[0]
        if self.most is not None:
            # numpy, for it is plain that no device is asked
            wanted = torch.from_numpy(np.flatnonzero(index.numpy() < self.most))
            if len(wanted) < len(index):
                images, index = images[wanted.to(images.device)], index[wanted]
        if len(index):
            self.kept.add(images, index)

    def state(self) -> State:
        if self.kept.rows is None:  # another process has the first ones
            side = self.about.resolution
            none = torch.empty((0, 3, side, side), dtype=torch.uint8)
            return State(rows={"images": none}, index=self.kept.index[:0])
        images, index = self.kept.parts()
        return State(rows={"images": images}, index=index)
