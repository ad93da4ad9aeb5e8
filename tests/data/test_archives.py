"""Images in zip archives."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genbench.data import open_dataset
from genbench.errors import BadInput
from genbench.registry import plugin

Encoded = Callable[..., bytes]
MakeFolder = Callable[..., Path]
Pack = Callable[..., Path]


def test_archive_equals_the_folder_it_was_made_of(
    make_folder: MakeFolder, pack: Pack, cache: Path
) -> None:
    folder = make_folder()
    archive = pack(folder)

    a = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
    b = open_dataset(f"zip:{archive}", 8, cache_dir=cache)

    assert (a.name, b.name) == ("folder:pictures", "zip:pictures.zip")
    assert a.fingerprint == b.fingerprint
    assert np.array_equal(a.train.images, b.train.images)
    assert np.array_equal(a.test.attributes["label"], b.test.attributes["label"])


def test_entry_that_states_too_much_is_not_unpacked(
    make_folder: MakeFolder, pack: Pack, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip bomb; the real limit of 256 MB is lowered, so that the test is quick."""
    folder = make_folder()
    (folder / "a" / "bomb.png").write_bytes(bytes(5_000_000))
    archive = pack(folder)
    monkeypatch.setitem(plugin("dataset", "zip").open().Archive.read.__globals__, "MAX_FILE", 10**6)

    with pytest.raises(BadInput, match=r"1 of 61 .* a/bomb.png: states 5000000 bytes; 1000000 are"):
        open_dataset(f"zip:{archive}", 8, cache_dir=cache)


def test_damaged_entry_is_a_bad_image(make_folder: MakeFolder, pack: Pack, cache: Path) -> None:
    """One bit changed behind the header (40 bytes) of the first entry."""
    archive = pack(make_folder())
    content = bytearray(archive.read_bytes())
    content[300] ^= 1
    archive.write_bytes(content)

    with pytest.raises(BadInput, match=r"1 of 60 .* damaged in the archive"):
        open_dataset(f"zip:{archive}", 8, cache_dir=cache)
    assert open_dataset(f"zip:{archive}", 8, cache_dir=cache, on_bad="skip").left_out == 1


def test_encrypted_archive_is_one_clear_line(
    make_folder: MakeFolder, pack: Pack, cache: Path
) -> None:
    """Bit 0 of the flags, at offset 8 of each directory entry (APPNOTE 4.4.4)."""
    archive = pack(make_folder())
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)

    with pytest.raises(BadInput, match=r"pictures\.zip is encrypted; unpack it"):
        open_dataset(f"zip:{archive}", 8, cache_dir=cache)


def test_truncated_archive_is_one_clear_line(
    make_folder: MakeFolder, pack: Pack, cache: Path
) -> None:
    archive = pack(make_folder())
    archive.write_bytes(archive.read_bytes()[:-100])

    with pytest.raises(BadInput, match="not a readable zip archive"):
        open_dataset(f"zip:{archive}", 8, cache_dir=cache)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archive_with_one_name_twice_is_refused(encoded: Encoded, tmp_path: Path) -> None:
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("a.png", encoded(0))
        target.writestr("a.png", encoded(1))

    with pytest.raises(BadInput, match="several files of one name"):
        open_dataset(f"zip:{archive}", 8)
