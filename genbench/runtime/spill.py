"""Room for what grows with the number of images, on disk as soon as it is large.

A tensor in a file that is mapped into memory works like any other, but the system may write
its pages out and take the memory back: 50,000 images of 256x256 fill 10 GB of disk, not of
memory. The file has no name, so it goes with the process, however that ends.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Sequence

import torch
from torch import Tensor

from genbench.runtime import paths
from genbench.runtime.atomic import full_disk_is_an_error

IN_MEMORY = 64 << 20  # bytes of one tensor: the features of 8,000 images


def allocate(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor on the CPU with arbitrary content.

    Raises:
        DiskFull: it does not fit on the disk of the cache folder.
    """
    size = math.prod(shape) * dtype.itemsize
    if size <= IN_MEMORY:
        return torch.empty(tuple(shape), dtype=dtype)
    folder = paths.cache_dir() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    with full_disk_is_an_error(folder), tempfile.TemporaryFile(dir=folder) as file:
        # Without its blocks a full disk would show only when a page is written, as a signal.
        os.posix_fallocate(file.fileno(), 0, size)
        mapped = mmap.mmap(file.fileno(), size)
    return torch.frombuffer(mapped, dtype=dtype).view(tuple(shape))


def moved(tensor: Tensor) -> Tensor:
    """*tensor* itself where it is on the CPU, else a copy there."""
    return (
        tensor
        if tensor.device.type == "cpu"
        else allocate(tensor.shape, tensor.dtype).copy_(tensor)
    )
