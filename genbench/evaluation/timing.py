"""How long an evaluation will take: a few images of every pass, timed here as they are measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from genbench.errors import GenbenchError
from genbench.evaluation import candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.collect import collect
from genbench.evaluation.passes import Passes, Task
from genbench.evaluation.plan import Plan
from genbench.interfaces.streams import Stream
from genbench.runtime.durations import about

FEW = 8  # images of a pass that are timed, after as many that warm up
SECONDS = 20.0  # after which models that are still to come are taken to be as slow as the others


@dataclass(frozen=True)
class Time:
    """Of all passes of a model, its networks included."""

    seconds: float | None = None  # None: not timed
    trouble: str = ""  # why some of it cannot be had


@dataclass(frozen=True)
class Times:
    """Of all passes of an evaluation; what metrics work out at their end is not in it."""

    data: Mapping[Stream, float]  # seconds, of the data's own images; from the cache they are free
    models: Mapping[str, Time]

    @property
    def seconds(self) -> float:
        """In all; a model that was not timed takes as long as the others do on the mean."""
        known = [each.seconds for each in self.models.values() if each.seconds is not None]
        mean = sum(known) / len(known) if known else 0.0
        return sum(self.data.values()) + sum(known) + mean * (len(self.models) - len(known))

    def of(self, stream: Stream) -> str:
        """What a line about the data's images of *stream* ends with."""
        return f", {about(self.data[stream])}" if stream in self.data else ""

    def of_model(self, name: str) -> str:
        """What the line about a model ends with."""
        time = self.models[name]
        taken = "" if time.seconds is None else f", {about(time.seconds)}"
        return taken + (f"; not all can be had: {time.trouble}" if time.trouble else "")

    @property
    def whole(self) -> str:
        """The last line."""
        return (
            f"in all {about(self.seconds)} on this machine as busy as now, beside what "
            "metrics work out at their end"
        )


def timed(plan: Plan) -> Times:
    """Time a few images of every pass; nothing is kept of them."""
    began, passes = time.monotonic(), plan.passes
    data = {task.stream: _seconds(passes, task) for task in passes.data_tasks(plan.inputs)}
    models: dict[str, Time] = {}
    for candidate in plan.candidates:
        late = bool(models) and time.monotonic() - began > SECONDS
        models[candidate.name] = Time() if late else _of(plan, candidate)
    return Times(data, models)


def _of(plan: Plan, candidate: Candidate) -> Time:
    whole, trouble = 0.0, ""
    found: dict[tuple[object, ...], float] = {}
    try:
        subject = candidates.opened(candidate, plan.passes.data, plan.passes.device)
    except GenbenchError as error:
        return Time(None, str(error))
    for task in plan.passes.tasks(candidate.name, subject, plan.inputs):
        key = task.stream, *task.inputs
        try:
            if key not in found:  # every repeat takes as long as the first
                found[key] = _seconds(plan.passes, task)
        except GenbenchError as error:
            found[key], trouble = 0.0, str(error)
        whole += found[key]
    return Time(whole, trouble)


def _seconds(passes: Passes, task: Task) -> float:
    """A whole pass, judged by the second of two over its first images.

    Raises:
        GenbenchError: the images cannot be used.
    """
    about = task.producer.about
    n = min(FEW, about.n)
    few = replace(task.producer, about=replace(about, n=n))
    took = 0.0
    for _ in range(2):
        began = time.monotonic()
        collect(few, task.inputs, passes.networks, lambda _: None)
        took = time.monotonic() - began
    return took * about.n / n
