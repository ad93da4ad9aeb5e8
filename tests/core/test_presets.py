"""Presets name metrics that exist, with the numbers of images that the papers state."""

from __future__ import annotations

import pytest

from genbench.evaluation import PRESETS, Evaluation, find_metrics, parts


@pytest.mark.parametrize("name", PRESETS)
def test_every_metric_of_a_preset_exists(name: str) -> None:
    for part in parts(name, Evaluation(metrics=("rmse",))):
        assert find_metrics(part.metrics)


def test_a_preset_keeps_what_it_does_not_fix() -> None:
    how = Evaluation(metrics=("rmse",), seed=7, device="cpu", anchors=True)

    first, second, third = parts("pioneer-table1", how)

    assert (first.metrics, first.images, first.repeats) == (("fid",), 10_000, 5)
    assert (second.metrics, second.images) == (("swd",), 16_384)
    assert third.pairs == 1000
    assert all(
        (part.seed, part.device, part.anchors) == (7, "cpu", True) for part in (first, third)
    )
