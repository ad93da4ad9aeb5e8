"""Folders of images: order, split, pixels, labels."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.data import open_dataset
from genbench.errors import BadInput

Encoded = Callable[..., bytes]
MakeFolder = Callable[..., Path]
Pack = Callable[..., Path]


def is_test(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0


def test_splits_are_disjoint_and_cover_every_file(make_folder: MakeFolder, cache: Path) -> None:
    """The pixels are noise, so equal pixels mean the same file."""
    folder = make_folder(count=80)
    data = open_dataset(f"folder:{folder}", 16, cache_dir=cache)
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))

    expected = {
        name: np.asarray(Image.open(folder / name).crop((4, 0, 20, 16))).transpose(2, 0, 1)
        for name in names
    }

    train = np.stack([expected[name] for name in names if not is_test(name)])
    test = np.stack([expected[name] for name in names if is_test(name)])
    assert np.array_equal(data.train.images, train)
    assert np.array_equal(data.test.images, test)
    assert len(data.train) + len(data.test) == 80


def test_resize_is_pillows_bilinear_of_the_centre_square(
    make_folder: MakeFolder, cache: Path
) -> None:
    folder = make_folder(width=50, height=33)
    data = open_dataset(f"folder:{folder}", 12, cache_dir=cache)
    first = min(
        name
        for name in (file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
        if not is_test(name)
    )

    square = Image.open(folder / first).crop((8, 0, 41, 33))
    expected = np.asarray(square.resize((12, 12), Image.Resampling.BILINEAR))

    assert np.array_equal(data.train.images[0].transpose(1, 2, 0), expected)


def test_new_file_moves_no_old_one(make_folder: MakeFolder, encoded: Encoded, cache: Path) -> None:
    folder = make_folder()
    before = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
    (folder / "a" / "0000a.png").write_bytes(encoded(999))
    after = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    old = {image.tobytes() for image in before.test.images}
    new = {image.tobytes() for image in after.test.images}
    assert old <= new
    assert len(after.train) + len(after.test) == len(before.train) + len(before.test) + 1


def test_fingerprint_survives_touch_and_copy_but_not_one_pixel(
    make_folder: MakeFolder, cache: Path, tmp_path: Path
) -> None:
    folder = make_folder()
    first = open_dataset(f"folder:{folder}", 16, cache_dir=cache).fingerprint

    os.utime(folder / "a" / "0000.png", (1, 1))
    assert open_dataset(f"folder:{folder}", 16, cache_dir=cache).fingerprint == first

    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere" / "copy")
    assert open_dataset(f"folder:{elsewhere}", 16, cache_dir=cache).fingerprint == first

    file = folder / "a" / "0000.png"
    picture = Image.open(file).convert("RGB")
    red, green, blue = np.asarray(picture)[5, 12].tolist()
    picture.putpixel((12, 5), (red, green, blue ^ 1))
    picture.save(file)
    assert open_dataset(f"folder:{folder}", 16, cache_dir=cache).fingerprint != first


def test_fingerprint_depends_on_resolution(make_folder: MakeFolder, cache: Path) -> None:
    folder = make_folder()

    fingerprints = {
        open_dataset(f"folder:{folder}", r, cache_dir=cache).fingerprint for r in (8, 16)
    }

    assert len(fingerprints) == 2


def test_take_gathers_rows_in_the_order_asked_for(make_folder: MakeFolder, cache: Path) -> None:
    train = open_dataset(f"folder:{make_folder()}", 8, cache_dir=cache).train
    whole = torch.from_numpy(np.array(train.images))

    index = torch.tensor([3, 0, 3, len(train) - 1])
    taken = train.take(index)

    assert taken.dtype == torch.uint8
    assert torch.equal(taken, whole[index])
    assert torch.equal(train.take(slice(2, 9, 3)), whole[2:9:3])
    with pytest.raises(IndexError):
        train.take(torch.tensor([len(train)]))


def test_what_is_taken_is_a_copy(make_folder: MakeFolder, cache: Path) -> None:
    train = open_dataset(f"folder:{make_folder()}", 8, cache_dir=cache).train
    before = train.take(slice(0, 2))

    train.take(slice(0, 2)).zero_()

    assert torch.equal(train.take(slice(0, 2)), before)
    assert not train.images.flags.writeable


def test_hidden_and_foreign_files_are_passed_over(
    make_folder: MakeFolder, encoded: Encoded, pack: Pack, cache: Path
) -> None:
    folder = make_folder()
    before = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
    for name in (".hidden.png", ".thumbs/x.png", "__MACOSX/a/0000.png", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded(1))

    after = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
    packed = open_dataset(f"zip:{pack(folder)}", 8, cache_dir=cache)

    assert after.fingerprint == before.fingerprint == packed.fingerprint


def test_linked_folders_are_followed_but_not_in_circles(
    make_folder: MakeFolder, cache: Path, tmp_path: Path
) -> None:
    folder = make_folder()
    before = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
    shutil.move(folder / "b", tmp_path / "moved")
    (folder / "b").symlink_to(tmp_path / "moved")
    (folder / "a" / "round").symlink_to(folder)

    after = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert after.fingerprint == before.fingerprint


# --- labels -----------------------------------------------------------------------------


def test_labels_are_the_first_folder(make_folder: MakeFolder, cache: Path) -> None:
    train = open_dataset(f"folder:{make_folder()}", 8, cache_dir=cache).train
    labels = train.attributes["label"]

    assert labels.shape == (len(train),)
    assert set(labels.tolist()) == {"a", "b"}
    assert labels.tolist() == sorted(labels.tolist())  # the order of the paths


def test_stylegan_labels_go_with_their_files(make_folder: MakeFolder, cache: Path) -> None:
    folder = make_folder()
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))
    labels = {name: i * 7 for i, name in enumerate(names)}
    (folder / "dataset.json").write_text(json.dumps({"labels": list(reversed(labels.items()))}))

    data = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    train = [labels[name] for name in names if not is_test(name)]
    test = [labels[name] for name in names if is_test(name)]
    assert data.train.attributes["label"].tolist() == train
    assert data.test.attributes["label"].tolist() == test


def test_changed_labels_are_noticed(make_folder: MakeFolder, cache: Path) -> None:
    folder = make_folder()
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*.png")]
    for label in (1, 2):
        text = json.dumps({"labels": [[name, label] for name in names]})
        (folder / "dataset.json").write_text(text)
        data = open_dataset(f"folder:{folder}", 8, cache_dir=cache)
        assert set(data.train.attributes["label"].tolist()) == {label}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"labels": 3}', "must be a list"),
        ('{"labels": [["a/0000.png", true]]}', "must be a list"),
        ('{"labels": [["a/0000.png", "1"]]}', "must be a list"),
        ('{"labels": [["a/0000.png", 1e400]]}', "must be a list"),
        ('{"labels": [["a/0000.png", 9223372036854775808]]}', "must be a list"),
        ('{"labels": [[["a"], 1]]}', "must be a list"),
        ('{"labels": [["a/0000.png", 1]]}', "no label for 'a/0002.png'"),
        ("\xff", "not valid JSON"),
    ],
)
def test_hostile_labels_are_refused(
    text: str, words: str, make_folder: MakeFolder, cache: Path
) -> None:
    folder = make_folder()
    (folder / "dataset.json").write_text(text, encoding="latin-1")

    with pytest.raises(BadInput, match=words) as caught:
        open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert "dataset.json" in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"labels": null}', "3"])
def test_json_that_says_nothing_of_labels_leaves_the_folders(
    text: str, make_folder: MakeFolder, cache: Path
) -> None:
    folder = make_folder()
    (folder / "dataset.json").write_text(text)

    data = open_dataset(f"folder:{folder}", 8, cache_dir=cache)

    assert set(data.train.attributes["label"].tolist()) == {"a", "b"}
