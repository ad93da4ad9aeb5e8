"""LSUN bedrooms: 3 033 042 photographs for training and 300 for validation.

F. Yu, A. Seff, Y. Zhang, S. Song, T. Funkhouser, J. Xiao, "LSUN: construction of a large-scale
    image dataset using deep learning with humans in the loop", 2015, arXiv:1506.03365.

The LMDB folders bedroom_train_lmdb and bedroom_val_lmdb are read; rows are in the order of their
keys, training images first. Prepared, the images take 37 GB at 64x64 and 149 GB at 128x128; with
stream=yes nothing is copied, and every image is decoded when it is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.data.listing import digest
from genbench.data.sources._files import locate
from genbench.data.sources._lmdb import Lmdb
from genbench.data.sources._options import choices
from genbench.errors import BadInput
from genbench.interfaces import Chunk, ImageSource, Origin, Recipe, Source

ORIGIN = Origin(
    licence="none stated by its authors",
    recipe="centre square, antialiased bilinear; official split; mirrored",
    files=("bedroom_train_lmdb/data.mdb", "bedroom_val_lmdb/data.mdb"),
    address="http://dl.yf.io/lsun/scenes/bedroom_train_lmdb.zip and bedroom_val_lmdb.zip, unpacked",
    options={
        "stream=no": "decoded once into the cache; the default",
        "stream=yes": "decoded whenever an image is wanted, no copy; another fingerprint",
    },
)
FOLDERS = ("bedroom_train_lmdb", "bedroom_val_lmdb")


class Numbers(Sequence[str]):
    """The names of rows that are only numbered, without a list of three millions."""

    def __init__(self, count: int) -> None:
        """Rows 0 to *count* - 1."""
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> str:  # type: ignore[override]  # slices are not needed
        return str(row)


class Bedrooms:
    """An `ImageSource`: training rows first, then validation, each in the order of the keys."""

    licence = ORIGIN.licence

    def __init__(self, files: Sequence[Path], *, streamed: bool) -> None:
        """Take the two data.mdb files."""
        self.name = "lsun-bedroom:stream=yes" if streamed else "lsun-bedroom"
        self.streamed = streamed
        self._parts = [Lmdb(file) for file in files]
        self.recipe = Recipe(
            crop="centre-square",
            resize=decode.RESIZE,
            split="official-validation-is-test",
            flip=True,
            channels=decode.CHANNELS,
        )

    def __len__(self) -> int:
        """Images in both splits."""
        return sum(len(part) for part in self._parts)

    def stamp(self) -> str:
        """Digest of sizes, times of change and numbers of keys: 43 GB are not read for it."""
        states = [(part, part.file.stat()) for part in self._parts]
        return digest(f"{len(part)} {at.st_size} {at.st_mtime_ns}" for part, at in states)

    def content(self) -> str:
        """See `genbench.data.stream.Streams`: all keys, and the sizes of all image files."""
        return digest(part.index().digest for part in self._parts)

    def is_test(self) -> NDArray[np.bool_]:
        """The rows of the validation part."""
        return np.arange(len(self)) >= len(self._parts[0])

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Centre squares at *resolution*."""
        border = len(self._parts[0])

        def load(name: str) -> Image.Image:
            row = int(name)
            part, within = (0, row) if row < border else (1, row - border)
            picture = decode.decode(self._parts[part].read(within))
            return decode.shrink(decode.centre_square(picture), resolution)

        for part in self._parts:
            part.index()  # a damaged tree is no matter of single images
        return decode.read_rows(Numbers(len(self)), start, stop, resolution, load)

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        return {}


def open_lsun_bedroom(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The two LMDB folders in the folder that is named, or under the data folder.

    Raises:
        BadInput: they are not there, or damaged.
    """
    path, chosen = choices("lsun-bedroom", argument, {"stream": ("no", "yes")})
    if not path and data_dir is None:
        raise BadInput(
            f"lsun-bedroom needs {' and '.join(FOLDERS)}: --data lsun-bedroom:PATH with the folder "
            "that holds both, or --data-dir"
        )
    if path:
        folder = locate(path, data_dir)
    else:
        assert data_dir is not None
        places = [data_dir / name for name in ("lsun-bedroom", "lsun_bedroom", "lsun", "LSUN", ".")]
        folder = next((place for place in places if (place / FOLDERS[0]).is_dir()), data_dir)
    files = [folder / name / "data.mdb" for name in FOLDERS]
    for file in files:
        if not file.is_file():
            raise BadInput(
                f"lsun-bedroom: {file} does not exist; get {file.parent.name}.zip from "
                "http://dl.yf.io/lsun/scenes/ and unpack it there"
            )
    return Bedrooms(files, streamed=chosen["stream"] == "yes")


SOURCE = Source(open_lsun_bedroom, ORIGIN)
