"""Images in a zip archive, read in memory and never extracted."""

from __future__ import annotations

import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from genbench.data.decode import MAX_FILE
from genbench.data.listing import digest, is_image, no_images
from genbench.errors import BadInput

ENCRYPTED = 1  # bit of an entry's flags

# What zipfile raises on archives that are cut off or scrambled.
BROKEN = (
    zipfile.BadZipFile,
    OSError,
    ValueError,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
)


def by_name(archive: Archive, name: str) -> bool:
    """Whether an entry counts as an image: by its path alone."""
    return is_image(name)


class Archive:
    """The images of a zip file; a `Files`."""

    def __init__(self, where: Path, takes: Callable[[Archive, str], bool] = by_name) -> None:
        """Read the directory; *takes* says which entries are images."""
        self.where = where
        if not where.is_file():
            found = "is a folder" if where.exists() else "does not exist"
            raise BadInput(f"{where} {found}; a zip archive was wanted")
        try:
            self._zip = zipfile.ZipFile(where)
        except BROKEN as error:
            raise BadInput(f"{where} is not a readable zip archive ({error})") from error
        # zipfile's own locking has gaps before Python 3.12.3, and a handle for each thread
        # would parse the directory of 200 000 entries again each time.
        self._lock = threading.Lock()
        entries = [entry for entry in self._zip.infolist() if not entry.filename.endswith("/")]
        self._entries = {entry.filename: entry for entry in entries}
        taken = {name: takes(self, name) for name in sorted(self._entries)}
        self.names: Sequence[str] = [name for name, image in taken.items() if image]
        self.others: Sequence[str] = [name for name, image in taken.items() if not image]
        self._check(entries)

    def read(self, name: str) -> bytes:
        entry = self._entries[name]
        if entry.file_size > MAX_FILE:
            raise BadInput(f"states {entry.file_size} bytes; {MAX_FILE} are the most that are read")
        try:
            # zipfile gives out no more than the stated size and then compares the CRC.
            with self._lock, self._zip.open(entry) as stream:
                content = stream.read(entry.file_size + 1)
        except BROKEN as error:
            raise BadInput(f"damaged in the archive ({error})") from error
        if len(content) != entry.file_size:
            raise BadInput(f"{len(content)} bytes in the archive, {entry.file_size} stated")
        return content

    def find(self, name: str) -> bytes | None:
        return self.read(name) if name in self._entries else None

    def head(self, name: str, size: int) -> bytes:
        """The first *size* bytes of an entry; none where it is damaged."""
        try:
            with self._lock, self._zip.open(self._entries[name]) as stream:
                return stream.read(size)
        except BROKEN:
            return b""

    def stamp(self) -> str:
        """Digest of names, sizes and checksums, as the archive's directory states them."""
        return digest(
            f"{name} {entry.file_size} {entry.CRC}" for name, entry in sorted(self._entries.items())
        )

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        if not self.names:
            raise no_images(self.where)
        if any(entry.flag_bits & ENCRYPTED for entry in entries):
            raise BadInput(
                f"{self.where} is encrypted; unpack it with its password and use folder:PATH"
            )
        if len(self._entries) < len(entries):
            raise BadInput(f"{self.where} holds several files of one name; pack it anew")
