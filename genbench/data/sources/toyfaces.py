"""Procedurally drawn faces with known attributes, at any resolution; needs no download.

Every face follows from (seed, row) alone, so a row is the same whatever batch it is drawn in.
Attributes are independent of each other: what a model confuses, it has confused itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from genbench.data.toyfaces.attributes import ATTRIBUTES, attributes
from genbench.data.toyfaces.renderer import draw
from genbench.errors import BadSetting
from genbench.interfaces import Chunk, Origin, Recipe, Source

__all__ = [
    "ATTRIBUTES",
    "DRAWING_VERSION",
    "ORIGIN",
    "SEED",
    "SOURCE",
    "ToyFaces",
    "attributes",
    "draw",
]

ORIGIN = Origin(
    licence="drawn by genbench, public domain",
    recipe="drawn at the resolution; last sixth is test; mirrored",
    options={"toyfaces:N": "N faces instead of 12 000"},
)

DRAWING_VERSION = 1  # raise it when the same attributes give other pixels, or a row another face
SEED = 0
ROWS = 12_000


class ToyFaces:
    """The first rows of the stream `SEED`; see `genbench.interfaces.ImageSource`."""

    licence = ORIGIN.licence
    recipe = Recipe(crop="drawn", resize="none", split="last-sixth", flip=True)

    def __init__(self, name: str, rows: int) -> None:
        """Take the name for tables and the number of faces, 6 or more, so that one is held out."""
        self.name = name
        self._rows = rows

    def __len__(self) -> int:
        """Rows, in both splits together."""
        return self._rows

    def stamp(self) -> str:
        """Digest of what decides the pixels."""
        text = f"toyfaces/{DRAWING_VERSION}/{SEED}/{self._rows}"
        return hashlib.sha256(text.encode()).hexdigest()

    def is_test(self) -> NDArray[np.bool_]:
        """(rows,) true for the last sixth."""
        return np.arange(self._rows) >= self._rows - round(self._rows / 6)

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Draw rows start..stop.

        Raises:
            BadInput: the resolution is not in 8..1024.
        """
        rows = range(self._rows)[start:stop]
        index = torch.arange(rows.start, rows.stop)
        return Chunk(draw(attributes(SEED, index), resolution).numpy(), list(rows))

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """What each row shows: name -> (rows,) float32, bool or int64."""
        values = attributes(SEED, torch.arange(self._rows))
        return {name: value.numpy() for name, value in values.items()}


def open_toyfaces(argument: str | None, data_dir: Path | None) -> ToyFaces:
    """``toyfaces``, 10,000 to train on and 2,000 held out, or ``toyfaces:N``, N in all.

    Raises:
        BadSetting: what follows the colon is not a number of faces.
    """
    if argument is None:
        return ToyFaces("toyfaces", ROWS)
    if not (argument.isascii() and argument.isdecimal() and int(argument) >= 6):
        raise BadSetting(
            f"toyfaces:N draws N faces, a whole number from 6 on, got {argument!r}; "
            "for example toyfaces:600"
        )
    return ToyFaces(f"toyfaces:{int(argument)}", int(argument))


SOURCE = Source(open_toyfaces, ORIGIN)
