"""Finds faces and cuts them out upright, with dlib, in processes beside the device.

The recipe of face_recognition: the frontal detector of histograms of gradients on the
image at twice its size, five landmarks, and from them a face of 150x150 with a quarter of
its size around it. The box of a face is found on the first image of a pair and used on
the second one too, so that a blurred reconstruction is measured and not lost.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from torch import Tensor

from genbench.errors import NotMeasurable
from genbench.interfaces import Json

from . import dlib_package, face_worker
from .face_worker import (
    PADDING,
    UPSAMPLING,
    Finder,
    Pair,
    Picture,
    ask,
)

__all__ = ["Finder", "Finders", "Pair", "as_tensor", "check_size", "describe"]

SMALLEST = 80  # pixels of the face that the detector knows


def describe() -> dict[str, Json]:
    """What the protocol must say."""
    return {
        "detector": "dlib-hog-frontal",
        "upsampling": UPSAMPLING,
        "box": "first-image-nearest-centre",
        "landmarks": "dlib-5-points",
        "landmarks_sha256": dlib_package.LANDMARKS.sha256,
        "face": "upright",
        "side": dlib_package.SIDE,
        "padding": PADDING,
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


class Finders:
    """Processes that find faces while the device works, and a thread for each that waits for it.

    They are started as programs of their own, by name: a script needs no guard around its main
    part, nothing is pickled, and a GPU that is already in use is left alone.
    """

    def __init__(self, workers: int | None = None, weights_dir: Path | None = None) -> None:
        """Start nothing yet: a process begins when its thread gets its first image.

        Args:
            workers: processes; None for as many as there are cores to run on.
            weights_dir: where the user keeps weights.

        Raises:
            NotMeasurable: dlib is not installed.
            MissingWeights: the landmarks are not there.
            WrongWeights: the landmarks are something else.
        """
        dlib_package.package()
        self.landmarks = dlib_package.path_of(dlib_package.LANDMARKS, weights_dir)
        self.own = threading.local()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.pool = ThreadPoolExecutor(workers or _cores(), "faces")
        # Also where a pass fails and nobody closes: no process outlives its evaluation.
        self.end = weakref.finalize(self, _end, self.processes)

    def start(self, a: Tensor, b: Tensor) -> Sequence[Future[Pair | None]]:
        """Begin with pairs of uint8 images (n, 3, h, w); one answer a pair, in order."""
        pictures = zip(_pictures(a), _pictures(b), strict=True)
        return [self.pool.submit(self._pair, *each) for each in pictures]

    def close(self) -> None:
        self.pool.shutdown()
        self.end()

    def _pair(self, a: Picture, b: Picture) -> Pair | None:
        if not hasattr(self.own, "process"):
            self.own.process = _begin(self.landmarks)
            self.processes.append(self.own.process)
        process: subprocess.Popen[bytes] = self.own.process
        assert process.stdin is not None
        assert process.stdout is not None  # both are pipes
        try:
            return ask(a, b, cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin))
        except (EOFError, BrokenPipeError):
            raise NotMeasurable(
                f"a process that looks for faces has stopped with code {process.wait()}; "
                "what it said stands above, and often it was the memory: measure identity alone"
            ) from None


def _begin(landmarks: Path) -> subprocess.Popen[bytes]:
    """A worker with the modules of this process, whatever the folder it is started from."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", face_worker.__name__, str(landmarks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


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
