"""Finds faces in a process of its own: pairs of images come in, upright faces go out.

`face_detection.Finders` starts it as ``python -m genbench.metrics._parts.face_worker LANDMARKS``.
It speaks plain bytes over its two pipes: height and width, then the pixels of both images; in
answer one byte that says whether there is a face, and if so the pixels of two faces.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

from . import dlib_package

if TYPE_CHECKING:
    from numpy.typing import NDArray

Picture: TypeAlias = "NDArray[np.uint8]"  # (h, w, 3), red first
Pair: TypeAlias = "NDArray[np.uint8]"  # (2, 150, 150, 3)

UPSAMPLING = 1  # times that the image is doubled before the detector looks
PADDING = 0.25  # of a face's size, around it
HEADER = struct.Struct("<II")  # height, width
FACES = (2, dlib_package.SIDE, dlib_package.SIDE, 3)
NONE, FOUND = b"\0", b"\1"


class Finder:
    """A detector with its landmarks; it keeps state while it works, so each process has one."""

    def __init__(self, landmarks: Path) -> None:
        """*landmarks*: the published file, its content checked."""
        self.dlib: Any = dlib_package.package()
        self.detector = self.dlib.get_frontal_face_detector()
        self.landmarks = self.dlib.shape_predictor(str(landmarks))

    def pair(self, a: Picture, b: Picture) -> Pair | None:
        """The face of *a*, and what stands in its place in *b*; None where *a* shows no face."""
        box = self._box(a)
        if box is None:
            return None
        return np.stack([self._upright(picture, box) for picture in (a, b)])

    def _box(self, picture: Picture) -> Any:
        """The box that is nearest the centre, or None."""
        height, width = picture.shape[:2]

        def far(box: Any) -> float:
            x, y = box.left() + box.right() + 1, box.top() + box.bottom() + 1
            return float((x - width) ** 2 + (y - height) ** 2)

        return min(self.detector(picture, UPSAMPLING), key=far, default=None)

    def _upright(self, picture: Picture, box: Any) -> Picture:
        """The face within *box*, (150, 150, 3)."""
        shape = self.landmarks(picture, box)
        face: Picture = self.dlib.get_face_chip(picture, shape, dlib_package.SIDE, PADDING)
        return face


def ask(a: Picture, b: Picture, source: BinaryIO, sink: BinaryIO) -> Pair | None:
    """What a worker answers whose pipes these are.

    Raises:
        EOFError: it has stopped.
    """
    sink.write(HEADER.pack(*a.shape[:2]))
    sink.write(a.tobytes())
    sink.write(b.tobytes())
    sink.flush()
    if _exactly(source, 1) == NONE:
        return None
    faces = _exactly(source, int(np.prod(FACES)))
    return np.frombuffer(faces, np.uint8).reshape(FACES)


def serve(landmarks: Path, source: BinaryIO, sink: BinaryIO) -> None:
    """Answer until nobody asks any more."""
    finder = Finder(landmarks)
    while header := source.read(HEADER.size):
        height, width = HEADER.unpack(header)
        pixels = _exactly(source, 2 * height * width * 3)
        a, b = np.frombuffer(pixels, np.uint8).reshape(2, height, width, 3)
        pair = finder.pair(a, b)
        sink.write(NONE if pair is None else FOUND + pair.tobytes())
        sink.flush()


def _exactly(source: BinaryIO, count: int) -> bytes:
    found = source.read(count)
    if len(found) != count:
        raise EOFError
    return found


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
