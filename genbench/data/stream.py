"""A data set that is never copied: images are decoded when they are wanted, by several threads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from genbench.data import schema1
from genbench.data.prepare import SMALLEST, workers
from genbench.data.writer import SPLITS
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import Bytes, ImageSource, Recipe

SAMPLE = 64  # images of a split whose pixels are in the fingerprint
CHECKED = f"listing-and-{SAMPLE}-of-each-split"


@runtime_checkable
class Streams(ImageSource, Protocol):
    """A source of which a user may ask not to be copied."""

    streamed: bool  # whether the user has asked

    def content(self) -> str:
        """A digest of what tells its images apart without decoding them, equal on all machines."""


class LazyImages:
    """The images of one split; it is indexed like the array (n, 3, r, r) that it stands for."""

    def __init__(self, source: ImageSource, rows: NDArray[np.int64], resolution: int) -> None:
        """Take the rows of *source* that belong to the split."""
        self._source, self._rows, self._resolution = source, rows, resolution
        self.shape = (len(rows), 3, resolution, resolution)
        self.nbytes = len(rows) * 3 * resolution**2

    def __len__(self) -> int:
        """Images in the split."""
        return len(self._rows)

    def __getitem__(self, index: int | slice | NDArray[np.int64]) -> Bytes:
        """Decode some images.

        Raises:
            BadInput: one of them cannot be used.
            IndexError: a row that the split does not have.
        """
        rows = self._rows[index]
        if rows.ndim == 0:
            return self._decoded(int(rows))
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        with ThreadPoolExecutor(workers()) as pool:
            for place, image in enumerate(pool.map(self._decoded, rows.tolist())):
                images[place] = image
        return images

    def _decoded(self, row: int) -> Bytes:
        chunk = self._source.read(row, row + 1, self._resolution)
        if chunk.bad:
            name, reason = chunk.bad[0]
            raise BadInput(
                f"image {name} of {self._source.name} cannot be used: {reason}; a stream cannot "
                "leave it out, so prepare the data set instead: stream=no with --on-bad skip"
            )
        image: Bytes = chunk.images[0]
        return image


def stream(source: Streams, resolution: int, on_bad: str) -> tuple[dict[str, LazyImages], str, str]:
    """Both splits, the fingerprint, and the one that schema 1 gave the same images.

    Raises:
        BadSetting: on_bad="skip", for which all images would have to be decoded first.
        BadInput: too few images, or a bad one among those that are looked at.
    """
    if on_bad == "skip":
        raise BadSetting(
            f"{source.name}: --on-bad skip cannot be had with stream=yes, which images are bad "
            "shows only when all are decoded; leave one of the two"
        )
    held_out = source.is_test()
    rows = {"train": np.flatnonzero(~held_out), "test": np.flatnonzero(held_out)}
    if fewest := next((split for split in SPLITS if len(rows[split]) < SMALLEST), None):
        raise BadInput(
            f"{source.name} has {len(rows[fewest])} {fewest} images; each split needs {SMALLEST}"
        )
    splits = {split: LazyImages(source, rows[split], resolution) for split in SPLITS}
    content = {
        "content": source.content(),
        "pixels": {split: _sampled(splits[split]) for split in SPLITS},
        "split": hashlib.sha256(np.packbits(held_out).tobytes()).hexdigest(),
        "resolution": resolution,
    }
    codes = recipe(source).describe()
    now, old = (
        hashlib.sha256(json.dumps({**content, "recipe": each}, sort_keys=True).encode()).hexdigest()
        for each in (codes, schema1.recipe(codes))
    )
    return splits, now, old


def recipe(source: ImageSource) -> Recipe:
    """The source's recipe, which says what the fingerprint has seen."""
    return dataclasses.replace(source.recipe, checked=CHECKED)


def _sampled(images: LazyImages) -> str:
    places = np.unique(np.linspace(0, len(images) - 1, SAMPLE).astype(np.int64))
    return hashlib.sha256(images[places].tobytes()).hexdigest()
