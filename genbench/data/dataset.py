"""A data set at one resolution: two disjoint splits of uint8 images, ready to be indexed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genbench.data import cache
from genbench.data.image_sets.image_set import WHOLE, ImageSet
from genbench.data.stream import LazyImages, Streams, recipe, stream
from genbench.errors import BadSetting
from genbench.interfaces import Bytes, ImageSource, Recipe, Source
from genbench.registry import plugin
from genbench.runtime import paths


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of one split, in canonical order. They stay on disk until they are taken."""

    name: str  # "train" or "test"
    # (n, 3, r, r) uint8, a read-only memory map or decoded when taken
    images: Bytes | LazyImages | ImageSet
    attributes: Mapping[str, NDArray[np.generic]]  # name -> (n,); empty where nothing is known

    def __len__(self) -> int:
        """Images in the split."""
        return len(self.images)

    @property
    def streamed(self) -> bool:
        """Whether images are decoded whenever they are taken."""
        return isinstance(self.images, LazyImages | ImageSet)

    def take(self, index: Tensor | slice) -> Tensor:
        """Some rows as a new tensor on the CPU, (k, 3, r, r) uint8.

        Args:
            index: row numbers, (k,) int64, in any order, repeats allowed; or a slice.

        Raises:
            IndexError: a row that the split does not have.
        """
        if isinstance(self.images, LazyImages | ImageSet):
            wanted = index if isinstance(index, slice) else index.cpu().numpy()
            return torch.from_numpy(self.images[wanted])
        rows = np.asarray(self.images)  # numpy's own type: indexing a memmap gives a memmap
        if isinstance(index, slice):
            return torch.from_numpy(rows[index].copy())
        return torch.from_numpy(rows[index.cpu().numpy()])


@dataclass(frozen=True, eq=False)
class Dataset:
    """What training and evaluation see of a data set."""

    name: str  # "celeba", "folder:faces"
    resolution: int  # r, of the square images
    recipe: Recipe
    fingerprint: str  # sha256 of pixels, split, recipe and resolution
    licence: str
    train: Split
    test: Split
    left_out: int = 0  # images that could not be used, under on_bad="skip"
    old_fingerprint: str = ""  # of the same images under schema 1, which hashed sentences

    @property
    def undivided(self) -> bool:
        """Whether either split is all of the images."""
        return self.recipe.split == WHOLE

    def known_as(self, fingerprint: str | None) -> bool:
        """Whether a fingerprint, of this schema or of the first, is that of these images."""
        return fingerprint in {self.fingerprint, self.old_fingerprint} - {""}


def open_dataset(
    spec: str,
    resolution: int,
    *,
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    on_bad: Literal["refuse", "skip"] = "refuse",
) -> Dataset:
    """Find a data set, decode it into the cache if it is not there yet, and open it.

    Args:
        spec: name of a data source, then for some a colon and what it takes:
            "toyfaces", "folder:PATH", "celeba", "celeba:PATH".
        resolution: side of the square images wanted, in pixels.
        data_dir: where data sets lie; by default what GENBENCH_DATA says.
        cache_dir: where decoded images are kept; see `genbench.runtime.paths.cache_dir`.
        on_bad: what to do about images that cannot be used: refuse the data set, or skip
            them. The fingerprint covers what remains.

    Raises:
        UnknownName: no data source of that name.
        BadSetting: a resolution below 1, or another word for *on_bad*.
        BadInput: missing, empty, corrupt, too small or too few images.
        DiskFull: no room left for the cache.
    """
    if resolution < 1:
        raise BadSetting(f"the resolution must be at least 1 pixel, got {resolution}")
    if on_bad not in ("refuse", "skip"):  # a misspelt word must not leave images out
        raise BadSetting(f"on_bad is refuse or skip, got {on_bad!r}")
    source = open_source(spec, data_dir)
    if isinstance(source, Streams) and source.streamed:
        return _streamed(source, resolution, on_bad)
    entry = cache.cache_entry(source, resolution, on_bad, paths.cache_dir(cache_dir) / "data")
    splits = {
        name: Split(name, entry.images[name], entry.attributes[name]) for name in cache.SPLITS
    }
    return Dataset(
        source.name,
        resolution,
        source.recipe,
        entry.fingerprint,
        source.licence,
        **splits,
        left_out=entry.left_out,
        old_fingerprint=entry.old_fingerprint,
    )


def whole(images: ImageSet, name: str | None = None) -> Dataset:
    """A set of images without a split: all of them are either side.

    Args:
        name: for tables; by default that of the set.

    Raises:
        BadInput: one of them cannot be used.
    """
    content = {
        "pixels": images.digest,
        "recipe": images.recipe.describe(),
        "resolution": images.resolution,
    }
    fingerprint = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return Dataset(
        name or images.name,
        images.resolution,
        images.recipe,
        fingerprint,
        "unknown",
        train=Split("train", images, {}),
        test=Split("test", images, {}),
    )


def open_source(spec: str, data_dir: Path | None = None) -> ImageSource:
    """Find a data set; nothing is decoded.

    Raises:
        UnknownName, BadSetting, BadInput: see `open_dataset`.
    """
    name, colon, argument = paths.at_home(spec).partition(":")
    declared: Source = plugin("dataset", name).load()
    return declared.open(argument if colon else None, paths.data_dir(data_dir))


def _streamed(source: Streams, resolution: int, on_bad: str) -> Dataset:
    images, fingerprint, old_fingerprint = stream(source, resolution, on_bad)
    columns = source.attributes()
    held_out = source.is_test()
    splits = {
        name: Split(name, images[name], {key: column[rows] for key, column in columns.items()})
        for name, rows in (("train", ~held_out), ("test", held_out))
    }
    return Dataset(
        source.name,
        resolution,
        recipe(source),
        fingerprint,
        source.licence,
        splits["train"],
        splits["test"],
        old_fingerprint=old_fingerprint,
    )
