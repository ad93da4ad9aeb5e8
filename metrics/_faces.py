"""Finds faces and cuts them out upright, with dlib, in threads beside the device.

The recipe of face_recognition: the frontal detector of histograms of gradients on the
image at twice its size, five landmarks, and from them a face of 150x150 with a quarter of
its size around it. The box of a face is found on the first image of a pair and used on
the second one too, so that a blurred reconstruction is measured and not lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from genbench.errors import NotMeasurable
from genbench.interfaces import Json

from . import _dlib

if TYPE_CHECKING:
    from numpy.typing import NDArray

Picture: TypeAlias = "NDArray[np.uint8]"  # (h, w, 3), red first
Pair: TypeAlias = "NDArray[np.uint8]"  # (2, 150, 150, 3)

UPSAMPLING = 1  # times that the image is doubled before the detector looks
PADDING = 0.25  # of a face's size, around it
SMALLEST = 80  # pixels of the face that the detector knows


def describe() -> dict[str, Json]:
    """What the protocol must say."""
    return {
        "detector": f"dlib's frontal HOG detector, upsampling {UPSAMPLING}",
        "box": "found on the first image of a pair and used on both; "
        "of several the nearest to the centre",
        "landmarks": "5 points, found within the box on each image",
        "landmarks sha256": _dlib.LANDMARKS.sha256,
        "face": f"{_dlib.SIDE}x{_dlib.SIDE}, upright, padding {PADDING:g}",
    }


def check_size(resolution: int) -> None:
    """Refuse images in which no face can be found.

    Raises:
        NotMeasurable: the detector's face is larger than the image.
    """
    if resolution << UPSAMPLING < SMALLEST:
        raise NotMeasurable(
            f"identity looks for faces of {SMALLEST >> UPSAMPLING} pixels or more, "
            f"the images have {resolution}; use a resolution of 64 or, better, 128"
        )


class Finder:
    """A detector with its landmarks; it keeps state while it works, so each thread has one."""

    def __init__(self, landmarks: Path) -> None:
        """*landmarks*: the published file, its content checked."""
        self.dlib: Any = _dlib.package()
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
        face: Picture = self.dlib.get_face_chip(picture, shape, _dlib.SIDE, PADDING)
        return face


class Finders:
    """Threads that find faces while the device works: dlib lets go of Python's lock meanwhile.

    Threads and not processes: nothing has to be sent or started, a script needs no guard
    around its main part, and a GPU that is already in use is left alone.
    """

    def __init__(self, workers: int | None = None, weights_dir: Path | None = None) -> None:
        """Start the threads.

        Args:
            workers: threads; None for as many as there are cores to run on.
            weights_dir: where the user keeps weights.

        Raises:
            NotMeasurable: dlib is not installed.
            MissingWeights: the landmarks are not there.
            WrongWeights: the landmarks are something else.
        """
        _dlib.package()
        self.landmarks = _dlib.path_of(_dlib.LANDMARKS, weights_dir)
        self.own = threading.local()
        self.pool = ThreadPoolExecutor(workers or _cores(), "faces")

    def start(self, a: Tensor, b: Tensor) -> Sequence[Future[Pair | None]]:
        """Begin with pairs of uint8 images (n, 3, h, w); one answer a pair, in order."""
        pictures = zip(_pictures(a), _pictures(b), strict=True)
        return [self.pool.submit(self._pair, *each) for each in pictures]

    def close(self) -> None:
        """Let the threads go."""
        self.pool.shutdown()

    def _pair(self, a: Picture, b: Picture) -> Pair | None:
        if not hasattr(self.own, "finder"):
            self.own.finder = Finder(self.landmarks)
        finder: Finder = self.own.finder
        return finder.pair(a, b)


def as_tensor(faces: Sequence[Picture]) -> Tensor:
    """Faces (150, 150, 3) as uint8 (n, 3, 150, 150)."""
    return torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2)


def _pictures(images: Tensor) -> Picture:
    """(n, 3, h, w) on any device -> (n, h, w, 3)."""
    pictures: Picture = images.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pictures


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
