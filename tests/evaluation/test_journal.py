"""An evaluation is committed model by model, and goes on where it was cut short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

import genbench
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput
from genbench.images import save_png
from genbench.results.store import Store

SCRIPT = Path(__file__).parent / "work_cut_short.py"
HOW: dict[str, Any] = {"metrics": ["swd", "rmse"], "images": 40, "pairs": 20, "repeats": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return open_dataset("toyfaces:120", 16)


class Grey:
    """Samples noise around a grey level, reconstructs with an offset, and counts its work."""

    def __init__(self, level: float, trouble: BaseException | None = None) -> None:
        self.level, self.trouble, self.decoded = level, trouble, 0

    def draw(self, n: int, rng: Generator) -> Tensor:
        return torch.rand(n, 3 * 16 * 16, generator=rng) - 0.7

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1) * 0.5

    def decode(self, latents: Tensor) -> Tensor:
        self.decoded += len(latents)
        if self.trouble is not None:
            raise self.trouble
        return latents.reshape(-1, 3, 16, 16) + self.level


def models(trouble: BaseException | None) -> dict[str, Grey]:
    return {"a": Grey(0.0), "b": Grey(0.1), "c": Grey(0.2, trouble), "d": Grey(0.3)}


def rows(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame[["model", "score", "value", "spread"]].itertuples()]


def in_table(table: Path) -> list[str]:
    """The models of each version, the oldest first."""
    store = Store(table)
    versions = [store.read(at) for at in range(store.version() + 1)]
    return [records[-1].model for records in versions]


def cut_short(data: Dataset, table: Path, **changes: Any) -> str:
    """Interrupt an evaluation of four models in the third; returns what is said."""
    with pytest.raises(KeyboardInterrupt) as stop:
        genbench.evaluate(models(KeyboardInterrupt()), data=data, table=table, **HOW | changes)
    (note,) = stop.value.__notes__
    return str(note)


def test_what_is_measured_is_committed_and_the_rest_follows(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    straight = genbench.evaluate(models(None), data=data, **HOW)
    table = tmp_path / "t"

    note = cut_short(data, table)

    assert note.startswith(f"2 of 4 models are in the table {table}; the same command goes on")
    assert in_table(table) == ["a", "b"]
    capsys.readouterr()
    again = models(None)
    whole = genbench.evaluate(again, data=data, table=table, **HOW)
    assert "going on with an evaluation that was cut short: 2 of 4" in capsys.readouterr().err
    assert rows(whole) == rows(straight)
    assert len(set(whole.evaluation)) == 1
    # The first two made only the images by which they were known again, a few of each kind.
    assert again["a"].decoded == again["b"].decoded < again["c"].decoded / 2
    assert in_table(table) == ["a", "b", "c", "d"]
    assert len(Store(table).read()) == len(straight)
    history = Store(table).history()
    assert [commit.command.rpartition(": ")[2] for commit in history] == ["d", "c", "b", "a"]


def test_an_evaluation_that_came_to_its_end_is_measured_anew(
    data: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        genbench.evaluate(models(None), data=data, table=tmp_path / "t", **HOW)

    assert "cut short" not in capsys.readouterr().err
    records = Store(tmp_path / "t").read()
    assert len({record.evaluation for record in records}) == 2


@pytest.mark.parametrize(
    "change",
    [{"again": True}, {"seed": 1}, {"pairs": 19}, {"metrics": ["rmse", "swd", "psnr"]}],
)
def test_another_request_does_not_go_on(
    data: Dataset, tmp_path: Path, change: dict[str, Any]
) -> None:
    cut_short(data, tmp_path / "t")

    found = models(None)
    genbench.evaluate(found, data=data, table=tmp_path / "t", **HOW | change)

    assert found["a"].decoded == found["d"].decoded
    assert len({record.evaluation for record in Store(tmp_path / "t").read()}) == 2


def test_a_model_that_shows_other_images_is_measured_whatever_it_is_called(
    data: Dataset, tmp_path: Path
) -> None:
    cut_short(data, tmp_path / "t")
    found = {**models(None), "a": Grey(-0.2)}

    frame = genbench.evaluate(found, data=data, table=tmp_path / "t", **HOW)

    straight = genbench.evaluate({"a": Grey(-0.2)}, data=data, **HOW)
    assert list(frame.value[frame.model == "a"]) == list(straight.value)
    assert found["b"].decoded < found["a"].decoded


def test_a_folder_is_known_by_its_pixels(data: Dataset, tmp_path: Path) -> None:
    for name in ("x", "y"):
        for at in range(20):
            save_png(data.train.take(slice(at, at + 1))[0], tmp_path / name / f"{at:02}.png")
    how = HOW | {"images": 20, "repeats": 1, "metrics": ["swd"]}

    def given(trouble: BaseException | None) -> dict[str, Any]:
        return {"x": tmp_path / "x", "y": tmp_path / "y", "c": Grey(0.2, trouble)}

    with pytest.raises(KeyboardInterrupt):
        genbench.evaluate(given(KeyboardInterrupt()), data=data, table=tmp_path / "t", **how)
    save_png(data.test.take(slice(0, 1))[0], tmp_path / "y" / "07.png")
    genbench.evaluate(given(None), data=data, table=tmp_path / "t", **how)

    assert in_table(tmp_path / "t") == ["x", "y", "y", "c"]


def test_what_could_not_be_measured_is_tried_again(data: Dataset, tmp_path: Path) -> None:
    """The reason may be gone: weights that were fetched, a library that was installed."""
    given: dict[str, Any] = {"a": Grey(0.0, BadInput("out of luck")), "b": Grey(0.1)}
    with pytest.raises(KeyboardInterrupt):
        genbench.evaluate(
            {**given, "c": Grey(0, KeyboardInterrupt())}, data=data, table=tmp_path / "t", **HOW
        )
    frame = genbench.evaluate(
        {"a": Grey(0.0), "b": Grey(0.1), "c": Grey(0.0)}, data=data, table=tmp_path / "t", **HOW
    )

    assert frame.value.notna().all()


def work(table: Path, how: str, *, devices: int = 1) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(table), how, str(devices)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_signal_loses_at_most_the_model_in_work(tmp_path: Path) -> None:
    """The third model sends the signal to its own process when it is to reconstruct."""
    table = tmp_path / "t"
    ends = [
        ("SIGKILL", -signal.SIGKILL, ""),
        ("SIGTERM", 143, "genbench: terminated; 2 of 3 models are in the table"),
        ("SIGINT", 130, "genbench: interrupted; 2 of 3 models are in the table"),
    ]

    for name, code, words in ends:
        done = work(table, name)
        assert done.returncode == code, done.stderr
        assert done.stderr.splitlines()[-1].startswith(words)
        assert in_table(table) == ["a", "b"]

    done = work(table, "none")
    assert done.returncode == 0, done.stderr
    assert "2 of 3 models are in the table and not measured again" in done.stderr
    assert in_table(table) == ["a", "b", "c"]


@pytest.mark.slow
def test_several_processes_go_on_as_one_does(tmp_path: Path) -> None:
    table = tmp_path / "t"

    work(table, "SIGKILL", devices=2)

    assert in_table(table) == ["a", "b"]
    done = work(table, "none", devices=2)
    assert done.returncode == 0, done.stderr
    assert "2 of 3 models" in done.stderr
    assert in_table(table) == ["a", "b", "c"]
