"""What merging does and refuses; that every metric's shards are one pass: tests/contracts."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genbench.accumulators.merge import finished, whole
from genbench.interfaces import Pass, State
from genbench.runtime import spill
from genbench.runtime.seeds import BLOCK

AllImages: Any = import_module("genbench.accumulators.images").AllImages
N = 3 * BLOCK + 7  # three blocks and a bit
ABOUT = Pass(torch.device("cpu"), N, 32, side=0, seed=3)


def rows(*index: int, values: Tensor | None = None) -> State:
    found = torch.tensor(index)
    return State(rows={"x": found.double() if values is None else values}, index=found)


def test_rows_stand_in_the_order_of_images() -> None:
    assert whole([rows(5, 3), rows(0, 4)])["x"].tolist() == [0, 3, 4, 5]


def test_an_image_that_is_counted_twice_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="counted twice"):
        whole([rows(0, 1), rows(1, 2)])


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State(sums={"x": torch.zeros(2)}), "torch.float32, which rounds"),
        (State(rows={"x": torch.zeros(2)}), "rows need their index"),
        (rows(1, 2, values=torch.zeros(3)), "3 rows of other images"),
        (State(sums={"x": torch.zeros(1).double()}, least={"x": torch.zeros(1)}), "called the sa"),
    ],
)
def test_a_state_that_cannot_be_merged_exactly_is_a_bug(state: State, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        whole([state])


def test_the_smallest_of_each_number_is_taken() -> None:
    parts = [
        State(least={"first": torch.tensor([4, 1])}),
        State(least={"first": torch.tensor([2, 3])}),
    ]
    assert whole(parts)["first"].tolist() == [2, 1]


def test_large_rows_lie_in_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """They work like any other, and nothing is left of them."""
    monkeypatch.setattr(spill, "IN_MEMORY", 1000)
    big = spill.allocate((50, 10), torch.float64)
    big[:] = torch.arange(500).view(50, 10)

    assert f"{big.data_ptr():x}-" in Path("/proc/self/maps").read_text()
    assert float(big.sum()) == 499 * 250
    folder = Path(os.environ["GENBENCH_CACHE"]) / "scratch"
    assert list(folder.iterdir()) == []


def test_the_first_images_are_kept_whoever_sees_them() -> None:
    """The second shard sees none of them, and says so."""
    statistic = AllImages(70)
    x = torch.arange(N, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4)
    about = replace(ABOUT, resolution=4)
    for sizes in ([N], [BLOCK, N - BLOCK], [2 * BLOCK, N - 2 * BLOCK]):
        shards = []
        for index in torch.split(torch.arange(N), sizes):
            shards.append(statistic.start(replace(about, share=len(index))))
            for part in torch.split(index, 50):
                shards[-1].update((x[part],), part)

        found = finished(statistic, about, *shards)

        assert found["index"].tolist() == list(range(70))
        assert found["images"][:, 0, 0, 0].tolist() == list(range(70))
