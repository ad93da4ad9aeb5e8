"""How long an evaluation will take, by a clock that only the models move."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genbench.data import open_dataset
from genbench.evaluation import timing
from genbench.evaluation.api import Request, plans
from genbench.evaluation.plan import Plan
from genbench.evaluation.settings import Evaluation
from genbench.evaluation.times import Time


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Model:
    """Makes an image in *seconds*, of *side* pixels, always a whole batch of what is asked."""

    def __init__(self, clock: Clock, seconds: float, side: int = 16) -> None:
        self.clock, self.seconds, self.side = clock, seconds, side

    def sample(self, n: int, rng: Any = None) -> torch.Tensor:
        self.clock.now += n * self.seconds
        return torch.rand(n, 3, self.side, self.side, generator=rng) * 2 - 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def plan(**models: Model) -> Plan:
    how = Evaluation(metrics=("swd",), images=128, repeats=3, fewer=True, device="cpu")
    data = open_dataset("toyfaces:300", 16)
    (found,) = plans(Request(models=models, how=how, data=data))
    return found


def test_every_image_of_every_repeat_is_counted(clock: Clock) -> None:
    settled = plan(fast=Model(clock, 1 / 64), slow=Model(clock, 1 / 32))
    times = timing.timed(settled)
    assert times.models == {"fast": Time(6.0), "slow": Time(12.0)}
    assert times.seconds == 18
    text = settled.describe(times)
    assert "fast: 3 x 128 samples, about 6 s" in text
    assert text[-1].startswith("in all about 18 s on this machine")


def test_models_for_which_there_is_no_time_are_taken_to_be_as_slow(clock: Clock) -> None:
    models = {"a": Model(clock, 1.0), "b": Model(clock, 2.0), "c": Model(clock, 4.0)}
    times = timing.timed(plan(**models))
    assert times.models == {"a": Time(384.0), "b": Time(), "c": Time()}
    assert times.seconds == 3 * 384


def test_what_cannot_be_had_is_said_with_the_reason(clock: Clock) -> None:
    settled = plan(small=Model(clock, 0.01, side=8))
    (line,) = [each for each in settled.describe(timing.timed(settled)) if "small:" in each]
    assert "not all can be had: small makes images of shape (3, 8, 8)" in line
    assert line.endswith("a growing model is measured once it is fully grown")


def test_nothing_is_left_behind(clock: Clock) -> None:
    settled = plan(fast=Model(clock, 0.25))
    timing.timed(settled)
    assert not settled.passes.pending.exists()
