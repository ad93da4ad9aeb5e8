"""MATLAB's version 5 files, as far as they hold arrays of unsigned bytes.

Source: "MAT-File Format", The MathWorks: a header of 128 bytes, then elements of type, size and
content; an element of type 15 is a zlib stream of one matrix; a matrix is made of elements for
its class, its sizes, its name and its values, first axis fastest. An element of at most 4 bytes
may have its size in the upper half of the type.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from genbench.errors import BadInput

HEADER = 128
INT8, UINT8, INT32, UINT32, DOUBLE, MATRIX, PACKED = 1, 2, 5, 6, 9, 14, 15  # element types
CLASSES = (6, 8, 9)  # of matrices: double, int8, uint8
COMPLEX = 0x0800  # flag of a matrix
MAX_BYTES = 2**31  # of one matrix; SVHN's largest has 1 631 634 432
MAX_NAME = 63
BLOCK = 1 << 20


def read_arrays(file: Path, names: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """Some variables of a file, each of its stated shape, in MATLAB's order of values.

    Args:
        names: of the variables; all must be there, and nothing else is kept.

    Raises:
        BadInput: not such a file, damaged, or values other than 0 to 255.
    """
    try:
        with file.open("rb") as stream:
            _check_header(stream)
            found = {name: values for name, values in _matrices(stream) if name in names}
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})") from error
    except (ValueError, struct.error, zlib.error) as error:
        raise BadInput(f"{file} is not a whole MATLAB 5 file ({error}); get it again") from error
    if missing := [name for name in names if name not in found]:
        raise BadInput(f"{file} has no variable {', '.join(missing)}; get it again")
    return found


def _check_header(stream: IO[bytes]) -> None:
    header = stream.read(HEADER)
    if len(header) < HEADER or header[126:] != b"IM" or header[124:126] != b"\x00\x01":
        raise ValueError(f"it starts with {header[:20]!r}, wanted a header of version 5")


def _matrices(stream: IO[bytes]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    while tag := stream.read(8):
        kind, size = struct.unpack("<II", tag)
        if size > MAX_BYTES + BLOCK:
            raise ValueError(f"an element states {size} bytes; {MAX_BYTES} are the most")
        if kind == PACKED:
            yield _matrix(_inflated(stream, size))
        elif kind == MATRIX:
            yield _matrix(_exactly(stream, size))
        else:
            raise ValueError(f"an element of type {kind}, wanted a matrix")


def _exactly(stream: IO[bytes], size: int) -> memoryview:
    content = stream.read(size)
    if len(content) != size:
        raise ValueError(f"it ends {size - len(content)} bytes early")
    return memoryview(content)


def _inflated(stream: IO[bytes], size: int) -> memoryview:
    """The content of the matrix in a zlib stream of *size* bytes, which may not state less."""
    unpack = zlib.decompressobj()
    content = bytearray()
    wanted = 8
    left = size
    while left:
        block = stream.read(min(left, BLOCK))
        if not block:
            raise ValueError(f"it ends {left} bytes early")
        left -= len(block)
        while block and len(content) <= wanted:
            content += unpack.decompress(block, max(wanted + 1 - len(content), 1))
            block = unpack.unconsumed_tail
            if wanted == 8 and len(content) >= 8:
                wanted += _stated(content)
    if len(content) != wanted or not unpack.eof:
        raise ValueError(f"{len(content) - 8} bytes of a matrix, {wanted - 8} stated")
    return memoryview(content)[8:]


def _stated(content: bytearray) -> int:
    kind, size = struct.unpack_from("<II", content)
    if kind != MATRIX or size > MAX_BYTES:
        raise ValueError(f"an element of type {kind} and {size} bytes in a packed one")
    return int(size)


def _matrix(content: memoryview) -> tuple[str, NDArray[np.uint8]]:
    elements = _elements(content)
    flags = _next(elements, {UINT32})
    shape = tuple(int(n) for n in np.frombuffer(_next(elements, {INT32}), "<i4"))
    name = bytes(_next(elements, {INT8})).decode("ascii")
    kind = int(flags[0])
    if kind not in CLASSES or int.from_bytes(flags[:4], "little") & COMPLEX:
        raise ValueError(f"a matrix of class {kind}, wanted one of numbers")
    if not shape or len(name) > MAX_NAME or min(shape) < 1 or math.prod(shape) > MAX_BYTES:
        raise ValueError(f"a matrix of the sizes {shape[:8]}")
    values = _numbers(elements)
    if len(values) != math.prod(shape):
        raise ValueError(f"{len(values)} values of {name}, {math.prod(shape)} stated")
    return name, values.reshape(shape, order="F")


def _numbers(elements: Iterator[tuple[int, memoryview]]) -> NDArray[np.uint8]:
    """Values of a matrix; MATLAB stores doubles that are small whole numbers as bytes, too."""
    kind, content = next(elements, (0, memoryview(b"")))
    if kind == UINT8:
        return np.frombuffer(content, np.uint8)
    if kind != DOUBLE:
        raise ValueError(f"values of type {kind}, wanted unsigned bytes")
    numbers = np.frombuffer(content, "<f8")
    if not np.isin(numbers, np.arange(256)).all():
        raise ValueError("values other than whole numbers from 0 to 255")
    return numbers.astype(np.uint8)


def _elements(content: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        start = at + 8
        if kind >> 16:  # the small form
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        if start + size > len(content):
            raise ValueError(f"an element of {size} bytes ends early")
        yield kind, content[start : start + size]
        at = start + size
        at += -at % 8


def _next(elements: Iterator[tuple[int, memoryview]], kinds: set[int]) -> memoryview:
    kind, content = next(elements, (0, memoryview(b"")))
    if kind not in kinds or not content:
        raise ValueError(f"a matrix has an element of type {kind}, wanted {min(kinds)}")
    return content
