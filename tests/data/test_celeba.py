from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torchvision.transforms as transforms
from PIL import Image

from genbench.data import open_dataset
from genbench.errors import BadInput
from genbench.registry import plugin

celeba = plugin("dataset", "celeba").open()


def jpeg(seed: int, width: int = 178, height: int = 218) -> bytes:
    """A JPEG of coarse noise, so that it stays small."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 256, (12, 10, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def torchvision_layout(tmp_path: Path) -> Path:
    """The folders as torchvision lays them out, 30 images at the size of the originals."""
    images = tmp_path / "data" / "celeba" / "img_align_celeba"
    images.mkdir(parents=True)
    for number in range(1, 31):
        (images / f"{number:06}.jpg").write_bytes(jpeg(number))
    return tmp_path / "data"


@pytest.fixture
def half_size(tmp_path: Path) -> Callable[..., Path]:
    """(numbers) -> an archive of images at half size, stored in reverse order."""

    def make(numbers: Iterable[int], name: str = "celeba-half.zip") -> Path:
        archive = tmp_path / "data" / name
        archive.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(archive, "w") as target:
            for number in sorted(numbers, reverse=True):
                target.writestr(f"{number:06}.jpg", jpeg(number, 89, 109))
        return archive

    return make


def write_partition(folder: Path, parts: dict[int, int]) -> None:
    lines = [f"{number:06}.jpg {part}" for number, part in parts.items()]
    (folder / "celeba" / "list_eval_partition.txt").write_text("\n".join(lines) + "\n")


# --- the crop -----------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [128, 64, 32])
def test_original_size_is_cropped_step_by_step_as_pioneer_does(
    resolution: int, torchvision_layout: Path, cache: Path
) -> None:
    """Short side to 128 gives 128x156, of which rows 14 to 141 remain."""
    data = open_dataset("celeba", resolution, data_dir=torchvision_layout, cache_dir=cache)

    picture = Image.open(torchvision_layout / "celeba" / "img_align_celeba" / "000001.jpg")
    middle = np.asarray(picture.resize((128, 156), Image.Resampling.BILINEAR))[14:142]
    expected = Image.fromarray(middle)
    if resolution < 128:
        expected = expected.resize((resolution, resolution), Image.Resampling.BILINEAR)

    assert np.array_equal(data.train.images[0].transpose(1, 2, 0), np.asarray(expected))
    assert data.recipe.crop == "short-side-centre-128"
    assert data.recipe.flip


@pytest.mark.parametrize(("size", "side"), [((178, 218), 128), ((89, 109), 64)])
def test_crop_is_torchvisions_resize_and_centre_crop(size: tuple[int, int], side: int) -> None:
    """Pioneer's code is written in these two transforms."""
    picture = Image.open(io.BytesIO(jpeg(3, *size)))
    reference = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])

    assert np.array_equal(np.asarray(celeba.face(picture, side)), np.asarray(reference(picture)))


def test_half_size_has_a_square_of_64(half_size: Callable[..., Path], cache: Path) -> None:
    archive = half_size(range(1, 31))

    data = open_dataset(f"celeba:{archive}", 64, cache_dir=cache)

    picture = Image.open(io.BytesIO(jpeg(1, 89, 109)))
    expected = np.asarray(picture.resize((64, 78), Image.Resampling.BILINEAR))[7:71]
    assert np.array_equal(data.train.images[0].transpose(1, 2, 0), expected)
    assert data.recipe.crop == "short-side-centre-64"


def test_resolution_above_the_square_is_refused(
    half_size: Callable[..., Path], cache: Path
) -> None:
    archive = half_size(range(1, 31))

    with pytest.raises(BadInput, match=r"at 128x128, but 000001\.jpg .* is 89x109.* ask for 64"):
        open_dataset(f"celeba:{archive}", 128, cache_dir=cache)


def test_image_of_another_size_is_bad(torchvision_layout: Path, cache: Path) -> None:
    odd = torchvision_layout / "celeba" / "img_align_celeba" / "000007.jpg"
    odd.write_bytes(jpeg(7, 89, 109))

    with pytest.raises(BadInput, match=r"1 of 30 .* 000007\.jpg: 89x109 .* images are 178x218"):
        open_dataset("celeba", 32, data_dir=torchvision_layout, cache_dir=cache)


# --- the split ----------------------------------------------------------------------------


