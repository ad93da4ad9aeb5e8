"""Keeps decoded data sets on disk, so that images are decoded once and then only mapped.

An entry is a folder: train.npy and test.npy (uint8, n x 3 x r x r), attributes.npz and
dataset.json. It appears whole or not at all; one process makes it and the others wait. Work that
was cut short lies beside it in a hidden folder, where the next attempt goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.data import schema1
from genbench.data.prepare import fingerprint, prepare
from genbench.data.writer import SPLITS
from genbench.errors import BadInput
from genbench.interfaces import Bytes, ImageSource, Json
from genbench.runtime import atomic

FORMAT = 1  # of an entry; raise it when old entries must be made anew

__all__ = ["SPLITS", "CacheEntry", "cache_entry"]


@dataclass(frozen=True, eq=False)
class CacheEntry:
    """An entry of the cache, opened."""

    fingerprint: str
    old_fingerprint: str  # the fingerprint that schema 1 gave the same images
    images: Mapping[str, Bytes]  # split -> memory map
    attributes: Mapping[str, Mapping[str, NDArray[np.generic]]]  # split -> name -> rows
    left_out: int


def cache_entry(source: ImageSource, resolution: int, on_bad: str, root: Path) -> CacheEntry:
    """The entry of a source at a resolution, made if it is missing or damaged.

    Args:
        on_bad: "refuse" or "skip".
        root: folder of all entries.

    Raises:
        BadInput: the source cannot be used, or the cache cannot be written.
        DiskFull: no room left; what was in the cache stays.
    """
    codes, stamp = source.recipe.describe(), source.stamp()
    # What was decoded before recipes were codes is the same images.
    earlier = _key(source, stamp, schema1.recipe(codes), resolution, on_bad)
    if found := _look(_folder(source, resolution, earlier, root), earlier, codes):
        return found
    key = _key(source, stamp, codes, resolution, on_bad)
    folder = _folder(source, resolution, key, root)
    if found := _look(folder, key, codes):
        return found
    with atomic.lock(_lock_file(folder)):
        if found := _look(folder, key, codes):  # another process was faster
            return found
        # The lock is ours, so whoever has left something here is gone.
        with atomic.resumed_folder(folder) as temporary:
            about = prepare(source, resolution, on_bad, temporary)
            about |= {"format": FORMAT, "key": key}
            atomic.write_json(temporary / "dataset.json", about)
    made = _look(folder, key, codes)
    assert made is not None, f"{folder} was just written and cannot be read"
    return made


def _key(
    source: ImageSource, stamp: str, recipe: Mapping[str, Json], resolution: int, on_bad: str
) -> str:
    """Names what goes into an entry: equal keys, equal content."""
    whole = {**recipe, "flip": source.recipe.flip}
    parts = [FORMAT, source.name, stamp, whole, resolution, on_bad]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _folder(source: ImageSource, resolution: int, key: str, root: Path) -> Path:
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name)[:60].strip("-.")
    return root / f"{readable}-{resolution}-{key[:16]}"


def _look(folder: Path, key: str, codes: Mapping[str, Json]) -> CacheEntry | None:
    """The entry if it is there and looks whole: sizes and headers, not every pixel."""
    try:
        return _open(folder, key, codes)
    except (
        BadInput,
        OSError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        EOFError,
        RecursionError,
        zipfile.BadZipFile,
    ):
        return None  # whatever is wrong with it, the answer is to make it again


def _open(folder: Path, key: str, codes: Mapping[str, Json]) -> CacheEntry:
    """The entry; *codes* are the recipe of its source.

    Raises:
        BadInput or what numpy and json raise: it is missing or damaged.
    """
    about = atomic.read_json(folder / "dataset.json")
    if (about["format"], about["key"]) != (FORMAT, key):
        raise BadInput(f"{folder} is the entry of something else")
    for name, size in about["files"].items():
        if (folder / name).stat().st_size != size:
            raise BadInput(f"{folder / name} is not of its stated size")
    counts = {split: int(about["images"][split]) for split in SPLITS}
    images = {
        split: _map(folder / f"{split}.npy", counts[split], about["resolution"]) for split in SPLITS
    }
    attributes = _attributes(folder / "attributes.npz", about["attributes"], counts)
    now, old = (fingerprint(about, recipe) for recipe in (codes, schema1.recipe(codes)))
    return CacheEntry(now, old, images, attributes, len(about["left_out"]))


def _map(file: Path, n: int, resolution: int) -> Bytes:
    images: Bytes = np.load(file, mmap_mode="r", allow_pickle=False)
    if images.shape != (n, 3, resolution, resolution) or images.dtype != np.uint8:
        raise BadInput(f"{file} holds {images.dtype} {images.shape}")
    return images


def _attributes(
    file: Path, names: list[str], counts: Mapping[str, int]
) -> dict[str, dict[str, NDArray[np.generic]]]:
    """Columns by split; in the file they are numbered, since a name may be any text."""
    # Opened here, since numpy leaves a file open that turns out to be no archive.
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as columns:
        whole = {name: columns[str(i)] for i, name in enumerate(names)}
    border = counts["train"]
    if any(column.shape != (sum(counts.values()),) for column in whole.values()):
        raise BadInput(f"{file} has columns of the wrong length")
    return {
        "train": {name: column[:border] for name, column in whole.items()},
        "test": {name: column[border:] for name, column in whole.items()},
    }


def _lock_file(folder: Path) -> Path:
    """The file that guards an entry; it stays for good, next to the entry."""
    file = folder.with_name(f"{folder.name}.lock")
    try:
        with atomic.full_disk_is_an_error(file):
            folder.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    except OSError as error:
        raise BadInput(
            f"the cache folder {folder.parent} cannot be written ({error.strerror}); "
            "name another one with the environment variable GENBENCH_CACHE"
        ) from error
    return file
