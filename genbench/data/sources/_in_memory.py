"""Small colour images of one size, few enough to be held in memory while they are prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.errors import BadInput
from genbench.interfaces import Bytes, Chunk, Recipe

SIDE = 32  # pixels of CIFAR-10 and of SVHN's cropped digits


@dataclass(frozen=True)
class Part:
    """The images of one split, in the order of their files."""

    images: Bytes  # (n, 3, 32, 32)
    labels: NDArray[np.int64]  # (n,)


def recipe(split: str) -> Recipe:
    """32x32 as it is. Never mirrored: CIFAR's published recipe is not, and digits cannot be."""
    return Recipe(crop="none-32", resize=f"none-at-32-else-{decode.RESIZE}", split=split)


class InMemory:
    """An `ImageSource`: training rows first, then test rows. Files are read when wanted."""

    def __init__(
        self,
        about: tuple[str, str, Recipe],
        stamp: Callable[[], str],
        load: Callable[[], Sequence[Part]],
    ) -> None:
        """Take name, licence and recipe, a digest of the files, and what reads both splits."""
        self.name, self.licence, self.recipe = about
        self._digest = stamp
        self._load = load

    def __len__(self) -> int:
        """Images in both splits."""
        return sum(len(part.labels) for part in self._parts)

    def stamp(self) -> str:
        """Digest of the content of the files."""
        return self._digest()

    def is_test(self) -> NDArray[np.bool_]:
        """The rows of the second part."""
        return np.arange(len(self)) >= len(self._parts[0].labels)

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Rows at 32 and below.

        Raises:
            BadInput: the resolution is above 32.
        """
        if resolution > SIDE:
            raise BadInput(
                f"{self.name} was asked for at {resolution}x{resolution}, but its images are "
                f"{SIDE}x{SIDE}; ask for {SIDE} or less"
            )
        border = len(self._parts[0].labels)
        images = np.concatenate(
            [
                self._parts[0].images[start:stop],
                self._parts[1].images[max(start - border, 0) : max(stop - border, 0)],
            ]
        )
        if resolution < SIDE:
            images = np.stack([_smaller(image, resolution) for image in images])
        return Chunk(images, range(start, start + len(images)))

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """``label``: 0 to 9."""
        return {"label": np.concatenate([part.labels for part in self._parts])}

    @cached_property
    def _parts(self) -> Sequence[Part]:
        train, test = self._load()
        return train, test


def _smaller(image: Bytes, resolution: int) -> Bytes:
    """(3, 32, 32) -> (3, r, r)."""
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return decode.planes(decode.shrink(picture, resolution))
