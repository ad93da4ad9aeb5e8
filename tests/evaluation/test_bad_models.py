"""One bad model never costs the others, and what was finished is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput
from genbench.evaluation import plan
from genbench.results.store import Store

HOW: dict[str, Any] = {"metrics": ["swd", "rmse", "psnr"], "images": 40, "pairs": 20, "repeats": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:120", 16)


class Good:
    def __init__(self, factor: float = 0.5) -> None:
        self.factor = factor

    def sample(self, n: int, rng: Generator) -> Tensor:
        return torch.rand(n, 3, 16, 16, generator=rng) * 2 - 1

    def encode(self, images: Tensor) -> Any:
        return images * self.factor

    def decode(self, latents: Any) -> Any:
        return latents


class Raises(Good):
    def encode(self, images: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2 cannot be multiplied")


class Lost(Good):
    def decode(self, latents: Tensor) -> Any:
        return latents, latents + 1


class Few(Good):
    def decode(self, latents: Tensor) -> Any:
        return latents[:3]


class Flat(Good):
    def decode(self, latents: Tensor) -> Any:
        return latents.flatten(1)


class Swollen(Good):
    def decode(self, latents: Tensor) -> Any:
        return latents.permute(0, 2, 3, 1)[..., :1]


class Huge(Good):
    def decode(self, latents: Tensor) -> Any:
        raise torch.OutOfMemoryError("no")


BAD: dict[str, tuple[Any, str]] = {
    "raises": (Raises(), "encode raised RuntimeError: mat1 and mat2 cannot be multiplied (test_b"),
    "lost": (Lost(), "decode gave a tuple of (Tensor, Tensor); return the images, (n, 3, h, w) in"),
    "few": (Few(), "decode gave 3 images where 20 were asked for"),
    "flat": (Flat(), "give them back their shape: x.view(-1, 3, 16, -1)"),
    "nhwc": (Swollen(), "that is NHWC, channels last, where NCHW is wanted"),
    "huge": (Huge(), "the device has no room for a single image"),
    "class": (Good, "Good is a class, not a model made of it; give Good(...)"),
    "nothing": (object(), "object cannot be measured: it has none of sample, draw, encode"),
}


def test_the_others_are_measured_as_if_they_were_alone(data: Dataset, tmp_path: Path) -> None:
    models = {"first": Good(), **{name: bad for name, (bad, _) in BAD.items()}, "last": Good(0.7)}

    frame = genbench.evaluate(models, data=data, table=tmp_path / "t", **HOW)

    for name in ("first", "last"):
        alone = genbench.evaluate({name: models[name]}, data=data, **HOW)
        assert list(frame[frame.model == name].value) == list(alone.value)
    for name, (_, words) in BAD.items():
        row = frame[(frame.model == name) & (frame.metric == "rmse")].iloc[0]
        assert row.value != row.value
        assert words in row.reason
    assert len({record.model for record in Store(tmp_path / "t").read()}) == len(models)


def test_where_there_are_no_others_it_is_an_error(data: Dataset) -> None:
    with pytest.raises(BadInput, match="Good is a class"):
        genbench.evaluate([Good, object()], data=data, **HOW)


def test_what_fails_in_a_metric_costs_that_metric(
    data: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its traceback is shown, for it is a bug."""
    find = plan.find_metrics

    def broken(**_: Any) -> Any:
        return {"psnr": 1 / 0}

    def found(names: Any) -> Any:
        known = find(names)
        return {**known, "psnr": dataclasses.replace(known["psnr"], compute=broken)}

    monkeypatch.setattr(plan, "find_metrics", found)

    frame = genbench.evaluate({"m": Good()}, data=data, **HOW).set_index("metric")

    assert "the metric psnr raised ZeroDivisionError: division by zero" in frame.reason["psnr"]
    assert frame.value["rmse"] > 0
    assert "ZeroDivisionError" in capsys.readouterr().err


class Stops(Good):
    def __init__(self, trouble: BaseException | None) -> None:
        super().__init__()
        self.trouble, self.sampled = trouble, 0

    def sample(self, n: int, rng: Generator) -> Tensor:
        self.sampled += n
        return super().sample(n, rng)

    def decode(self, latents: Tensor) -> Tensor:
        if self.trouble is not None and len(latents) == HOW["pairs"]:
            raise self.trouble
        return latents


def stopped(data: Dataset, table: Path) -> str:
    with pytest.raises(KeyboardInterrupt) as stop:
        genbench.evaluate(
            {"a": Good(), "b": Stops(KeyboardInterrupt())}, data=data, table=table, **HOW
        )
    (note,) = stop.value.__notes__
    return str(note)


def test_the_finished_metrics_of_a_model_that_is_stopped_are_in_the_table(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t"

    note = stopped(data, table)

    assert note.startswith("1 of 2 models, and what was finished of another, are in the table")
    assert {r.metric for r in Store(table).read() if r.model == "b"} == {"swd"}
    capsys.readouterr()
    model = Stops(None)
    whole = genbench.evaluate({"a": Good(), "b": model}, data=data, table=table, **HOW)
    words = "1 of 2 models, and a part of another, are in the table and not measured again"
    assert words in capsys.readouterr().err
    straight = genbench.evaluate({"a": Good(), "b": Stops(None)}, data=data, **HOW)
    key = ["model", "metric", "value"]
    assert sorted(map(tuple, whole[key].values)) == sorted(map(tuple, straight[key].values))
    assert model.sampled <= 2 * 64  # to be known again twice, and not to be measured
    assert len(Store(table).read()) == len(whole)
    genbench.evaluate({"a": Good(), "b": Stops(None)}, data=data, table=table, **HOW)
    assert "cut short" not in capsys.readouterr().err


def test_it_can_be_stopped_twice(data: Dataset, tmp_path: Path) -> None:
    first = stopped(data, tmp_path)
    rows = len(Store(tmp_path).read())

    assert stopped(data, tmp_path) == first
    assert len(Store(tmp_path).read()) == rows


def test_a_failure_keeps_what_was_finished_too(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours, say, ends all; what was measured before it is there."""
    from genbench.evaluation import measure, scoring

    score: Callable[..., Any] = scoring.score

    def failing(name: str, *rest: Any) -> Any:
        if name == "psnr":
            raise AssertionError("a bug")
        return score(name, *rest)

    monkeypatch.setattr(measure, "score", failing)

    with pytest.raises(AssertionError, match="a bug"):
        genbench.evaluate({"a": Good()}, data=data, table=tmp_path / "t", **HOW)

    assert {r.metric for r in Store(tmp_path / "t").read()} == {"swd", "rmse"}
