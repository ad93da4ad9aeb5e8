from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from genbench.data import open_dataset
from genbench.errors import BadInput
from genbench.interfaces import ImageSource
from genbench.registry import plugin

COUNT = 60


def opened(argument: str | None, data_dir: Path | None = None) -> ImageSource:
    source: ImageSource = plugin("dataset", "celeba-hq").load().open(argument, data_dir)
    return source


def face(number: int, side: int) -> NDArray[np.uint8]:
    """Rows, columns, colours."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (side, side, 3), dtype=np.uint8)


def png(number: int, side: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(face(number, side)).save(stream, "PNG")
    return stream.getvalue()


def level(folder: Path, side: int, name: str = "{:05}.png", first: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for row in range(COUNT):
        (folder / name.format(row + first)).write_bytes(png(row, side))
    return folder


def shards(folder: Path, side: int = 8, count: int = 3) -> Path:
    """As the hub stores image data sets: structs of bytes and path, small row groups."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        rows = range(shard * COUNT // count, (shard + 1) * COUNT // count)
        table = pa.table(
            {
                "image": [{"bytes": png(row, side), "path": None} for row in rows],
                "label": [row % 2 for row in rows],
            }
        )
        pq.write_table(table, folder / f"train-{shard:05}-of-{count:05}.parquet", row_group_size=7)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "celeba-hq"
    level(place / "data16x16", 16)
    level(place / "data4x4", 4)
    return place


@pytest.mark.parametrize(
    ("option", "train", "rule"),
    [
        ("", 54, "first-27000-of-30000"),
        ("split=introvae", 58, "first-29000-of-30000"),
    ],
)
def test_split_is_that_of_the_paper(
    option: str, train: int, rule: str, folder: Path, cache: Path
) -> None:
    spec = "celeba-hq" + (f":{option}" if option else "")

    data = open_dataset(spec, 16, data_dir=folder.parent, cache_dir=cache)

    assert (len(data.train), len(data.test)) == (train, COUNT - train)
    assert np.array_equal(data.test.images[0], face(train, 16).transpose(2, 0, 1))
    assert data.recipe.split == rule
    assert data.name == spec
    assert data.recipe.flip


