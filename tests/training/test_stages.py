"""Stretches of a training, against the stage of every single image."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest

from genbench import registry, runs
from genbench.settings import Layer, preset_layer, resolve
from genbench.training.stages import Stretch, cost_of, guessed_costs, kind, stretches


def outline(name: str, **changes: Any) -> Any:
    declared = registry.model(name)
    layers = [preset_layer(declared, "tiny", name), Layer("test", changes)]
    model = runs.outline(name, resolve(declared.settings, layers, name).values, 32)
    model.total(300)
    return model


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pioneer", {"phase_images": 310}),
        ("proggan", {"stable_images": 150, "fade_images": 170}),
        ("introvae", {"warmup": 333}),
        ("dcgan", {}),
        ("vae", {}),
    ],
)
@pytest.mark.parametrize("start", [0, 641])
def test_stretches_are_those_of_every_single_image(
    name: str, changes: dict[str, Any], start: int
) -> None:
    model, total = outline(name, **changes), 2001
    kinds = [kind(model.stage(seen)) for seen in range(start, total)]
    lengths = [len(list(same)) for _, same in groupby(kinds)]
    found = stretches(model, start, total)
    assert [part.images for part in found] == lengths
    assert [part.start for part in found] == [start, *(part.stop for part in found[:-1])]
    assert found[-1].stop == total


def test_borders_are_exact_in_a_long_training() -> None:
    parts = stretches(outline("pioneer", phase_images=1_000_001), 0, 5_000_005)
    fades = [start + 500_001 for start in (1_000_001, 2_000_002, 3_000_003)]
    assert [part.stop for part in parts if part.stage.alpha < 1] == fades
    assert parts[-1].start == fades[-1]
    assert parts[1].stage.name == "8x8 fade"


def test_nothing_is_left_at_the_end() -> None:
    assert stretches(outline("vae"), 10, 10) == []


def test_costs_add_up() -> None:
    parts = stretches(outline("pioneer", phase_images=100), 0, 500)
    each = guessed_costs(parts)
    assert [part.images for part in parts] == [100, 50, 50, 50, 50, 50, 150]
    assert each == [4, 8, 8, 16, 16, 32, 32]
    cost, by_hand = cost_of(parts, each), 0.0
    for image in range(500):
        assert cost(image) == by_hand
        by_hand += each[next(k for k, part in enumerate(parts) if image < part.stop)]
    assert cost(500) == by_hand


def test_a_step_over_the_end_costs_as_the_last_ones() -> None:
    stage = outline("vae").stage(0)
    cost = cost_of([Stretch(stage, 0, 10)], [2.0])
    assert cost(12) == 24
