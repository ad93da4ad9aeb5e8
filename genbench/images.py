"""Images as numbers, as bytes, as grids and as PNG files; and what pure functions take for one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from genbench.errors import BadInput
from genbench.runtime.atomic import new_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "Tensor | NDArray[Any]"
Range: TypeAlias = "tuple[float, float]"

TOP = 255.0  # white in grey levels; MAX of PSNR
SLACK = 1e-3  # beyond a declared range, of values and not of the range: what rounding may do
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # the binomial blur


def to_bytes(images: Tensor) -> Tensor:
    """float in [-1, 1] -> uint8 in 0..255, rounded half up and clamped, any shape.

    The rule of StyleGAN: floor(127.5 x + 128). Truncation, as old image writers do it,
    would darken every image by half a grey level.
    """
    return images.float().mul(127.5).add(128).floor().clamp(0, 255).to(torch.uint8)


def to_bytes_truncated(images: Tensor) -> Tensor:
    """float in [-1, 1] -> uint8 in 0..255 as image writers before 2019 have it, any shape.

    x / 2 + 0.5, times 255, clamped, the fraction cut off, all in float32. Images come out half
    a grey level darker. Not even images of bytes stay what they are: of the 256 levels, 63
    come back from `to_floats` one lower.
    """
    return images.float().div(2).add(0.5).mul(255).clamp(0, 255).to(torch.uint8)


def to_floats(images: Tensor) -> Tensor:
    """uint8 in 0..255 -> float32 in [-1, 1], any shape."""
    return images.float().div(127.5).sub(1)


def enlarged(images: Tensor, resolution: int) -> Tensor:
    """A growing model's small images at the size of the others, pixel by pixel."""
    if images.shape[-1] == resolution:
        return images
    return functional.interpolate(images, size=(resolution, resolution), mode="nearest")


def grid(images: Tensor, columns: int, gap: int = 2) -> Tensor:
    """Tile uint8 images (n, 3, h, w) row by row into one (3, H, W), white between them."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = torch.full(
        (channels, rows * (height + gap) + gap, columns * (width + gap) + gap),
        255,
        dtype=torch.uint8,
    )
    for i, image in enumerate(images.cpu()):
        top = gap + (i // columns) * (height + gap)
        left = gap + (i % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def pairs(inputs: Tensor, outputs: Tensor, columns: int = 8) -> Tensor:
    """Bands of inputs above their outputs: uint8 (n, 3, h, w) twice -> (3, H, W)."""
    above, below = torch.split(inputs.cpu(), columns), torch.split(outputs.cpu(), columns)
    bands = zip(above, below, strict=True)
    return grid(torch.cat([image for band in bands for image in band]), columns)


def png(image: Tensor, zoom: int = 1) -> bytes:
    """A uint8 image (3, h, w) as the bytes of a PNG file, each pixel *zoom* pixels wide."""
    picture = Image.fromarray(image.permute(1, 2, 0).cpu().numpy())
    if zoom > 1:
        picture = picture.resize(
            (picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST
        )
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def save_png(image: Tensor, target: Path, zoom: int = 1) -> None:
    """Write `png` to a file, whole or not at all."""
    with new_file(target) as temporary:
        temporary.write_bytes(png(image, zoom))


# --- what pure functions take: tensors on any device, or numpy arrays


def as_rows(rows: Array) -> Tensor:
    """Features or logits as a tensor; whether they fit is for the caller to say."""
    return _tensor(rows)


def as_images(images: Array, value_range: Range | None = None) -> Tensor:
    """Images in grey levels of 0..255: uint8 as they are, floats of a declared range scaled.

    Args:
        images: uint8; or floats, of which nobody guesses the range.
        value_range: what black and white are in floats, (-1, 1) or (0, 1) or (0, 255).

    Returns:
        uint8, or float64 of 0 to 255.

    Raises:
        BadInput: other types, floats without a range or outside it, values that are not finite.
    """
    x = _tensor(images)
    if x.dtype == torch.uint8:
        if value_range not in (None, (0, 255)):
            raise BadInput(
                f"uint8 images have values of 0..255, not of {_words(value_range)}; "
                "leave value_range out, or give floats"
            )
        return x
    if not x.is_floating_point():
        raise BadInput(f"images must be uint8 of 0..255 or floats, got {x.dtype}; convert them")
    if value_range is None:
        raise BadInput(
            f"floats need a range: images must be uint8 of 0..255, got {x.dtype}; "
            "or say what black and white are, as in value_range=(-1, 1)"
        )
    low, high = value_range
    if not low < high:
        raise BadInput(f"value_range must rise from black to white, got {_words(value_range)}")
    _check_values(x, low, high)
    return (x.double() - low).mul_(TOP / (high - low)).clamp_(0, TOP)


def _check_values(x: Tensor, low: float, high: float) -> None:
    if x.numel() == 0:
        return
    if not bool(x.isfinite().all()):
        bad = int(x.isfinite().flatten(1).all(1).logical_not().nonzero()[0]) if x.ndim > 1 else 0
        raise BadInput(f"image {bad} has values that are not finite; look at what made it")
    least, most = float(x.min()), float(x.max())
    if least < low - SLACK or most > high + SLACK:
        raise BadInput(
            f"images were said to be within {_words((low, high))} and go from {least:.6g} to "
            f"{most:.6g}; declare the right value_range, or clamp them first"
        )


def _words(value_range: Range | None) -> str:
    return "?" if value_range is None else f"[{value_range[0]:g}, {value_range[1]:g}]"


def _tensor(numbers: Array) -> Tensor:
    if isinstance(numbers, Tensor):
        return numbers
    array = np.asarray(numbers)
    # torch does not take streams that run backwards, and warns of memory it may not write to.
    return torch.from_numpy(
        array if array.flags.writeable and array.flags.c_contiguous else array.copy()
    )


# --- the blur of Laplacian pyramids, which metrics and losses build in their own ways


def blur(side: int) -> Tensor:
    """The binomial blur along one axis as a matrix, (side, side) float64.

    Source: P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans.
    Communications 31(4), 1983.

    The border is mirrored about the edge pixel. Every second row halves an axis; twice every
    second column doubles it, with zeros between the rows. All its numbers are sixteenths, so on
    8-bit images the first levels have no rounding at all.
    """
    # One first made while evaluating would refuse to take part in training later.
    with torch.inference_mode(False):
        matrix = torch.zeros(side, side, dtype=torch.float64)
        rows = torch.arange(side)
        for offset, weight in enumerate(KERNEL, start=-2):
            reached = (rows + offset).abs()
            reached = torch.where(reached < side, reached, 2 * (side - 1) - reached)
            matrix[rows, reached] += weight
        return matrix
