"""What is said before a training starts: how long it takes, what fits a time, which preset."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

import genbench
from genbench import registry, runs
from genbench.cli import main
from genbench.errors import BadSetting
from genbench.runs import RunState, checkpoints
from genbench.runtime import devices
from genbench.settings import Layer, preset_layer, resolve
from genbench.training import fit, preset
from genbench.training import forecast as timing
from genbench.training.api import plan
from genbench.training.fit import Budget
from genbench.training.forecast import Forecast, Time
from genbench.training.resume import train_or_resume
from genbench.training.stages import stretches

# 4x4 and 8x8 with a fade: 96 steps of 8 images
SETTINGS = {"latent": 16, "phase_images": 256, "images": 768, "buffer": 8, "batches": [8] * 9}
TRAINING = {"data": "toyfaces:60", "resolution": 8, "grids": 0}
EXTRA = Layer("preset small", SETTINGS)


class FakeTime:
    """A clock that a step of training moves: at r x r an image takes r seconds, of 2 processors."""

    now = 0.0
    waiting = 0.0  # seconds in which other processes had the processors

    def monotonic(self) -> float:
        return self.now + self.waiting

    def process_time(self) -> float:
        return 2 * self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    clock = FakeTime()
    pioneer: Any = registry.model("pioneer").build
    step = pioneer.step

    def slow(model: Any, batch: Any, rng: Any) -> Any:
        clock.now += len(batch.images) * model.stage(model.seen).resolution
        return step(model, batch, rng)

    monkeypatch.setattr(registry.model("pioneer").build, "step", slow)
    monkeypatch.setattr(timing, "time", clock)
    return clock


def small(**changes: Any) -> dict[str, Any]:
    return {"settings": SETTINGS | changes, "training": TRAINING}


def weights(run: runs.Run) -> dict[str, torch.Tensor]:
    newest = checkpoints.newest(run.checkpoints)
    assert newest is not None
    return load_file(newest / checkpoints.MODEL)


def command(line: str) -> Result:
    return CliRunner().invoke(main, shlex.split(line), catch_exceptions=False)


# --- timing


@pytest.mark.usefixtures("clock")
def test_a_training_takes_what_its_stages_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 1e9)
    found = plan("pioneer", **small()).forecast
    assert [(part.stage.name, part.images) for part in found.parts] == [
        ("4x4", 256),
        ("8x8 fade", 128),
        ("8x8", 384),
    ]
    assert [time.seconds for time in found.times] == [4, 8, 8]
    assert found.seconds == 256 * 4 + 512 * 8
    assert found.cpu_seconds == 2 * found.seconds
    assert (found.measurable, found.grown, found.total) == (256, 384, 768)
    assert found.until(384) == 256 * 4 + 128 * 8


def test_what_there_was_no_time_for_goes_by_its_size(
    clock: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS", 1.0)  # less than a step of 8 images at 4x4
    found = plan("pioneer", **small()).forecast
    assert clock.now == 8 * 4  # one step in all, which took more than 30 seconds
    assert [time.seconds for time in found.times] == [4, 8, 8]


@pytest.mark.parametrize("seconds", [1.0, 1e9])
def test_what_the_first_step_alone_takes_is_not_of_an_image(
    seconds: float, clock: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Any = registry.model("pioneer").build
    step, steps = build.step, []

    def with_optimisers(model: Any, batch: Any, rng: Any) -> Any:
        clock.waiting += 0 if steps else 1000
        clock.now += 0 if steps else 3  # torch imports its compiler
        steps.append(batch)
        return step(model, batch, rng)

    monkeypatch.setattr(build, "step", with_optimisers)
    monkeypatch.setattr(timing, "SECONDS", seconds)
    monkeypatch.setattr(timing, "LONG", 8 * 4 * 2 + 10)  # on this clock steps are slow
    found = plan("pioneer", **small()).forecast
    assert [time.seconds for time in found.times] == [4, 8, 8]


def test_timing_changes_no_bit_of_the_run(tmp_path: Path) -> None:
    said: list[str] = []
    alone = genbench.train("pioneer", **small(), runs_dir=tmp_path, name="alone")
    told = genbench.train("pioneer", **small(), runs_dir=tmp_path, name="told", say=said.append)
    assert len(said) == 3
    assert "default settings, toyfaces:60 at 8x8, 768 images, about" in said[0]
    assert "first measurable after 256, fully grown after 384" in said[1]
    left, right = weights(alone), weights(told)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_resumed_run_says_what_is_left_and_stays_the_same(tmp_path: Path) -> None:
    whole = genbench.train("pioneer", **small(), runs_dir=tmp_path, name="whole")
    half = genbench.train(
        "pioneer",
        **small() | {"training": TRAINING | {"minutes": 0}},
        runs_dir=tmp_path,
        name="half",
    )
    said: list[str] = []
    half, _ = genbench.resume(half.folder, say=said.append)
    assert "760 more images, about" in said[0]
    left, right = weights(whole), weights(half)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_training_that_is_over_at_once_is_not_timed(clock: FakeTime) -> None:
    found = plan("pioneer", **small(images=200))
    assert clock.now == 0
    assert found.forecast.seconds is None
    assert found.summary()[0].endswith("200 images")


def test_a_short_training_that_never_grows_says_so() -> None:
    assert "it will not reach 8x8" in plan("pioneer", **small(images=200)).summary()[1]
    assert "will not be fully grown" in plan("pioneer", **small(images=300)).summary()[1]


# --- fitting


@pytest.mark.usefixtures("clock")
def test_a_schedule_is_fitted_to_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 1e9)
    layers: dict[str, Any] = {"settings": EXTRA, "training": TRAINING}
    whole = (256 * 4 + 512 * 8) / 60
    run = genbench.train(
        "pioneer", **layers, runs_dir=tmp_path, name="run", budget=Budget(whole / 4)
    )
    source = f"--minutes {whole / 4:g}: fitted here"
    assert run.settings["model"]["phase_images"] == {"value": 64, "source": source}
    assert run.settings["training"]["images"] == {"value": 192, "source": source}
    assert run.settings["training"]["minutes"]["value"] is None  # it ends grown, however long
    assert run.state is RunState.FINISHED
    assert run.facts["seen"] == 192
    by_cpu = plan("pioneer", **layers, budget=Budget(whole / 2, cpu=True))
    assert by_cpu.fitted == {"phase_images": 64, "images": 192}
    assert by_cpu.forecast.cpu_seconds == pytest.approx(60 * whole / 2)


@pytest.mark.usefixtures("clock")
def test_going_on_keeps_what_was_fitted(tmp_path: Path) -> None:
    how: dict[str, Any] = {"settings": EXTRA, "training": TRAINING, "runs_dir": tmp_path}
    begun, _ = train_or_resume("pioneer", name="run", **how, budget=Budget(20))
    settings = runs.read(begun.folder).settings
    run, _ = train_or_resume("pioneer", name="run", **how, budget=Budget(40))
    assert run.settings == settings
    assert run.facts["seen"] == begun.facts["total"]
    with pytest.raises(BadSetting, match="was begun with phase_images"):
        train_or_resume("pioneer", name="run", **how)


@pytest.mark.parametrize("given", [{"phase_images": 300}, {"images": 700}])
@pytest.mark.usefixtures("clock")
def test_counts_given_by_hand_stay_and_the_time_is_a_limit(given: dict[str, int]) -> None:
    settings = Layer("command line", SETTINGS | given)
    found = plan("pioneer", settings=settings, training=TRAINING, budget=Budget(3))
    assert found.fitted == {}
    assert found.remark.startswith("--minutes 3: it stops then, wherever it stands (")


@pytest.mark.usefixtures("clock")
def test_no_time_for_a_step_of_each_stage_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"--minutes 0.1 has time for \d+ images, and one step"):
        plan("pioneer", settings=EXTRA, training=TRAINING, budget=Budget(0.1))


def test_no_minutes_at_all_are_a_limit(tmp_path: Path) -> None:
    run = genbench.train("pioneer", **small(), runs_dir=tmp_path, name="run", budget=Budget(0))
    assert run.status == "stopped after 0 minutes, as asked"


@pytest.mark.parametrize("name", list(registry.models()))
@pytest.mark.parametrize("scale", [0.25, 3.0])
def test_every_tiny_schedule_keeps_its_shape_at_another_length(name: str, scale: float) -> None:
    """All stages, each of its share of the images, by one factor."""
    declared = registry.model(name)
    chosen = resolve(declared.settings, [preset_layer(declared, "tiny", name)], name)
    model = runs.outline(name, chosen.values, 32)
    total = model.total(6000)
    known = Forecast(stretches(model, 0, total), [Time(1, 1)] * 9, 32)
    known = dataclasses.replace(known, times=[Time(1, 1)] * len(known.parts))
    mine, engine = fit.fitted(declared, chosen, known, Budget(total * scale / 60))
    again = runs.outline(name, chosen.over(mine).values, 32)
    again.total(6000)
    after = stretches(again, 0, engine.values["images"])
    if declared.image_counts:
        assert [part.stage.name for part in after] == [part.stage.name for part in known.parts]
        for before, now in zip(known.parts, after, strict=True):
            assert now.images == pytest.approx(before.images * scale, rel=0.1, abs=70)
    assert sum(part.images for part in after) == round(total * scale)


@pytest.mark.parametrize("name", list(registry.models()))
def test_every_tiny_is_fully_grown_before_half_of_it_is_over(name: str) -> None:
    declared = registry.model(name)
    settings = resolve(declared.settings, [preset_layer(declared, "tiny", name)], name).values
    model = runs.outline(name, settings, 32)
    found = Forecast(stretches(model, 0, model.total(6000)), (), 32)
    assert found.grown is not None
    assert found.grown <= found.total / 2


# --- presets


def test_a_cpu_gets_tiny_and_a_gpu_what_its_data_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert preset.choose("pioneer", "celeba-64", {}) == preset.Choice("celeba-64", "")
    assert preset.choose("pioneer", None, {}) == preset.Choice(None, "")
    assert preset.choose("pioneer", "auto", {}).preset == (
        "tiny" if devices.choose().type == "cpu" else preset.choose("pioneer", "auto", {}).preset
    )
    assert preset.choose("pioneer", "auto", {"device": "cpu"}) == preset.Choice("tiny", "on a CPU")
    assert preset.choose("pioneer", "auto", {}, tmp_path / "my.yaml").preset is None
    monkeypatch.setattr(devices, "choose", lambda _: torch.device("cuda"))
    monkeypatch.delenv("GENBENCH_DATA", raising=False)
    without = preset.choose("pioneer", "auto", {"data_dir": str(tmp_path)})
    assert without.preset == "tiny"
    assert without.reason.startswith("a GPU was found, but not celeba, celeba-hq")
    assert preset.choose("pioneer", "auto", {"data": "toyfaces"}).reason == (
        "no published preset is for these images"
    )
    monkeypatch.setattr(preset, "_found", lambda data, _: data == "cifar10")
    assert preset.choose("pioneer", "auto", {}) == preset.Choice(
        "cifar10-32", "a GPU and cifar10 were found"
    )
    assert preset.choose("pioneer", "auto", {"resolution": 64}).preset == "tiny"


# --- the command


@pytest.mark.usefixtures("clock")
def test_plan_prints_stages_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = "train pioneer --data toyfaces:60 --resolution 8 --device cpu --plan"
    text = command(line).stdout.splitlines()
    assert text[0].startswith("pioneer: preset tiny (on a CPU), toyfaces:60 at 8x8, 24,000 images")
    assert text[-3].split()[:3] == ["4x4", "3,000", "16"]
    found = json.loads(command(f"{line} --json --minutes 60").stdout)
    assert found["preset"] == "tiny"
    assert found["fitted"]["images"] == found["images"] == found["total"]
    assert sum(stage["seconds"] for stage in found["stages"]) == pytest.approx(3600, rel=0.1)
    assert list(tmp_path.iterdir()) == []


def test_train_says_what_it_will_do_on_narrow_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    changes = " ".join(f"--set '{name}={value}'" for name, value in SETTINGS.items())
    done = command(f"train pioneer --data toyfaces:60 --resolution 8 --device cpu {changes}")
    said, _, _ = done.stderr.partition("pioneer on toyfaces:60: ")
    assert max(map(len, said.splitlines())) <= 80
    words = " ".join(said.split())
    assert "pioneer: preset tiny (on a CPU), toyfaces:60 at 8x8, 768 images, about" in words
    assert "genbench train --resume runs/pioneer-toyfaces-60-8 goes on" in words
    assert done.stdout == "runs/pioneer-toyfaces-60-8\n"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("train pca --json", "--json is for the plan"),
        ("train pca --minutes 1 --cpu-minutes 1", "two times for one schedule"),
        ("train --resume x --plan", "--resume takes its settings from the run"),
        ("train --resume x --preset tiny", "--resume takes its settings from the run"),
    ],
)
def test_mistakes_are_told_in_one_line(line: str, words: str) -> None:
    done = command(line)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
