from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genbench
from genbench.data import Split, open_dataset
from genbench.errors import BadInput
from genbench.runtime import seeds
from genbench.training import loader as feeding
from genbench.training.loader import Loader
from genbench.training.prefetch import Prefetcher

CPU = torch.device("cpu")


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("genbench-loader")]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threads())  # of other tests' feeds, until they are collected
    yield
    assert set(threads()) <= before


def counting(seen: int, n: int) -> list[int]:
    return list(range(seen, seen + n))


def test_batches_come_in_order_and_a_few_ahead() -> None:
    asked = []

    def load(seen: int, n: int) -> int:
        asked.append(seen)
        return seen

    ahead = Prefetcher(load, depth=3)
    found = [ahead.get(seen, 8) for seen in range(0, 80, 8)]
    ahead.close()

    assert found == list(range(0, 80, 8))
    assert asked == sorted(asked), "loaded in order, each once"
    assert 80 - 8 <= asked[-1] <= 80 + 2 * 8, "never more than the depth beyond what was asked for"


def test_loading_goes_on_while_the_step_computes() -> None:
    loaded = threading.Event()

    def load(seen: int, n: int) -> int:
        if seen == 2:
            loaded.set()
        return seen

    ahead = Prefetcher(load, depth=2)
    ahead.get(0, 1)

    # A moment, and half an hour for a machine that is very busy.
    assert loaded.wait(timeout=1800), "nobody has asked for it yet"
    ahead.close()


def test_another_size_or_place_is_a_new_start() -> None:
    ahead = Prefetcher(counting, depth=3)

    found = [ahead.get(*ask) for ask in ((0, 4), (4, 4), (8, 2), (10, 2), (4, 4), (0, 1))]
    ahead.close()

    assert found == [counting(*ask) for ask in ((0, 4), (4, 4), (8, 2), (10, 2), (4, 4), (0, 1))]


def test_an_error_is_raised_where_its_batch_is_asked_for() -> None:
    def load(seen: int, n: int) -> int:
        if seen == 6:
            raise BadInput("image 6 is damaged")
        return seen

    ahead = Prefetcher(load, depth=3)
    assert [ahead.get(seen, 2) for seen in (0, 2, 4)] == [0, 2, 4]
    with pytest.raises(BadInput, match="image 6 is damaged"):
        ahead.get(6, 2)
    assert ahead.get(8, 2) == 8
    ahead.close()


def test_closing_ends_the_thread_even_while_it_works_and_asking_starts_another() -> None:
    ahead = Prefetcher(counting, depth=3)
    ahead.get(0, 2)
    assert ahead._pool is not None
    ahead.close()
    assert ahead._pool is None

    assert ahead.get(2, 2) == [2, 3]
    ahead.close()
    ahead.close()


@pytest.mark.parametrize("flip", [False, True])
def test_batches_are_those_of_a_feed_without_a_thread(flip: bool) -> None:
    """The plain way: order, take, mirror by the coins of each row."""
    split = open_dataset("toyfaces:60", 8).train
    loader = Loader(split, 3, CPU, flip=flip)
    seen = 0
    for n in (8, 8, 8, 32, 32, 5, 8):
        batch = loader.batch(seen, n)
        for k, row, image in zip(range(seen, seen + n), batch.index, batch.images, strict=True):
            epoch, place = divmod(k, len(split))
            assert row == seeds.permutation(len(split), 3, "order", epoch)[place]
            plain = split.take(row[None])[0].float() / 127.5 - 1
            mirrored = flip and bool(loader._coins(k, 1)[0])
            torch.testing.assert_close(image, plain.flip(2) if mirrored else plain)
        seen += n
    loader.close()


def test_training_leaves_no_thread_behind(tmp_path: Path) -> None:
    training = {"data": "toyfaces:60", "resolution": 16, "images": 32, "grids": 0}

    genbench.train("vae", preset="tiny", training=training, runs_dir=tmp_path)


def test_an_image_that_cannot_be_had_ends_training_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0
    take = Split.take

    def damaged(self: Split, index: Any) -> torch.Tensor:
        nonlocal taken
        if self.name == "train":
            taken += 1
            if taken > 2:
                raise BadInput("row 7 cannot be read")
        return take(self, index)

    monkeypatch.setattr(Split, "take", damaged)
    training = {"data": "toyfaces:60", "resolution": 16, "images": 3200, "grids": 0}

    with pytest.raises(BadInput, match="row 7 cannot be read"):
        genbench.train("vae", preset="tiny", training=training, runs_dir=tmp_path)


def test_images_go_to_the_device_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    split = open_dataset("toyfaces:60", 8).train
    monkeypatch.setattr(feeding, "COPIED", 7 * 3 * 8 * 8)

    assert np.array_equal(feeding._on_device(split, CPU).numpy(), split.images)
