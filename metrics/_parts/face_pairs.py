"""Distances between the face of an image and of its reconstruction, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from genbench.accumulators.pairs import check_pairs
from genbench.interfaces import Json, Pass, State, Tensors

from . import face_detection
from .face_descriptor import DlibDescriptor
from .face_detection import Finders, Pair

AT_ONCE = 32  # faces in a forward pass, always: other sizes of batch round differently

Network = Callable[[Tensor], Tensor]  # uint8 (n, 3, 150, 150), red first -> (n, d)


class Descriptor(Protocol):
    """A network that tells faces apart, frozen and hashable."""

    def load(self, device: torch.device, weights_dir: Path | None) -> Network:
        """The network. Raises `NotMeasurable` or `WrongWeights` if it cannot be had."""

    def describe(self) -> dict[str, Json]:
        """Name and digest of its weights, as codes: what the protocol must say."""


@dataclass(frozen=True)
class FacePairs:
    """Keeps the distance between the descriptors of the two faces of each pair."""

    descriptor: Descriptor = field(default_factory=DlibDescriptor)
    workers: int | None = field(default=None, compare=False)  # processes; changes no number

    @property
    def features(self) -> None:
        """Looks at pixels: the face has to be cut out before the network looks at it."""
        return

    def start(self, about: Pass) -> Distances:
        """Load the network and get ready to find faces.

        Raises:
            NotMeasurable: images too small, or no dlib, or no weights.
            WrongWeights: a file that is not what its name promises.
        """
        face_detection.check_size(about.resolution)
        finders = Finders(self.workers, about.weights_dir)
        network = self.descriptor.load(about.device, about.weights_dir)
        return Distances(network, about.device, finders)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``distance``, (n,) float64, and ``found``, (n,) bool: where there was a face."""
        del about
        return {"distance": whole["distance"], "found": whole["found"]}

    def describe(self) -> dict[str, Json]:
        return {
            "statistic": "face-distance",
            "faces": face_detection.describe(),
            "descriptor": self.descriptor.describe(),
        }


class Distances:
    """One number a pair.

    A batch waits for its faces while the next one is made, so two batches are in memory.
    """

    def __init__(self, network: Network, device: torch.device, finders: Finders) -> None:
        self.network, self.device, self.finders = network, device, finders
        self.index: list[Tensor] = []
        self.found: list[bool] = []  # a face, of each pair
        self.waiting: Sequence[Future[Pair | None]] = ()
        self.faces: list[Pair] = []  # not yet described
        self.distances: list[Tensor] = []  # of the pairs with a face

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        """Take images and their reconstructions, uint8 (n, 3, h, w)."""
        check_pairs(*rows)
        begun = self.finders.start(*rows)
        self._take(self.waiting)
        self.waiting = begun
        self.index.append(index)

    def state(self) -> State:
        """Distances, 0 where there was no face."""
        self._take(self.waiting)
        self._describe(self.faces)
        self.finders.close()
        found = torch.tensor(self.found, dtype=torch.bool)
        distance = torch.zeros(len(found), dtype=torch.float64)
        if self.distances:
            distance[found] = torch.cat(self.distances).cpu()
        rows = {"distance": distance, "found": found}
        return State(rows=rows, index=torch.cat(self.index))

    def _take(self, answers: Sequence[Future[Pair | None]]) -> None:
        """Wait for faces, and describe as many as fill a forward pass."""
        for answer in answers:
            pair = answer.result()
            self.found.append(pair is not None)
            if pair is not None:
                self.faces.append(pair)
            if len(self.faces) == AT_ONCE:
                self._describe(self.faces)
                self.faces = []

    def _describe(self, faces: Sequence[Pair]) -> None:
        """Add the distances of *faces*."""
        if not faces:
            return
        # Both sides in passes of one size, so that equal faces get equal descriptors.
        a, b = (
            self.network(face_detection.as_tensor([pair[side] for pair in faces]).to(self.device))
            for side in (0, 1)
        )
        self.distances.append((a.double() - b.double()).square().sum(1).sqrt())