@pytest.mark.parametrize(("split", "train"), [("pioneer", 27_000), ("introvae", 29_000)])
def test_published_counts(split: str, train: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from genbench.data.sources import celeba_hq

    held_out = celeba_hq._held_out(split, [f"{n}.png" for n in range(30_000)], Path())

    assert held_out.sum() == 30_000 - train
    assert not held_out[:train].any()


def test_a_stored_level_is_taken_as_it_is(folder: Path, cache: Path) -> None:
    data = open_dataset(f"celeba-hq:{folder}", 4, cache_dir=cache)

    assert np.array_equal(data.train.images[5], face(5, 4).transpose(2, 0, 1))


def test_between_levels_pixels_are_means_of_squares(folder: Path, cache: Path) -> None:
    image = open_dataset(f"celeba-hq:{folder}", 8, cache_dir=cache).train.images[7].astype(float)

    squares = face(7, 16).reshape(8, 2, 8, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(image - squares).max() <= 0.5


def test_sizes_that_are_no_part_of_a_level_are_refused(folder: Path) -> None:
    for resolution in (32, 12):
        with pytest.raises(BadInput, match=rf"at {resolution}x{resolution}, but .* has 16, 4; ask"):
            opened(str(folder)).read(0, 2, resolution)


@pytest.mark.parametrize("name", ["{}.png", "{:05}.png", "imgHQ{:05}.png", "img{:08}.png"])
def test_names_count_from_zero_or_one_with_or_without_a_prefix(name: str, tmp_path: Path) -> None:
    source = opened(str(level(tmp_path / "faces", 8, name, first=0)))

    found = source.read(0, COUNT, 8).images

    assert np.array_equal(found[10], face(10, 8).transpose(2, 0, 1)), "10 comes after 9, not 1"


def test_folder_zip_and_shards_are_one_data_set(tmp_path: Path, cache: Path) -> None:
    folder = level(tmp_path / "faces" / "data8x8", 8)
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in sorted(folder.iterdir(), reverse=True):
            target.write(file, f"celebA-HQ/data8x8/{file.name}")
    places = [folder.parent, folder, archive, shards(tmp_path / "shards")]

    found = {open_dataset(f"celeba-hq:{p}", 8, cache_dir=cache).fingerprint for p in places}

    assert len(found) == 1


def test_shards_have_labels(tmp_path: Path, cache: Path) -> None:
    data = open_dataset(f"celeba-hq:{shards(tmp_path / 's')}", 8, cache_dir=cache)

    assert data.train.attributes["label"].tolist() == [row % 2 for row in range(54)]


def test_split_by_the_original_image(tmp_path: Path, cache: Path) -> None:
    """CelebA's official test part begins with 182638.jpg."""
    folder = level(tmp_path / "CelebA-HQ-img", 8, "{}.png", first=0)
    numbers = [182_600 + 37 * (row % 3) for row in range(COUNT)]
    lines = [f"{row}   {n - 1}   {n:06}.jpg" for row, n in enumerate(numbers)]
    mapping = tmp_path / "CelebA-HQ-to-CelebA-mapping.txt"
    mapping.write_text("\n".join(["idx   orig_idx   orig_file", *lines]))

    test = opened(f"{folder},split=celeba").is_test()

    assert test.tolist() == [row % 3 == 2 for row in range(COUNT)]

    mapping.write_text("\n".join(["idx orig_idx orig_file", *lines[:-1]]))
    with pytest.raises(BadInput, match="has no line for 59; get the whole list"):
        opened(f"{folder},split=celeba")
    mapping.unlink()
    with pytest.raises(BadInput, match=r"needs CelebA-HQ-to-CelebA-mapping.txt or image_list.txt"):
        opened(f"{folder},split=celeba")


def test_forty_attributes_beside_the_images(tmp_path: Path) -> None:
    folder = level(tmp_path / "CelebA-HQ-img", 8, "{}.png", first=0)
    rows = [f"{row}.jpg  {1 if row % 5 else -1} -1" for row in range(COUNT)]
    (tmp_path / "CelebAMask-HQ-attribute-anno.txt").write_text(
        "\n".join([str(COUNT), "Smiling Male", *rows])
    )

    found = opened(str(folder)).attributes()

    assert found["Smiling"].tolist() == [row % 5 > 0 for row in range(COUNT)]
    assert not found["Male"].any()


def test_a_level_that_lacks_images_is_refused(folder: Path) -> None:
    (folder / "data4x4" / "00003.png").unlink()

    with pytest.raises(BadInput, match="60 images of 16 pixels and 59 of 4, not the same ones"):
        opened(str(folder))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "faces"
    place.mkdir()
    (place / "one.png").write_bytes(png(0, 8))
    with pytest.raises(BadInput, match=r"is something else: one.png is not a number"):
        opened(str(place))
    (place / "one.png").unlink()
    Image.new("RGB", (178, 218)).save(place / "000001.png")
    with pytest.raises(
        BadInput, match=r"000001.png of .* is 178x218, wanted a square; is it the c"
    ):
        opened(str(place))
    with pytest.raises(BadInput, match=r"celeba-hq: no celeba-hq, .* in .*; name the images"):
        opened(None, tmp_path)


def test_damaged_image_is_named(folder: Path, cache: Path) -> None:
    (folder / "data16x16" / "00007.png").write_bytes(png(6, 16)[:60])

    with pytest.raises(BadInput, match=r"1 of 60 images of celeba-hq cannot be used: data16x16/00"):
        open_dataset(f"celeba-hq:{folder}", 16, cache_dir=cache)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_truncated_shard_is_one_clear_line(keep: float, tmp_path: Path) -> None:
    shard = sorted(shards(tmp_path / "s").iterdir())[1]
    content = shard.read_bytes()
    shard.write_bytes(content[: int(len(content) * keep)])

    with pytest.raises(BadInput, match=r"00001-of-00003.parquet is not a whole Parquet file"):
        opened(str(tmp_path / "s"))


def test_scrambled_rows_of_a_shard_are_named(tmp_path: Path, cache: Path) -> None:
    shard = sorted(shards(tmp_path / "s", count=1).iterdir())[0]
    content = bytearray(shard.read_bytes())
    content[200:4000] = os.urandom(3800)
    shard.write_bytes(content)

    with pytest.raises(BadInput, match="images of celeba-hq cannot be used: "):
        open_dataset(f"celeba-hq:{tmp_path / 's'}", 8, cache_dir=cache)


def test_shard_without_images_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")

    with pytest.raises(BadInput, match="no column of encoded images called image; its columns: te"):
        opened(str(tmp_path))