def test_subset_is_cut_nine_to_one_by_number(half_size: Callable[..., Path], cache: Path) -> None:
    archive = half_size(range(1, 31))

    data = open_dataset(f"celeba:{archive}", 64, cache_dir=cache)

    assert (len(data.train), len(data.test)) == (27, 3)
    last = np.asarray(celeba.face(Image.open(io.BytesIO(jpeg(30, 89, 109))), 64))
    assert np.array_equal(data.test.images[2].transpose(1, 2, 0), last)
    assert data.recipe.split == "first-9-in-10"


def test_official_numbers_split_without_a_list(half_size: Callable[..., Path], cache: Path) -> None:
    """Train to 162770, validation to 182637, test from 182638: list_eval_partition.txt."""
    numbers = [1, 162_770, 162_771, 182_637, 182_638, 202_599]

    data = open_dataset(f"celeba:{half_size(numbers)}", 64, cache_dir=cache)

    def faces(wanted: list[int]) -> list[bytes]:
        pictures = (Image.open(io.BytesIO(jpeg(number, 89, 109))) for number in wanted)
        return [np.asarray(celeba.face(picture, 64)).tobytes() for picture in pictures]

    assert [im.transpose(1, 2, 0).tobytes() for im in data.train.images] == faces([1, 162_770])
    assert [im.transpose(1, 2, 0).tobytes() for im in data.test.images] == faces([182_638, 202_599])
    assert data.recipe.split == "official-without-validation"


def test_partition_list_decides(torchvision_layout: Path, cache: Path) -> None:
    write_partition(torchvision_layout, {number: number % 3 for number in range(1, 31)})

    data = open_dataset("celeba", 32, data_dir=torchvision_layout, cache_dir=cache)

    assert (len(data.train), len(data.test)) == (10, 10)
    assert data.recipe.split == "official-without-validation"


def test_partition_list_and_official_numbers_agree(
    half_size: Callable[..., Path], tmp_path: Path
) -> None:
    numbers = [1, 2, 162_771, 182_638, 182_639]
    archive = half_size(numbers)
    by_number = open_dataset(f"celeba:{archive}", 32, cache_dir=tmp_path / "1")
    text = "".join(f"{n:06}.jpg {p}\n" for n, p in zip(numbers, (0, 0, 1, 2, 2), strict=True))
    (archive.parent / "list_eval_partition.txt").write_text(text)

    by_list = open_dataset(f"celeba:{archive}", 32, cache_dir=tmp_path / "2")

    assert by_list.fingerprint == by_number.fingerprint


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("000003.jpg 3", "should have 1 of 0, 1, 2 after the name, found '3'"),
        ("000003.jpg", "should have 1 of"),
        ("000099.jpg 1", r"no line for 000003\.jpg"),
    ],
)
def test_wrong_partition_list_is_refused(
    line: str, words: str, torchvision_layout: Path, cache: Path
) -> None:
    write_partition(torchvision_layout, {n: 0 for n in range(1, 31) if n != 3})
    with (torchvision_layout / "celeba" / "list_eval_partition.txt").open("a") as stream:
        stream.write(line + "\n")

    with pytest.raises(BadInput, match=words):
        open_dataset("celeba", 32, data_dir=torchvision_layout, cache_dir=cache)


# --- attributes ---------------------------------------------------------------------------


def test_attributes_go_with_their_images(torchvision_layout: Path, cache: Path) -> None:
    lines = [f"{n:06}.jpg {1 if n % 2 else -1} {1 if n > 28 else -1}" for n in range(30, 0, -1)]
    file = torchvision_layout / "celeba" / "list_attr_celeba.txt"
    file.write_text("\n".join(["30", "Smiling Young ", *lines]) + "\n")

    data = open_dataset("celeba", 32, data_dir=torchvision_layout, cache_dir=cache)

    assert data.train.attributes["Smiling"].tolist() == [n % 2 == 1 for n in range(1, 28)]
    assert data.test.attributes["Young"].tolist() == [False, True, True]


def test_wrong_attributes_are_refused(torchvision_layout: Path, cache: Path) -> None:
    file = torchvision_layout / "celeba" / "list_attr_celeba.txt"
    file.write_text("1\nSmiling\n000001.jpg 0\n")

    with pytest.raises(BadInput, match=r"line of 000001\.jpg should have 1 of -1, 1"):
        open_dataset("celeba", 32, data_dir=torchvision_layout, cache_dir=cache)


# --- where the images are -------------------------------------------------------------------


