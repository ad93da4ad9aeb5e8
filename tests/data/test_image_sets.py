"""Sets of images as people have them: folders, archives, arrays, data sets, loaders."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import genbench
from genbench.data.image_sets.image_set import ImageSet
from genbench.data.read_ahead import ReadAhead
from genbench.errors import BadInput

N, SIDE = 5, 8


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """(n, h, w, 3)."""
    return np.random.default_rng(0).integers(0, 256, (N, SIDE, SIDE, 3), np.uint8)


def save(image: NDArray[np.uint8], file: Path, kind: str = "PNG") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        Image.fromarray(image).save(stream, kind)


def planes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.transpose(0, 3, 1, 2)


def test_a_folder_is_read_deep_whatever_its_files_are_called(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    names = ["00000/a.png", "00000/b.tga", "00001/deep/c", "d.PNG", "e.tif"]
    kinds = ["PNG", "TGA", "PNG", "PNG", "TIFF"]
    for image, name, kind in zip(pixels, names, kinds, strict=True):
        save(image, tmp_path / name, kind)
    save(pixels[0], tmp_path / ".hidden.png")
    (tmp_path / "x.png").mkdir()  # a folder, in spite of its name
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "labels.csv").write_text("BMs of a text that only begins like a bitmap")
    (tmp_path / "log.txt").write_text("no image")

    found = genbench.open_images(tmp_path)

    assert found.names == names
    assert np.array_equal(found[:], planes(pixels))
    assert found.left_out == "2 files that are no images (.csv 1, .txt 1), 1 link to nothing"
    assert found.digest == hashlib.sha256(planes(pixels).tobytes()).hexdigest()


def test_jpeg_under_the_ending_of_windows_is_a_jpeg(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    save(pixels[0], tmp_path / "a.jfif", "JPEG")
    save(pixels[1], tmp_path / "b", "JPEG")

    found = genbench.open_images(tmp_path)

    wanted = [np.asarray(Image.open(tmp_path / name)) for name in ("a.jfif", "b")]
    assert np.array_equal(found[:], planes(np.stack(wanted)))


def test_an_archive_holds_what_its_folder_holds(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number, image in enumerate(pixels):
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "PNG")
            archive.writestr(f"in/{number}" + (".png" if number else ""), stream.getvalue())
        archive.writestr("read.me", "no image")

    found = genbench.open_images(tmp_path / "set.zip")

    assert np.array_equal(found[:], planes(pixels))
    assert found.left_out == "1 file that is no image (.me 1)"


def as_npy(pixels: NDArray[np.uint8], folder: Path) -> Path:
    np.save(folder / "x.npy", pixels)
    return folder / "x.npy"


def as_adm(pixels: NDArray[np.uint8], folder: Path) -> Path:
    np.savez(folder / "x.npz", pixels, np.arange(len(pixels)))  # arr_0, arr_1: images, labels
    return folder / "x.npz"


def as_compressed(pixels: NDArray[np.uint8], folder: Path) -> Path:
    np.savez_compressed(folder / "x.npz", labels=np.arange(N), samples=pixels)
    return folder / "x.npz"


def as_fortran(pixels: NDArray[np.uint8], folder: Path) -> Path:
    np.savez(folder / "x.npz", np.asfortranarray(pixels))
    return folder / "x.npz"


def tensor(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(planes(pixels).copy())


class Rows(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """A data set of torch: images with labels."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.images[row], row


class Named:
    """What Hugging Face's data sets are: rows by names, pictures of PIL."""

    column_names = ("image", "label")

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"image": Image.fromarray(self.pixels[row]), "label": row}


