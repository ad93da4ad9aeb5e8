"""Images of any size, in a folder or an archive, as a data source."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.data.listing import digest
from genbench.data.sources._files import Files
from genbench.errors import BadInput
from genbench.interfaces import Chunk, Json, Recipe

RECIPE = Recipe(
    crop="centre-square",
    resize=decode.RESIZE,
    split="name-sha256-1-in-10",
    channels=decode.CHANNELS,
)
LABELS = "dataset.json"  # as StyleGAN's tools write it


class Collection:
    """An `ImageSource` of image files, in the order of their names."""

    recipe = RECIPE
    licence = "unknown"

    def __init__(self, kind: str, files: Files) -> None:
        self.name = f"{kind}:{files.where.resolve().name}"
        self._files = files

    def __len__(self) -> int:
        """Images in all."""
        return len(self._files.names)

    def stamp(self) -> str:
        """Digest of the listing and of the labels."""
        listed = self._listed()
        labels = hashlib.sha256(listed).hexdigest() if listed is not None else ""
        return digest((self._files.stamp(), labels))

    def is_test(self) -> NDArray[np.bool_]:
        """By a hash of each name alone, so that a new file never moves an old one."""
        return np.array([in_test(name) for name in self._files.names])

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        """Centre squares at *resolution*."""

        def load(name: str) -> Image.Image:
            picture = decode.decode(self._files.read(name))
            return decode.shrink(decode.centre_square(picture), resolution)

        return decode.read_rows(self._files.names, start, stop, resolution, load)

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        """``label``: a number of dataset.json, else the first folder of the path."""
        names = list(self._files.names)
        listed = self._listed()
        numbers = _parse(listed, self._files.where) if listed is not None else None
        if numbers is not None:
            if missing := next((name for name in names if name not in numbers), None):
                raise _bad_labels(self._files.where, f"no label for {missing!r}")
            return {"label": np.array([numbers[name] for name in names], np.int64)}
        if any("/" in name for name in names):
            return {"label": np.array([name.rpartition("/")[0].split("/")[0] for name in names])}
        return {}

    def _listed(self) -> bytes | None:
        try:
            return self._files.find(LABELS)
        except BadInput as error:
            raise _bad_labels(self._files.where, str(error)) from error


def in_test(name: str) -> bool:
    """Whether a file of that relative path is held out: one in ten is."""
    content = name.encode("utf-8", "surrogateescape")  # one split, whatever the locale
    return int(hashlib.sha256(content).hexdigest(), 16) % 10 == 0


def _parse(content: bytes, where: Path) -> dict[str, int] | None:
    """Labels by name, or None where the file says nothing of labels.

    Raises:
        BadInput: the file is not JSON, or its labels are not pairs of a name and a number.
    """
    try:
        value: Json = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _bad_labels(where, f"not valid JSON: {error}") from error
    pairs = value.get("labels") if isinstance(value, dict) else None
    if pairs is None:
        return None
    if not isinstance(pairs, list) or not all(map(_is_label, pairs)):
        raise _bad_labels(where, '"labels" must be a list of ["path", number]')
    return dict(pairs)


def _is_label(pair: Json) -> bool:
    match pair:
        case [str(), bool()]:
            return False
        case [str(), int(number)]:
            return -(2**63) <= number < 2**63
    return False


def _bad_labels(where: Path, reason: str) -> BadInput:
    return BadInput(f"{where / LABELS}: {reason}; repair the file or remove it")
