"""Random numbers that depend on a seed and a name only."""

from __future__ import annotations

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from genbench.runtime import seeds


def draw(n: int, rng: torch.Generator) -> torch.Tensor:
    return torch.randn(n, 3, generator=rng)


@given(cuts=st.lists(st.integers(0, 300), max_size=6))
def test_rows_do_not_depend_on_how_they_are_cut(cuts: list[int]) -> None:
    whole = torch.cat(list(seeds.blocks(draw, 0, 300, 7, "samples")))

    edges = [0, *sorted(cuts), 300]
    parts = [
        rows
        for start, stop in pairwise(edges)
        for rows in seeds.blocks(draw, start, stop, 7, "samples")
    ]

    assert torch.equal(torch.cat(parts), whole)


def test_purposes_and_seeds_are_independent() -> None:
    drawn = {
        tuple(draw(1, seeds.generator(*key)).flatten().tolist())
        for key in [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1)]
    }

    assert len(drawn) == 4


def test_derive_is_fixed() -> None:
    """Golden, computed once: every published number depends on it."""
    assert seeds.derive(0, "samples", 3) == 8270345787417802521
