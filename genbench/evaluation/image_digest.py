"""A digest of the images that a model makes, the same for any batches and processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import Tensor

SIZE = 16  # bytes that are kept of the sha256 of an image
DIGITS = 16  # of the digest of all


class ImageDigest:
    """Hashes images as they come, each by itself.

    Those of a batch are hashed when the next one comes, so that a GPU works on while this
    process does; and a row that is made again, in a smaller batch, counts once.
    """

    def __init__(self) -> None:
        """No image yet."""
        self._rows: dict[int, bytes] = {}
        self._waiting: tuple[int, Tensor, torch.cuda.Event | None] | None = None

    def add(self, images: Tensor, start: int) -> None:
        """Take images from row *start* of their stream on."""
        self._hash()
        copy, done = images.to("cpu", non_blocking=True), None
        if images.is_cuda:
            done = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has none
            done.record()
        self._waiting = start, copy, done

    def rows(self) -> bytes:
        """What is kept of all images, in the order of their rows."""
        self._hash()
        return b"".join(self._rows[row] for row in sorted(self._rows))

    def _hash(self) -> None:
        if self._waiting is None:
            return
        start, images, done = self._waiting
        self._waiting = None
        if done is not None:
            done.synchronize()
        for row, image in enumerate(images.contiguous().numpy(), start):
            self._rows[row] = hashlib.sha256(image.data).digest()[:SIZE]


def whole(parts: Iterable[bytes]) -> str | None:
    """One digest of what `ImageDigest.rows` gave in each process; None where there was no image."""
    rows = b"".join(parts)
    return hashlib.sha256(rows).hexdigest()[:DIGITS] if rows else None
