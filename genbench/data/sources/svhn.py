"""SVHN: 32x32 house numbers in ten classes, 73 257 for training and 26 032 for testing.

Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu, A. Y. Ng, "Reading digits in natural images
    with unsupervised feature learning", NIPS workshop 2011.

The cropped digits ("format 2") are read: train_32x32.mat and test_32x32.mat.
split=extra trains on the 531 131 easier images of extra_32x32.mat and holds train_32x32.mat out,
as ALI does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genbench.data.listing import digest
from genbench.data.sources._files import locate
from genbench.data.sources._in_memory import SIDE, InMemory, Part, recipe
from genbench.data.sources._mat import read_arrays
from genbench.data.sources._options import choices
from genbench.errors import BadInput
from genbench.interfaces import ImageSource, Origin, Source
from genbench.runtime import atomic

ORIGIN = Origin(
    licence="non-commercial use only, as its authors state",
    recipe="32x32 as it is; official split; never mirrored",
    files=("train_32x32.mat", "test_32x32.mat", "extra_32x32.mat (split=extra)"),
    address="http://ufldl.stanford.edu/housenumbers/",
    checksums=(
        "train_32x32.mat md5 e26dedcc434d2e4c54c9b2d4a06d8373",
        "test_32x32.mat md5 eb5a983be6a315427106f1b164d9cef3",
        "extra_32x32.mat md5 a93ce644f1a588dc4d68dda5feec44a7",
    ),
    options={
        "split=official": "the default",
        "split=extra": "the extra images train, the official training images are held out",
    },
)
FILES = {"official": ("train", "test"), "extra": ("extra", "train")}
RULES = {"official": "official", "extra": "official-train-is-test"}


def open_svhn(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The two files of a split in the folder that is named, or under the data folder.

    Raises:
        BadInput: they are not there.
    """
    path, chosen = choices("svhn", argument, {"split": tuple(FILES)})
    split = chosen["split"]
    names = [f"{part}_32x32.mat" for part in FILES[split]]
    folder = _find(path, data_dir, names)
    listed = [folder / name for name in names]
    for file in listed:
        if not file.is_file():
            raise BadInput(f"svhn: {file} does not exist; get it from {ORIGIN.address}")

    def load() -> Sequence[Part]:
        return [_part(file) for file in listed]

    name = "svhn" if split == "official" else f"svhn:split={split}"
    return InMemory(
        (name, ORIGIN.licence, recipe(RULES[split])),
        lambda: digest(atomic.sha256(file) for file in listed),
        load,
    )


def _find(path: str | None, data_dir: Path | None, names: Sequence[str]) -> Path:
    if path:
        return locate(path, data_dir)
    if data_dir is None:
        raise BadInput(f"svhn needs {' and '.join(names)}: --data svhn:PATH, or --data-dir")
    places = [data_dir / name for name in ("svhn", "SVHN", ".")]
    return next((place for place in places if (place / names[0]).is_file()), data_dir)


def _part(file: Path) -> Part:
    """X is 32 x 32 x 3 x n, row first; y has 10 for the digit 0.

    Raises:
        BadInput: other sizes, or a label outside 1 to 10.
    """
    found = read_arrays(file, ("X", "y"))
    x, y = found["X"], found["y"].reshape(-1)
    if x.ndim != 4 or x.shape[:3] != (SIDE, SIDE, 3) or x.shape[3] != len(y):
        raise BadInput(
            f"{file} has X of the sizes {x.shape} and {len(y)} labels, wanted (32, 32, 3, n) and n"
        )
    if not (y.min() >= 1 and y.max() <= 10):
        raise BadInput(f"{file} has labels from {y.min()} to {y.max()}; 1 to 10 were wanted")
    return Part(x.transpose(3, 2, 0, 1), (y % 10).astype(np.int64))


SOURCE = Source(open_svhn, ORIGIN)
