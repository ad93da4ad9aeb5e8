"""CIFAR-10: 32x32 photographs in ten classes, 50 000 for training and 10 000 for testing.

A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

The binary version is read: cifar-10-binary.tar.gz, or the folder in it. The version for
Python is pickled, and reading it would run whatever somebody has put in, so it is refused.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from genbench.data.listing import digest
from genbench.data.sources._files import locate
from genbench.data.sources._in_memory import SIDE, InMemory, Part, recipe
from genbench.errors import BadInput
from genbench.interfaces import ImageSource, Origin, Source
from genbench.runtime import atomic

ORIGIN = Origin(
    licence="none stated by its authors",
    recipe="32x32 as it is; official split; never mirrored",
    files=("cifar-10-binary.tar.gz, or the folder cifar-10-batches-bin in it",),
    address="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    checksums=("cifar-10-binary.tar.gz md5 c32a1d4ab5d03f1284b67883e8d87530",),
)
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
BATCHES = (
    tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
    ("test_batch.bin",),
)
ROW = 1 + 3 * SIDE * SIDE  # a label, then red, green and blue, row by row
MAX_ROWS = 100_000  # in one file; the official ones have 10 000
BROKEN = (OSError, EOFError, tarfile.TarError, zlib.error, ValueError)


def open_cifar10(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The binary files, packed or not, named or where they usually lie under the data folder.

    Raises:
        BadInput: they are nowhere, or only the pickled version is there.
    """
    place = _find(argument, data_dir)
    packed = place.is_file()
    listed = [place] if packed else [place / name for part in BATCHES for name in part]
    for file in listed:
        if not file.is_file():
            raise BadInput(f"cifar10: {file} does not exist; all six .bin files are needed")

    def load() -> Sequence[Part]:
        contents = _unpacked(place) if packed else {f.name: _whole(f) for f in listed}
        return [_part(place, contents, names) for names in BATCHES]

    return InMemory(
        ("cifar10", ORIGIN.licence, recipe("official")),
        lambda: digest(atomic.sha256(file) for file in listed),
        load,
    )


def _find(argument: str | None, data_dir: Path | None) -> Path:
    named = locate(argument, data_dir) if argument else data_dir
    if named is None:
        raise BadInput(f"cifar10 needs {ARCHIVE}: --data cifar10:PATH, or --data-dir")
    if named.is_file():
        return named
    places = [named, *(named / name for name in (FOLDER, f"cifar10/{FOLDER}", "cifar10"))]
    archives = [place / ARCHIVE for place in (named, named / "cifar10")]
    for place in places:
        if (place / BATCHES[1][0]).is_file():
            return place
    for archive in archives:
        if archive.is_file():
            return archive
    pickled = next((p for p in (named, named / "cifar10") if _pickled(p)), None)
    if pickled is not None:
        raise BadInput(
            f"cifar10: {pickled} has the version for Python, whose files can run code when they "
            f"are read; get the binary version, {ORIGIN.address}"
        )
    raise BadInput(
        f"cifar10: no {ARCHIVE} and no {FOLDER} in {named}; get it from {ORIGIN.address}"
    )


def _pickled(folder: Path) -> bool:
    return any(
        (folder / name).exists()
        for name in ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1")
    )


def _whole(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(MAX_ROWS * ROW + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})") from error


def _unpacked(archive: Path) -> dict[str, bytes]:
    """The six files of an archive, in memory; nothing else in it is looked at."""
    try:
        return dict(_members(archive))
    except BROKEN as error:
        raise BadInput(
            f"{archive} is not a whole .tar.gz archive ({error}); get it again"
        ) from error


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    wanted = {name for part in BATCHES for name in part}
    with tarfile.open(archive, "r:*") as packed:
        for member in packed:
            name = member.name.rpartition("/")[2]
            if name not in wanted or not member.isfile():
                continue
            if member.size > MAX_ROWS * ROW:
                raise ValueError(f"{name} states {member.size} bytes")
            stream = packed.extractfile(member)
            assert stream is not None
            with stream:
                content = stream.read(member.size)
            if len(content) != member.size:
                raise EOFError(f"{name} ends early")
            wanted.remove(name)
            yield name, content


def _part(place: Path, contents: dict[str, bytes], names: Sequence[str]) -> Part:
    """One split out of its files.

    Raises:
        BadInput: a file is missing, is not made of whole rows, or has another label than 0 to 9.
    """
    rows = []
    for name in names:
        if name not in contents:
            raise BadInput(f"cifar10: {place} has no {name}; get it again from {ORIGIN.address}")
        content = contents[name]
        if not content or len(content) % ROW or len(content) > MAX_ROWS * ROW:
            raise BadInput(
                f"cifar10: {name} of {place} has {len(content)} bytes, wanted a multiple of {ROW} "
                f"up to {MAX_ROWS * ROW}; get it again from {ORIGIN.address}"
            )
        rows.append(np.frombuffer(content, np.uint8).reshape(-1, ROW))
        if rows[-1][:, 0].max() > 9:
            raise BadInput(
                f"cifar10: {name} of {place} has the label {rows[-1][:, 0].max()}; "
                "0 to 9 were wanted"
            )
    table = np.concatenate(rows)
    return Part(table[:, 1:].reshape(-1, 3, SIDE, SIDE), table[:, 0].astype(np.int64))


SOURCE = Source(open_cifar10, ORIGIN)
