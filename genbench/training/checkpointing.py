"""Keeps checkpoints: written beside training, the best one apart, doubtful ones set aside."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from genbench.interfaces import Json
from genbench.runs import best_weights, checkpoints
from genbench.runs.checkpoints import Checkpoint
from genbench.runtime import atomic


class Keeper:
    """Writes checkpoints in a thread, one at a time, while training goes on."""

    def __init__(self, folder: Path, keep: int, *, writes: bool = True) -> None:
        """Nothing under way.

        Args:
            folder: the run's folder of checkpoints.
            keep: how many there may be.
            writes: False where another process does.
        """
        self.folder, self.keep, self.writes = folder, keep, writes
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[Path] | None = None

    def save(self, checkpoint: Checkpoint) -> None:
        """Copy the state of this moment, and have it written.

        Raises:
            DiskFull: the checkpoint before this one could not be written.
        """
        self.wait()
        if not self.writes:
            return
        copy = checkpoints.snapshot(checkpoint)
        self._pending = self._pool.submit(checkpoints.write, self.folder, copy, self.keep)

    def save_best(self, checkpoint: Checkpoint, facts: Mapping[str, Json]) -> None:
        """Put these weights in place of the best so far; *facts* say why they are the best."""
        if not self.writes:
            return
        folder = self.folder.with_name(best_weights.BEST)
        weights = Checkpoint(checkpoint.seen, checkpoint.model, checkpoint.average)
        kept = checkpoints.write(folder, weights, keep=2)
        atomic.write_json(folder / "best.json", {**facts, "seen": checkpoint.seen})
        # best.json names the weights that count, so a kill between these lines loses none.
        for other in folder.iterdir():
            if other.is_dir() and other.name != kept.name:
                shutil.rmtree(other, ignore_errors=True)

    def wait(self) -> None:
        """Until everything is on disk.

        Raises:
            DiskFull: it could not be written; the checkpoints that were there stay.
        """
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def close(self) -> None:
        """End the thread, once what it is writing is on disk."""
        self._pool.shutdown(wait=True)
