"""MNIST and Fashion-MNIST, and the IDX format."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genbench.data import open_dataset
from genbench.errors import BadInput

Write = Callable[..., Path]


def idx(values: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file."""
    return (
        bytes((0, 0, 8, values.ndim))
        + struct.pack(f">{values.ndim}I", *values.shape)
        + (values.tobytes())
    )


def digits(n: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """(folder, suffix, mark) -> the four files there, with 20 and 7 images."""

    def make(place: str = "idx", end: str = ".gz", mark: str = "-") -> Path:
        folder = tmp_path / place
        folder.mkdir(parents=True)
        for part, n, seed in (("train", 20, 1), ("t10k", 7, 2)):
            for stem, values in (
                (f"{part}-images{mark}idx3-ubyte", digits(n, seed)),
                (f"{part}-labels{mark}idx1-ubyte", np.arange(n, dtype=np.uint8) % 10),
            ):
                content = idx(values)
                packed = gzip.compress(content) if end else content
                (folder / f"{stem}{end}").write_bytes(packed)
        return folder

    return make


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_at_28_the_pixels_are_those_of_the_file(
    name: str, end: str, write: Write, cache: Path
) -> None:
    data = open_dataset(f"{name}:{write(end=end)}", 28, cache_dir=cache)

    assert data.name == name
    for channel in range(3):
        assert np.array_equal(data.train.images[:, channel], digits(20, 1))
        assert np.array_equal(data.test.images[:, channel], digits(7, 2))
    assert data.train.attributes["label"].tolist() == [*range(10), *range(10)]
    assert data.test.attributes["label"].tolist() == [*range(7)]


def test_at_32_there_is_a_black_border_of_two(write: Write, cache: Path) -> None:
    images = open_dataset(f"mnist:{write()}", 32, cache_dir=cache).train.images

    assert np.array_equal(images[:, 0, 2:30, 2:30], digits(20, 1))
    border = np.ones((32, 32), bool)
    border[2:30, 2:30] = False
    assert not images[:, :, border].any()


def test_below_32_the_padded_image_is_resized(write: Write, cache: Path) -> None:
    images = open_dataset(f"mnist:{write()}", 16, cache_dir=cache).train.images

    canvas = Image.new("L", (32, 32))
    canvas.paste(Image.fromarray(digits(20, 1)[4]), (2, 2))
    expected = np.asarray(canvas.resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(images[4, 1], expected)


def test_above_32_is_refused(write: Write, cache: Path) -> None:
    with pytest.raises(BadInput, match=r"at 64x64, but its images are 28x28.*ask for 32 or less"):
        open_dataset(f"mnist:{write()}", 64, cache_dir=cache)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("mnist", "mnist"),
        ("mnist", "MNIST/raw"),
        ("mnist", "."),
        ("fashion-mnist", "fashion-mnist"),
        ("fashion-mnist", "FashionMNIST/raw"),
        ("fashion-mnist", "."),
    ],
)
def test_files_are_found_under_the_data_folder(
    name: str, place: str, write: Write, cache: Path, tmp_path: Path
) -> None:
    write(f"data/{place}", mark=".")

    data = open_dataset(name, 28, data_dir=tmp_path / "data", cache_dir=cache)

    assert (len(data.train), len(data.test)) == (20, 7)


@pytest.mark.parametrize(
    ("name", "other", "first"),
    [("mnist", "fashion-mnist", "9003027255"), ("fashion-mnist", "mnist", "5041921314")],
)
def test_one_is_not_taken_for_the_other(name: str, other: str, first: str, write: Write) -> None:
    """The files of both have the same names; their first labels differ."""
    folder = write()
    labels = np.array([*map(int, first), *[0] * 10], np.uint8)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))

    with pytest.raises(BadInput, match=f"{name} was asked for, but .* are {other}'s"):
        open_dataset(f"{name}:{folder}", 28)


def test_fingerprint_is_that_of_the_content(write: Write, cache: Path) -> None:
    packed = open_dataset(f"mnist:{write('a', '.gz')}", 28, cache_dir=cache)
    plain = open_dataset(f"mnist:{write('b', '')}", 28, cache_dir=cache)

    assert packed.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda content: b"", "not an IDX file of bytes with 3 axes: it starts with nothing"),
        (lambda content: content[:10], "not an IDX file"),
        (lambda content: b"\0\0\x0d\x03" + content[4:], "starts with 00 00 0d 03, wanted 00 00 08"),
        (lambda content: b"\0\0\x08\x02" + content[4:], "not an IDX file of bytes with 3 axes"),
        (lambda content: content[:-1], "should hold 15680 values .* and holds 15679"),
        (lambda content: content + b"x", "should hold 15680 values .* and holds more"),
        (lambda content: content[:4] + b"\xff" * 12 + content[16:], "states the sizes"),
        (lambda content: content[:4] + b"\0" * 12 + content[16:], "states the sizes"),
        (lambda content: idx(digits(20, 1)[:, :27]), r"images of \(27, 28\), wanted \(28, 28\)"),
        (lambda content: idx(digits(19, 1)), "has 19 images, .* 20 labels"),
    ],
)
def test_damaged_file_is_refused(
    spoil: Callable[[bytes], bytes], words: str, write: Write, cache: Path
) -> None:
    folder = write(end="")
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(spoil(file.read_bytes()))

    with pytest.raises(BadInput, match=words) as caught:
        open_dataset(f"mnist:{folder}", 28, cache_dir=cache)

    assert "train-images-idx3-ubyte" in str(caught.value)


@pytest.mark.parametrize("cut", [5, 500])
def test_damaged_gzip_is_refused(cut: int, write: Write, cache: Path) -> None:
    folder = write()
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:cut])

    with pytest.raises(BadInput, match=r"train-images-idx3-ubyte\.gz (cannot be read|is damaged)"):
        open_dataset(f"mnist:{folder}", 28, cache_dir=cache)


def test_label_above_nine_is_refused(write: Write, cache: Path) -> None:
    folder = write(end="")
    labels = np.full(20, 10, np.uint8)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))

    with pytest.raises(BadInput, match="has the label 10; 0 to 9 were wanted"):
        open_dataset(f"mnist:{folder}", 28, cache_dir=cache)


def test_missing_files_are_named(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENBENCH_DATA", raising=False)
    with pytest.raises(BadInput, match="mnist needs its IDX files: --data mnist:PATH"):
        open_dataset("mnist", 28)
    with pytest.raises(BadInput, match=r"no train-images-idx3-ubyte or .gz in .*name the folder"):
        open_dataset("mnist", 28, data_dir=tmp_path)
    folder = write()
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(BadInput, match="has no t10k-labels file"):
        open_dataset(f"mnist:{folder}", 28)
