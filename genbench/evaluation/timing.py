"""How long an evaluation will take: a few images of every pass, timed here as they are measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from genbench.errors import GenbenchError
from genbench.evaluation import candidates
from genbench.evaluation.candidates import Candidate
from genbench.evaluation.collect import collect
from genbench.evaluation.passes import Passes, Task
from genbench.evaluation.plan import Plan
from genbench.evaluation.times import Time, Times
from genbench.runtime.seeds import BLOCK

FEW = 8  # images of a pass that are timed, after as many that warm up
SECONDS = 20.0  # after which models that are still to come are taken to be as slow as the others


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
    """A whole pass: what makes its images and what looks at them, each for an image.

    Raises:
        GenbenchError: the images cannot be used.
    """
    producer = task.producer
    few, block = (min(n, producer.about.n) for n in (FEW, BLOCK))
    short = replace(producer, about=replace(producer.about, n=few))

    def look() -> None:
        collect(short, task.inputs, passes.networks, lambda _: None)

    def make(n: int) -> None:
        with torch.inference_mode():
            producer.produce(0, n)

    look()  # to warm up
    both = _clocked(look, passes.device)
    making = _clocked(lambda: make(few), passes.device)
    # Some models make a whole block even where fewer images are wanted.
    each = _clocked(lambda: make(block), passes.device) / block
    return (max(both - making, 0.0) / few + each) * producer.about.n


def _clocked(work: Callable[[], None], device: torch.device) -> float:
    """Seconds that *work* takes."""
    began = time.monotonic()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic() - began
