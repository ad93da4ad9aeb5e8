"""What a run has logged: scalars over images seen, and the phases of its training."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from genbench.errors import NotEnoughData
from genbench.runs import Run

ABOUT = ("alpha", "resolution", "images_per_second")  # logged by the engine, not by the model


@dataclass(frozen=True)
class Series:
    """A scalar."""

    seen: Sequence[int]  # images
    values: Sequence[float]


@dataclass(frozen=True)
class Phase:
    """Training at one resolution."""

    start: float  # images seen
    stop: float
    resolution: int
    faded: float  # images at which the newest block is whole; *start* where nothing fades


def scalars(run: Run) -> dict[str, Series]:
    """Every scalar of the TensorBoard events of a run, work that was lost left out.

    Raises:
        NotEnoughData: the run has logged nothing.
    """
    found = _read(run.folder / "tensorboard") if (run.folder / "tensorboard").is_dir() else {}
    if not any(name not in ABOUT for name in found):
        raise NotEnoughData(
            f"{run.folder} has logged no scalars in tensorboard/; imports and runs of some seconds "
            "have none"
        )
    return found


def _read(folder: Path) -> dict[str, Series]:
    logger = logging.getLogger("tensorboard")
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of tensorboard's own imports
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        # 0: every event; by default it keeps a random thousand
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
        logger.setLevel(logging.ERROR)  # it tells of every run that was resumed
        try:
            events.Reload()
        finally:
            logger.setLevel(before)
    found = {}
    for name in events.Tags()["scalars"]:
        rows = events.Scalars(name)
        found[name] = Series([row.step for row in rows], [row.value for row in rows])
    return found


def phases(logged: Mapping[str, Series]) -> list[Phase]:
    """Resolutions in their order; a change lies midway between the two events around it."""
    if "resolution" not in logged:
        return []
    sizes, alphas = logged["resolution"], logged.get("alpha")
    seen, values = list(sizes.seen), list(sizes.values)
    cuts = [0, *(i for i in range(1, len(seen)) if values[i] != values[i - 1]), len(seen)]
    found = []
    for first, stop in pairwise(cuts):
        start = 0.0 if first == 0 else (seen[first - 1] + seen[first]) / 2
        end = float(seen[-1]) if stop == len(seen) else (seen[stop - 1] + seen[stop]) / 2
        fading = (
            []
            if alphas is None
            else [
                step
                for step, alpha in zip(alphas.seen, alphas.values, strict=True)
                if seen[first] <= step <= seen[stop - 1] and alpha < 1
            ]
        )
        faded = _next(seen, fading[-1], end) if fading else start
        found.append(Phase(start, end, int(values[first]), faded))
    return found


def _next(seen: Sequence[int], step: int, end: float) -> float:
    """Midway between *step* and the event after it, no later than *end*."""
    later = [each for each in seen if each > step]
    return min(end, (step + later[0]) / 2 if later else end)
