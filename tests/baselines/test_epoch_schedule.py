"""Schedules in epochs, against counting them step by step."""

from __future__ import annotations

from importlib import import_module
from typing import Any

Epochs: Any = import_module("genbench.baselines._parts.epoch_schedule").Epochs


def test_place_is_what_counting_steps_gives() -> None:
    """3 and 2 epochs over 21 images: batches of 4 (5 a pass), then of 8 (2 a pass)."""
    schedule = Epochs((3, 2), (4, 8)).over(21)
    seen = 0
    for stage, (epochs, batch, steps) in enumerate([(range(3), 4, 5), (range(3, 5), 8, 2)]):
        for epoch in epochs:
            for step in range(steps):
                now = schedule.epoch_stage(seen)
                first = epoch == epochs[0] and step == 0
                assert (now.stage, now.epoch, now.begins) == (stage, epoch, first)
                seen += batch

    assert seen == schedule.total == 3 * 20 + 2 * 16


def test_the_end_and_beyond_belong_to_the_last_epoch() -> None:
    schedule = Epochs((3, 2), (4, 8)).over(21)

    for seen in (schedule.total, schedule.total + 100):
        assert (schedule.epoch_stage(seen).stage, schedule.epoch_stage(seen).epoch) == (1, 4)


def test_fewer_images_than_a_batch_make_an_epoch_of_one_batch() -> None:
    assert Epochs((3,), (64,)).over(10).total == 192
    assert Epochs((3,), (64,)).total == 192
