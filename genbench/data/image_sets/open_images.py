"""Whatever a user has of images, as one set."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from genbench.data.image_sets.arrays import read_array
from genbench.data.image_sets.files import DeepArchive, DeepFolder, ImageFiles, decoded
from genbench.data.image_sets.image_set import ImageSet, checked_side, of_pictures
from genbench.data.image_sets.items import Range, as_array, image_of, images_of, planes
from genbench.errors import BadInput
from genbench.interfaces import Bytes
from genbench.runtime import paths
from genbench.runtime.atomic import full_disk_is_an_error

WANTED = (
    "a folder of images, a .zip, .npz or .npy file, an array or tensor (n, 3, h, w), a data set "
    "or a loader of torch or Hugging Face"
)
ARRAYS = (".npy", ".npz")
IMAGES = (".zip", *ARRAYS)  # endings of files that hold many


def open_images(
    given: Any, *, resolution: int | None = None, value_range: Range | None = None
) -> ImageSet:
    """Everything that *given* holds, as one set of images.

    Files and arrays are read when they are wanted; what a data set or a loader brings, which may
    be other images each time, is read once and lies on disk.

    Args:
        given: a folder, searched deep; a .zip, .npz or .npy file; an array or tensor,
            (n, 3, h, w) or (n, h, w, 3); a data set, a loader, or a list of images.
        resolution: brings the centre square of each image to this side; None takes images as they
            are, and they must be square and of one size.
        value_range: black and white of floats, (0, 1) or (-1, 1).

    Raises:
        BadInput: there are no images, or the first one cannot be used.
        DiskFull: no room for what a loader brings.
    """
    if isinstance(given, ImageSet):
        return given
    if isinstance(given, str | os.PathLike):
        return _from_path(Path(given).expanduser(), resolution, value_range)
    name = type(given).__name__
    if isinstance(given, torch.Tensor | np.ndarray):
        return _from_array(name.lower(), as_array(given), resolution, value_range)
    return _from_array(name, _on_disk(name, _rows(given), value_range), resolution, None)


def holds_images(given: Any) -> bool:
    """Whether an object is of a kind that holds images: an array, a data set, a loader."""
    arrays, loads = (ImageSet, np.ndarray, torch.Tensor), torch.utils.data
    if isinstance(given, (*arrays, loads.Dataset, loads.DataLoader)):
        return True
    # Those of Hugging Face are none of torch's.
    return hasattr(given, "__iter__") and hasattr(given, "column_names")


def _from_path(path: Path, resolution: int | None, value_range: Range | None) -> ImageSet:
    if not path.exists():
        raise BadInput(f"{path} does not exist; wanted a folder, a .zip, .npz or .npy file")
    if path.suffix.lower() in ARRAYS and path.is_file():
        return _from_array(path.name, read_array(path), resolution, value_range)
    files: ImageFiles
    if path.is_dir():
        files = DeepFolder(path)
    elif path.suffix.lower() == ".zip":
        files = DeepArchive(path)
    else:
        raise BadInput(f"{path} is neither a folder nor a .zip, .npz or .npy file")

    def picture(row: int) -> Image.Image:
        return decoded(files.names[row], files.read(files.names[row]))

    return of_pictures(
        path.resolve().name,
        files.names,
        picture,
        resolution,
        left_out=files.left_out,
        stamp=files.stamp(),
    )


def _from_array(
    name: str, array: NDArray[Any], resolution: int | None, value_range: Range | None
) -> ImageSet:
    if array.ndim != 4 or not len(array):
        raise BadInput(
            f"{name} has shape {tuple(array.shape)}; wanted images, (n, 3, h, w) or (n, h, w, 3)"
        )
    names = [str(row) for row in range(len(array))]

    def load(row: int) -> Bytes:
        found: Bytes = planes(np.asarray(array[row : row + 1]), value_range)[0]
        return found

    def picture(row: int) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(load(row).transpose(1, 2, 0)))

    if resolution is not None:
        return of_pictures(name, names, picture, resolution, numbered=True)
    first = load(0)
    side = checked_side(f"{name}: image 0", first.shape[2], first.shape[1])
    return ImageSet(name, names, side, load, numbered=True)


def _rows(given: Any) -> Iterator[Any]:
    """What a data set or a loader brings, in order.

    Raises:
        BadInput: it brings nothing that way.
    """
    if hasattr(given, "__len__") and hasattr(given, "__getitem__"):
        return (given[row] for row in range(len(given)))
    if isinstance(given, Iterable) and not isinstance(given, bytes | Mapping):
        return iter(given)
    raise BadInput(f"a {type(given).__name__} holds no images that can be read; wanted {WANTED}")


def _on_disk(name: str, rows: Iterator[Any], value_range: Range | None) -> NDArray[Any]:
    """Images or batches of them, one after another, as one array in a file without a name."""
    folder = paths.cache_dir() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    shape, n = None, 0
    with full_disk_is_an_error(folder), tempfile.TemporaryFile(dir=folder) as file:
        for row in rows:
            batch = (
                image_of(row, value_range)[None] if _is_one(row) else images_of(row, value_range)
            )
            shape = shape or batch.shape[1:]
            if batch.shape[1:] != shape:
                raise BadInput(
                    f"{name} brings images of {shape} and of {batch.shape[1:]}; "
                    "all must have one size"
                )
            file.write(np.ascontiguousarray(batch).data)
            n += len(batch)
        if shape is None:
            raise BadInput(f"the {name} brings nothing; wanted {WANTED}")
        file.flush()
        mapped = mmap.mmap(file.fileno(), 0)
    return np.frombuffer(mapped, np.uint8).reshape(n, *shape)


def _is_one(row: Any) -> bool:
    """Whether a row is one image, as data sets have them, and no batch, as loaders do."""
    if isinstance(row, Mapping):
        return any(isinstance(each, Image.Image) or _axes(each) == 3 for each in row.values())
    first = row[0] if isinstance(row, tuple | list) and len(row) else row
    return isinstance(first, Image.Image) or _axes(first) in (2, 3)


def _axes(thing: Any) -> int | None:
    axes = getattr(thing, "ndim", None)
    return axes if isinstance(axes, int) else None
