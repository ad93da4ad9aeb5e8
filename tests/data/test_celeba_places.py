from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from genbench.runtime import paths


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GENBENCH_DATA", "GENBENCH_WEIGHTS", "GENBENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_cache_is_found_in_order_of_precedence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert paths.cache_dir() == tmp_path / ".cache" / "genbench"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert paths.cache_dir() == tmp_path / "xdg" / "genbench"
    monkeypatch.setenv("GENBENCH_CACHE", "~/mine")
    assert paths.cache_dir() == tmp_path / "mine"
    assert paths.cache_dir(tmp_path / "given") == tmp_path / "given"


def test_relative_xdg_cache_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The XDG base directory specification demands it."""
    monkeypatch.setenv("XDG_CACHE_HOME", "here")

    assert paths.cache_dir() == tmp_path / ".cache" / "genbench"


def test_data_and_weights_have_no_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert paths.data_dir() is None
    assert paths.weights_dir() is None
    monkeypatch.setenv("GENBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("GENBENCH_WEIGHTS", "")
    assert paths.data_dir() == tmp_path
    assert paths.weights_dir() is None


def test_finding_data_sources_loads_neither_torch_nor_numpy() -> None:
    """`genbench list` does it, and must start at once."""
    code = (
        "import sys; from genbench.registry import plugins; print(*plugins('dataset')); "
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    )

    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert {"celeba", "fashion-mnist", "folder", "mnist", "zip"} <= set(found)
