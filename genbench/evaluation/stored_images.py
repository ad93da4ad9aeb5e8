"""Images that were made before: a subject that only shows what it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.data.image_sets.image_set import ImageSet
from genbench.data.read_ahead import ReadAhead
from genbench.errors import NotEnoughData
from genbench.runtime import seeds

NO_PAIRS = "a folder of images reconstructs nothing"
NO_SAMPLES = "reconstructions are no samples"
NO_LATENTS = "images have no latent space"


@dataclass(frozen=True)
class StoredImages:
    """What somebody has made: sets of samples, or what became of the rows of a split."""

    images: ImageSet
    mixed: bool = False  # where not all are taken, draw them, whatever the order of their names
    paired: bool = False  # row i was made of row i of the split

    def samples(self, n: int, repeat: int) -> Callable[[int, int], Tensor]:
        """Rows start..stop of set *repeat*, one of several of *n* images that share none.

        Raises:
            NotEnoughData: when asked for rows of a set that there is not.
        """
        whole, first = len(self.images), n * repeat
        order = torch.arange(whole)
        if self.mixed and n < whole:
            order = seeds.permutation(whole, 0, "stored")

        def take(start: int, stop: int) -> Tensor:
            if first + n > whole:
                fewer = f"--images {whole // (repeat + 1) or 1}"
                raise NotEnoughData(
                    f"{self.images.name} holds {whole} images, {n} x {repeat + 1} were asked for; "
                    f"use {fewer}" + (f", or --repeats {repeat}" if repeat else " --repeats 1")
                )
            return self._taken(order[first + start : first + stop])

        return ReadAhead(take, n)

    def reconstructions(self, rows: Tensor) -> Callable[[int, int], Tensor]:
        """What became of *rows* of the split, (n,): start..stop of them."""
        return ReadAhead(lambda start, stop: self._taken(rows[start:stop]), len(rows))

    def _taken(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(self.images[rows.numpy()])
