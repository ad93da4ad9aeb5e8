"""What a training will do and what that costs, said before it starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from genbench import registry
from genbench.interfaces import Json, Stage
from genbench.runtime.durations import about, in_words
from genbench.runtime.paths import as_path
from genbench.training.fit import Budget, by_hand, was_fitted
from genbench.training.forecast import Forecast
from genbench.training.preset import TINY, Choice

if TYPE_CHECKING:
    from genbench.training.job import Job

LONG = 24 * 3600.0  # seconds after which another way is named


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training, or what is left of one, and how long it takes."""

    model: str
    data: str
    resolution: int
    device: str
    choice: Choice
    forecast: Forecast
    parameters: int
    remark: str = ""  # on the time that was asked for
    fitted: dict[str, Json] = field(default_factory=dict)  # settings that were fitted to it

    @classmethod
    def of(cls, job: Job, forecast: Forecast, budget: Budget | None) -> Plan:
        """Of a training that is ready to begin, with the time that was asked for."""
        described = job.chosen.describe() | {"images": job.engine.describe()["images"]}
        return cls(
            model=job.name,
            data=job.data.name,
            resolution=job.data.resolution,
            device=str(job.device),
            choice=job.choice,
            forecast=forecast,
            parameters=parameters(job.model),
            remark="" if budget is None else _remark(job, forecast, budget),
            fitted={
                name: each["value"]
                for name, each in described.items()
                if budget is not None and each["source"] == budget.source
            },
        )

    # --- for people

    def lines(self, folder: Path) -> list[str]:
        """What is said before the training in *folder* starts."""
        run = as_path(folder)
        return [
            *self.summary(),
            f"in {run}; Ctrl-C stops it at a checkpoint, genbench train --resume {run} goes on",
        ]

    def summary(self) -> list[str]:
        """What is to be done, how long it takes, from when on it can be measured."""
        return [self._work(), *filter(None, [self.remark, self._milestones(), self._advice()])]

    def _work(self) -> str:
        whole, begun = self.forecast, self.forecast.parts and self.forecast.parts[0].start
        side = f"{self.resolution}x{self.resolution}"
        images = f"{whole.images:,} images" if not begun else f"{whole.images:,} more images"
        facts = [self._preset(), f"{self.data} at {side}", images, self._time()]
        return f"{self.model}: {', '.join(filter(None, facts))}"

    def _preset(self) -> str:
        name = f"preset {self.choice.preset}" if self.choice.preset else "default settings"
        return f"{name} ({self.choice.reason})" if self.choice.reason else name

    def _time(self) -> str:
        seconds = self.forecast.seconds
        if seconds is None:
            return f"time unknown: {self.forecast.unknown}" if self.forecast.unknown else ""
        return f"{about(seconds)} here"

    def _milestones(self) -> str:
        """Only of a model that grows: any other is measurable at once."""
        whole = self.forecast
        if whole.measurable is None:
            return f"it will not reach {self.resolution}x{self.resolution}, so never be measurable"
        if whole.grown is None:
            return f"first measurable after {whole.measurable:,}; it will not be fully grown"
        if whole.grown == whole.parts[0].start:
            return ""
        when = whole.until(whole.grown)
        time = "" if when is None else f" ({in_words(when)})"
        return (
            f"first measurable after {whole.measurable:,}, fully grown after {whole.grown:,}{time}"
        )

    def _advice(self) -> str:
        seconds = self.forecast.seconds
        if seconds is None or seconds < LONG:
            return ""
        other = [] if self.choice.preset == TINY else ["--preset tiny"]
        return f"that is long; less takes: {' or '.join([*other, '--minutes 30'])}"

    def table(self) -> Iterator[tuple[str, ...]]:
        """A head, and a line for each stage."""
        yield ("stage", "images", "batch", "time")
        times = self.forecast.times
        for k, part in enumerate(self.forecast.parts):
            took = in_words(part.images * times[k].seconds) if times else "?"
            yield (_words(part.stage), f"{part.images:,}", str(part.stage.batch), took)

    # --- for programs

    def describe(self) -> dict[str, Json]:
        """All of it, as JSON has it."""
        whole = self.forecast
        return {
            "model": self.model,
            "preset": self.choice.preset,
            "reason": self.choice.reason,
            "data": self.data,
            "resolution": self.resolution,
            "device": self.device,
            "parameters": self.parameters,
            "images": whole.images,
            "total": whole.total,
            "seconds": whole.seconds,
            "cpu_seconds": whole.cpu_seconds,
            "unknown": whole.unknown,
            "measurable_after": whole.measurable,
            "grown_after": whole.grown,
            "memory_bytes": whole.memory,
            "fitted": self.fitted,
            "stages": [self._stage(k) for k in range(len(whole.parts))],
        }

    def _stage(self, k: int) -> dict[str, Json]:
        part, times = self.forecast.parts[k], self.forecast.times
        return {
            "name": part.stage.name,
            "resolution": part.stage.resolution,
            "batch": part.stage.batch,
            "start": part.start,
            "images": part.images,
            "seconds": part.images * times[k].seconds if times else None,
        }


def parameters(model: Any) -> int:
    """Numbers that are learnt."""
    return sum(each.numel() for each in model.parameters()) if isinstance(model, nn.Module) else 0


def _remark(job: Job, forecast: Forecast, budget: Budget) -> str:
    """What became of the time that was asked for."""
    time = f"{budget.option} {budget.minutes:g}"
    if was_fitted(job.engine.describe()):
        return f"{time}: the schedule is fitted to it; a machine that gets slower takes longer"
    given = by_hand(registry.model(job.name), job.chosen, job.engine)
    why = f" ({given[0]} was given)" if given else ""
    why = why or (f" ({forecast.unknown})" if forecast.unknown else "")
    return f"{time}: it stops then, wherever it stands{why}"


def _words(stage: Stage) -> str:
    """A stage as a plan names it: "16x16 fade", "train at 32x32"."""
    size = f"{stage.resolution}x{stage.resolution}"
    return stage.name if size in stage.name else f"{stage.name} at {size}"
