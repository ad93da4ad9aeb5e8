"""Names of image files: which they are, and a digest of a list of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from genbench.data.decode import EXTENSIONS
from genbench.errors import BadInput


def is_image(name: str) -> bool:
    """Whether a relative path names an image: known extension, nothing hidden on the way."""
    # Plain text work: pathlib would take seconds for the 202 599 names of CelebA.
    hidden = "/." in f"/{name}" or "/__MACOSX/" in f"/{name}"
    return not hidden and name.lower().endswith(EXTENSIONS)


def digest(lines: Iterable[str]) -> str:
    """sha256 of lines of text; file names that are not Unicode included."""
    total = hashlib.sha256()
    for line in lines:
        total.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return total.hexdigest()


def no_images(where: Path) -> BadInput:
    """The error for a place without images."""
    return BadInput(f"no images found in {where}; extensions searched: {' '.join(EXTENSIONS)}")
