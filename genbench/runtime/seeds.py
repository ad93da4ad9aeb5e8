"""Random numbers that depend on a seed and a name, never on batch size or process.

What is drawn for a stream of images is drawn in blocks of `BLOCK` rows, each block from a
generator of its own, so row i is the same whatever the batch size, the number of
processes, or the row at which work resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

BLOCK = 64  # rows drawn from one generator


def derive(seed: int, *names: object) -> int:
    """A 63-bit seed for the purpose *names*, independent of the seeds of other purposes."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object, device: str | torch.device = "cpu") -> Generator:
    """A generator for the purpose *names*."""
    return torch.Generator(device=device).manual_seed(derive(seed, *names))


def blocks(
    draw: Callable[[int, Generator], Tensor], start: int, stop: int, seed: int, *names: object
) -> Iterator[Tensor]:
    """Rows start..stop of an endless stream that *draw* makes a block at a time.

    The stream is drawn on the CPU: a GPU's generator gives other numbers.
    """
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        rows = draw(BLOCK, generator(seed, *names, block))
        low, high = max(start - block * BLOCK, 0), min(stop - block * BLOCK, BLOCK)
        yield rows[low:high]


def permutation(n: int, seed: int, *names: object) -> Tensor:
    """A permutation of 0..n-1, (n,) int64."""
    return torch.randperm(n, generator=generator(seed, *names))
