"""Images in a folder and the folders in it: --data folder:PATH.

Centre square of the short side, antialiased resize; one file in ten is test, by a hash of
its path within the folder. Labels come from StyleGAN's dataset.json, else from the folders.
"""

from __future__ import annotations

from pathlib import Path

from genbench.data.sources._collection import Collection
from genbench.data.sources._files import Folder, locate, needed
from genbench.interfaces import ImageSource, Origin, Source

ORIGIN = Origin(
    licence="yours to know",
    recipe="centre square, antialiased bilinear; 1 name in 10 is test; never mirrored",
    files=("any images: --data folder:PATH",),
)


def open_folder(argument: str | None, data_dir: Path | None) -> ImageSource:
    """The images under a folder, in the order of their relative paths."""
    return Collection("folder", Folder(locate(needed("folder", argument), data_dir)))


SOURCE = Source(open_folder, ORIGIN)
