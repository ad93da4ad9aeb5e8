"""Small pictures and folders of them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeFolder = Callable[..., Path]


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """(seed, width, height, format) -> the bytes of an image file of noise."""

    def make(seed: int, width: int = 24, height: int = 16, kind: str = "PNG") -> bytes:
        rng = np.random.default_rng(seed)
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind)
        return stream.getvalue()

    return make


@pytest.fixture
def make_folder(tmp_path: Path, encoded: Callable[..., bytes]) -> MakeFolder:
    """(name, count) -> a folder of that many noise images in the folders a and b."""

    def make(name: str = "pictures", count: int = 60, width: int = 24, height: int = 16) -> Path:
        folder = tmp_path / name
        for i in range(count):
            file = folder / "ab"[i % 2] / f"{i:04}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(encoded(i, width, height))
        return folder

    return make


@pytest.fixture
def pack() -> Callable[[Path], Path]:
    """(folder) -> a zip archive of it, in an order that is not that of the names."""

    def make(folder: Path) -> Path:
        archive = folder.with_suffix(".zip")
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for file in sorted(folder.rglob("*"), reverse=True):
                target.write(file, file.relative_to(folder))
        return archive

    return make


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache."""
    return tmp_path / "cache"
