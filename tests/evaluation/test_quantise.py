"""How a model's floats become the bytes that are measured: rounded, or cut off as before 2019."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench.data import Dataset, open_dataset
from genbench.errors import BadSetting
from genbench.images import to_bytes, to_bytes_truncated, to_floats

SMALL: dict[str, Any] = {"images": 40, "pairs": 20, "repeats": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:200", 16)


class Exact:
    """Gives back what it gets."""

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        return latents.reshape(-1, 3, 16, 16)

    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        return torch.randn(n, 3, 16, 16, generator=rng).clamp(-1, 1)


class Brighter(Exact):
    """A third of a grey level above its inputs: nothing when rounded."""

    def decode(self, latents: Tensor) -> Tensor:
        return super().decode(latents) + 1 / 3 / 127.5


def test_truncation_darkens_by_half_a_level() -> None:
    x = torch.rand(200_000, generator=torch.Generator().manual_seed(0)) * 1.98 - 0.99

    gap = to_bytes(x).float() - to_bytes_truncated(x).float()

    assert set(gap.tolist()) == {0, 1}
    assert float(gap.mean()) == pytest.approx(0.5, abs=0.01)


def test_truncation_clamps() -> None:
    assert to_bytes_truncated(torch.tensor([-2.0, -1, 0, 1, 2])).tolist() == [0, 0, 127, 255, 255]


def test_truncation_changes_bytes_too_and_rounding_does_not() -> None:
    """v / 127.5 - 1 falls just short of v for a quarter of the levels."""
    levels = torch.arange(256, dtype=torch.uint8)

    cut = levels.int() - to_bytes_truncated(to_floats(levels)).int()

    assert set(cut.tolist()) == {0, 1}
    assert 40 < int(cut.sum()) < 100
    assert torch.equal(to_bytes(to_floats(levels)), levels)


@pytest.mark.parametrize("quantise", ["round", "truncate"])
def test_images_of_the_data_are_written_like_the_models(data: Dataset, quantise: str) -> None:
    """An exact autoencoder has no error either way."""
    frame = genbench.evaluate(Exact(), data=data, metrics=["rmse"], quantise=quantise, **SMALL)

    assert frame.value.tolist() == [0]


def test_the_rule_moves_the_number_and_is_another_recipe(data: Dataset) -> None:
    rounded, cut = (
        genbench.evaluate(Brighter(), data=data, metrics=["rmse"], quantise=each, **SMALL).iloc[0]
        for each in ("round", "truncate")
    )

    assert rounded.value == 0
    assert cut.value > 0.3  # of the levels that fell short, most are back
    assert rounded.protocol_id != cut.protocol_id
    assert json.loads(rounded.protocol)["quantise"] == "round"
    assert json.loads(cut.protocol)["quantise"] == "truncate"


def test_the_floor_is_written_by_the_same_rule(data: Dataset) -> None:
    """Else real images would differ from real images: a patch of 16x16 sees half a level."""
    frame = genbench.evaluate(
        Exact(), data=data, metrics=["swd"], anchors=True, quantise="truncate", **SMALL
    )
    plain = genbench.evaluate(Exact(), data=data, metrics=["swd"], anchors=True, **SMALL)

    floors = [
        f[(f.model == "real images") & (f.score == "swd")].value.iloc[0] for f in (frame, plain)
    ]
    assert floors[0] == pytest.approx(floors[1], rel=0.05)
    assert floors[0] != floors[1]


def test_another_rule_is_refused(data: Dataset) -> None:
    with pytest.raises(BadSetting, match="quantise is 'floor', wanted round or truncate"):
        genbench.evaluate(Exact(), data=data, metrics=["rmse"], quantise="floor", **SMALL)
