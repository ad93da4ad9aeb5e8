"""Writing that nothing can spoil."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from genbench.errors import BadInput
from genbench.runtime import atomic


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    atomic.write_text(target, "old")

    with pytest.raises(RuntimeError), atomic.new_file(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with atomic.new_folder(target) as temporary:
        (temporary / "x").write_text("old")

    with pytest.raises(RuntimeError), atomic.new_folder(target) as temporary:
        (temporary / "x").write_text("half")
        raise RuntimeError

    assert (target / "x").read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_line_and_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    atomic.write_text(target, "old")

    with (
        pytest.raises(atomic.DiskFull, match="no space left on the disk of"),
        atomic.new_file(target),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert target.read_text() == "old"


def test_a_real_full_disk_is_one_line(tmp_path: Path) -> None:
    """/dev/full answers every write with 'no space left'."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(atomic.DiskFull), atomic.full_disk_is_an_error(tmp_path):
        Path("/dev/full").write_text("x")


def test_json_that_is_not_json_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "run.json"
    bad.write_text("{")

    with pytest.raises(BadInput, match=r"run\.json is not valid JSON"):
        atomic.read_json(bad)
