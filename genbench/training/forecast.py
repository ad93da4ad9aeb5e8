"""How long a training will take: a few steps of each of its stages, timed on a copy of the model.

The run that follows is the same to the bit as without: its model, its random numbers and torch's
own are not touched.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from genbench import runs
from genbench.data import Split
from genbench.errors import GenbenchError
from genbench.images import to_floats
from genbench.interfaces import Batch, Learns
from genbench.runtime import seeds
from genbench.training.precision import Pace
from genbench.training.settings import Training
from genbench.training.stages import Kind, Stretch, cost_of, guessed_costs, kind, stretches

SECONDS = 6.0  # that the timing of all stages may take, but for a step that has begun
STEPS = 3  # of a stage, after one that warms up
LONG = 30.0  # seconds of processors that the first step of all takes: then there is no second one
SHORT = 50  # steps of a training that is over before it could be timed


@dataclass(frozen=True)
class Time:
    """That an image takes."""

    seconds: float
    cpu: float  # seconds of processors, all of them together


@dataclass(frozen=True)
class Forecast:
    """The stretches of a training that are to come, and what an image takes in each."""

    parts: Sequence[Stretch]
    times: Sequence[Time]  # one for each part; none where nothing could be timed
    resolution: int  # of the data
    unknown: str = ""  # why there are no times; empty too where all is over at once
    memory: int | None = None  # bytes that the steps took on a GPU

    @property
    def total(self) -> int:
        """Images shown when all is over."""
        return self.parts[-1].stop if self.parts else 0

    @property
    def images(self) -> int:
        """That are still to be shown."""
        return sum(part.images for part in self.parts)

    @property
    def seconds(self) -> float | None:
        """Of the whole; None where nobody knows."""
        return self._sum([time.seconds for time in self.times])

    @property
    def cpu_seconds(self) -> float | None:
        """The same, of processor time."""
        return self._sum([time.cpu for time in self.times])

    @property
    def steps(self) -> int:
        """Training steps that are still to be taken."""
        return sum(-(-part.images // part.stage.batch) for part in self.parts)

    def _sum(self, each: Sequence[float]) -> float | None:
        if self.parts and not each:
            return None
        return sum(part.images * time for part, time in zip(self.parts, each, strict=True))

    def until(self, images: int) -> float | None:
        """Seconds until so many images have been shown; None where nobody knows."""
        return cost_of(self.parts, self.costs)(images) if self.times else None

    def for_schedule(self, model: Learns, total: int) -> Forecast:
        """What the same steps say of *model*, which is another only in its schedule."""
        parts = stretches(model, model.seen, total)
        known = {kind(part.stage): time for part, time in zip(self.parts, self.times, strict=False)}
        times = _filled(parts, known) if known else ()
        return dataclasses.replace(self, parts=parts, times=times)

    @property
    def costs(self) -> list[float]:
        """Of an image of each stretch; guessed where nothing was timed."""
        return [time.seconds for time in self.times] or guessed_costs(self.parts)

    @property
    def measurable(self) -> int | None:
        """Images after which the model makes images of the data's size; None: it never does."""
        full = (part for part in self.parts if part.stage.resolution == self.resolution)
        return next((part.start for part in full), None)

    @property
    def grown(self) -> int | None:
        """Images after which nothing fades any more at that size; None: never."""
        whole = (
            part
            for part in self.parts
            if part.stage.resolution == self.resolution and part.stage.alpha >= 1
        )
        return next((part.start for part in whole), None)


@dataclass(frozen=True, kw_only=True)
class Specimen:
    """What a copy of a model is made of."""

    model: str  # public name
    settings: Any
    resolution: int
    train: Split
    engine: Training
    device: torch.device


