"""From what others call an image, an array, a PIL picture or a row of a data set, to bytes.

Which axis holds the channels is told by its length, 1 or 3, where it can be told. Nobody guesses
the range of floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from genbench.data import decode
from genbench.errors import BadInput
from genbench.interfaces import Bytes

Range: TypeAlias = "tuple[float, float]"
COLUMNS = ("image", "images", "img", "pixel_values", "jpg", "png", "webp")  # of rows by name
CHANNELS = (1, 3)
SLACK = 1e-3  # beyond a declared range: what rounding may do


def image_of(item: Any, value_range: Range | None) -> Bytes:
    """A row of somebody's data set as (3, h, w).

    Args:
        item: a PIL picture, an array or tensor of one image, a tuple that begins with one, or a
            mapping that holds one under a usual name.
        value_range: black and white of floats.

    Raises:
        BadInput: there is no image in it, or its layout or range cannot be told.
    """
    if isinstance(item, tuple | list) and len(item):
        item = item[0]
    elif isinstance(item, Mapping):
        item = _column(item)
    if isinstance(item, Image.Image):
        return decode.planes(decode.upright(item.copy()))
    array = as_array(item)
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3:
        raise BadInput(
            f"{_kind(item)} of shape {tuple(array.shape)} is no image; "
            "wanted (3, h, w) or (h, w, 3)"
        )
    found: Bytes = planes(array[None], value_range)[0]
    return found


def images_of(batch: Any, value_range: Range | None) -> Bytes:
    """A batch of a loader as (n, 3, h, w).

    Raises:
        BadInput: see `image_of`.
    """
    if isinstance(batch, tuple | list) and len(batch) and not isinstance(batch[0], Image.Image):
        batch = batch[0]
    elif isinstance(batch, Mapping):
        batch = _column(batch)
    if isinstance(batch, list):
        return np.stack([image_of(item, value_range) for item in batch])
    array = as_array(batch)
    if array.ndim != 4:
        raise BadInput(
            f"a batch of shape {tuple(array.shape)} holds no images; wanted (n, 3, h, w)"
        )
    return planes(array, value_range)


def planes(images: NDArray[Any], value_range: Range | None) -> Bytes:
    """(n, 3, h, w) uint8 of images in either layout, grey or in colour.

    Raises:
        BadInput: neither axis is one of channels, or see `in_bytes`.
    """
    first, last = images.shape[1], images.shape[3]
    if first not in CHANNELS and last in CHANNELS:
        images = images.transpose(0, 3, 1, 2)
    elif first not in CHANNELS:
        raise BadInput(
            f"images of shape {tuple(images.shape[1:])} have no axis of 3 channels or 1; "
            "wanted (3, h, w) or (h, w, 3), transparency laid on a background"
        )
    found = in_bytes(images, value_range)
    return found if found.shape[1] == 3 else np.repeat(found, 3, 1)


def in_bytes(images: NDArray[Any], value_range: Range | None) -> Bytes:
    """uint8 as it is; floats of a declared range rounded as `genbench.images.to_bytes` does.

    Raises:
        BadInput: other types, floats without a range or beyond it, values that are not finite.
    """
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise BadInput(f"images of {images.dtype} are neither uint8 of 0..255 nor floats")
    if value_range is None:
        raise BadInput(
            f"images of {images.dtype} need a range; give uint8 of 0..255, or say what black and "
            "white are: genbench.open_images(..., value_range=(0, 1))"
        )
    low, high = value_range
    if not low < high:
        raise BadInput(f"value_range must rise from black to white, got {value_range}")
    if not np.isfinite(images).all():
        raise BadInput("images have values that are not finite; look at what made them")
    least, most = float(images.min()), float(images.max())
    if least < low - SLACK or most > high + SLACK:
        raise BadInput(
            f"images were said to be within [{low:g}, {high:g}] and go from {least:.6g} to "
            f"{most:.6g}; declare the right value_range"
        )
    grey = (images.astype(np.float64) - low) * (255 / (high - low))
    found: Bytes = np.floor(grey + 0.5).clip(0, 255).astype(np.uint8)
    return found


def as_array(thing: Any) -> NDArray[Any]:
    """A tensor or what numpy takes for an array.

    Raises:
        BadInput: it is neither.
    """
    if hasattr(thing, "detach"):  # a tensor; bfloat16, which numpy has not, is widened
        tensor = thing.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)
    array = np.asarray(thing)
    if array.dtype == object:
        raise BadInput(f"{_kind(thing)} is no image; wanted an array, a tensor or a PIL picture")
    return array


def _column(row: Mapping[Any, Any]) -> Any:
    """The image of a row that has names.

    Raises:
        BadInput: none of the names is usual, or several are.
    """
    usual = [name for name in COLUMNS if name in row]
    pictures = [name for name, value in row.items() if isinstance(value, Image.Image)]
    found = usual if len(usual) == 1 else pictures
    if len(found) != 1:
        raise BadInput(
            f"which of the columns {', '.join(map(str, row))} holds the images cannot be told; "
            "leave one of them, called image"
        )
    return row[found[0]]


def _kind(thing: Any) -> str:
    return f"a {type(thing).__name__}"
