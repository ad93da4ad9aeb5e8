from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from genbench.data import open_dataset
from genbench.data.sources._lmdb import Lmdb
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import ImageSource
from genbench.registry import plugin

TRAIN, VALIDATION = 90, 6


def opened(argument: str | None, data_dir: Path | None = None) -> ImageSource:
    source: ImageSource = plugin("dataset", "lsun-bedroom").load().open(argument, data_dir)
    return source


def photo(seed: int) -> NDArray[np.uint8]:
    """Rows, columns, colours; wide or high."""
    rng = np.random.default_rng(seed)
    size = (20, 16, 3) if seed % 2 else (16, 26, 3)
    return rng.integers(0, 256, size, dtype=np.uint8)


def webp(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo(seed)).save(stream, "WEBP", lossless=True)
    return stream.getvalue()


def key(seed: int) -> bytes:
    """Forty letters, as LSUN's, in another order than the numbers."""
    return random.Random(seed).randbytes(20).hex().encode()


def write(folder: Path, items: dict[bytes, bytes]) -> Path:
    """With the library, in several transactions and with a deletion, so that pages are reused."""
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 26) as target:
        names = list(items)
        for start in range(0, len(names), 40):
            with target.begin(write=True) as batch:
                for name in names[start : start + 40]:
                    batch.put(name, items[name])
                batch.put(b"gone", b"x" * 9000)
        with target.begin(write=True) as batch:
            batch.delete(b"gone")
    return folder / "data.mdb"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "lsun"
    for name, seeds in (("train", range(TRAIN)), ("val", range(TRAIN, TRAIN + VALIDATION))):
        write(place / f"bedroom_{name}_lmdb", {key(seed): webp(seed) for seed in seeds})
    return place


def squares(seeds: range) -> NDArray[np.uint8]:
    """What the rows must be at 16 pixels, in the order of the keys."""
    found = []
    for seed in sorted(seeds, key=key):
        image = photo(seed)
        top, left = (image.shape[0] - 16) // 2, (image.shape[1] - 16) // 2
        found.append(image[top : top + 16, left : left + 16].transpose(2, 0, 1))
    return np.stack(found)


def test_rows_are_centre_squares_in_the_order_of_the_keys(folder: Path, cache: Path) -> None:
    data = open_dataset("lsun-bedroom", 16, data_dir=folder.parent, cache_dir=cache)

    assert np.array_equal(data.train.images, squares(range(TRAIN)))
    assert np.array_equal(data.test.images, squares(range(TRAIN, TRAIN + VALIDATION)))
    assert data.name == "lsun-bedroom"
    assert data.recipe.flip


def test_a_stream_has_the_same_images_and_writes_nothing(folder: Path, cache: Path) -> None:
    data = open_dataset(f"lsun-bedroom:{folder},stream=yes", 16, cache_dir=cache)
    index = torch.tensor([5, 80, 5, 0, 89])

    assert data.train.streamed
    assert np.array_equal(data.train.take(index), squares(range(TRAIN))[index])
    assert np.array_equal(data.test.take(slice(1, 4)), squares(range(TRAIN, 96))[1:4])
    assert np.array_equal(data.train.images[7], squares(range(TRAIN))[7])
    assert not cache.exists()
    with pytest.raises(IndexError):
        data.train.take(torch.tensor([TRAIN]))


def test_the_fingerprint_of_a_stream_says_what_it_has_seen(folder: Path, cache: Path) -> None:
    spec = f"lsun-bedroom:{folder},stream=yes"
    whole = open_dataset(f"lsun-bedroom:{folder}", 16, cache_dir=cache)
    data = open_dataset(spec, 16, cache_dir=cache)

    assert "checked" not in whole.recipe.describe()
    assert data.recipe.describe()["checked"] == "listing-and-64-of-each-split"
    assert data.fingerprint != whole.fingerprint
    assert data.fingerprint == open_dataset(spec, 16, cache_dir=cache).fingerprint
    assert data.fingerprint != open_dataset(spec, 8, cache_dir=cache).fingerprint


def test_another_key_size_or_pixel_is_another_fingerprint(tmp_path: Path) -> None:
    def fingerprint(name: str, items: dict[bytes, bytes]) -> str:
        write(tmp_path / name / "bedroom_train_lmdb", items)
        write(tmp_path / name / "bedroom_val_lmdb", {key(s): webp(s) for s in (90, 91)})
        return open_dataset(f"lsun-bedroom:{tmp_path / name},stream=yes", 8).fingerprint

    items = {key(seed): webp(seed) for seed in range(8)}
    reversed_ = dict(reversed(list(items.items())))
    other_key = {key(s + 100 if s == 3 else s): v for s, v in enumerate(items.values())}

    assert fingerprint("a", items) == fingerprint("b", reversed_)
    assert fingerprint("a2", other_key) != fingerprint("a1", items)
    assert fingerprint("c", items | {key(3): webp(4)}) != fingerprint("d", items)