def test_every_place_gives_the_same_data(torchvision_layout: Path, tmp_path: Path) -> None:
    images = torchvision_layout / "celeba" / "img_align_celeba"
    archive = tmp_path / "img_align_celeba.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in images.iterdir():
            target.write(file, f"img_align_celeba/{file.name}")
    plain = shutil.copytree(images, tmp_path / "plain")
    specs = [torchvision_layout, torchvision_layout / "celeba", images, archive, tmp_path, plain]

    fingerprints = {
        open_dataset(f"celeba:{spec}", 32, cache_dir=tmp_path / "cache").fingerprint
        for spec in specs
    }

    assert len(fingerprints) == 1


def test_only_the_archive_that_fits_is_taken(half_size: Callable[..., Path], cache: Path) -> None:
    """CelebA-HQ may lie beside it: square images in two folders, whose names are numbers too."""
    archive = half_size(range(1, 31))
    with zipfile.ZipFile(archive.parent / "celebahq.zip", "w") as target:
        for number in range(1, 31):
            target.writestr(f"{'fe' * (number % 2)}male/{number:06}.png", jpeg(number, 64, 64))
    with zipfile.ZipFile(archive.parent / "celeba-square.zip", "w") as target:
        target.writestr("000001.jpg", jpeg(1, 64, 64))
    (archive.parent / "celeba-broken.zip").write_bytes(b"PK")

    data = open_dataset("celeba", 64, data_dir=archive.parent, cache_dir=cache)

    assert len(data.train) == 27


def test_two_archives_that_fit_must_be_named(half_size: Callable[..., Path], cache: Path) -> None:
    first = half_size(range(1, 31))
    half_size(range(1, 41), "celeba-more.zip")

    with pytest.raises(BadInput, match=r"fit: celeba-half\.zip, celeba-more\.zip; name one"):
        open_dataset("celeba", 64, data_dir=first.parent, cache_dir=cache)


def test_what_is_not_celeba_is_refused_with_the_reason(tmp_path: Path) -> None:
    for name, entries in {
        "square": {"000001.jpg": jpeg(1, 64, 64)},
        "named": {"me.jpg": jpeg(1)},
        "folders": {"a/000001.jpg": jpeg(1), "b/000002.jpg": jpeg(2)},
        "twice": {"000001.jpg": jpeg(1), "1.jpg": jpeg(2)},
        "broken": {"000001.jpg": b"", "000002.jpg": b""},
    }.items():
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as target:
            for entry, content in entries.items():
                target.writestr(entry, content)

    for name, words in {
        "square": "000001.jpg is 64x64, not in the proportion 178:218",
        "named": "me.jpg is not a number",
        "folders": "several folders",
        "twice": "same number",
        "broken": "none of its 2 images can be read",
    }.items():
        with pytest.raises(BadInput, match=words):
            open_dataset(f"celeba:{tmp_path / name}.zip", 32)


def test_nothing_named_or_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENBENCH_DATA", raising=False)
    with pytest.raises(BadInput, match=r"celeba needs its aligned images: --data celeba:PATH"):
        open_dataset("celeba", 32)
    with pytest.raises(BadInput, match=r"no aligned images in .* looked for"):
        open_dataset("celeba", 32, data_dir=tmp_path)
    with pytest.raises(BadInput, match="nowhere does not exist"):
        open_dataset(f"celeba:{tmp_path}/nowhere", 32)


def test_first_image_may_be_a_bad_one(half_size: Callable[..., Path], cache: Path) -> None:
    """The size is taken from the first image that has one."""
    archive = half_size(range(2, 32))
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("000001.jpg", b"broken")

    data = open_dataset(f"celeba:{archive}", 64, cache_dir=cache, on_bad="skip")

    assert (len(data.train), len(data.test), data.left_out) == (26, 4, 1)


@pytest.mark.assets
@pytest.mark.slow
def test_ten_thousand_real_faces(cache: Path) -> None:
    """The archive beside CelebA-HQ in the folder of assets: first 9,000 train, last 1,000 test."""
    folder = Path(os.environ.get("GENBENCH_DATA", ""))
    if not (folder / "celeba10k-aligned-89x109.zip").is_file():
        pytest.skip("GENBENCH_DATA has no celeba10k-aligned-89x109.zip")

    data = open_dataset("celeba", 32, data_dir=folder, cache_dir=cache)

    assert (len(data.train), len(data.test), data.left_out) == (9000, 1000, 0)
    # Faces are in the middle: skin is redder there than the backdrop in the corners.
    mean = data.train.images.astype(np.float32).mean(0)
    redness = mean[0] - mean[2]
    assert redness[12:24, 10:22].mean() > redness[:6, :6].mean() + 10
    # The two halves of a mean face are nearly mirror images.
    assert np.abs(mean - mean[:, :, ::-1]).mean() < 5
