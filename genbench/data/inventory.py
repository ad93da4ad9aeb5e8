"""What the cache holds: data sets by name and resolution, how large they are, and whether whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genbench.data.prepare import fingerprint
from genbench.data.writer import SPLITS
from genbench.errors import BadInput
from genbench.interfaces import Json
from genbench.runtime import atomic, progress

BLOCK = 1 << 24  # bytes hashed at a time


@dataclass(frozen=True)
class Entry:
    """A folder of the cache."""

    folder: Path
    about: Mapping[str, Json]  # its dataset.json

    @property
    def title(self) -> str:
        """ "celeba 64x64"."""
        side = self.about.get("resolution", "?")
        return f"{self.about.get('name', self.folder.name)} {side}x{side}"

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir() if file.is_file())


def entries(root: Path) -> Iterator[Entry]:
    """Every finished entry, by name; one whose description is broken has an empty one."""
    if not root.is_dir():
        return
    for folder in sorted(root.iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            about = atomic.read_json(folder / "dataset.json")
        except (BadInput, OSError, RecursionError):
            about = {}
        yield Entry(folder, about if isinstance(about, dict) else {})


def partial_folders(root: Path) -> Iterator[tuple[Path, int]]:
    """Folders of work that was cut short, with their bytes."""
    for folder in sorted(root.glob(".*.partial")):
        yield folder, sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def verify(entry: Entry) -> str | None:
    """Hash all pixels of an entry again; why it is damaged, or None where it is whole.

    Raises:
        BadInput: it was made before the parts of a fingerprint were kept.
    """
    about = entry.about
    digests = about.get("digests")
    if about and "fingerprint" in about and digests is None:
        raise BadInput("made by an older genbench, which kept too little to verify it")
    try:
        return _damage(entry.folder, about)
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError, EOFError):
        return "dataset.json is not what genbench writes"
    except OSError as error:
        return f"{Path(error.filename or entry.folder).name} cannot be read ({error.strerror})"


def _damage(folder: Path, about: Mapping[str, Json]) -> str | None:
    sizes, digests = about["files"], about["digests"]
    assert isinstance(sizes, dict)
    assert isinstance(digests, dict)
    if fingerprint(about) != about["fingerprint"]:
        return "dataset.json does not belong to its fingerprint"
    for name, size in sizes.items():
        found = (folder / name).stat().st_size
        if found != size:
            return f"{name} has {found} bytes, wanted {size}"
    pixels = digests["pixels"]
    assert isinstance(pixels, dict)
    counts, side = about["images"], about["resolution"]
    assert isinstance(counts, dict)
    assert isinstance(side, int)
    total = sum(3 * side**2 * int(counts[split]) for split in SPLITS)
    with progress.bar(f"verifying {folder.name}", total, unit="bytes") as step:
        for split in SPLITS:
            if _digest(folder / f"{split}.npy", step) != pixels[split]:
                return f"{split}.npy has other pixels than its fingerprint says"
    return None


def _digest(file: Path, step: progress.Progress) -> str:
    """sha256 of the pixels in an .npy file, behind its header."""
    sha256 = hashlib.sha256()
    with file.open("rb") as stream:
        np.lib.format.read_magic(stream)
        np.lib.format.read_array_header_1_0(stream)
        while block := stream.read(BLOCK):
            sha256.update(block)
            step(len(block))
    return sha256.hexdigest()
