"""From the bytes of an image file to the pixels of a training image.

Everything ends as upright 8-bit RGB: EXIF orientation applied, grey and palette images
converted, transparency composited on white, 16-bit grey scaled (65535 becomes 255).
Sizes only ever go down, by Pillow's bilinear filter, which is antialiased.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from genbench.errors import BadInput
from genbench.interfaces import Bytes, Chunk

# Formats, by Pillow's names: none of them can start a program, as PostScript would.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
)
CHANNELS = "rgb-grey-repeated-alpha-on-white"
RESIZE = "pil-bilinear-antialias"
MAX_FILE = 256 * 2**20  # bytes of one image file
MAX_PIXELS = 2**26  # 8192 x 8192, 200 MB decoded

# What Pillow's decoders raise on files that are cut off or scrambled. Not MemoryError: which
# images are left out must not depend on the machine.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    struct.error,
    zlib.error,
    NotImplementedError,  # by Pillow, for a variant of a format that it cannot decode
)


def decode(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The picture in an image file, upright, 8-bit RGB.

    Args:
        content: of the file, whole.
        formats: that it may have, by Pillow's names.

    Raises:
        BadInput: why the file cannot be used; whoever has its name puts it in front.
    """
    return upright(_open(content, formats))


def upright(picture: Image.Image) -> Image.Image:
    """A picture as it is to be seen, 8-bit RGB; *picture* may be turned in place.

    Raises:
        BadInput: it is damaged, or its range is unknown.
    """
    try:
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        return _rgb(picture)
    except BROKEN as error:
        raise BadInput(f"damaged image file ({_one_line(error)})") from error


def size(content: bytes) -> tuple[int, int]:
    """Width and height that the header of an image file states.

    Raises:
        BadInput: why the file cannot be used.
    """
    return _open(content).size


def centre_square(picture: Image.Image, side: int | None = None) -> Image.Image:
    """The square of *side* pixels, by default the short side, in the middle."""
    side = side or min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    return picture.crop((left, top, left + side, top + side))


def shrink(square: Image.Image, resolution: int) -> Image.Image:
    """A square picture at a resolution not above its own.

    Raises:
        BadInput: it would have to be enlarged.
    """
    if square.width < resolution:
        raise BadInput(
            f"a square of {square.width}x{square.width} pixels, {resolution}x{resolution} wanted; "
            "images are never enlarged, so ask for a lower resolution"
        )
    if square.width == resolution:
        return square
    return square.resize((resolution, resolution), Image.Resampling.BILINEAR)


def planes(picture: Image.Image) -> Bytes:
    """An RGB picture as (3, h, w) uint8."""
    return np.asarray(picture).transpose(2, 0, 1)


def read_rows(
    names: Sequence[str],
    start: int,
    stop: int,
    resolution: int,
    load: Callable[[str], Image.Image],
) -> Chunk:
    """Rows start..stop of a source whose images are files.

    Args:
        names: of all rows.
        load: name -> square picture at the resolution; raises BadInput for a bad image.
    """
    images = np.empty((stop - start, 3, resolution, resolution), np.uint8)
    rows: list[int] = []
    bad: list[tuple[str, str]] = []
    for row in range(start, stop):
        try:
            images[len(rows)] = planes(load(names[row]))
        except BadInput as error:
            bad.append((names[row], str(error)))
        else:
            rows.append(row)
    return Chunk(images[: len(rows)], rows, bad)


def _open(content: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """The picture with its header read and its pixels still packed."""
    try:
        picture = Image.open(io.BytesIO(content), formats=formats)
    except UnidentifiedImageError:
        raise BadInput(f"not an image in any of {', '.join(formats)}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadInput(f"more than {MAX_PIXELS} pixels, the most that are decoded") from None
    except BROKEN as error:
        raise BadInput(f"damaged image file ({_one_line(error)})") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise BadInput(
            f"{picture.width}x{picture.height} pixels, {MAX_PIXELS} are the most that are decoded"
        )
    return picture


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise BadInput("floating-point pixels, whose range is unknown; convert them to 8 bits")
    if picture.mode.startswith("I"):
        picture = _eight_bits(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey, rounded. Pillow's own conversion clips at 255."""
    values = np.asarray(picture).astype(np.int32)
    if values.min() < 0 or values.max() > 65535:
        raise BadInput("32-bit pixels, whose range is unknown; convert them to 8 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
