"""Training images in an order that depends on the seed and on nothing else.

The k-th image ever shown is a function of (seed, k): training that stops and goes on, or
uses another batch size, sees the same sequence. Epochs follow each other without a gap,
so there is no short last batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.data import Split
from genbench.images import to_floats
from genbench.interfaces import Batch
from genbench.runtime import seeds
from genbench.training.prefetch import Prefetcher

RESIDENT_SHARE = 0.3  # of the free memory of a GPU that the images may take
COPIED = 1 << 28  # bytes on their way to a GPU at a time, where all images go there
DEPTH = 3  # batches that wait: enough to even out a slow disk, little memory


@dataclass(frozen=True, eq=False)
class DeviceBatch:
    """What a batch is made of, on the device."""

    index: Tensor  # (n,) int64
    coins: Tensor | None  # (n,) bool, which images to mirror; None: none of them
    images: Tensor | None  # (n, 3, r, r) uint8; None: they are on the device already
    arrived: torch.cuda.Event | None = None  # the copies, on a GPU


@dataclass(frozen=True)
class Share:
    """The rows of a batch that one of several processes takes: all, unless it says otherwise."""

    updates: int = 1  # parts of the batch, one after the other, of which it has its share each
    count: int = 1  # equal shares of a part
    number: int = 0  # of the one it takes

    def pieces(self, seen: int, n: int) -> list[tuple[int, int]]:
        """First image and length of each stretch of images seen .. seen + n - 1 that it takes."""
        if self.count == 1:
            return [(seen, n)]
        part = n // self.updates
        mine = part // self.count
        starts = range(seen + self.number * mine, seen + n, part)
        return [(start, mine) for start in starts]


WHOLE = Share()


class Loader:
    """Batches of a training split, on the device, loaded ahead of the steps."""

    def __init__(self, split: Split, seed: int, device: torch.device, *, flip: bool) -> None:
        """Images stay on a GPU when they fit, else they are copied batch by batch."""
        self.split, self.seed, self.device, self.flip = split, seed, device, flip
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)
        self._resident: Tensor | None = None
        self._copying: torch.cuda.Stream | None = None
        if device.type == "cuda":
            # On a stream of their own, copies do not wait for the step that is being computed.
            self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch's
            free, _ = torch.cuda.mem_get_info(device)
            if not split.streamed and split.images.nbytes < RESIDENT_SHARE * free:
                self._resident = _on_device(split, device)
        self._prefetcher, self._share = Prefetcher(self._load, DEPTH), WHOLE

    def batch(self, seen: int, n: int, share: Share = WHOLE) -> Batch:
        """Images number seen .. seen + n - 1 of the sequence, or a share of them."""
        if share != self._share:
            self._prefetcher.close()  # what waits is another share of later batches
            self._share = share
        loaded = self._arrived(self._prefetcher.get(seen, n))
        rows = loaded.images
        if rows is None:
            assert self._resident is not None
            rows = self._resident[loaded.index]
        images = to_floats(rows)
        if loaded.coins is not None:
            images = torch.where(loaded.coins[:, None, None, None], images.flip(3), images)
        return Batch(images, loaded.index)

    def close(self) -> None:
        """End the thread that loads; the next batch starts another."""
        self._prefetcher.close()

    def _load(self, seen: int, n: int) -> DeviceBatch:
        """In the loading thread: the rows, and their way to the device."""
        pieces = self._share.pieces(seen, n)
        index = torch.cat([self._rows(*piece) for piece in pieces])
        # One generator a batch would tie the flips to the batch size; rows are hashed instead.
        coins = torch.cat([self._coins(*piece) for piece in pieces]) if self.flip else None
        images = None if self._resident is not None else self.split.take(index)
        if self._copying is None:
            return DeviceBatch(index, coins, images)
        with torch.cuda.stream(self._copying):
            sent = [
                None if part is None else part.pin_memory().to(self.device, non_blocking=True)
                for part in (index, coins, images)
            ]
            assert sent[0] is not None
            return DeviceBatch(sent[0], sent[1], sent[2], self._copying.record_event())

    def _arrived(self, loaded: DeviceBatch) -> DeviceBatch:
        """The device, not this thread, waits for the copies."""
        if loaded.arrived is not None:
            present = torch.cuda.current_stream(self.device)
            present.wait_event(loaded.arrived)
            for part in (loaded.index, loaded.coins, loaded.images):
                if part is not None:
                    part.record_stream(present)  # its memory is not given away before it is used
        return loaded

    def _rows(self, seen: int, n: int) -> Tensor:
        size = len(self.split)
        parts = []
        while n > 0:
            epoch, offset = divmod(seen, size)
            if epoch != self._epoch:
                self._epoch, self._order = epoch, seeds.permutation(size, self.seed, "order", epoch)
            part = self._order[offset : offset + n]
            parts.append(part)
            seen, n = seen + len(part), n - len(part)
        return torch.cat(parts)

    def _coins(self, seen: int, n: int) -> Tensor:
        def toss(rows: int, rng: torch.Generator) -> Tensor:
            return torch.randint(0, 2, (rows,), generator=rng, dtype=torch.bool)

        return torch.cat(list(seeds.blocks(toss, seen, seen + n, self.seed, "flip")))


def _on_device(split: Split, device: torch.device) -> Tensor:
    """All images there, a part at a time: main memory holds no second copy of them."""
    images = torch.empty(split.images.shape, dtype=torch.uint8, device=device)
    step = max(1, COPIED // max(images[0].numel(), 1))
    for start in range(0, len(split), step):
        images[start : start + step] = split.take(slice(start, start + step)).to(device)
    return images
