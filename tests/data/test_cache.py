from __future__ import annotations

import errno
import json
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from children import Child, Start, all_done

from genbench.data import cache, prepare, writer
from genbench.errors import BadInput
from genbench.runtime import atomic
from genbench.runtime.atomic import DiskFull

PROGRAM = Path(__file__).with_name("slow_source.py")
COLUMNS = ("row", "file")
Slow: Any = runpy.run_path(str(PROGRAM))["Slow"]


def preparing(start: Start, root: Path, *last: int) -> Child:
    """A process that prepares the slow source, once it is about to begin; it dies in a read."""
    child = start(sys.executable, PROGRAM, root, *last)
    child.until(lambda: child.out)
    return child


def entries(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()]


def content(entry: cache.CacheEntry) -> tuple[Any, ...]:
    columns = [entry.attributes[split][name].tolist() for split in cache.SPLITS for name in COLUMNS]
    return entry.fingerprint, *(entry.images[split].tobytes() for split in cache.SPLITS), columns


def test_entry_holds_the_rows_of_each_split_in_order(tmp_path: Path) -> None:
    entry = cache.cache_entry(Slow(), 8, "skip", tmp_path)

    for split, rows in {
        "train": [row for row in range(120) if row % 3 and row != 50],
        "test": [*range(0, 120, 3)],
    }.items():
        assert entry.attributes[split]["row"].tolist() == rows
        assert entry.attributes[split]["file"].tolist() == [*map(str, rows)]
        assert np.array_equal(entry.images[split], np.stack([Slow.image(row, 8) for row in rows]))


def test_prepared_once_and_then_only_opened(tmp_path: Path) -> None:
    first, second = Slow(), Slow()

    before = content(cache.cache_entry(first, 8, "skip", tmp_path))
    after = content(cache.cache_entry(second, 8, "skip", tmp_path))

    assert (first.reads, second.reads) == (1, 0)
    assert before == after


def test_chunk_size_and_threads_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "1"))
    monkeypatch.setattr(prepare, "CHUNK_ROWS", 7)
    monkeypatch.setattr(prepare, "workers", lambda: 5)

    assert content(cache.cache_entry(Slow(0.001), 8, "skip", tmp_path / "2")) == whole


def test_few_chunks_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """200,000 images at 256 pixels would fill 39 GB."""
    monkeypatch.setattr(prepare, "CHUNK_ROWS", 2)
    monkeypatch.setattr(prepare, "workers", lambda: 2)
    source = Slow()

    most = max(source.reads - taken for taken, _ in enumerate(prepare.decoded(source, 8)))

    assert most <= 2 * 2 + 1


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        ("train.npy", lambda content: content[:-1]),
        ("test.npy", lambda content: b""),
        ("test.npy", lambda content: content.replace(b"'|u1'", b"'|i1'")),
        ("attributes.npz", lambda content: content[:40] + b"\0" * (len(content) - 40)),
        ("dataset.json", lambda content: b""),
        ("dataset.json", lambda content: b"[" * 100_000),
        ("dataset.json", lambda content: b"[]"),
        ("dataset.json", lambda content: content.replace(b'"key"', b'"kez"')),
        ("dataset.json", lambda content: content.replace(b'"train": 79', b'"train": 78')),
    ],
)
def test_damaged_entry_is_made_anew(file: str, spoil: Any, tmp_path: Path) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path))
    (entry,) = entries(tmp_path)
    before = (entry / file).read_bytes()
    after = spoil(before)
    assert before != after
    (entry / file).write_bytes(after)

    source = Slow()

    assert content(cache.cache_entry(source, 8, "skip", tmp_path)) == good
    assert source.reads > 0


@pytest.mark.parametrize("file", ["train.npy", "test.npy", "attributes.npz", "dataset.json"])
def test_entry_with_a_file_missing_is_made_anew(file: str, tmp_path: Path) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path))
    (entry,) = entries(tmp_path)
    (entry / file).unlink()

    assert content(cache.cache_entry(Slow(), 8, "skip", tmp_path)) == good


def test_kill_at_any_moment_leaves_nothing_or_a_whole_entry(start: Start, tmp_path: Path) -> None:
    """In a few of the first reads, and at moments that fall before, into and after the work."""
    clean = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "clean"))
    root = tmp_path / "killed"
    root.mkdir()
    for read in (1, 3, 5):
        assert preparing(start, root, read).end() == -signal.SIGKILL
        assert [entry.name[0] for entry in entries(root)] == ["."]
    for delay in (0.0, 0.05, 0.1, 0.25):  # the work takes about 0.1 s
        child = preparing(start, root)
        time.sleep(delay)
        child.kill()
        for entry in entries(root):
            if not entry.name.startswith("."):
                facts = json.loads((entry / "dataset.json").read_text())
                assert facts["fingerprint"] == clean[0]

    assert content(cache.cache_entry(Slow(), 8, "skip", root)) == clean
    assert len(entries(root)) == 1, "what the dead left behind is gone"


