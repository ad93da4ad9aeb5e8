"""The table of streams is whole, and nobody else keeps one; an eighth row is all that it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench import registry
from genbench.data import open_dataset
from genbench.interfaces import Column, Input, Json, Measured, Metric, Pass, State, Stream, Tensors
from genbench.interfaces.streams import STREAMS, Maker, StreamInfo, lead, shown_by

CORE = Path(genbench.__file__).parent


def test_every_stream_has_its_row() -> None:
    assert list(STREAMS) == list(Stream)


# Every number ever measured depends on them; as they were before there was a table.
SEEDS = {
    Stream.REAL: ("real", "reference"),
    Stream.HELD_OUT: ("held out", "held out"),
    Stream.SAMPLES: ("samples", ""),
    Stream.RECONSTRUCTIONS: ("pairs", "held out"),
    Stream.PAIRS: ("pairs", "held out"),
    Stream.TRAINING_PAIRS: ("training pairs", "trained"),
    Stream.PATHS: ("paths", ""),
}


def test_seeds_and_orders_stay_what_they_are() -> None:
    assert {stream: (info.seed, info.order) for stream, info in STREAMS.items()} == SEEDS


@pytest.mark.parametrize("stream", STREAMS)
def test_streams_of_one_pass_agree_about_it(stream: Stream) -> None:
    mine, first = STREAMS[stream], STREAMS[lead(stream)]

    assert first.shares is None
    for name in ("maker", "counts", "split", "order", "seed", "words", "quantised", "beside"):
        assert getattr(mine, name) == getattr(first, name)
    assert set(mine.rows) <= set(first.rows)
    assert next(iter(shown_by(lead(stream)))) is lead(stream)


@pytest.mark.parametrize("stream", STREAMS)
def test_rows_of_the_data_are_chosen_and_samples_are_not(stream: Stream) -> None:
    info = STREAMS[stream]

    of_data = info.maker in (Maker.DATA, Maker.RECONSTRUCTOR)
    assert (info.split is not None, bool(info.order)) == (of_data, of_data)


def test_nobody_else_lists_the_streams() -> None:
    """What names most of them knows them all, and would have to learn of an eighth."""
    for file in CORE.rglob("*.py"):
        if file != CORE / "interfaces" / "streams.py":
            named = set(re.findall(r"\bStream\.([A-Z_]+)", file.read_text(encoding="utf-8")))
            assert len(named) <= 3, f"{file} names {', '.join(sorted(named))}"
            assert "TRAINING_PAIRS" not in named, file


def test_the_table_loads_no_torch() -> None:
    code = "import sys, genbench.interfaces.streams; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@dataclass(frozen=True)
class Brightness:
    """The sum of all pixels of the images that a stream shows."""

    features = None

    def start(self, about: Pass) -> Any:
        return Adding()

    def finish(self, whole: Tensors, about: Pass) -> Tensors:
        return {"mean": whole["sum"] / (about.n * 3 * about.resolution**2)}

    def describe(self) -> dict[str, Json]:
        return {"keep": "sum"}


class Adding:
    def __init__(self) -> None:
        self.sum = torch.zeros((), dtype=torch.float64)

    def update(self, rows: tuple[Tensor, ...], index: Tensor) -> None:
        (images,) = rows
        self.sum += images.double().sum()

    def state(self) -> State:
        return State(sums={"sum": self.sum})


class Grey:
    """Reconstructs every image as level 100 of 255, and cannot do anything else."""

    def encode(self, images: Tensor) -> Tensor:
        return images[:, 0, 0, 0]

    def decode(self, latents: Tensor) -> Tensor:
        return torch.full((len(latents), 3, 16, 16), 100 / 127.5 - 1)


class Blank:
    def sample(self, n: int, rng: Generator | None = None) -> Tensor:
        return torch.zeros(n, 3, 16, 16)


def eighth() -> Stream:
    """A member that the enumeration does not have."""
    member = str.__new__(Stream, "eighth")
    member._name_, member._value_ = "EIGHTH", "eighth"
    return member


def test_an_eighth_stream_is_one_row_of_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reconstructions of training images, alone: plan, pass, number, protocol and reason."""
    stream = eighth()
    info = StreamInfo(
        maker=Maker.RECONSTRUCTOR,
        words="reconstructions of other images",
        counts=("pairs",),
        seed="eighth",
        split="train",
        order="eighth",
        rows=(1,),
    )
    monkeypatch.setitem(STREAMS, stream, info)  # type: ignore[arg-type]  # a dict it is
    metric = Metric(
        version=1,
        inputs={"images": Input(stream, Brightness())},
        compute=lambda images: {"mean": Measured(float(images["mean"]))},
        columns={"mean": Column("mean", None)},
    )
    monkeypatch.setattr(registry, "metric", lambda name: metric)
    data = open_dataset("toyfaces:60", 16)
    asked: dict[str, Any] = {"data": data, "metrics": ["mean"], "pairs": 9}

    frame = genbench.evaluate({"grey": Grey(), "blank": Blank()}, **asked)
    grey, blank = frame.itertuples()

    assert (grey.value, grey.n) == (100, 9)
    assert '"images":{"eighth":9}' in grey.protocol
    assert '"splits":{"eighth":"train"}' in grey.protocol
    assert "all 9 reconstructions of other images are identical" in grey.note
    assert blank.reason == "it does not both encode and decode"
    capsys.readouterr()
    genbench.evaluate(Grey(), plan=True, **asked)
    assert "Grey: 9 reconstructions of other images" in capsys.readouterr().out
