"""Images in a zip archive, read without unpacking it: --data zip:PATH.

Crop, split and labels are those of a folder with the same files.
"""

from __future__ import annotations

from pathlib import Path

from genbench.data.source import Source
from genbench.data.sources._archive import Archive
from genbench.data.sources._collection import Collection
from genbench.data.sources._files import locate, needed


def open_zip(argument: str | None, data_dir: Path | None) -> Source:
    """The images of an archive, in the order of their paths."""
    return Collection("zip", Archive(locate(needed("zip", argument), data_dir)))


ROOM = open_zip
