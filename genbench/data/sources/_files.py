"""Image files in a folder or an archive: their names in a fixed order, and their bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from genbench.data.decode import MAX_FILE
from genbench.data.listing import digest, is_image, no_images
from genbench.errors import BadInput


class Files(Protocol):
    """Where the images of a source lie."""

    where: Path
    names: Sequence[str]  # relative POSIX paths of the images, sorted

    def read(self, name: str) -> bytes:
        """One file, whole. Thread-safe.

        Raises:
            BadInput: why it cannot be read.
        """

    def find(self, name: str) -> bytes | None:
        """A file that need not be an image, or None if there is none of that name."""

    def stamp(self) -> str:
        """A digest of names, sizes and what else tells cheaply that a file has changed."""


class Folder:
    """Images in a folder and the folders in it."""

    def __init__(self, where: Path, *, deep: bool = True) -> None:
        self.where = where
        if not where.is_dir():
            found = "is a file" if where.exists() else "does not exist"
            raise BadInput(f"{where} {found}; a folder of images was wanted")
        try:
            found_files = dict(_walk(where, "", deep, ()))
        except OSError as error:
            raise BadInput(f"the folder {where} cannot be read ({error.strerror})") from error
        self.names: Sequence[str] = sorted(name for name in found_files if is_image(name))
        self._states = [found_files[name] for name in self.names]
        if not self.names:
            raise no_images(where)

    def read(self, name: str) -> bytes:
        try:
            with (self.where / name).open("rb") as stream:
                content = stream.read(MAX_FILE + 1)
        except OSError as error:
            raise BadInput(f"cannot be read ({error.strerror})") from error
        if len(content) > MAX_FILE:
            raise BadInput(f"larger than {MAX_FILE} bytes, the most that are read")
        return content

    def find(self, name: str) -> bytes | None:
        return self.read(name) if (self.where / name).is_file() else None

    def stamp(self) -> str:
        """Digest of names, sizes and times of change."""
        return digest(
            f"{name} {state.st_size} {state.st_mtime_ns}"
            for name, state in zip(self.names, self._states, strict=True)
        )


def locate(argument: str, data_dir: Path | None) -> Path:
    """The path after the colon: as it stands, or else under the data folder."""
    path = Path(argument).expanduser()
    if not path.exists() and data_dir is not None and (data_dir / path).exists():
        return data_dir / path
    return path


def needed(kind: str, argument: str | None) -> str:
    """The path after the colon.

    Raises:
        BadInput: there is none.
    """
    if not argument:
        raise BadInput(f"{kind} needs a path: --data {kind}:PATH")
    return argument


def _walk(
    folder: Path, prefix: str, deep: bool, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files with their state. Links are followed, but not round in circles."""
    here = folder.stat()
    if (here.st_dev, here.st_ino) in above:
        return
    above = (*above, (here.st_dev, here.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file():
                yield prefix + entry.name, entry.stat()
            elif deep and entry.is_dir() and not entry.name.startswith("."):
                yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", deep, above)