def forecast(model: Learns, total: int, about: Specimen, *, exacting: bool = False) -> Forecast:
    """Time the stages of *model* from where it stands to *total* images; it is left as it is.

    Args:
        exacting: time them even where the whole training is over as soon.
    """
    parts = stretches(model, model.seen, total)
    plain = Forecast(parts, (), about.resolution)
    if plain.steps <= SHORT and not exacting:
        return plain
    if about.engine.devices * about.engine.nodes > 1:
        return dataclasses.replace(plain, unknown="several processes share the work")
    if about.engine.compile:
        return dataclasses.replace(plain, unknown="it is to be compiled")
    cuda, memory = about.device.type == "cuda", None
    with torch.random.fork_rng(devices=[about.device] if cuda else []):
        try:
            timed = _timed(_copy(model, about), parts, about)
        except (GenbenchError, RuntimeError) as error:  # of the run itself it will be told in full
            return dataclasses.replace(plain, unknown=str(error).partition("\n")[0])
    if cuda:
        memory = torch.cuda.max_memory_allocated(about.device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(about.device)  # what is logged is the run's own
    return dataclasses.replace(plain, times=_filled(parts, timed), memory=memory)


def _copy(model: Learns, about: Specimen) -> Learns:
    """A model of its own with the weights of *model*, made as a resumed one is."""
    copy = runs.build(about.model, about.settings, about.resolution, about.engine.seed)
    copy.total(len(about.train))
    # Of its own, too: some models take a tensor over as it is.
    copy.load_state_dict({name: value.clone() for name, value in model.state_dict().items()})
    copy.to(about.device)
    copy.train()
    return copy


def _timed(copy: Learns, parts: Sequence[Stretch], about: Specimen) -> dict[Kind, Time]:
    """Steps of each kind, as long as there is time; two of the first kind in nearly any case.

    The first step of all counts for nothing where others can be had: it makes the optimisers, for
    which torch imports its compiler, seconds that no other step takes.
    """
    if about.engine.threads is not None:
        torch.set_num_threads(about.engine.threads)
    kinds = {kind(part.stage): part for part in reversed(parts)}
    pace = Pace(copy, dataclasses.replace(about.engine, compile=False), about.device)
    rng = seeds.generator(0, "forecast", device=about.device)
    found: dict[Kind, Time] = {}
    began = time.monotonic()
    for left, (each, part) in zip(range(len(kinds), 0, -1), reversed(kinds.items()), strict=True):
        rest = SECONDS - (time.monotonic() - began)
        if found and rest <= 0:
            break
        copy.seen = (part.start + part.stop) // 2
        stage = copy.stage(copy.seen)
        batch = _batch(about.train, min(stage.batch, part.stop), about.device)
        if not found:
            first = _step(copy, batch, pace, rng)
            if first.cpu * len(batch.images) > LONG:
                return {each: first}
            began, rest = time.monotonic(), SECONDS
        found[each] = _of_an_image(copy, batch, pace, rng, rest / left)
    return found


def _of_an_image(
    copy: Learns, batch: Batch, pace: Pace, rng: torch.Generator, patience: float
) -> Time:
    """Steps on one batch until *patience*, in seconds, is over; the first only if it is alone."""
    found: list[Time] = []
    began = time.monotonic()
    while len(found) <= STEPS and (not found or time.monotonic() - began < patience):
        found.append(_step(copy, batch, pace, rng))
    steps = found[1:] or found
    n = len(steps)
    return Time(sum(step.seconds for step in steps) / n, sum(step.cpu for step in steps) / n)


def _step(copy: Learns, batch: Batch, pace: Pace, rng: torch.Generator) -> Time:
    """A step, by its images."""
    wall, cpu = time.monotonic(), time.process_time()
    with pace.kept(len(batch.images)):
        copy.step(batch, rng)
    if batch.images.device.type == "cuda":
        torch.cuda.synchronize()
    n = len(batch.images)
    return Time((time.monotonic() - wall) / n, (time.process_time() - cpu) / n)


def _batch(train: Split, n: int, device: torch.device) -> Batch:
    """The first images, as often as it takes."""
    index = torch.arange(n) % len(train)
    return Batch(to_floats(train.take(index).to(device)), index.to(device))


def _filled(parts: Sequence[Stretch], timed: Mapping[Kind, Time]) -> list[Time]:
    """A time for every part: those without one go by the last that was timed, and by their size."""
    found: list[Time] = []
    last, at = Time(0.0, 0.0), 1.0
    for part, guess in zip(parts, guessed_costs(parts), strict=True):
        mine = timed.get(kind(part.stage))
        if mine is not None:
            last, at = mine, guess
        found.append(Time(last.seconds * guess / at, last.cpu * guess / at))
    return found
