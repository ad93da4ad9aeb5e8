"""Image files in a folder or an archive, known by their content where their ending says nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from PIL import Image

from genbench.data import decode
from genbench.data.archive import Archive
from genbench.data.listing import digest, is_hidden, read_file, walk
from genbench.errors import BadInput

TGA = ".tga"  # nothing in such a file says that it is one
ENDINGS = (*decode.EXTENSIONS, ".jfif", ".jpe", ".dib", ".pbm", ".pnm", ".apng", TGA)
HEAD = 16  # bytes in which every other format says what it is
# How the formats of `decode.FORMATS` begin.
BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF
    b"MM\0*",
    *(b"P%d%c" % (kind, white) for kind in range(1, 7) for white in b" \t\n\r#"),  # PPM
)
FRESH = 2.0  # seconds in which a file may change once more and keep its time
NAMED = 3  # kinds of files that are not taken, by their endings


class ImageFiles(Protocol):
    """Where the files of a set lie."""

    names: Sequence[str]  # relative POSIX paths of the images, sorted
    left_out: str  # what else lies there, in words; empty where nothing does

    def read(self, name: str) -> bytes:
        """One file, whole. Thread-safe.

        Raises:
            BadInput: why it cannot be read.
        """

    def stamp(self) -> str | None:
        """A digest that changes when any file does, or None where that cannot be known."""


def decoded(name: str, content: bytes) -> Image.Image:
    """The picture in a file; TGA by its ending alone.

    Raises:
        BadInput: why the file cannot be used.
    """
    formats = ("TGA",) if name.lower().endswith(TGA) else decode.FORMATS
    return decode.decode(content, formats)


def begins_as_image(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an image."""
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    bitmap = head[:2] == b"BM" and head[6:10] == bytes(4)  # two letters begin many a text
    return webp or bitmap or head.startswith(BEGINNINGS)


@dataclass
class Left:
    """What is not taken, by the reason."""

    endings: Counter[str]
    links: int = 0  # that lead nowhere
    unreadable: int = 0

    def words(self) -> str:
        """ "4 files that are no images (.txt 3, .csv 1), 1 link that leads nowhere"."""
        said = []
        if n := self.endings.total():
            most = sorted(self.endings.items(), key=lambda each: (-each[1], each[0]))
            kinds = [f"{ending} {count}" for ending, count in most[:NAMED]]
            more = ", ..." if len(self.endings) > NAMED else ""
            said.append(f"{_count(n, 'file')} that {_is(n)} ({', '.join(kinds)}{more})")
        if self.links:
            said.append(f"{_count(self.links, 'link')} to nothing")
        if self.unreadable:
            said.append(f"{_count(self.unreadable, 'file')} that cannot be read")
        return ", ".join(said)


class DeepFolder:
    """All images in a folder and in the folders below it; an `ImageFiles`."""

    def __init__(self, where: Path) -> None:
        """List it; only files whose ending says nothing are looked into.

        Raises:
            BadInput: no folder, or one that cannot be read or holds no image.
        """
        self.where, found = where, dict(walk(where))
        files = {name: state for name, state in found.items() if state is not None}
        left = Left(Counter(), links=len(found) - len(files))
        self.names: Sequence[str] = sorted(n for n in files if self._is_image(n, left))
        self.left_out = left.words()
        self._states = [files[name] for name in self.names]
        if not self.names:
            beside = f"; there are {self.left_out}" if self.left_out else ""
            raise BadInput(f"no images found in {where} and the folders below it{beside}")

    def read(self, name: str) -> bytes:
        return read_file(self.where / name)

    def stamp(self) -> str | None:
        """Digest of place, names, sizes and times of change."""
        if max(state.st_ctime for state in self._states) > time.time() - FRESH:
            return None
        return digest(
            (
                str(self.where.resolve()),
                *(
                    f"{name} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
                    for name, state in zip(self.names, self._states, strict=True)
                ),
            )
        )

    def _is_image(self, name: str, left: Left) -> bool:
        if name.lower().endswith(ENDINGS):
            return True
        try:
            with (self.where / name).open("rb") as stream:
                head = stream.read(HEAD)
        except OSError:
            left.unreadable += 1
            return False
        if not begins_as_image(head):
            left.endings[_ending(name)] += 1
        return begins_as_image(head)


class DeepArchive:
    """All images in a zip archive; an `ImageFiles`."""

    def __init__(self, where: Path) -> None:
        """List it.

        Raises:
            BadInput: no archive, or one that is damaged, encrypted or holds no image.
        """
        self._archive = Archive(where, _taken)
        self.names = self._archive.names
        others = [n for n in self._archive.others if not is_hidden(n)]
        self.left_out = Left(Counter(map(_ending, others))).words()

    def read(self, name: str) -> bytes:
        return self._archive.read(name)

    def stamp(self) -> str:
        """Digest of names, sizes and checksums."""
        return self._archive.stamp()


def _taken(archive: Archive, name: str) -> bool:
    """Whether an entry of an archive is an image."""
    if is_hidden(name):
        return False
    return name.lower().endswith(ENDINGS) or begins_as_image(archive.head(name, HEAD))


def _ending(name: str) -> str:
    ending = Path(name).suffix.lower()
    return ending if ending.isprintable() and ending else "no ending"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + "s" * (n != 1)


def _is(n: int) -> str:
    return "is no image" if n == 1 else "are no images"