def test_a_stream_cannot_leave_images_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"--on-bad skip cannot be had with stream=yes"):
        open_dataset(f"lsun-bedroom:{folder},stream=yes", 8, on_bad="skip")

    items = {key(seed): webp(seed) for seed in range(300)}
    bad = sorted(items)[1]
    write(tmp_path / "bad" / "bedroom_train_lmdb", items | {bad: items[bad][:50]})
    write(tmp_path / "bad" / "bedroom_val_lmdb", {key(s): webp(s) for s in (900, 901)})
    data = open_dataset(f"lsun-bedroom:{tmp_path / 'bad'},stream=yes", 8)
    with pytest.raises(BadInput, match=r"image 1 of lsun-bedroom.* prepare the data set instead"):
        data.train.take(torch.tensor([0, 1]))


def test_values_of_any_size_are_those_of_the_library(tmp_path: Path) -> None:
    """Small values lie beside their keys, large ones on pages of their own; the tree has levels."""
    rng = random.Random(0)
    items = {
        rng.randbytes(rng.randrange(1, 60)): rng.randbytes(rng.choice((0, 1, 30, 2000, 2030, 9000)))
        for _ in range(1500)
    }
    found = Lmdb(write(tmp_path / "any", items))

    assert len(found) == len(items)
    assert [found.read(row) for row in range(len(found))] == [items[k] for k in sorted(items)]


def test_an_empty_file_of_keys_is_read(tmp_path: Path, cache: Path) -> None:
    file = write(tmp_path / "bedroom_train_lmdb", {})
    write(tmp_path / "bedroom_val_lmdb", {key(s): webp(s) for s in range(3)})

    assert len(Lmdb(file).index().sizes) == 0
    with pytest.raises(BadInput, match="has 0 training and 3 test images"):
        open_dataset(f"lsun-bedroom:{tmp_path}", 8, cache_dir=cache)


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        (0, "its first page is no head of version 1"),
        (100, "its first page is no head of version 1"),
        (5000, r"has 5000 bytes, its head states \d+; it was cut off, get it again"),
        (-1, r"has \d+ bytes, its head states \d+; it was cut off, get it again"),
    ],
)
def test_truncated_file_is_one_clear_line(keep: int, words: str, folder: Path) -> None:
    file = folder / "bedroom_train_lmdb" / "data.mdb"
    content = file.read_bytes()
    file.write_bytes(content[:keep])

    with pytest.raises(BadInput, match=words):
        opened(str(folder))


def damaged(content: bytes) -> Iterator[bytes]:
    rng = random.Random(1)
    for _ in range(200):
        spoilt = bytearray(content)
        for _ in range(rng.choice((1, 1, 4))):
            spoilt[rng.randrange(len(spoilt))] = rng.choice((0, 255, rng.randrange(256)))
        yield bytes(spoilt)


def test_any_changed_byte_is_a_clear_line_or_a_value(tmp_path: Path) -> None:
    content = write(tmp_path / "l", {key(s): b"v" * (s % 30) for s in range(150)}).read_bytes()
    file = tmp_path / "bad.mdb"
    refused = 0
    for spoilt in damaged(content):
        file.write_bytes(spoilt)
        try:
            found = Lmdb(file)
            for row in range(len(found)):
                found.read(row)
        except BadInput:
            refused += 1

    assert refused >= 3, "most bytes are keys and values, a few are structure"


def test_pages_in_a_circle_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "l", {key(s): b"v" * 30 for s in range(500)})
    content = bytearray(file.read_bytes())
    head = max(0, 4096, key=lambda at: int.from_bytes(content[at + 144 : at + 152], "little"))
    root = int.from_bytes(content[head + 128 : head + 136], "little")
    first = root * 4096 + int.from_bytes(content[root * 4096 + 16 : root * 4096 + 18], "little")
    content[first : first + 6] = root.to_bytes(6, "little")
    file.write_bytes(content)

    with pytest.raises(BadInput, match="its pages go round in circles"):
        Lmdb(file).index()


def test_missing_folder_says_what_to_get(folder: Path) -> None:
    (folder / "bedroom_val_lmdb" / "data.mdb").unlink()

    with pytest.raises(BadInput, match=r"val_lmdb/data.mdb does not exist; get bedroom_val_lmdb.z"):
        opened(str(folder))
    with pytest.raises(BadInput, match=r"lsun-bedroom needs bedroom_train_lmdb and bedroom_val"):
        opened(None)


def test_training_from_a_stream_is_training_from_the_cache(
    folder: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genbench.training.loader import Loader

    spec = f"lsun-bedroom:{folder}"
    streamed = open_dataset(f"{spec},stream=yes", 16, cache_dir=cache).train
    stored = open_dataset(spec, 16, cache_dir=cache).train
    loaders = [Loader(split, 0, torch.device("cpu"), flip=True) for split in (streamed, stored)]

    for seen in (0, 40, 80, 120):
        one, two = (loader.batch(seen, 40) for loader in loaders)
        assert torch.equal(one.images, two.images)
        assert torch.equal(one.index, two.index)
    for loader in loaders:
        loader.close()
