"""IDX, the format of the MNIST files: two zero bytes, type, number of axes, sizes, values.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
Only unsigned bytes are read here, type 8. Sizes are big-endian 32-bit numbers.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from genbench.errors import BadInput

UNSIGNED_BYTE = 8
MAX_BYTES = 2**31  # of values in one file; MNIST has 47 040 000
BROKEN = (OSError, EOFError, zlib.error)  # what reading a damaged gzip file raises


@dataclass(frozen=True)
class Idx:
    """An IDX file whose header has been read and found good."""

    file: Path
    shape: tuple[int, ...]

    def values(self) -> NDArray[np.uint8]:
        """All numbers.

        Raises:
            BadInput: there are fewer or more of them than the header says.
        """
        wanted = math.prod(self.shape)
        try:
            with _stream(self.file) as stream:
                stream.seek(_header_size(len(self.shape)))
                content = stream.read(wanted + 1)
        except BROKEN as error:
            raise BadInput(f"{self.file} is damaged ({error})") from error
        if len(content) != wanted:
            found = "more" if len(content) > wanted else str(len(content))
            raise BadInput(
                f"{self.file} should hold {wanted} values after its header and holds {found}; "
                "get the file again"
            )
        return np.frombuffer(content, np.uint8).reshape(self.shape)


def read_header(file: Path, axes: int) -> Idx:
    """Check the header of a plain or gzip-packed file with that many axes.

    Raises:
        BadInput: it is not IDX, not of bytes, not of so many axes, or absurdly large.
    """
    try:
        with _stream(file) as stream:
            header = stream.read(_header_size(axes))
    except BROKEN as error:
        raise BadInput(f"{file} cannot be read ({error})") from error
    magic = bytes((0, 0, UNSIGNED_BYTE, axes))
    if len(header) < _header_size(axes) or header[:4] != magic:
        raise BadInput(
            f"{file} is not an IDX file of bytes with {axes} axes: it starts with "
            f"{header[:4].hex(' ') or 'nothing'}, wanted {magic.hex(' ')}"
        )
    shape = struct.unpack(f">{axes}I", header[4:])
    if not 0 < math.prod(shape) <= MAX_BYTES:
        raise BadInput(f"{file} states the sizes {shape}; 1 to {MAX_BYTES} values are read")
    return Idx(file, shape)


def _header_size(axes: int) -> int:
    return 4 + 4 * axes


def _stream(file: Path) -> IO[bytes] | gzip.GzipFile:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")