def test_a_kill_just_before_the_end_leaves_what_can_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dataset.json is there, and the folder has not got its name yet."""
    clean = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "clean"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_take_name", killed)
        with pytest.raises(KeyboardInterrupt):
            cache.cache_entry(Slow(), 8, "skip", tmp_path / "cut")
    (partial,) = (tmp_path / "cut").glob(".*.partial")
    assert (partial / "dataset.json").is_file()

    assert content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "cut")) == clean


def test_two_processes_at_once_do_the_work_once(start: Start, tmp_path: Path) -> None:
    said = all_done([preparing(start, tmp_path) for _ in range(2)])

    outputs = [lines.removeprefix("ready\n").split() for lines in said]
    assert sorted(int(reads) for reads, _ in outputs) == [0, 30]
    assert len({fingerprint for _, fingerprint in outputs}) == 1


def test_full_disk_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path))

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer.Rows, "add", no_space)
        with pytest.raises(DiskFull, match=r"no space left on the disk of .*; free some"):
            cache.cache_entry(Slow(), 16, "skip", tmp_path)

    assert len([entry for entry in entries(tmp_path) if not entry.name.startswith(".")]) == 1
    assert content(cache.cache_entry(Slow(), 8, "skip", tmp_path)) == good


def test_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(
        BadInput,
        match=r"cannot be written .* name another one",
    ):
        cache.cache_entry(Slow(), 8, "skip", tmp_path / "file" / "cache")


def test_refusing_and_skipping_have_entries_of_their_own(tmp_path: Path) -> None:
    cache.cache_entry(Slow(), 8, "skip", tmp_path)

    with pytest.raises(BadInput, match="1 of 120 images of slow cannot be used: 50: bad"):
        cache.cache_entry(Slow(), 8, "refuse", tmp_path)


def test_fingerprint_covers_split_and_recipe(tmp_path: Path) -> None:
    class Other(Slow):  # type: ignore[misc]  # a class loaded at run time
        pass

    fingerprints = {cache.cache_entry(Slow(), 8, "skip", tmp_path / "0").fingerprint}
    swapped, named = Other(), Other()
    # Rows 0 and 1 change places, which leaves both splits' pixels in another interleaving.
    swapped.is_test = lambda: np.arange(120) % 3 == 1
    named.recipe = named.recipe.__class__(crop="other", resize="none", split="every third is test")
    for i, source in enumerate((swapped, named), 1):
        fingerprints.add(cache.cache_entry(source, 8, "skip", tmp_path / str(i)).fingerprint)

    assert len(fingerprints) == 3


def test_flip_belongs_to_training_and_leaves_the_fingerprint(tmp_path: Path) -> None:
    flipped = Slow()
    flipped.recipe = flipped.recipe.__class__(
        crop="none", resize="none", split="every third is test", flip=True
    )

    a = cache.cache_entry(Slow(), 8, "skip", tmp_path / "a").fingerprint
    b = cache.cache_entry(flipped, 8, "skip", tmp_path / "b").fingerprint

    assert a == b


def cut_short(root: Path, after: int) -> None:
    """Preparing ends, as by a kill, when the source is asked for row *after*."""

    class Cut(Slow):  # type: ignore[misc]  # a class loaded at run time
        def read(self, start: int, stop: int, resolution: int) -> Any:
            if start >= after:
                raise KeyboardInterrupt
            return super().read(start, stop, resolution)

    with pytest.raises(KeyboardInterrupt):
        cache.cache_entry(Cut(), 8, "skip", root)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "CHUNK_ROWS", 4)
    monkeypatch.setattr(prepare, "workers", lambda: 1)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("after", [4, 40, 60, 116])
def test_preparing_goes_on_where_it_was_cut_short(after: int, tmp_path: Path) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "clean"))
    cut_short(tmp_path, after)
    source = Slow()

    assert content(cache.cache_entry(source, 8, "skip", tmp_path)) == good
    assert source.reads <= (120 - after) // 4 + 3, "a chunk or two were decoded and not written"
    (entry,) = entries(tmp_path / "clean")
    assert sorted(file.name for file in entry.iterdir()) == [
        "attributes.npz",
        "dataset.json",
        "test.npy",
        "train.npy",
    ]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("file", ["train.npy", "test.npy", "journal.jsonl"])
@pytest.mark.parametrize("keep", [0, 50, 700, 1800])
@pytest.mark.parametrize("tail", [b"", b"\0" * 9000, b"{}\n"])
def test_what_is_damaged_of_the_earlier_work_is_made_again(
    file: str, keep: int, tail: bytes, tmp_path: Path
) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "clean"))
    cut_short(tmp_path, 100)
    (partial,) = tmp_path.glob(".*.partial")
    before = (partial / file).read_bytes()
    (partial / file).write_bytes(before[:keep] + tail)

    assert content(cache.cache_entry(Slow(), 8, "skip", tmp_path)) == good


@pytest.mark.usefixtures("small_chunks")
def test_a_changed_pixel_of_the_earlier_work_is_noticed(tmp_path: Path) -> None:
    good = content(cache.cache_entry(Slow(), 8, "skip", tmp_path / "clean"))
    cut_short(tmp_path, 100)
    (partial,) = tmp_path.glob(".*.partial")
    pixels = bytearray((partial / "train.npy").read_bytes())
    pixels[128 + 30 * 192] ^= 1
    (partial / "train.npy").write_bytes(pixels)
    source = Slow()

    assert content(cache.cache_entry(source, 8, "skip", tmp_path)) == good
    assert 15 <= source.reads <= 24, "what came before it was taken over"


def test_a_users_error_leaves_no_work_behind(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        cache.cache_entry(Slow(), 8, "refuse", tmp_path)

    assert not entries(tmp_path)
