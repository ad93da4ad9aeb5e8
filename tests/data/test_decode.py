from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

from genbench.data import decode
from genbench.errors import BadInput


def encode(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def same(a: ArrayLike | Image.Image, b: ArrayLike | Image.Image) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b))


def huge_png(side: int) -> bytes:
    """A PNG whose header states side x side pixels and which has none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0" * 16


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(kind: str) -> None:
    picture = noise(9, 7)

    assert same(decode.decode(encode(picture, kind)), picture)


def test_grey_is_repeated_in_three_channels() -> None:
    grey = noise(8, 8).convert("L")

    decoded = decode.planes(decode.decode(encode(grey)))

    assert all(same(plane, grey) for plane in decoded)


def test_palette_is_looked_up() -> None:
    picture = noise(8, 8).quantize(16)

    assert same(decode.decode(encode(picture)), picture.convert("RGB"))


def test_transparency_shows_white() -> None:
    """Half of black over white is 255 - 128 = 127, by the definition of 'over'."""
    picture = Image.new("RGBA", (3, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 128))
    picture.putpixel((2, 0), (10, 20, 30, 255))

    decoded = np.asarray(decode.decode(encode(picture)))

    assert decoded[0].tolist() == [[255, 255, 255], [127, 127, 127], [10, 20, 30]]


def test_transparent_palette_entry_shows_white() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 200, 0])
    picture.putpixel((1, 0), 1)

    decoded = np.asarray(decode.decode(encode(picture, "GIF", transparency=0)))

    assert decoded[0].tolist() == [[255, 255, 255], [0, 200, 0]]


def test_sixteen_bit_grey_is_scaled_and_rounded() -> None:
    """All 65536 levels: v 255 / 65535 = v / 257, never a tie because 257 is odd."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)

    decoded = np.asarray(decode.decode(encode(Image.fromarray(levels))))[..., 0]

    assert same(decoded, np.rint(levels / 257.0).astype(np.uint8))


def test_pixels_of_unknown_range_are_refused() -> None:
    floats = Image.fromarray(np.ones((4, 4), np.float32))
    with pytest.raises(BadInput, match="floating-point pixels"):
        decode.decode(encode(floats, "TIFF"))

    wide = Image.fromarray(np.full((4, 4), 70000, np.int32))
    with pytest.raises(BadInput, match="32-bit pixels"):
        decode.decode(encode(wide, "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_is_applied(kind: str) -> None:
    """Orientation 6 means: turn a quarter clockwise to see it upright (EXIF 2.3, tag 0x112)."""
    picture = Image.new("RGB", (32, 16), "black")
    picture.paste("white", (0, 0, 16, 16))  # the left half, which comes to stand on top
    exif = Image.Exif()
    exif[0x112] = 6

    decoded = np.asarray(decode.decode(encode(picture, kind, exif=exif)))

    assert decoded.shape == (32, 16, 3)
    assert decoded[2:14].min() > 240
    assert decoded[18:30].max() < 15


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_truncated_file_is_refused(kind: str) -> None:
    whole = encode(noise(64, 64), kind)

    with pytest.raises(BadInput):
        decode.decode(whole[: len(whole) // 2])


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0" * 99])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"not an image|damaged image"):
        decode.decode(content)


@pytest.mark.parametrize("side", [9000, 10_000, 30_000])
def test_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    """81, 100 and 900 million pixels: under Pillow's warning, over it, over Pillow's error."""
    with pytest.raises(BadInput, match="the most that are decoded"):
        decode.decode(huge_png(side))


@pytest.mark.parametrize(("width", "height"), [(10, 6), (6, 10), (7, 6), (6, 6)])
def test_centre_square_is_in_the_middle(width: int, height: int) -> None:
    picture = noise(width, height)
    left, top = (width - 6) // 2, (height - 6) // 2

    square = decode.centre_square(picture)

    assert same(square, np.asarray(picture)[top : top + 6, left : left + 6])


def test_shrinking_is_antialiased() -> None:
    """A one-pixel checkerboard holds nothing but what must vanish: its mean remains."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    picture = Image.fromarray(board).convert("RGB")

    small = np.asarray(decode.shrink(picture, 16)).astype(int)

    # Inner pixels; at the border the filter is cut off and one row counts more.
    assert np.abs(small[1:-1, 1:-1] - 127.5).max() <= 1


def test_enlarging_is_refused() -> None:
    with pytest.raises(BadInput, match=r"a square of 16x16 pixels, 32x32 wanted.*never enlarged"):
        decode.shrink(noise(16, 16), 32)


def test_same_size_is_left_alone() -> None:
    picture = noise(16, 16)

    assert same(decode.shrink(picture, 16), picture)
