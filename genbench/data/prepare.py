"""Decodes a source, in parallel and in order, straight into the files of a cache entry."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genbench.data import schema1
from genbench.data.writer import SPLITS, SplitWriter
from genbench.errors import BadInput
from genbench.interfaces import Chunk, ImageSource, Json
from genbench.runtime import cores, progress

SMALLEST = 2  # images in a split; a variance needs two
CHUNK_BYTES = 8 * 2**20  # of decoded images that one thread works on
CHUNK_ROWS = 128
NAMED = 3  # bad images that a message names


def prepare(source: ImageSource, resolution: int, on_bad: str, folder: Path) -> dict[str, Json]:
    """Write train.npy, test.npy and attributes.npz into *folder*.

    What an earlier attempt has left there and is true is not decoded again.

    Returns:
        What dataset.json says of them.

    Raises:
        BadInput: too few images in a split; or bad ones under on_bad="refuse".
    """
    held_out = source.is_test()
    assert held_out.shape == (len(source),), "is_test() has one entry for each row"
    _check_counts(source, held_out, ())
    title = f"preparing {source.name} at {resolution}x{resolution}"
    with (
        SplitWriter(folder, resolution, held_out) as written,
        progress.bar(title, len(source), start=written.done) as step,
    ):
        for chunk in decoded(source, resolution, written.done):
            written.add(chunk)
            step(len(chunk.rows) + len(chunk.bad))
    bad = written.bad
    if bad and on_bad == "refuse":
        raise _refusal(source, bad)
    kept = {split: written.kept(split) for split in SPLITS}
    rows = np.concatenate([kept[split] for split in SPLITS])
    _check_counts(source, held_out[np.sort(rows)], bad)
    names = _write_attributes(source, rows, folder / "attributes.npz")
    about: dict[str, Json] = {
        "name": source.name,
        "licence": source.licence,
        "resolution": resolution,
        "recipe": source.recipe.describe(),
        "digests": {
            "pixels": dict(written.digests),
            "split": interleave_digest(kept["train"], kept["test"]),
        },
        "images": {split: len(mine) for split, mine in kept.items()},
        "left_out": bad,
        "attributes": names,
        # Not dataset.json: whoever was killed just before the end has left one, which will be
        # written anew.
        "files": {file.name: file.stat().st_size for file in sorted(folder.glob("*.np[yz]"))},
    }
    return about | {"fingerprint": fingerprint(about)}


def decoded(source: ImageSource, resolution: int, first: int = 0) -> Iterator[Chunk]:
    """The chunks of a source from row *first* on, in order, decoded by threads.

    A few are in memory at a time.
    """
    size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // (3 * resolution**2)))
    threads = workers()
    pending: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for start in range(first, len(source), size):
            stop = min(start + size, len(source))
            pending.append(pool.submit(source.read, start, stop, resolution))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def workers() -> int:
    """Threads to decode with: the cores that this process may use, within reason."""
    return min(16, cores.allowed())


def fingerprint(about: Mapping[str, Json], recipe: Json = None) -> str:
    """sha256 over pixels, split, recipe and resolution: what a number depends on.

    Args:
        about: dataset.json, or what will be.
        recipe: what to hash for the recipe; by default what *about* says.
    """
    digests = about["digests"]
    assert isinstance(digests, dict)
    content = {
        "pixels": digests["pixels"],
        "split": digests["split"],
        "recipe": about["recipe"] if recipe is None else recipe,
        "resolution": about["resolution"],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def interleave_digest(train: NDArray[np.int64], test: NDArray[np.int64]) -> str:
    """sha256 of the order in which the splits' rows interleave.

    It is part of a fingerprint: it is the canonical order of the images that remain.
    """
    order = np.argsort(np.concatenate([train, test]), kind="stable")
    return hashlib.sha256((order >= len(train)).astype(np.uint8).tobytes()).hexdigest()


def _write_attributes(source: ImageSource, rows: NDArray[np.int64], file: Path) -> list[str]:
    """Columns for the kept rows, numbered; their names are returned."""
    columns = source.attributes()
    kept = {str(i): np.asarray(column)[rows] for i, column in enumerate(columns.values())}
    assert all(column.dtype.kind in "biufU" for column in kept.values()), "numbers or strings"
    np.savez(file, **kept)  # type: ignore[arg-type]  # numpy's stub takes one for allow_pickle
    return list(columns)


def _check_counts(
    source: ImageSource, held_out: NDArray[np.bool_], bad: Sequence[tuple[str, str]]
) -> None:
    test = int(held_out.sum())
    train = len(held_out) - test
    if min(train, test) >= SMALLEST:
        return
    left_out = f" once the bad ones are left out ({_few(bad)})" if bad else ""
    raise BadInput(
        f"{source.name} has {train} training and {test} test images{left_out}; each split needs "
        f"{SMALLEST} (the split is: {schema1.sentence('split', source.recipe.split)}); add images"
    )


def _refusal(source: ImageSource, bad: Sequence[tuple[str, str]]) -> BadInput:
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
