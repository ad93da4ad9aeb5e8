"""What a quickstart is going to do and how long that takes here, said before it starts."""

from __future__ import annotations

from collections.abc import Iterator

from genbench import runs
from genbench.evaluation.api import plans
from genbench.evaluation.timing import timed
from genbench.quickstart.steps import (
    DATA,
    PRESET,
    RESOLUTION,
    Quickstart,
    listed,
    request,
    unmeasured,
)
from genbench.reference_models import catalogue
from genbench.runs import RunState
from genbench.runtime import cores
from genbench.runtime.durations import about
from genbench.training.api import plan


def outlook(wanted: Quickstart) -> Iterator[str]:
    """The reference models, the trainings with their times, and the time of all together.

    Times are of a few steps and of a few images on this machine, as busy as it is now.
    """
    yield f"in {wanted.out}; Ctrl-C stops it, and the same command goes on"
    references = [each.name for each in catalogue.entries()]
    yield f"reference models, trained beforehand: {listed(references)}"
    yield "timing a few steps of each training here, and a few images of each model ..."
    trainings = {name: _training(name, wanted) for name in wanted.models}
    left = {name: seconds for name, seconds in trainings.items() if seconds is not None}
    if left:
        times = listed([f"{name} {_time(seconds)}" for name, seconds in left.items()])
        yield f"to be trained here, on {DATA} at {RESOLUTION}x{RESOLUTION}: {times}"
    seconds = sum(left.values()) + _measuring(wanted)
    free = f", with {wanted.threads} of {cores.allowed()} cores" if cores.allowed() > 1 else ""
    yield f"in all {about(seconds)} on this machine, as busy as it is now{free}"


def _time(seconds: float) -> str:
    """Of a training; one that is over after a few steps was not timed."""
    return about(seconds) if seconds else "at once"


def _training(name: str, wanted: Quickstart) -> float | None:
    """Seconds that a training will take; None where it is done."""
    run = runs.find_if_any(wanted.runs_dir / name, wanted.runs_dir)
    if run is not None and run.state is RunState.FINISHED:
        return None
    training = {
        "data": DATA,
        "resolution": RESOLUTION,
        "device": wanted.device,
        "threads": wanted.threads,
    }
    whole = plan(name, preset=PRESET, training=training).forecast
    seconds = whole.seconds or 0.0
    if run is None or not whole.total:
        return seconds
    return seconds - (whole.until(int(run.facts["seen"])) or 0.0)


def _measuring(wanted: Quickstart) -> float:
    """Seconds that all models take, if those trained here are as fast as the reference models."""
    references = [
        catalogue.use(each.name, runs_dir=wanted.runs_dir) for each in catalogue.entries()
    ]
    if not unmeasured(wanted, references):
        return 0.0
    (whole,) = plans(request(wanted, references))
    models = len(references) + len(wanted.models)
    return timed(whole).seconds * models / len(references)
