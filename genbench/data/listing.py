"""Files in folders: which there are, which are images, their bytes, and a digest of a list."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from genbench.data.decode import EXTENSIONS, MAX_FILE
from genbench.errors import BadInput


def is_image(name: str) -> bool:
    """Whether a relative path names an image: known extension, nothing hidden on the way."""
    return not is_hidden(name) and name.lower().endswith(EXTENSIONS)


def is_hidden(name: str) -> bool:
    """Whether a relative path is hidden, or is what macOS puts beside files in archives."""
    # Plain text work: pathlib would take seconds for the 202 599 names of CelebA.
    return "/." in f"/{name}" or "/__MACOSX/" in f"/{name}"


def walk(folder: Path, *, deep: bool = True) -> Iterator[tuple[str, os.stat_result | None]]:
    """Relative path and state of the regular files that are not hidden; None for a link to nothing.

    Links are followed, but not round in circles.

    Raises:
        BadInput: a folder that cannot be read.
    """
    try:
        yield from _below(folder, "", deep, ())
    except OSError as error:
        raise BadInput(f"the folder {folder} cannot be read ({error.strerror})") from error


def _below(
    folder: Path, prefix: str, deep: bool, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, os.stat_result | None]]:
    here = folder.stat()
    if (here.st_dev, here.st_ino) in above:
        return
    above = (*above, (here.st_dev, here.st_ino))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_file():
                yield prefix + entry.name, entry.stat()
            elif entry.is_dir():
                if deep:
                    yield from _below(folder / entry.name, f"{prefix}{entry.name}/", deep, above)
            elif entry.is_symlink():
                yield prefix + entry.name, None


def read_file(file: Path) -> bytes:
    """A file, whole.

    Raises:
        BadInput: it cannot be read, or is larger than any image.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})") from error
    if len(content) > MAX_FILE:
        raise BadInput(f"larger than {MAX_FILE} bytes, the most that are read")
    return content


def digest(lines: Iterable[str]) -> str:
    """sha256 of lines of text; file names that are not Unicode included."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return total.hexdigest()


def no_images(where: Path) -> BadInput:
    """The error for a place without images."""
    return BadInput(f"no images found in {where}; extensions searched: {' '.join(EXTENSIONS)}")
