"""A data source that takes its time, and a program that prepares it: for kills and races."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.data import cache, prepare
from genbench.interfaces import Chunk, Recipe

PAUSE = 0.01  # seconds for a chunk of four rows, 30 chunks


class Slow:
    """120 images of noise, one bad row."""

    name = "slow"
    recipe = Recipe(crop="none", resize="none", split="every third is test")
    licence = "unknown"

    def __init__(self, pause: float = 0.0, last: int | None = None) -> None:
        self.pause = pause
        self.last = last  # the read in which the process dies
        self.reads = 0

    def __len__(self) -> int:
        return 120

    def stamp(self) -> str:
        return "1"

    def is_test(self) -> NDArray[np.bool_]:
        return np.asarray(np.arange(120) % 3 == 0)

    def read(self, start: int, stop: int, resolution: int) -> Chunk:
        self.reads += 1
        if self.reads == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.pause)
        rows = [row for row in range(start, stop) if row != 50]
        images = [self.image(row, resolution) for row in rows]
        bad = [("50", "bad")] if start <= 50 < stop else []
        return Chunk(np.stack(images), rows, bad)

    def attributes(self) -> Mapping[str, NDArray[np.generic]]:
        return {"row": np.arange(120), "file": np.array([str(row) for row in range(120)])}

    @staticmethod
    def image(row: int, resolution: int) -> NDArray[np.uint8]:
        rng = np.random.default_rng(row)
        return rng.integers(0, 256, (3, resolution, resolution), dtype=np.uint8)


def main(root: Path, last: int | None = None) -> None:
    """Prepare, and say how often the source was read; die in the read *last*."""
    prepare.CHUNK_ROWS = 4
    prepare.workers = lambda: 2
    source = Slow(PAUSE, last)
    print("ready", flush=True)  # noqa: T201  # the parent waits for it
    entry = cache.cache_entry(source, 8, "skip", root)
    print(source.reads, entry.fingerprint)  # noqa: T201  # the parent reads it


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
