"""What a training is made of before it begins: settings, data, a model on its device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genbench import registry, runs
from genbench.data import Dataset, open_dataset, spec
from genbench.distributed import group
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import Continues, Learns
from genbench.runs import Run
from genbench.settings import Layer, Resolved, preset_layer, read_layer, resolve
from genbench.training import parallel
from genbench.training.fit import Budget, by_hand, fitted
from genbench.training.forecast import Forecast, Specimen, forecast
from genbench.training.loop import total
from genbench.training.preset import Choice
from genbench.training.settings import Training


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training that is ready to begin."""

    name: str  # of the model
    choice: Choice
    chosen: Resolved[Any]
    engine: Resolved[Training]
    model: Learns  # new, on the device, before its first step
    data: Dataset
    device: torch.device
    origin: Run | None = None  # that it starts from

    @property
    def total(self) -> int:
        """Images that it shows."""
        return total(self.model, self.data, self.engine.values)

    def forecast(self, *, exacting: bool = False) -> Forecast:
        """How long it will take, from a short timing; see `genbench.training.forecast`."""
        return forecast(self.model, self.total, specimen(self), exacting=exacting)


def specimen(job: Job) -> Specimen:
    """What a copy of its model is made of."""
    return Specimen(
        model=job.name,
        settings=job.chosen.values,
        resolution=job.engine.values.resolution,
        train=job.data.train,
        engine=job.engine.values,
        device=job.device,
    )


def ready(
    name: str,
    choice: Choice,
    settings: tuple[Resolved[Any], Resolved[Training]],
    device: torch.device,
    origin: Run | None,
    data: Dataset | None = None,
) -> Job:
    """Build a new model, and open its data where they are not.

    Raises:
        GenbenchError: settings or data that cannot work.
    """
    chosen, engine = settings
    with group.agreed():
        built = runs.build(name, chosen.values, engine.values.resolution, engine.values.seed)
    data = data or parallel.in_turn(lambda: _data(engine.values))
    with group.agreed():
        _begin(built, origin, data, device, engine.values.seed)
    return Job(
        name=name,
        choice=choice,
        chosen=chosen,
        engine=engine,
        model=built,
        data=data,
        device=device,
        origin=origin,
    )


def within(job: Job, budget: Budget) -> tuple[Job, Forecast]:
    """The same training fitted to a time, and how long it will take now.

    Where it cannot be fitted, since its length was given by hand or several processes share the
    work, the time is a limit at which it stops.

    Raises:
        BadSetting: there is no time for one step of each stage.
    """
    declared = registry.model(job.name)
    free = budget.minutes > 0 and not by_hand(declared, job.chosen, job.engine)
    known = job.forecast(exacting=free)
    if not free or known.seconds is None:
        limited = job.engine.over(Layer(budget.option, budget.limit))
        return dataclasses.replace(job, engine=limited), known
    mine, engines = fitted(declared, job.chosen, known, budget)
    settings = job.chosen.over(mine), job.engine.over(engines)
    again = ready(job.name, job.choice, settings, job.device, job.origin, job.data)
    return again, known.for_schedule(again.model, again.total)


def find_origin(model: str, start: str | Path | None, runs_dir: Path) -> Run | None:
    """The run to start from, if the model starts from one.

    Raises:
        BadSetting: none was given where one is needed, or one that is of no use.
        BadInput: what was given is not a run.
    """
    wanted = registry.model(model).starts_from
    if start is None:
        if wanted is not None:
            raise BadSetting(
                f"{model} starts from a trained {wanted}: train one with: genbench train {wanted}, "
                "then give its run with --from RUN"
            )
        return None
    if wanted is None:
        raise BadSetting(f"{model} starts from nothing, so --from {start} is of no use; leave it")
    run = runs.find(start, runs_dir)
    if run.model != wanted:
        raise BadSetting(f"{model} starts from a {wanted}, but {run.name} is a {run.model}")
    return run


def _begin(
    model: Learns, origin: Run | None, data: Dataset, device: torch.device, seed: int
) -> None:
    """Everything a new model does before its first step."""
    model.to(device)
    if origin is not None:
        assert isinstance(model, Continues)
        model.start_from(runs.load(origin.folder, device=str(device)))
    runs.prepare(model, data, seed)


def anchored(engine: Resolved[Training]) -> Resolved[Training]:
    """Paths made absolute: the run must find its data from any folder."""
    place = engine.values.data_dir
    changed = dataclasses.replace(
        engine.values,
        data=spec.anchored(engine.values.data),
        data_dir=str(Path(place).resolve()) if place else None,
    )
    return Resolved(changed, engine.sources)


def _data(engine: Training) -> Dataset:
    return open_dataset(
        engine.data,
        engine.resolution,
        data_dir=Path(engine.data_dir) if engine.data_dir else None,
        on_bad="skip" if engine.on_bad == "skip" else "refuse",
    )


def layered(
    model: str,
    preset: str | None,
    config: Path | None,
    settings: Layer | Mapping[str, Any] | None,
    training: Layer | Mapping[str, Any] | None,
) -> tuple[Resolved[Any], Resolved[Training]]:
    """Model and engine settings: defaults < preset < file < caller."""
    declared = registry.model(model)
    mine: list[Layer] = []
    engine: list[Layer] = []
    if preset is not None:
        mine.append(preset_layer(declared, preset, model))
        about = declared.presets[preset]
        images = {"data": about.data, "resolution": about.resolution}
        known = {name: value for name, value in images.items() if value is not None}
        engine.append(Layer(f"preset {preset}", known))
    if config is not None:
        values = dict(read_layer(config).values)
        inner = values.pop("training", {}) or {}
        if not isinstance(inner, dict):
            raise BadInput(f"{config}: 'training' must hold lines of the form 'name: value'")
        mine.append(Layer(f"file {config.name}", values))
        engine.append(Layer(f"file {config.name}", inner))
    mine.append(_layer(settings))
    engine.append(_layer(training))
    return resolve(declared.settings, mine, model), resolve(Training, engine, "training")


def _layer(values: Layer | Mapping[str, Any] | None) -> Layer:
    return values if isinstance(values, Layer) else Layer("caller", values or {})
