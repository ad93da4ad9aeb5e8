"""A set of images, whole: read when wanted, by threads, and known by its pixels.

Memory does not depend on the number of images. Nothing is cropped or resized unless somebody
says so, for that would change the numbers.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genbench.data import decode
from genbench.data.prepare import workers
from genbench.errors import BadInput
from genbench.interfaces import Bytes, Recipe
from genbench.runtime import atomic, paths

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

WHOLE = "whole"  # the code of a set without a split
AS_IT_IS = Recipe("none", "none", WHOLE, channels=decode.CHANNELS)
SQUARE = Recipe("centre-square", decode.RESIZE, WHOLE, channels=decode.CHANNELS)
CHUNK_BYTES = 16 << 20  # of decoded images that are held at once to be hashed
FEW = 4  # images that a thread decodes at a time, lest handing them over takes longer


@dataclass(frozen=True, eq=False)
class ImageSet:
    """All images of one place, in a fixed order. It is indexed like (n, 3, r, r) uint8."""

    name: str  # last part of its path, or what it is: stands in tables
    names: Sequence[str]  # of the images: relative paths, or numbers
    resolution: int  # r
    load: Callable[[int], Bytes]  # row -> (3, r, r); thread-safe, raises BadInput for a bad image
    recipe: Recipe = AS_IT_IS
    left_out: str = ""  # what else lies there and is not taken
    stamp: str | None = None  # digest that changes when the images may have; None: not known
    numbered: bool = False  # its images have no names, only an order

    def __len__(self) -> int:
        """Images in the set."""
        return len(self.names)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, 3, r, r)."""
        return len(self), 3, self.resolution, self.resolution

    @property
    def nbytes(self) -> int:
        """As if it were in memory."""
        return len(self) * 3 * self.resolution**2

    def __getitem__(self, index: int | slice | NDArray[np.int64]) -> Bytes:
        """Some images, (k, 3, r, r), or one, (3, r, r).

        Raises:
            BadInput: one of them cannot be used; its name is said.
            IndexError: a row that there is not.
        """
        rows = np.arange(len(self))[index]
        if rows.ndim == 0:
            return self._image(int(rows))
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)

        def fill(start: int) -> None:
            for place in range(start, min(start + FEW, len(rows))):
                images[place] = self._image(int(rows[place]))

        for _ in _threads().map(fill, range(0, len(rows), FEW)):
            pass
        return images

    @cached_property
    def digest(self) -> str:
        """sha256 over the pixels of all images, one after another.

        What files hold is found out once, by decoding all of them, and remembered as long as
        names, sizes and times stay what they are.

        Raises:
            BadInput: an image that cannot be used.
        """
        memory = None if self.stamp is None else self._memory(self.stamp)
        known = None if memory is None else _remembered(memory)
        if known is not None:
            return known
        total, step = hashlib.sha256(), max(1, CHUNK_BYTES // (3 * self.resolution**2))
        for start in range(0, len(self), step):
            total.update(self[start : start + step].data)
        found = total.hexdigest()
        if memory is not None:
            _remember(memory, found)
        return found

    def _memory(self, stamp: str) -> Path:
        """The file in which the digest is remembered."""
        name = f"{stamp[:32]}-{self.recipe.crop}-{self.resolution}.json"
        return paths.cache_dir() / "image-sets" / name

    def of_resolution(self, resolution: int) -> ImageSet:
        """This set.

        Raises:
            BadInput: its images have another size: resizing them would change the number, so
                whoever made them must choose how.
        """
        if self.resolution != resolution:
            raise BadInput(
                f"{self.name}: image {self.names[0]} is {self.resolution}x{self.resolution}, "
                f"the data are {resolution}x{resolution}; the images must have the size of the data"
            )
        return self

    def subset(self, rows: Sequence[int]) -> ImageSet:
        """Some of the images, in the order of *rows*."""
        if list(rows) == list(range(len(self))):
            return self
        return replace(
            self,
            names=[self.names[row] for row in rows],
            load=lambda place: self.load(rows[place]),
            stamp=None,
        )

    def _image(self, row: int) -> Bytes:
        try:
            image = self.load(row)
        except BadInput as error:
            raise BadInput(f"{self.name}: image {self.names[row]}: {error}") from error
        if image.shape != self.shape[1:]:
            height, width = image.shape[1:]
            raise BadInput(
                f"{self.name}: image {self.names[row]} is {width}x{height}, the data are "
                f"{self.resolution}x{self.resolution}; all images must have one size: genbench "
                "compare --resolution R (resolution=R) brings their centre squares to it"
            )
        return image


def of_pictures(
    name: str,
    names: Sequence[str],
    picture: Callable[[int], Image.Image],
    resolution: int | None,
    *,
    left_out: str = "",
    stamp: str | None = None,
    numbered: bool = False,
) -> ImageSet:
    """A set of what is decoded when wanted.

    Args:
        name: of the set.
        names: of its images, one or more.
        picture: row -> upright RGB; raises BadInput.
        resolution: that centre squares are brought to; None takes images as they are.
        left_out, stamp, numbered: see `ImageSet`.

    Raises:
        BadInput: the first image cannot be used, or is not square.
    """
    if resolution is not None:

        def square(row: int) -> Bytes:
            return decode.planes(decode.shrink(decode.centre_square(picture(row)), resolution))

        return ImageSet(name, names, resolution, square, SQUARE, left_out, stamp, numbered)
    try:
        first = picture(0)
    except BadInput as error:
        raise BadInput(f"{name}: image {names[0]}: {error}") from error
    side = checked_side(f"{name}: image {names[0]}", first.width, first.height)
    return ImageSet(
        name,
        names,
        side,
        lambda row: decode.planes(picture(row)),
        left_out=left_out,
        stamp=stamp,
        numbered=numbered,
    )


def checked_side(what: str, width: int, height: int) -> int:
    """The side of a square image.

    Raises:
        BadInput: it is not square.
    """
    if width != height:
        raise BadInput(
            f"{what} is {width}x{height}; square images are measured: genbench compare "
            "--resolution R (resolution=R) brings the centre squares of all to R pixels"
        )
    return width


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers(), thread_name_prefix="decode")


def _remembered(file: Path) -> str | None:
    try:
        found = atomic.read_json(file)["pixels"]
    except (OSError, LookupError, TypeError, BadInput):
        return None
    return found if isinstance(found, str) else None


def _remember(file: Path, digest: str) -> None:
    # A cache that cannot be written would only have saved time.
    with contextlib.suppress(OSError):
        atomic.write_json(file, {"pixels": digest})