GIVEN = {
    "npy": as_npy,
    "adm": as_adm,
    "compressed npz": as_compressed,
    "columns first": as_fortran,
    "array": lambda pixels, folder: pixels,
    "planes": lambda pixels, folder: planes(pixels),
    "tensor": lambda pixels, folder: tensor(pixels),
    "data set": lambda pixels, folder: Rows(tensor(pixels)),
    "loader": lambda pixels, folder: torch.utils.data.DataLoader(Rows(tensor(pixels)), 2),
    "loader of tensors": lambda pixels, folder: torch.utils.data.DataLoader(tensor(pixels), 3),
    "loader of names": lambda pixels, folder: torch.utils.data.DataLoader(
        [{"image": image, "label": 0} for image in tensor(pixels)], 2
    ),
    "rows by name": lambda pixels, folder: Named(pixels),
    "stream": lambda pixels, folder: iter(Named(pixels)),
    "pictures": lambda pixels, folder: [Image.fromarray(image) for image in pixels],
    "list of arrays": lambda pixels, folder: list(pixels),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_whatever_holds_images_holds_the_same_ones(
    kind: str, tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    found = genbench.open_images(GIVEN[kind](pixels, tmp_path))

    assert isinstance(found, ImageSet)
    assert found.numbered
    assert np.array_equal(found[:], planes(pixels))
    assert np.array_equal(found[np.array([3, 0])], planes(pixels)[[3, 0]])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_of_a_declared_range_are_their_bytes(
    pixels: NDArray[np.uint8], low: float, high: float, dtype: torch.dtype
) -> None:
    floats = tensor(pixels).to(dtype) / 255 * (high - low) + low

    found = genbench.open_images(floats, value_range=(low, high))

    assert np.array_equal(found[:], planes(pixels))


def test_grey_images_have_three_equal_channels(pixels: NDArray[np.uint8]) -> None:
    found = genbench.open_images(pixels[..., :1])

    assert found.shape == (N, 3, SIDE, SIDE)
    assert np.array_equal(found[:][:, 2], pixels[..., 0])


def test_a_side_that_is_asked_for_takes_centre_squares(tmp_path: Path) -> None:
    """The middle of a picture that is black at both ends."""
    wide = np.zeros((4, 10, 3), np.uint8)
    wide[:, 3:7] = 200
    save(wide, tmp_path / "a.png")

    assert np.array_equal(
        genbench.open_images(tmp_path, resolution=2)[0], np.full((3, 2, 2), 200, np.uint8)
    )
    with pytest.raises(BadInput, match=r"a.png is 10x4; .* --resolution R"):
        genbench.open_images(tmp_path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (torch.zeros(2, 3, 4, 4), r"float32 need a range.*value_range=\(0, 1\)"),
        (torch.zeros(2, 5, 4, 4, dtype=torch.uint8), "no axis of 3 channels or 1"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), "int64 are neither uint8"),
        (np.zeros((3, 4, 4), np.uint8), r"has shape \(3, 4, 4\); wanted images"),
        (np.zeros((0, 3, 4, 4), np.uint8), "wanted images"),
        ([], "brings nothing"),
        ([{"a": 1, "b": 2}], "which of the columns a, b holds the images"),
        (7, "a int holds no images that can be read; wanted a folder"),
        ("not-there", "not-there does not exist"),
    ],
)
def test_what_holds_no_images_is_refused(given: object, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        genbench.open_images(given)


def test_a_range_that_is_wrong_is_told(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(BadInput, match=r"within \[0, 1\] and go from"):
        genbench.open_images(tensor(pixels).float(), value_range=(0, 1))


def test_a_file_of_moments_is_no_set_of_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", mu=np.zeros(8), sigma=np.eye(8))

    with pytest.raises(BadInput, match="a mean and a covariance and no images"):
        genbench.open_images(tmp_path / "x.npz")


def test_an_array_of_python_objects_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", np.array([{}], dtype=object))

    with pytest.raises(BadInput, match="Python objects"):
        genbench.open_images(tmp_path / "x.npz")


def test_an_empty_folder_says_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("none")

    with pytest.raises(BadInput, match=r"no images found .* there are 1 file that is no image"):
        genbench.open_images(tmp_path)


def test_a_damaged_image_is_named(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    save(pixels[0], tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])

    with pytest.raises(BadInput, match=r"image b.png: damaged image file"):
        _ = genbench.open_images(tmp_path).digest


def test_a_digest_is_not_remembered_of_files_that_may_still_change(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    """The same name, size and, on a coarse clock, the same time."""
    for _ in range(2):
        save(pixels[0], tmp_path / "a.ppm", "PPM")
        first = genbench.open_images(tmp_path).digest
        save(pixels[1], tmp_path / "a.ppm", "PPM")

        assert genbench.open_images(tmp_path).digest != first


def test_rows_that_are_read_ahead_are_those_that_are_asked_for() -> None:
    """However batches grow, shrink, jump, or begin anew."""
    ahead = ReadAhead(lambda start, stop: torch.arange(start, stop), 20)

    for start, stop in [(0, 2), (2, 4), (4, 9), (9, 10), (10, 11), (15, 20), (0, 3), (3, 20)]:
        assert ahead(start, stop).tolist() == list(range(start, stop))


def test_an_error_of_rows_that_are_read_ahead_comes_with_them() -> None:
    def take(start: int, stop: int) -> Tensor:
        if stop > 4:
            raise BadInput("damaged")
        return torch.arange(start, stop)

    ahead = ReadAhead(take, 6)

    assert ahead(0, 2).tolist() == [0, 1]
    assert ahead(2, 4).tolist() == [2, 3]
    with pytest.raises(BadInput, match="damaged"):
        ahead(4, 6)
