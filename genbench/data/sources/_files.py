"""Image files in a folder or an archive: their names in a fixed order, and their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from genbench.data.listing import digest, is_image, no_images, read_file, walk
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
        files = {name: state for name, state in walk(where, deep=deep) if state is not None}
        self.names: Sequence[str] = sorted(name for name in files if is_image(name))
        self._states = [files[name] for name in self.names]
        if not self.names:
            raise no_images(where)

    def read(self, name: str) -> bytes:
        return read_file(self.where / name)

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
