"""Bad images, wrong places and wrong arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genbench.data import open_dataset
from genbench.errors import BadInput, BadSetting, UnknownName

Encoded = Callable[..., bytes]
MakeFolder = Callable[..., Path]


def spoil(folder: Path, encoded: Encoded) -> None:
    """Five bad images of five kinds."""
    (folder / "a" / "0000.png").write_bytes(encoded(0)[:-200])
    (folder / "a" / "0002.png").write_bytes(b"no image")
    (folder / "a" / "0004.png").write_bytes(encoded(4, 20, 6))
    (folder / "b" / "0001.png").write_bytes(b"")
    (folder / "b" / "0003.png").unlink()
    (folder / "b" / "0003.png").mkdir()  # not a file: passed over
    (folder / "b" / "0005.png").unlink()
    (folder / "b" / "0005.png").symlink_to("/nowhere")  # not a file either


def test_bad_images_are_refused_by_name(
    make_folder: MakeFolder, encoded: Encoded, cache: Path
) -> None:
    folder = make_folder()
    spoil(folder, encoded)

    with pytest.raises(BadInput) as caught:
        open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    message = str(caught.value)
    assert "4 of 58 images of folder:pictures cannot be used" in message
    assert "a/0000.png: damaged image file" in message
    assert "a/0002.png: not an image" in message
    assert "a/0004.png: a square of 6x6 pixels, 8x8 wanted" in message
    assert "and 1 more" in message
    assert "--on-bad skip" in message
    assert "\n" not in message
    assert not list((cache / "data").glob("folder*/"))


def test_bad_images_can_be_left_out(make_folder: MakeFolder, encoded: Encoded, cache: Path) -> None:
    folder = make_folder()
    spoil(folder, encoded)
    skipped = open_dataset(f"folder:{folder}", 8, cache_dir=cache, on_bad="skip")
    for name in ("a/0000.png", "a/0002.png", "a/0004.png", "b/0001.png"):
        (folder / name).unlink()
    clean = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert skipped.left_out == 4
    assert clean.left_out == 0
    assert skipped.fingerprint == clean.fingerprint
    assert np.array_equal(skipped.train.images, clean.train.images)
    assert np.array_equal(skipped.train.attributes["label"], clean.train.attributes["label"])


def test_too_high_a_resolution_names_file_size_and_wish(
    make_folder: MakeFolder, cache: Path
) -> None:
    with pytest.raises(BadInput, match=r"60 of 60 .* a/0000.png: .* 16x16 pixels, 32x32 wanted"):
        open_dataset(f"folder:{make_folder()}", 32, cache_dir=cache)
    with pytest.raises(BadInput, match="0 training and 0 test images once the bad ones are left"):
        open_dataset(f"folder:{make_folder()}", 32, cache_dir=cache, on_bad="skip")


def test_too_few_images_for_a_split(make_folder: MakeFolder, cache: Path) -> None:
    with pytest.raises(BadInput, match="each split needs 2"):
        open_dataset(f"folder:{make_folder(count=3)}", 8, cache_dir=cache)


def test_strange_names_cannot_move_the_cursor(make_folder: MakeFolder, cache: Path) -> None:
    folder = make_folder()
    (folder / "a\n\x1b[2J.png").write_bytes(b"no image")

    with pytest.raises(BadInput) as caught:
        open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert str(caught.value).isprintable()


def test_names_that_are_not_unicode_work(
    make_folder: MakeFolder, encoded: Encoded, cache: Path
) -> None:
    folder = make_folder()
    Path(os.fsdecode(os.fsencode(folder) + b"/a/\xff.png")).write_bytes(encoded(1))

    data = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert len(data.train) + len(data.test) == 61


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("folder", "folder needs a path: --data folder:PATH"),
        ("folder:", "folder needs a path"),
        ("zip", "zip needs a path"),
        ("folder:{tmp}/nowhere", "nowhere does not exist; a folder of images was wanted"),
        ("folder:{tmp}/file", "file is a file; a folder of images was wanted"),
        ("folder:{tmp}/empty", "no images found in .*empty; extensions searched: .jpg .jpeg"),
        ("zip:{tmp}/nowhere.zip", "does not exist; a zip archive was wanted"),
        ("zip:{tmp}/empty", "is a folder; a zip archive was wanted"),
        ("zip:{tmp}/file", "not a readable zip archive"),
    ],
)
def test_wrong_place_is_one_clear_line(spec: str, words: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")

    with pytest.raises(BadInput, match=words):
        open_dataset(spec.format(tmp=tmp_path), 8, cache_dir=cache)


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean celeba\?"):
        open_dataset("celbea", 8)


def test_resolution_must_be_positive() -> None:
    with pytest.raises(BadSetting, match="at least 1 pixel, got 0"):
        open_dataset("toyfaces", 0)


def test_misspelt_word_for_bad_images_is_refused() -> None:
    """It must not leave images out, nor be taken for the default."""
    with pytest.raises(BadSetting, match="on_bad is refuse or skip, got 'Skip'"):
        open_dataset("toyfaces", 16, on_bad="Skip")  # type: ignore[arg-type]  # that is the point


def test_path_may_be_relative_to_the_data_folder(make_folder: MakeFolder, cache: Path) -> None:
    folder = make_folder("relative-pictures")

    data = open_dataset("folder:relative-pictures", 8, data_dir=folder.parent, cache_dir=cache)

    assert data.name == "folder:relative-pictures"
