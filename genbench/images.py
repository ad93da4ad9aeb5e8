"""Images as numbers, as bytes, as grids and as PNG files."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from genbench.files import new_file


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
