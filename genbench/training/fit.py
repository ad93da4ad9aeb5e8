"""Fits a training to a time: all that counts images, by one factor, so that it ends fully grown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genbench.errors import BadSetting
from genbench.interfaces import Model
from genbench.settings import Layer, Resolved
from genbench.training.forecast import Forecast
from genbench.training.settings import Training

MARK = "fitted here"  # in the source of a setting that was


@dataclass(frozen=True)
class Budget:
    """The time that a training should take."""

    minutes: float
    cpu: bool = False  # of processors

    def __post_init__(self) -> None:
        """Raise `BadSetting` where it is no time."""
        if not 0 <= self.minutes < math.inf:
            raise BadSetting(f"{self.option} wants a number from 0 on, got {self.minutes:g}")

    @property
    def option(self) -> str:
        return "--cpu-minutes" if self.cpu else "--minutes"

    @property
    def source(self) -> str:
        """Of settings that were fitted to it: "--minutes 5: fitted here"."""
        return f"{self.option} {self.minutes:g}: {MARK}"

    @property
    def limit(self) -> dict[str, float]:
        """The same as a limit at which training stops, fully grown or not."""
        return {"cpu_minutes" if self.cpu else "minutes": self.minutes}


def by_hand(declared: Model[Any], chosen: Resolved[Any], engine: Resolved[Training]) -> list[str]:
    """Names of settings that count images and stand neither in a preset nor in the defaults."""
    sources = {name: chosen.sources[name] for name in declared.image_counts}
    sources |= {"images": engine.sources["images"]}
    sources |= {name: chosen.sources[name] for name in ("images",) if name in chosen.sources}
    return [
        name
        for name, source in sources.items()
        if source != "default" and not source.startswith("preset ")
    ]


def fitted(
    declared: Model[Any], chosen: Resolved[Any], forecast: Forecast, budget: Budget
) -> tuple[Layer, Layer]:
    """Settings of the model and of the engine with which training takes *budget*.

    Raises:
        BadSetting: nobody knows how long it takes, or there is no time for one step of each stage.
    """
    seconds = forecast.cpu_seconds if budget.cpu else forecast.seconds
    if seconds is None:
        raise BadSetting(f"{budget.option} cannot be fitted: {forecast.unknown}")
    scale = 60 * budget.minutes / max(seconds, 1e-9)
    counts = {name: getattr(chosen.values, name) for name in declared.image_counts}
    mine = {name: scaled(count, scale) for name, count in counts.items() if count}
    least = sum(part.stage.batch for part in forecast.parts) if len(forecast.parts) > 1 else 1
    images = round(forecast.total * scale)
    if images < least:
        enough = least / max(images, 1) * budget.minutes
        raise BadSetting(
            f"{budget.option} {budget.minutes:g} has time for {images} images, and one step of "
            f"each stage takes {least}; give {enough:.2g} or more, or a smaller --preset such as "
            "tiny"
        )
    return Layer(budget.source, mine), Layer(budget.source, {"images": images})


def is_fitted(setting: Mapping[str, Any]) -> bool:
    """Whether a setting, as a run describes it, was fitted to a time."""
    return str(setting["source"]).endswith(MARK)


def was_fitted(training: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the schedule of a run was: *training* describes its settings of the engine."""
    return is_fitted(training["images"])


def scaled(count: Any, scale: float) -> Any:
    """A number of images, several rising ones, or a share of them, times *scale*."""
    if isinstance(count, float):
        return count * scale
    if not isinstance(count, tuple):
        return round(count * scale) or min(count, 1)
    rising: list[int] = []
    for start in count:
        rising.append(max(round(start * scale), rising[-1] + 1 if rising else 0))
    return tuple(rising)
