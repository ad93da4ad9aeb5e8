"""The stretches of a training: where one stage ends and another begins, by images shown."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from genbench.interfaces import Learns, Stage

PROBES = 1000  # places of a training at which its stage is asked for
Kind = tuple[str, int, bool, int, int]


@dataclass(frozen=True)
class Stretch:
    """Images whose steps are of one kind, so that they take equally long."""

    stage: Stage  # at the first of them
    start: int  # images shown before it
    stop: int

    @property
    def images(self) -> int:
        return self.stop - self.start


def kind(stage: Stage) -> Kind:
    """What tells stages apart, but not one epoch from the next: numbers in a name do not count."""
    name = re.sub(r"\d+", "", stage.name)
    return name, stage.resolution, stage.alpha < 1, stage.batch, stage.updates


def stretches(model: Learns, start: int, total: int) -> list[Stretch]:
    """All that follow after *start* images; a stage shorter than 1/1000 of it may be missed."""
    if start >= total:
        return []
    step = max(1, (total - start) // PROBES)
    places = [*range(start, total, step), total - 1]
    found, begin = [], start
    for here, there in pairwise(places):
        if kind(model.stage(here)) != kind(model.stage(there)):
            border = _border(model, here, there)
            found.append(Stretch(model.stage(begin), begin, border))
            begin = border
    return [*found, Stretch(model.stage(begin), begin, total)]


def _border(model: Learns, here: int, there: int) -> int:
    """The first image of the stage at *there*, if that of *here* ends where it begins."""
    wanted = kind(model.stage(there))
    while there - here > 1:
        middle = (here + there) // 2
        here, there = (here, middle) if kind(model.stage(middle)) == wanted else (middle, there)
    return there


def cost_of(parts: Sequence[Stretch], each: Sequence[float]) -> Callable[[int], float]:
    """What the first n images of a training cost, where one of stretch k costs ``each[k]``."""
    starts = [part.start for part in parts]
    whole = [0.0, *accumulate(part.images * cost for part, cost in zip(parts, each, strict=True))]

    def cost(n: int) -> float:
        k = max(bisect_right(starts, n) - 1, 0)
        return whole[k] + (n - starts[k]) * each[k] if parts else float(n)

    return cost


def guessed_costs(parts: Sequence[Stretch]) -> list[float]:
    """Of an image of each stretch, in no unit, where nobody has measured them.

    Proportional to the side: measured on a CPU, the small models here take about twice as long
    at each doubling, since the blocks of all smaller sizes work too.
    """
    return [float(part.stage.resolution) for part in parts]
