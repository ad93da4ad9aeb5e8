"""Models that draw by themselves: the same images at one seed, however rows are cut into batches.

An encoder may sample its posterior, a decoder add noise, from the global generators of torch,
numpy or Python. These are set before each call and put back after it. Once a model has drawn
from them its calls go by whole blocks of rows, each with a seed of its own; a model that does not
draw is called with the batches as they come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Generator, Tensor

from genbench.runtime import seeds
from genbench.runtime.global_random import seeded
from genbench.runtime.seeds import BLOCK

T = TypeVar("T")
Rows = tuple[Tensor, ...]  # of images; two of them for both ends of steps


@dataclass(frozen=True)
class Asked(Generic[T]):
    """Rows of a stream that are wanted, and what they are made of."""

    take: Callable[[int, int], T]  # gives rows start to stop of what a model is handed
    start: int
    stop: int
    end: int  # of the stream: blocks do not go beyond it
    names: tuple[object, ...]  # of the stream, its seed first


def drawing(call: Callable[[int, Generator], Tensor]) -> Callable[[int, Generator], Tensor]:
    """*call*, under global generators with the seed of the one that it is handed."""

    def draw(n: int, rng: Generator) -> Tensor:
        with seeded(rng.initial_seed()):
            return call(n, rng)

    return draw


class OwnDraws(Generic[T]):
    """A call of a model, from rows to rows, that may draw by itself."""

    def __init__(self, call: Callable[[T], Rows]) -> None:
        """Taken to draw nothing, until it does."""
        self.call, self.draws = call, False
        self.last: tuple[tuple[object, ...], Rows] | None = None  # what a block is of, and it

    def rows(self, asked: Asked[T]) -> Rows:
        """What the call makes of the rows that are asked for."""
        if not self.draws:
            given = asked.take(asked.start, asked.stop)
            with seeded(seeds.derive(0, *asked.names)) as drawn:
                made = self.call(given)
                self.draws = drawn()
            if not self.draws:
                return made
        blocks = range(asked.start // BLOCK, -(-asked.stop // BLOCK))
        parts = [self._block(asked, block) for block in blocks]
        start, stop = (at - blocks.start * BLOCK for at in (asked.start, asked.stop))
        return tuple(torch.cat(rows)[start:stop] for rows in zip(*parts, strict=True))

    def _block(self, asked: Asked[T], block: int) -> Rows:
        """All rows of one block; the last one is kept, for the next batch may begin in it."""
        key = block, asked.end, *asked.names
        if self.last is None or self.last[0] != key:
            start = block * BLOCK
            given = asked.take(start, min(start + BLOCK, asked.end))
            with seeded(seeds.derive(0, *asked.names, block)):
                self.last = key, self.call(given)
        return self.last[1]
