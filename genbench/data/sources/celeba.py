"""CelebA faces, aligned and cropped, prepared as Pioneer does.

Z. Liu, P. Luo, X. Wang, X. Tang, "Deep learning face attributes in the wild", ICCV 2015.

Short side to S, centre square of S, resize; S is the largest power of two that fits: 128 for
the original 178x218 (128x156, rows 14 to 141), 64 for copies at half size. The split is the
official one, validation left out; an archive that has no test images is cut 9 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.data.listing import digest
from genbench.data.sources._celeba_lists import ATTRIBUTES, PARTITION, attributes, partition
from genbench.data.sources._celeba_places import find, first_size, number
from genbench.data.sources._files import Files
from genbench.errors import BadInput
from genbench.interfaces import Chunk, ImageSource, Origin, Recipe, Source

ORIGIN = Origin(
    licence="CelebA terms: non-commercial research only",
    recipe="short side to 128, centre 128, antialiased bilinear; official split; mirrored",
    files=(
        "img_align_celeba/ or img_align_celeba.zip",
        "list_eval_partition.txt (for the split)",
        "list_attr_celeba.txt (for attributes)",
    ),
    address="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
)

LAST_TRAIN, FIRST_TEST = 162770, 182638  # numbers of files; between them is validation
OFFICIAL = "official-without-validation"
BY_NUMBER = "first-9-in-10"


class CelebA:
    """An `ImageSource` of aligned faces, in the order of their numbers."""

    name = "celeba"
    licence = ORIGIN.licence

    def __init__(self, files: Files, lists: Path) -> None:
        """Take the aligned images, and the folder where the official lists may lie."""
        self._files = files
        self._lists = lists
        self._measured, self._size = first_size(files)
        self._side = 2 ** (min(self._size).bit_length() - 1)
        self._names, self._test, split = _split(files, lists / PARTITION)
        self.recipe = Recipe(
            crop=f"short-side-centre-{self._side}",
            resize=decode.RESIZE,
            split=split,
            flip=True,
            channels=decode.CHANNELS,
        )

    def __len__(self) -> int:
        """Images in both splits."""
        return len(self._names)

    def stamp(self) -> str:
        """Digest of the listing, of the split and of the attributes file."""
        file = self._lists / ATTRIBUTES
        listed = [f"{file.stat().st_size} {file.stat().st_mtime_ns}"] if file.is_file() else []
        return digest([self._files.stamp(), self._test.tobytes().hex(), *self._names, *listed])

    def is_test(self) -> NDArray[np.bool_]:
        """Rows of the test part."""
        return self._test

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Faces at *resolution*.

        Raises:
            BadInput: the resolution is above S.
        """
        if resolution > self._side:
            width, height = self._size
            raise BadInput(
                f"celeba was asked for at {resolution}x{resolution}, but {self._measured} of "
                f"{self._files.where} is {width}x{height}, whose centre square is {self._side}x"
                f"{self._side}; ask for {self._side} or less, or use the original 178x218 files"
            )

        def load(name: str) -> Image.Image:
            picture = decode.decode(self._files.read(name))
            if picture.size != self._size:
                raise BadInput(
                    f"{picture.width}x{picture.height} pixels, the other images are "
                    f"{self._size[0]}x{self._size[1]}"
                )
            return decode.shrink(face(picture, self._side), resolution)

        return decode.read_rows(self._names, start, stop, resolution, load)

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """The forty attributes as booleans, where list_attr_celeba.txt is at hand."""
        file = self._lists / ATTRIBUTES
        return attributes(file, [_base(name) for name in self._names]) if file.is_file() else {}


def face(picture: Image.Image, side: int) -> Image.Image:
    """Short side to *side*, then the centre square."""
    short = min(picture.size)
    # The long side is rounded down, as torchvision's Resize does: 128 * 218 / 178 is 156.8.
    width, height = (side * length // short for length in picture.size)
    return decode.centre_square(picture.resize((width, height), Image.Resampling.BILINEAR), side)


def open_celeba(argument: str | None, data_dir: Path | None) -> ImageSource:
    """A folder or zip archive of aligned images, named or found under the data folder."""
    return CelebA(*find(argument, data_dir))


def _split(files: Files, listed: Path) -> tuple[Sequence[str], NDArray[np.bool_], str]:
    """Names of the rows, which of them are test, and the rule."""
    numbered = {_number(name): name for name in files.names}
    numbers = sorted(numbered)
    names = [numbered[key] for key in numbers]
    if listed.is_file():
        parts = partition(listed, [_base(name) for name in names])
        rule = OFFICIAL
    elif numbers[-1] >= FIRST_TEST:
        parts = np.digitize(numbers, (LAST_TRAIN + 1, FIRST_TEST))
        rule = OFFICIAL
    else:
        parts = np.where(np.arange(len(names)) < len(names) * 9 // 10, 0, 2)
        rule = BY_NUMBER
    kept = parts != 1
    return [name for name, keep in zip(names, kept, strict=True) if keep], parts[kept] == 2, rule


def _number(name: str) -> int:
    found = number(name)
    assert found is not None, f"{name} was found fit"
    return found


def _base(name: str) -> str:
    """The name that the official lists use, whatever format the images were converted to."""
    return f"{_number(name):06}.jpg"


SOURCE = Source(open_celeba, ORIGIN)
