"""Alarms: which rows make them ring, and what training does then."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import genbench
from genbench import registry, runs
from genbench.errors import BadSetting, Diverged
from genbench.interfaces import Alarm, Batch, Stage, Tensors
from genbench.runs import checkpoints
from genbench.runtime import seeds
from genbench.training import loop
from genbench.training.divergence import (
    FLAT,
    ROWS,
    SAME_SAMPLES,
    Alarms,
)
from genbench.training.settings import Training

HEALTHY = {"kl_real": 2.2, "kl_fake": 3.2, "variance": 0.3}
APART = [{"kl_real": 2.5 - k / 2, "kl_fake": 2.5 + k / 2, "variance": 0.3} for k in range(4)]


def rung(rows: list[dict[str, float]], model: str = "pioneer") -> str:
    """The first alarm that a model's rows make ring, each row being a window."""
    alarms = Alarms(registry.model(model).alarms)
    for k, row in enumerate(row for row in rows for _ in range(ROWS)):
        alarm = alarms.see(row, k, 32)
        if alarm is not None:
            return alarm.name
    return ""


@pytest.mark.parametrize(
    ("model", "rows", "name"),
    [
        ("pioneer", [HEALTHY] * 6, ""),
        ("pioneer", [HEALTHY | {"kl_fake": 6.7}] * 2, "the encoder wins"),
        ("pioneer", [HEALTHY | {"kl_fake": 6.7}, HEALTHY, HEALTHY | {"kl_fake": 6.7}], ""),
        ("balanced_pioneer", APART, "the KL terms drift apart"),
        ("balanced_pioneer", APART[::-1], ""),
        ("age", [HEALTHY | {"variance": 1e-4}] * 2, "the codes collapse"),
        ("introvae", [{"kl_real": 0.3}] * 2, "the codes collapse"),
        ("introvae", [{"kl_real": 20.0}] * 4, ""),
        ("vae", [{"kl": 0.1}] * 2, "the codes collapse"),
        ("dcgan", [{"real": 0.999, "fake": 0.001}] * 2, "the discriminator wins"),
        ("dcgan", [{"real": 0.96, "fake": 0.002}] * 2, ""),
        ("ali", [{"discriminator_loss": 0.01}] * 2, "the discriminator wins"),
        ("wgan_gp", [{"gradient_norm": 40.0}] * 2, "the critic runs away"),
        ("proggan", [{"least_squares": 1.0}] * 4, ""),  # a loss without gradient norms
    ],
)
def test_what_makes_an_alarm_ring(model: str, rows: list[dict[str, float]], name: str) -> None:
    assert rung(rows, model).partition(":")[0] == name


def test_a_new_resolution_begins_anew() -> None:
    alarms = Alarms(registry.model("pioneer").alarms)
    bad = HEALTHY | {"kl_fake": 9.0}
    for k in range(2 * ROWS):
        assert alarms.see(bad, k, 8 if k < ROWS else 16) is None


def test_samples_that_were_different_and_are_not_any_more_ring() -> None:
    alarms = Alarms(())
    assert alarms.see_samples(0.0) is None  # some models begin like that
    assert alarms.see_samples(0.3) is None
    assert alarms.see_samples(FLAT / 2) is SAME_SAMPLES
    assert alarms.see_samples(float("nan")) is None  # another failure, named elsewhere


class Drifts(torch.nn.Module):
    """A model whose scalar goes bad at an image and stays so, unless its noise has changed."""

    resolution, seen = 8, 0

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.incurable = False

    def total(self, train_size: int) -> int:
        return 800

    def stage(self, seen: int) -> Stage:
        return Stage("train", 8, 1.0, 4)

    def step(self, batch: Batch, rng: torch.Generator) -> Tensors:
        cured = rng.initial_seed() != seeds.generator(0, "training").initial_seed()
        bad = self.seen >= 400 and (self.incurable or not cured)
        with torch.no_grad():
            self.weight += 1
        return {"drift": torch.tensor(float(bad))}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {}

    def sample(self, n: int, rng: torch.Generator | None = None) -> torch.Tensor:
        return torch.rand(n, 3, 8, 8, generator=rng)


def trainer(folder: Path, **training: Any) -> loop.Trainer:
    """A `Drifts` at work, with a checkpoint after every step."""
    run = genbench.train(
        "pca",
        settings={"latent": 2},
        runs_dir=folder,
        name="run",
        training={"data": "toyfaces:60", "resolution": 8, "grids": 0, "minutes": 0},
    )
    for entry in run.checkpoints.iterdir():
        entry.rename(folder / entry.name)
    data = runs.data_of(run)
    settings = Training(
        data="toyfaces:60",
        resolution=8,
        grids=0,
        log_every=1,
        keep=100,
        checkpoint_minutes=0.0,
        device="cpu",
        **training,
    )
    work = loop.Trainer(run, Drifts(), data, settings)
    drifts = Alarm("it drifts", "try something else", lambda w: w[-1]["drift"] > 0)
    work.declared = dataclasses.replace(work.declared, alarms=(drifts,))
    return work


def test_an_alarm_stops_at_the_last_good_checkpoint(tmp_path: Path) -> None:
    work = trainer(tmp_path)
    with pytest.raises(Diverged, match="run: it drifts, after 440 images; try something else"):
        work.train()

    newest = checkpoints.newest(work.run.checkpoints)
    assert newest is not None
    assert 240 <= int(newest.name) <= 400  # before the first window that the alarm looked at
    doubtful = sorted(entry.name for entry in work.run.checkpoints.glob("doubtful-*"))
    assert doubtful[-1] == f"doubtful-{440 - 4:010d}"


def test_rolling_back_goes_on_with_other_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = trainer(tmp_path, on_divergence="rollback")
    assert work.train().state is runs.RunState.FINISHED

    (done,) = work.run.facts["rollbacks"]
    assert done["at"] == 440
    assert done["to"] < 400
    assert "it drifts" in done["why"]
    assert f"going back to {done['to']} images" in capsys.readouterr().err
    state = checkpoints.read(work.run.checkpoints / f"{800:010d}", training=False)
    assert state.model["weight"].item() == 200  # 800 images in batches of 4, none of them twice


def test_who_diverges_again_and_again_is_stopped(tmp_path: Path) -> None:
    work = trainer(tmp_path, on_divergence="rollback")
    work.model.incurable = True  # type: ignore[attr-defined]
    with pytest.raises(Diverged, match="it drifts"):
        work.train()
    assert len(work.run.facts["rollbacks"]) == loop.ROLLBACKS


def test_going_on_says_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = trainer(tmp_path, on_divergence="continue")
    assert work.train().state is runs.RunState.FINISHED
    assert work.run.facts["alarms"] == [{"seen": 440, "alarm": "it drifts"}]
    assert capsys.readouterr().err.count("training goes on, as asked") == 1


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="stop or rollback or continue, got 'pray'"):
        genbench.train("pca", training={"on_divergence": "pray"}, runs_dir=tmp_path)
