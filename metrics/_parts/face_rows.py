"""The descriptor of the face on each image, and whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import torch
from torch import Tensor

from genbench.interfaces import Json, Pass, State, Tensors

from . import dlib_package, face_detection
from .face_descriptor import DlibDescriptor
from .face_detection import Finders, Pair
from .face_pairs import AT_ONCE, Descriptor, Network


@dataclass(frozen=True)
class FaceRows:
    """Keeps the descriptors: 512 bytes an image."""

    descriptor: Descriptor = field(default_factory=DlibDescriptor)

    @property
    def features(self) -> None:
        """Looks at pixels: the face has to be cut out before the network looks at it."""
        return

    def start(self, about: Pass) -> Descriptors:
        """Load the network and start looking for faces.

        Raises:
            NotMeasurable: images too small, or no dlib, or no weights.
        """
        face_detection.check_size(about.resolution)
        finders = Finders(None, about.weights_dir)
        return Descriptors(self.descriptor.load(about.device, about.weights_dir), about, finders)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``descriptors`` (n, d) float32 and ``found`` (n,) bool, in the order of the images."""
        del about
        return {"descriptors": whole["descriptors"], "found": whole["found"]}

    def describe(self) -> dict[str, Json]:
        return {
            "statistic": "face-descriptor",
            "faces": face_detection.describe(),
            "descriptor": self.descriptor.describe(),
        }


class Descriptors:
    """Descriptors as images come; a batch waits for its faces while the next one is made."""

    def __init__(self, network: Network, about: Pass, finders: Finders) -> None:
        self.network, self.device, self.finders = network, about.device, finders
        self.index: list[Tensor] = []
        self.rows: list[Tensor] = []
        self.found: list[Tensor] = []
        self.waiting: Sequence[Future[Pair | None]] = ()

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take images, uint8 (n, 3, h, w)."""
        begun = self.finders.start(rows[0], rows[0])
        self._take(self.waiting)
        self.waiting = begun
        self.index.append(index)

    def state(self) -> State:
        self._take(self.waiting)
        self.finders.close()
        found = torch.cat(self.found)
        none = torch.zeros(
            1, 3, dlib_package.SIDE, dlib_package.SIDE, dtype=torch.uint8, device=self.device
        )
        # How wide a row is only the network knows, and perhaps there was no face to show it.
        rows = torch.zeros(len(found), self.network(none).shape[1])
        if self.rows:
            rows[found] = torch.cat(self.rows)
        return State(rows={"descriptors": rows, "found": found}, index=torch.cat(self.index))

    def _take(self, answers: Sequence[Future[Pair | None]]) -> None:
        if not answers:
            return
        pairs = [answer.result() for answer in answers]
        self.found.append(torch.tensor([pair is not None for pair in pairs]))
        faces = [pair[0] for pair in pairs if pair is not None]
        for i in range(0, len(faces), AT_ONCE):
            some = face_detection.as_tensor(faces[i : i + AT_ONCE]).to(self.device)
            self.rows.append(self.network(some).float().cpu())
