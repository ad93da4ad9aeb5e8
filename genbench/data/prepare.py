"""Decodes a source, in parallel and in order, straight into the files of a cache entry."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from genbench import progress
from genbench.data.source import Bytes, Chunk, Source
from genbench.errors import BadInput
from genbench.interfaces import Json

SPLITS = ("train", "test")
SMALLEST = 2  # images in a split; a variance needs two
CHUNK_BYTES = 8 * 2**20  # of decoded images that one thread works on
CHUNK_ROWS = 128
NAMED = 3  # bad images that a message names


def prepare(source: Source, resolution: int, on_bad: str, folder: Path) -> dict[str, Json]:
    """Write train.npy, test.npy and attributes.npz into *folder*.

    Returns:
        What dataset.json says of them.

    Raises:
        BadInput: too few images in a split; or bad ones under on_bad="refuse".
    """
    held_out = source.is_test()
    assert held_out.shape == (len(source),), "is_test() has one entry for each row"
    _check_counts(source, held_out, ())
    kept: dict[str, list[int]] = {split: [] for split in SPLITS}
    bad: list[tuple[str, str]] = []
    with (
        _Rows(folder / "train.npy", resolution) as train,
        _Rows(folder / "test.npy", resolution) as test,
        progress.bar(f"preparing {source.name} at {resolution}x{resolution}", len(source)) as step,
    ):
        for chunk in decoded(source, resolution):
            rows = np.asarray(chunk.rows, dtype=np.int64)
            assert chunk.images.shape == (len(rows), 3, resolution, resolution)
            for split, writer, mine in zip(
                SPLITS, (train, test), (~held_out[rows], held_out[rows]), strict=True
            ):
                writer.add(chunk.images[mine])
                kept[split] += rows[mine].tolist()
            bad += chunk.bad
            step(len(rows) + len(chunk.bad))
    if bad and on_bad == "refuse":
        raise _refusal(source, bad)
    _check_counts(source, held_out[sorted(kept["train"] + kept["test"])], bad)
    names = _write_attributes(source, kept["train"] + kept["test"], folder / "attributes.npz")
    return {
        "name": source.name,
        "licence": source.licence,
        "resolution": resolution,
        "recipe": source.recipe.describe(),
        "fingerprint": fingerprint(source, resolution, kept, (train.digest, test.digest)),
        "images": {split: len(rows) for split, rows in kept.items()},
        "left_out": bad,
        "attributes": names,
        "files": {file.name: file.stat().st_size for file in sorted(folder.iterdir())},
    }


def decoded(source: Source, resolution: int) -> Iterator[Chunk]:
    """The chunks of a source in order, decoded by threads; a few are in memory at a time."""
    size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // (3 * resolution**2)))
    threads = workers()
    pending: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(source), size):
            stop = min(start + size, len(source))
            pending.append(pool.submit(source.read, start, stop, resolution))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def workers() -> int:
    """Threads to decode with: the cores that this process may use, within reason."""
    # macOS cannot say which cores a process may use.
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(16, mine or 1)


def fingerprint(
    source: Source, resolution: int, kept: dict[str, list[int]], digests: tuple[str, str]
) -> str:
    """sha256 over pixels, split, recipe and resolution: what a number depends on.

    The order in which the splits' rows interleave is part of it: it is the canonical order
    of the images that remain.
    """
    order = np.argsort(np.array(kept["train"] + kept["test"]), kind="stable")
    interleaved = (order >= len(kept["train"])).astype(np.uint8)
    content = {
        "pixels": dict(zip(SPLITS, digests, strict=True)),
        "split": hashlib.sha256(interleaved.tobytes()).hexdigest(),
        "recipe": source.recipe.describe(),
        "resolution": resolution,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class _Rows:
    """An .npy file of uint8 images that grows; its length is written at the end.

    Plain writes, not a memory map: on a full disk a write fails with an error, and a store
    to mapped memory with a signal that kills the process.
    """

    def __init__(self, file: Path, resolution: int) -> None:
        self.rows = 0
        self.digest = ""  # sha256 of the pixels, once closed
        self._resolution = resolution
        self._sha256 = hashlib.sha256()
        self._stream = file.open("wb")
        self._write_header()

    def __enter__(self) -> _Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stream:
            if kind is None:
                self._stream.seek(0)
                self._write_header()
        self.digest = self._sha256.hexdigest()

    def add(self, images: Bytes) -> None:
        """Append images, (k, 3, r, r)."""
        content = images.tobytes()
        self._stream.write(content)
        self._sha256.update(content)
        self.rows += len(images)

    def _write_header(self) -> None:
        # numpy pads the header so that a longer first axis fits in the same place.
        shape = (self.rows, 3, self._resolution, self._resolution)
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._stream, header)


def _write_attributes(source: Source, rows: Sequence[int], file: Path) -> list[str]:
    """Columns for the kept rows, numbered; their names are returned."""
    columns = source.attributes()
    kept = {str(i): np.asarray(column)[rows] for i, column in enumerate(columns.values())}
    assert all(column.dtype.kind in "biufU" for column in kept.values()), "numbers or strings"
    np.savez(file, **kept)  # type: ignore[arg-type]  # numpy's stub takes one for allow_pickle
    return list(columns)


def _check_counts(
    source: Source, held_out: NDArray[np.bool_], bad: Sequence[tuple[str, str]]
) -> None:
    test = int(held_out.sum())
    train = len(held_out) - test
    if min(train, test) >= SMALLEST:
        return
    left_out = f" once the bad ones are left out ({_few(bad)})" if bad else ""
    raise BadInput(
        f"{source.name} has {train} training and {test} test images{left_out}; each split needs "
        f"{SMALLEST} (the split is: {source.recipe.split}); add images"
    )


def _refusal(source: Source, bad: Sequence[tuple[str, str]]) -> BadInput:
    return BadInput(
        f"{len(bad)} of {len(source)} images of {source.name} cannot be used: {_few(bad)}; "
        "repair or remove them, or leave them out with --on-bad skip"
    )


def _few(bad: Sequence[tuple[str, str]]) -> str:
    """The first bad images with their reasons, and how many more there are."""
    named = "; ".join(f"{_printable(name)}: {reason}" for name, reason in bad[:NAMED])
    more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return named + more


def _printable(name: str) -> str:
    """A file name for a terminal: what could move its cursor is escaped."""
    return name if name.isprintable() else ascii(name)
