"""Training images in an order that depends on the seed and on nothing else.

The k-th image ever shown is a function of (seed, k): training that stops and goes on, or
uses another batch size, sees the same sequence. Epochs follow each other without a gap,
so there is no short last batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genbench import seeds
from genbench.data import Split
from genbench.images import to_floats
from genbench.interfaces import Batch

RESIDENT_SHARE = 0.3  # of the free memory of a GPU that the images may take


class Feed:
    """Batches of a training split, on the device."""

    def __init__(self, split: Split, seed: int, device: torch.device, *, flip: bool) -> None:
        """Images stay on a GPU when they fit, else they are copied batch by batch."""
        self.split, self.seed, self.device, self.flip = split, seed, device, flip
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.int64)
        self._resident: Tensor | None = None
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if split.images.nbytes < RESIDENT_SHARE * free:
                self._resident = split.take(slice(None)).to(device)

    def batch(self, seen: int, n: int) -> Batch:
        """Images number seen .. seen + n - 1 of the sequence."""
        index = self._rows(seen, n)
        images = to_floats(self._take(index))
        if self.flip:
            # One generator a batch would tie the flips to the batch size; rows are hashed instead.
            coins = self._coins(seen, n).to(self.device)
            images = torch.where(coins[:, None, None, None], images.flip(3), images)
        return Batch(images, index.to(self.device))

    def _take(self, index: Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident[index.to(self.device)]
        rows = self.split.take(index)
        if self.device.type == "cuda":
            return rows.pin_memory().to(self.device, non_blocking=True)
        return rows

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
