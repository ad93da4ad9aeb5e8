"""Long features of every image, kept as a few thousand sums that keep their distances.

The numbers of a row get random signs and a random order, and every k-th is added up. The
squared distance of two sketches is that of the features on average, and off by √(2/k) of it,
2 % for 4,096 sums; LPIPS over AlexNet has 33,000 numbers at 64x64 and half a million at 256x256.

Source: K. Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from genbench.accumulators.finite import conclude
from genbench.accumulators.rows import RowsAccumulator
from genbench.interfaces import Json, Pass, Tensors
from genbench.runtime.seeds import generator, permutation

SUMS = 4096


@dataclass(frozen=True)
class Sketches:
    """Keeps the sketch of each image: 16 kB, 800 MB for 50,000."""

    network: str
    layer: str = "all"

    @property
    def features(self) -> tuple[str, str]:
        return self.network, self.layer

    def start(self, about: Pass) -> RowsAccumulator:
        return RowsAccumulator(about, "sketches", sketch)

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        """``sketches`` (n, k) float32, in the order of the images.

        Raises:
            GenbenchError: a feature is not finite.
        """
        conclude(whole, about.side)
        return {"sketches": whole["sketches"]}

    def describe(self) -> dict[str, Json]:
        return {"layer": self.layer, "statistic": "signed-sums", "sums": SUMS}


def sketch(rows: Tensor, sums: int = SUMS) -> Tensor:
    """(n, d) -> (n, k), k = min(d, sums); rows that are short enough are left as they are."""
    d = rows.shape[1]
    if d <= sums:
        return rows
    order, signs = _draw(d, rows.device)
    mixed = rows[:, order] * signs
    padded = torch.nn.functional.pad(mixed, (0, -d % sums))
    return padded.view(len(rows), -1, sums).sum(1)


@functools.lru_cache(maxsize=4)
def _draw(d: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """An order (d,) and signs (d,), always the same."""
    signs = torch.randint(0, 2, (d,), generator=generator(0, "sketch", "signs")) * 2 - 1
    return permutation(d, 0, "sketch", "order").to(device), signs.float().to(device)
