"""Arrays of images in files of numpy: .npy, and .npz as ADM's programs write it."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray

from genbench.data.archive import BROKEN
from genbench.errors import BadInput
from genbench.runtime import spill

ADM = "arr_0"  # of guided-diffusion's samples and reference batches
MOMENTS = ("mu", "sigma")  # of FID's reference, as pytorch-fid, ADM and clean-fid write them
LOCAL_HEADER = 30  # bytes of a zip entry before its name


def read_array(file: Path) -> NDArray[Any]:
    """The images of a file, (n, h, w, 3) or (n, 3, h, w), mapped where that is possible.

    Raises:
        BadInput: it is damaged, holds no images, or several arrays that may be them.
    """
    try:
        array = _npy(file) if file.suffix.lower() == ".npy" else _npz(file)
    except BROKEN as error:
        raise BadInput(f"{file} is not a readable file of numpy ({error})") from error
    if array.ndim != 4 or not len(array):
        raise BadInput(
            f"{file} holds an array of shape {array.shape}; wanted images, (n, h, w, 3) or "
            "(n, 3, h, w)"
        )
    return array


def arrays(file: Path) -> list[str]:
    """Names of the arrays in an .npz file.

    Raises:
        BadInput: it is none.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except BROKEN as error:
        raise BadInput(f"{file} is not a readable file of numpy ({error})") from error


def read_small(file: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Those of some arrays that an .npz file has, whole.

    Raises:
        BadInput: it is damaged.
    """
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            return {name: found[name] for name in names if name in found.files}
    except BROKEN as error:
        raise BadInput(f"{file} is not a readable file of numpy ({error})") from error


def _npy(file: Path) -> NDArray[Any]:
    found: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return found


def _npz(file: Path) -> NDArray[Any]:
    with zipfile.ZipFile(file) as archive:
        name = _images(file, archive)
        entry = archive.getinfo(f"{name}.npy")
        if entry.compress_type == zipfile.ZIP_STORED:
            return _mapped(file, entry)
        with archive.open(entry) as stream:
            return _unpacked(stream)


def _images(file: Path, archive: zipfile.ZipFile) -> str:
    """Name of the array that holds the images: ADM's, or the only one of four axes."""
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    if ADM in names:
        return ADM
    found = []
    for name in names:
        with archive.open(f"{name}.npy") as stream:
            if len(_header(stream)[0]) == 4:
                found.append(name)
    if len(found) == 1:
        return found[0]
    if set(names) >= set(MOMENTS) and not found:
        raise BadInput(
            f"{file} holds a mean and a covariance and no images; it can be the first argument of "
            "genbench compare, for FID alone"
        )
    raise BadInput(
        f"{file} holds {', '.join(names) or 'nothing'}; wanted {ADM}, or one array of images"
    )


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type, as the head of an array says."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = read(stream)
    if found[2].hasobject:
        raise BadInput("arrays of Python objects are not read: they could run a program")
    return found


def _mapped(file: Path, entry: zipfile.ZipInfo) -> NDArray[Any]:
    """An entry that is stored as it is: 50,000 images of 256x256 are 10 GB."""
    with file.open("rb") as stream:
        stream.seek(entry.header_offset)
        head = stream.read(LOCAL_HEADER)
        lengths = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
        stream.seek(entry.header_offset + LOCAL_HEADER + sum(lengths))
        shape, columns_first, dtype = _header(stream)
        order: Literal["C", "F"] = "F" if columns_first else "C"
        at = stream.tell()
    mapped: NDArray[Any] = np.memmap(file, dtype, "r", offset=at, shape=shape, order=order)
    return mapped


def _unpacked(stream: IO[bytes]) -> NDArray[Any]:
    """An entry that is compressed, on disk where it is large."""
    shape, columns_first, dtype = _header(stream)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    room = spill.allocate((size,), torch.uint8)
    view, start = room.numpy().data, 0
    while start < size:
        got = stream.readinto(view[start : start + spill.IN_MEMORY])  # type: ignore[attr-defined]
        if not got:
            raise BadInput(f"an array is cut off after {start} of {size} bytes")
        start += got
    return room.numpy().view(dtype).reshape(shape, order="F" if columns_first else "C")
