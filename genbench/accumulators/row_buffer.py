"""Rows of every image of a pass, as they come.

Room is taken once. Small results kept batch by batch would lie between the large blocks that
come and go, and glibc's heap, torn by them, would grow by 25 MB a batch at 256x256.

>>> about = Pass(torch.device("cpu"), n=50_000, resolution=32, side=0, seed=0)
>>> kept = KeptRows(about)
>>> kept.add(torch.tensor([[1.0], [2.0]]), torch.tensor([8, 9]))
>>> rows, index = kept.parts()
>>> rows.tolist(), index.tolist()
([[1.0], [2.0]], [8, 9])
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genbench.interfaces import Pass
from genbench.runtime import spill


class KeptRows:
    """Rows on the device that made them, with their index; on a CPU large ones go to disk."""

    def __init__(self, about: Pass, most: int | None = None) -> None:
        """Room for *most* rows, by default all that come, taken when the first batch comes."""
        self.about = about
        self.most = min(n for n in (about.n, about.share, most) if n is not None)
        self.rows: Tensor | None = None
        self.index = torch.empty(self.most, dtype=torch.int64)
        self.n = 0

    def add(self, rows: Tensor, index: Tensor) -> None:
        """Take rows (n, ...) of the images *index* (n,)."""
        if self.rows is None:
            self.rows = self._room((self.most, *rows.shape[1:]), rows.dtype)
        stop = self.n + len(index)
        self.rows[self.n : stop] = rows
        self.index[self.n : stop] = index
        self.n = stop

    def parts(self) -> tuple[Tensor, Tensor]:
        """Rows (n, ...) and index (n,), of the batches so far."""
        assert self.rows is not None  # nobody asks before the first batch
        return self.rows[: self.n], self.index[: self.n]

    def _room(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        if self.about.device.type == "cpu":
            return spill.allocate(shape, dtype)
        return torch.empty(tuple(shape), dtype=dtype, device=self.about.device)
