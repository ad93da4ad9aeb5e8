from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray

from genbench.data import open_dataset
from genbench.data.sources._mat import read_arrays
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import ImageSource
from genbench.registry import plugin


def opened(argument: str | None, data_dir: Path | None = None) -> ImageSource:
    source: ImageSource = plugin("dataset", "svhn").load().open(argument, data_dir)
    return source


def part(seed: int, n: int) -> dict[str, NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) + seed) % 10 + 1
    return {
        "X": rng.integers(0, 256, (32, 32, 3, n)).astype(np.uint8),
        "y": labels.astype(np.uint8)[:, None],
    }


def element(kind: int, content: bytes) -> bytes:
    """An element of the format, in its own words: type, size, content, padding to 8."""
    if len(content) <= 4:
        return struct.pack("<HH", kind, len(content)) + content.ljust(4, b"\0")
    return struct.pack("<II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def matrix(name: str, values: NDArray[np.uint8], *, kind: int = 9) -> bytes:
    return element(
        14,
        element(6, struct.pack("<II", kind, 0))
        + element(5, struct.pack(f"<{values.ndim}i", *values.shape))
        + element(1, name.encode())
        + element(2, values.tobytes(order="F")),
    )


def compressed(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


def mat(*elements: bytes) -> bytes:
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements)


def write(folder: Path, name: str, seed: int, n: int) -> Path:
    values = part(seed, n)
    file = folder / f"{name}_32x32.mat"
    file.write_bytes(mat(*(compressed(matrix(key, value)) for key, value in values.items())))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "svhn"
    place.mkdir()
    for seed, (name, n) in enumerate({"train": 13, "test": 11, "extra": 7}.items()):
        write(place, name, seed, n)
    return place


def test_pixels_labels_and_split_are_those_of_the_files(folder: Path, cache: Path) -> None:
    data = open_dataset("svhn", 32, data_dir=folder.parent, cache_dir=cache)

    train, test = part(0, 13), part(1, 11)
    assert np.array_equal(data.train.images[4], train["X"][:, :, :, 4].transpose(2, 0, 1))
    assert np.array_equal(data.test.images[10], test["X"][:, :, :, 10].transpose(2, 0, 1))
    assert len(data.train), len(data.test) == (13, 11)
    assert not data.recipe.flip, "a mirrored 2 is no digit"


def test_label_ten_is_the_digit_zero(folder: Path, cache: Path) -> None:
    data = open_dataset("svhn", 32, data_dir=folder.parent, cache_dir=cache)

    assert data.train.attributes["label"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3]


def test_extra_images_train_where_ali_wants_them(folder: Path, cache: Path) -> None:
    data = open_dataset("svhn:split=extra", 32, data_dir=folder.parent, cache_dir=cache)

    assert (len(data.train), len(data.test)) == (7, 13)
    assert data.name == "svhn:split=extra"
    assert data.recipe.split == "official-train-is-test"


@pytest.mark.parametrize("packed", [False, True])
def test_files_that_scipy_writes_are_read(packed: bool, tmp_path: Path) -> None:
    """A second implementation of the format."""
    values = part(3, 5)
    scipy.io.savemat(tmp_path / "train_32x32.mat", values, do_compression=packed)

    found = read_arrays(tmp_path / "train_32x32.mat", ("X", "y"))

    assert all(np.array_equal(found[name], values[name]) for name in ("X", "y"))


def test_scipy_reads_what_the_writer_of_these_tests_writes(folder: Path) -> None:
    found = scipy.io.loadmat(folder / "train_32x32.mat")

    assert np.array_equal(found["X"], part(0, 13)["X"])


def test_labels_may_be_doubles(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"y": np.array([[1.0], [10.0]])})

    assert read_arrays(tmp_path / "a.mat", ("y",))["y"].tolist() == [[1], [10]]


SMALL = matrix("y", np.ones((4, 1), np.uint8))
FOUR = struct.pack("<2i", 4, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it starts with b''"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM", "wanted a header of version 5"),
        (mat(struct.pack("<II", 15, 100) + zlib.compress(SMALL)[:5]), "ends 95 bytes early"),
        (mat(struct.pack("<II", 14, 100) + b"short"), "ends 95 bytes early"),
        (mat(struct.pack("<II", 14, 2**32 - 1)), "4294967295 bytes; 2147483648 are the most"),
        (mat(struct.pack("<II", 15, 9) + b"not zlib!"), "incorrect header"),
        (mat(compressed(SMALL[:-8])), "40 bytes of a matrix, 48 stated"),
        (mat(compressed(SMALL + b"\0" * 10**7)), "49 bytes of a matrix, 48 stated"),
        (mat(compressed(struct.pack("<II", 14, 2**31 + 1))), "type 14 and 2147483649 bytes"),
        (mat(matrix("y", np.ones((4, 1), np.uint8), kind=4)), "a matrix of class 4"),
        (mat(SMALL.replace(FOUR, struct.pack("<2i", 5, 1))), "4 values of y, 5"),
        (mat(SMALL.replace(FOUR, struct.pack("<2i", -4, -1))), r"sizes \(-4"),
        (mat(SMALL[:48]), "ends"),
    ],
)
def test_damaged_file_is_one_clear_line(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "a.mat"
    file.write_bytes(content)

    with pytest.raises(BadInput, match=rf"a.mat is not a whole MATLAB 5 file .*{words}"):
        read_arrays(file, ("y",))


def test_any_cut_and_any_changed_byte_is_a_clear_line_or_a_value(tmp_path: Path) -> None:
    good = write(tmp_path, "train", 0, 2).read_bytes()
    rng = np.random.default_rng(0)
    file = tmp_path / "bad.mat"
    for trial in range(150):
        content = bytearray(good[: rng.integers(len(good))] if trial % 2 else good)
        if content:
            content[rng.integers(len(content))] ^= int(rng.integers(1, 256))
        file.write_bytes(content)
        with contextlib.suppress(BadInput):
            read_arrays(file, ("X", "y"))


def test_other_sizes_and_labels_are_refused(folder: Path) -> None:
    file = folder / "test_32x32.mat"
    file.write_bytes(
        mat(
            matrix("X", np.zeros((32, 32, 3, 2), np.uint8)), matrix("y", np.zeros((2, 1), np.uint8))
        )
    )
    with pytest.raises(BadInput, match="labels from 0 to 0; 1 to 10 were wanted"):
        opened(str(folder)).is_test()

    file.write_bytes(
        mat(matrix("X", np.zeros((32, 32, 3, 3), np.uint8)), matrix("y", np.ones((2, 1), np.uint8)))
    )
    with pytest.raises(BadInput, match=r"\(32, 32, 3, 3\) and 2 labels"):
        opened(str(folder)).is_test()

    file.write_bytes(mat(SMALL))
    with pytest.raises(BadInput, match="has no variable X; get it again"):
        opened(str(folder)).is_test()


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "test_32x32.mat").unlink()

    with pytest.raises(BadInput, match=r"test_32x32.mat does not exist; get it from http"):
        opened(str(folder))
    with pytest.raises(BadInput, match=r"svhn needs train_32x32.mat and test_32x32.mat"):
        opened(None)


def test_unknown_option_and_value_are_named() -> None:
    with pytest.raises(BadSetting, match=r"no option 'splt'. Did you mean split"):
        opened("splt=extra")
    with pytest.raises(BadSetting, match="split is one of official, extra, got 'ali'"):
        opened("split=ali")
