from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from genbench.data import open_dataset
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import ImageSource
from genbench.registry import plugin

NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
FOLDER = "cifar-10-batches-bin"


def opened(argument: str | None, data_dir: Path | None = None) -> ImageSource:
    source: ImageSource = plugin("dataset", "cifar10").load().open(argument, data_dir)
    return source


def rows(number: int, count: int = 4) -> NDArray[np.uint8]:
    """Lines of one file as the authors describe them: a label, then 1024 of each colour."""
    rng = np.random.default_rng(number)
    labels = (np.arange(count) + number) % 10
    return np.hstack([labels[:, None], rng.integers(0, 256, (count, 3072))]).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "data" / FOLDER
    place.mkdir(parents=True)
    for number, name in enumerate(NAMES):
        (place / name).write_bytes(rows(number).tobytes())
    return place


def packed(folder: Path) -> Path:
    archive = folder.parent / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as target:
        target.add(folder, arcname=FOLDER)
    return archive


def test_pixels_labels_and_split_are_those_of_the_files(folder: Path, cache: Path) -> None:
    data = open_dataset("cifar10", 32, data_dir=folder.parent, cache_dir=cache)

    lines = np.concatenate([rows(number) for number in range(5)])
    assert np.array_equal(data.train.images, lines[:, 1:].reshape(20, 3, 32, 32))
    assert data.train.attributes["label"].tolist() == lines[:, 0].tolist()
    assert np.array_equal(data.test.images, rows(5)[:, 1:].reshape(4, 3, 32, 32))
    assert data.recipe.split == "official"
    assert not data.recipe.flip, "the published recipe mirrors no image"


def test_a_red_pixel_top_right_is_there(tmp_path: Path, cache: Path, folder: Path) -> None:
    line = np.zeros((4, 3073), np.uint8)
    line[:, 1 + 31] = 255  # first plane is red, row by row
    (folder / "test_batch.bin").write_bytes(line.tobytes())

    image = open_dataset(f"cifar10:{folder}", 32, cache_dir=cache).test.images[0]

    assert image[0, 0, 31] == 255
    assert image.sum() == 255


def test_archive_and_folder_are_one_data_set(folder: Path, cache: Path) -> None:
    archive = packed(folder)

    a = open_dataset(f"cifar10:{folder}", 16, cache_dir=cache)
    b = open_dataset(f"cifar10:{archive}", 16, cache_dir=cache)

    assert a.fingerprint == b.fingerprint


def test_chunks_cross_the_border_between_the_splits(folder: Path) -> None:
    source = opened(str(folder))

    whole = source.read(0, 24, 32)
    parts = [source.read(start, start + 7, 32) for start in range(0, 24, 7)]

    assert np.array_equal(whole.images, np.concatenate([part.images for part in parts]))
    assert [row for part in parts for row in part.rows] == list(whole.rows) == list(range(24))


def test_above_32_is_refused(folder: Path, cache: Path) -> None:
    with pytest.raises(BadInput, match="asked for at 64x64, but its images are 32x32; ask for 32"):
        open_dataset(f"cifar10:{folder}", 64, cache_dir=cache)


def test_pickled_files_are_never_read(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(b"\x80\x02.")

    with pytest.raises(BadInput, match=r"can run code .* get the binary version, https://"):
        opened(None, tmp_path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: c[:-1], r"has 12291 bytes, wanted a multiple of 3073"),
        (lambda c: b"", r"has 0 bytes"),
        (lambda c: b"\x0a" + c[1:], r"has the label 10; 0 to 9"),
    ],
)
def test_damaged_file_is_one_clear_line(spoil: object, words: str, folder: Path) -> None:
    file = folder / "data_batch_3.bin"
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]

    with pytest.raises(BadInput, match=rf"cifar10: data_batch_3.bin of .* {words}"):
        opened(str(folder)).is_test()


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.99])
def test_truncated_archive_is_one_clear_line(keep: float, folder: Path) -> None:
    archive = packed(folder)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * keep)])

    with pytest.raises(BadInput, match=r"not a whole .tar.gz archive|has no"):
        opened(str(archive)).is_test()


def test_archive_that_states_too_much_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-binary.tar.gz"
    entry = tarfile.TarInfo("data_batch_1.bin")
    entry.size = 400_000_000
    archive.write_bytes(gzip.compress(entry.tobuf()))

    with pytest.raises(BadInput, match=r"data_batch_1.bin states 400000000 bytes"):
        opened(str(archive)).is_test()


def test_files_outside_of_an_archive_stay_untouched(folder: Path, tmp_path: Path) -> None:
    """A member with a path that leads out is read in memory like any other, never written."""
    archive = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as target:
        for name in NAMES:
            target.add(folder / name, arcname=f"../../{name}")
    before = sorted(tmp_path.parent.iterdir())

    assert len(opened(str(archive))) == 24
    assert sorted(tmp_path.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("argument", "words"),
    [(None, "cifar10 needs cifar-10-binary.tar.gz"), ("nowhere", "nowhere")],
)
def test_missing_files_name_what_to_get(argument: str | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        opened(argument)


def test_options_are_refused(folder: Path) -> None:
    with pytest.raises((BadInput, BadSetting), match="split"):
        opened(f"{folder},split=ali")
