"""Small grey images with ten classes, in the four files of MNIST and of its relatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.data.listing import digest
from genbench.data.sources._files import locate
from genbench.data.sources._idx import Idx, read_header
from genbench.errors import BadInput
from genbench.interfaces import Bytes, Chunk, Origin, Recipe
from genbench.runtime import atomic

SIDE, BORDER = 28, 2  # pixels; the border makes 32
RECIPE = Recipe(
    crop="pad-28-to-32",
    resize=f"none-at-28-32-else-{decode.RESIZE}",
    split="official",
    channels="grey-to-rgb",
)
PARTS = ("train", "t10k")

# Both data sets use the same file names; these are the first labels of train-labels.
FIRST_LABELS = {
    "mnist": (5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
    "fashion-mnist": (9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
}


def origin(licence: str, address: str) -> Origin:
    """Where one of these data sets comes from: files and recipe are those of all."""
    return Origin(
        licence=licence,
        recipe="28x28 grey to RGB, padded to 32; official split; never mirrored",
        files=(
            "train-images-idx3-ubyte.gz",
            "train-labels-idx1-ubyte.gz",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels-idx1-ubyte.gz",
        ),
        address=address,
    )


class Digits:
    """An `ImageSource`: training rows first, then test rows, in the order of the files."""

    recipe = RECIPE

    def __init__(self, name: str, licence: str, folder: Path) -> None:
        self.name = name
        self.licence = licence
        self._folder = folder
        self._images = [read_header(_file(folder, f"{part}-images"), 3) for part in PARTS]
        self._labels = [read_header(_file(folder, f"{part}-labels"), 1) for part in PARTS]
        for images, labels in zip(self._images, self._labels, strict=True):
            _check(images, labels)
        first = tuple(self._labels[0].values()[:10].tolist())
        for other, known in FIRST_LABELS.items():
            if first == known and other != name:
                raise BadInput(f"{name} was asked for, but the files in {folder} are {other}'s")

    def __len__(self) -> int:
        """Images in both parts."""
        return sum(part.shape[0] for part in self._images)

    def stamp(self) -> str:
        """Digest of the content: the four files are small."""
        return digest(atomic.sha256(part.file) for part in (*self._images, *self._labels))

    def is_test(self) -> NDArray[np.bool_]:
        """The rows of the t10k files."""
        return np.arange(len(self)) >= self._images[0].shape[0]

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Rows as RGB at 28 or at 32 and below.

        Raises:
            BadInput: the resolution is above 32.
        """
        padded = SIDE + 2 * BORDER
        if resolution > padded:
            raise BadInput(
                f"{self.name} was asked for at {resolution}x{resolution}, but its images are "
                f"{SIDE}x{SIDE}, {padded}x{padded} with a border; ask for {padded} or less"
            )
        images = np.stack([_at(image, resolution) for image in self._pixels[start:stop]])
        return Chunk(np.repeat(images[:, None], 3, axis=1), range(start, stop))

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """``label``: 0 to 9."""
        labels = np.concatenate([part.values() for part in self._labels]).astype(np.int64)
        if labels.max() > 9:
            raise BadInput(f"{self._folder} has the label {labels.max()}; 0 to 9 were wanted")
        return {"label": labels}

    @cached_property
    def _pixels(self) -> Bytes:
        return np.concatenate([part.values() for part in self._images])


def open_digits(
    name: str, licence: str, places: Sequence[str], argument: str | None, data_dir: Path | None
) -> Digits:
    """The data set in the folder that is named, or in the first of some places that has it.

    Args:
        places: folders to look at under *data_dir*.

    Raises:
        BadInput: no folder, or no such files in it.
    """
    if argument:
        return Digits(name, licence, locate(argument, data_dir))
    if data_dir is None:
        raise BadInput(f"{name} needs its IDX files: --data {name}:PATH, or --data-dir")
    candidates = [data_dir / place for place in places]
    for folder in candidates:
        if _find(folder, "train-images"):
            return Digits(name, licence, folder)
    raise BadInput(
        f"{name}: no train-images-idx3-ubyte or .gz in {', '.join(map(str, candidates))}; "
        f"name the folder: --data {name}:PATH"
    )


def _at(image: NDArray[np.uint8], resolution: int) -> NDArray[np.uint8]:
    """One grey image, (28, 28) -> (r, r)."""
    if resolution == SIDE:
        return image
    square = Image.fromarray(np.pad(image, BORDER))
    return np.asarray(decode.shrink(square, resolution))


def _find(folder: Path, stem: str) -> Path | None:
    """A file by the start of its name: train-images-idx3-ubyte, .gz, or with a dot for '-'."""
    kind = "idx3" if stem.endswith("images") else "idx1"
    names = (f"{stem}{mark}{kind}-ubyte{end}" for mark in "-." for end in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _file(folder: Path, stem: str) -> Path:
    found = _find(folder, stem)
    if found is None:
        raise BadInput(f"{folder} has no {stem} file of IDX, plain or .gz; all four are needed")
    return found


def _check(images: Idx, labels: Idx) -> None:
    if images.shape[1:] != (SIDE, SIDE):
        raise BadInput(f"{images.file} has images of {images.shape[1:]}, wanted {(SIDE, SIDE)}")
    if images.shape[0] != labels.shape[0]:
        raise BadInput(
            f"{images.file} has {images.shape[0]} images, {labels.file} {labels.shape[0]} labels"
        )
