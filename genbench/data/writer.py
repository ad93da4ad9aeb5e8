"""The files of a cache entry while it is being made, and the journal by which a kill loses little.

After each chunk of a source the journal gets a line: how far the source is done, which rows were
kept, and a checksum of what was written. Whoever finds such a folder reads it back, line by line,
and goes on behind the last line that is true.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.interfaces import Bytes, Chunk
from genbench.runtime import progress

SPLITS = ("train", "test")
JOURNAL = "journal.jsonl"


class SplitWriter:
    """train.npy and test.npy in a folder, growing chunk by chunk."""

    def __init__(self, folder: Path, resolution: int, held_out: NDArray[np.bool_]) -> None:
        """Find what is in *folder* and true; *held_out* says which rows of the source are test."""
        self.done = 0  # rows of the source, kept or bad
        self.bad: list[tuple[str, str]] = []
        self.digests: dict[str, str] = {}  # split -> sha256 of its pixels, once closed
        self._folder, self._resolution, self._held_out = folder, resolution, held_out
        self._kept: dict[str, list[NDArray[np.int64]]] = {split: [] for split in SPLITS}
        self._files = {split: Rows(folder / f"{split}.npy", resolution) for split in SPLITS}
        lines = self._taken_back()
        for file in self._files.values():
            file.cut()
        self._journal = (folder / JOURNAL).open("w", encoding="utf-8")
        for line in lines:
            self._note(line)

    def __enter__(self) -> SplitWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the files, which are whole if no error came; else the journal stays."""
        self._journal.close()
        for split, file in self._files.items():
            self.digests[split] = file.close(whole=kind is None)
        if kind is None:
            (self._folder / JOURNAL).unlink()

    def kept(self, split: str) -> NDArray[np.int64]:
        """Rows of the source that are in a split, in order."""
        return np.concatenate([np.zeros(0, np.int64), *self._kept[split]])

    def add(self, chunk: Chunk) -> None:
        """Append the next rows of the source."""
        rows = np.asarray(chunk.rows, dtype=np.int64)
        assert chunk.images.shape == (len(rows), 3, self._resolution, self._resolution)
        stop = self.done + len(rows) + len(chunk.bad)
        lost = sorted(set(range(self.done, stop)) - set(rows.tolist()))
        sums = {}
        for split, mine in self._parts(rows).items():
            sums[split] = self._files[split].add(chunk.images[mine])
        line = {"stop": stop, "lost": lost, "bad": list(chunk.bad), "sums": sums}
        self._enter(stop, rows, chunk.bad)
        self._note(line)

    def _parts(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
        return {"train": ~self._held_out[rows], "test": self._held_out[rows]}

    def _enter(self, stop: int, rows: NDArray[np.int64], bad: Any) -> None:
        for split, mine in self._parts(rows).items():
            self._kept[split].append(rows[mine])
        self.bad += [(name, reason) for name, reason in bad]
        self.done = stop

    def _note(self, line: Mapping[str, Any]) -> None:
        """The images come first: a line never promises what is not there."""
        for file in self._files.values():
            file.flush()
        self._journal.write(json.dumps(line) + "\n")
        self._journal.flush()

    def _taken_back(self) -> list[Any]:
        """The lines of an earlier journal that are true; reading 100 GB back takes minutes."""
        if not (self._folder / JOURNAL).exists():
            return []
        with progress.bar("reading back what was prepared before", len(self._held_out)) as step:
            lines, before = [], 0
            for line in takewhile(self._take_back, self._lines()):
                lines.append(line)
                step(self.done - before)
                before = self.done
        return lines

    def _lines(self) -> Iterator[Any]:
        """Of an earlier journal; what follows a broken line was never finished."""
        try:
            text = (self._folder / JOURNAL).read_text(encoding="utf-8")
            for line in text.splitlines():
                yield json.loads(line)
        except (OSError, ValueError):
            return

    def _take_back(self, line: Any) -> bool:
        """Whether the files hold what a line says; if so it counts as written."""
        try:
            stop, lost, bad, sums = (line[key] for key in ("stop", "lost", "bad", "sums"))
            if not self.done < stop <= len(self._held_out):
                raise ValueError(stop)
            gone = set(lost)
            rows = np.array([r for r in range(self.done, stop) if r not in gone], np.int64)
            parts = self._parts(rows)
            pairs = [(name, reason) for name, reason in bad]
            if len(pairs) != stop - self.done - len(rows):
                raise ValueError(lost)
            counts = {split: int(mine.sum()) for split, mine in parts.items()}
            for split, count in counts.items():
                self._files[split].expect(count, sums[split])
        except (LookupError, TypeError, ValueError, EOFError):
            return False
        for split, count in counts.items():
            self._files[split].accept(count)
        self._enter(stop, rows, pairs)
        return True


class Rows:
    """An .npy file of uint8 images that grows; its length is written at the end.

    Plain writes, not a memory map: on a full disk a write fails with an error, and a store
    to mapped memory with a signal that kills the process.
    """

    def __init__(self, file: Path, resolution: int) -> None:
        """Open *file*, new or left by somebody."""
        self.rows = 0
        self._image = 3 * resolution**2  # bytes
        self._resolution = resolution
        self._sha256 = hashlib.sha256()
        file.touch()
        self._stream = file.open("r+b")
        self._write_header()
        self._start = self._stream.tell()
        self._read = b""

    def expect(self, count: int, checksum: int) -> None:
        """Read *count* more images, to be accepted or not.

        Raises:
            EOFError: they are not there.
            ValueError: they are others.
        """
        self._stream.seek(self._start + self.rows * self._image)
        self._read = self._stream.read(count * self._image)
        if len(self._read) != count * self._image:
            raise EOFError
        if zlib.crc32(self._read) != checksum:
            raise ValueError(checksum)

    def accept(self, count: int) -> None:
        """Count what was read as written."""
        self._sha256.update(self._read)
        self._read = b""
        self.rows += count

    def cut(self) -> None:
        """Drop what lies behind the accepted images; appending goes on there."""
        self._read = b""
        self._stream.seek(self._start + self.rows * self._image)
        self._stream.truncate()

    def add(self, images: Bytes) -> int:
        """Append images, (k, 3, r, r), and return their checksum."""
        content = images.tobytes()
        self._stream.write(content)
        self._sha256.update(content)
        self.rows += len(images)
        return zlib.crc32(content)

    def flush(self) -> None:
        """Hand everything to the system."""
        self._stream.flush()

    def close(self, *, whole: bool) -> str:
        """End, with the length in the header if the file is whole; returns sha256 of the pixels."""
        with self._stream:
            if whole:
                self._stream.seek(0)
                self._write_header()
        return self._sha256.hexdigest()

    def _write_header(self) -> None:
        # numpy pads the header so that a longer first axis fits in the same place.
        shape = (self.rows, 3, self._resolution, self._resolution)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._stream, header)
