"""From what a user asked for to a run at work: settings, data, run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genbench import registry, runs
from genbench.data import Dataset, open_dataset, spec
from genbench.distributed import group
from genbench.errors import BadInput, BadSetting
from genbench.interfaces import Continues, Learns
from genbench.runs import Run, RunState
from genbench.runtime import devices, provenance
from genbench.settings import Layer, Resolved, preset_layer, read_layer, resolve
from genbench.training import determinism, parallel, session
from genbench.training.loop import Trainer, total
from genbench.training.settings import Training, check


def train(
    model: str,
    *,
    preset: str | None = None,
    config: Path | None = None,
    settings: Layer | Mapping[str, Any] | None = None,
    training: Layer | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    name: str | None = None,
    start: str | Path | None = None,
) -> Run:
    """Train a model of the registry; what ``genbench train`` does.

    Args:
        model: public name, see ``genbench list model``.
        preset: published settings of the model, or "tiny".
        config: YAML file of model settings; engine settings under the key ``training``.
        settings: the model's settings, over preset and file.
        training: the engine's settings (`Training`): data, resolution, seed, minutes ...
        runs_dir: folder of run folders.
        name: of the run folder; default model-data-resolution and a short id.
        start: the run to start from, for a model that starts from a trained one (``--from``);
            a name in *runs_dir*, or a path.

    Returns:
        The run, with its last checkpoint written.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    chosen, engine = layered(model, preset, config, settings, training)
    check(engine.values)
    engine = anchored(engine)
    with parallel.processes(engine.values, devices.choose(engine.values.device)) as device:
        with group.agreed():
            built = runs.build(model, chosen.values, engine.values.resolution, engine.values.seed)
            origin = _origin(model, start, Path(runs_dir))
        data = parallel.in_turn(lambda: _data(engine.values))
        with group.agreed():
            _begin(built, origin, data, device, engine.values.seed)
        facts = _facts(built, data, engine.values, device) | {
            "model": model,
            "preset": preset,
            "from": None if origin is None else _who(origin),
        }

        def created() -> Run:
            folder = Path(runs_dir) / (name or free_name(Path(runs_dir), model, engine.values))
            settings = {"model": chosen.describe(), "training": engine.describe()}
            return runs.create(folder, facts, settings)

        run = session.local(parallel.from_first(created), device)
        return session.carry_out(Trainer(run, built, data, engine.values))


def _facts(model: Learns, data: Dataset, engine: Training, device: torch.device) -> dict[str, Any]:
    """What run.json says of the data and of the machines."""
    return {
        "data": engine.data,
        "dataset": data.name,
        "resolution": data.resolution,
        "fingerprint": data.fingerprint,
        "licence": data.licence,
        **session.machines(engine, device),
        "determinism": determinism.describe(device, deterministic=engine.deterministic),
        "created": provenance.now(),
        "state": RunState.TRAINING,
        "seen": 0,
        "total": total(model, data, engine),
        "provenance": provenance.describe(device),
    }


def _origin(model: str, start: str | Path | None, runs_dir: Path) -> Run | None:
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


def _who(run: Run) -> dict[str, Any]:
    """What the facts of a run say about the one it started from."""
    return {"run": run.id, "name": run.name, "model": run.model, "seen": run.facts["seen"]}


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


def free_name(folder: Path, model: str, settings: Training) -> str:
    """model-data-resolution, numbered if that is taken."""
    data = "".join(c if c.isalnum() else "-" for c in Path(settings.data).name or settings.data)
    owner = model.replace("/", "-")  # a run of package/model is a folder beside all others
    stem = f"{owner}-{data.strip('-').removesuffix('-zip')}-{settings.resolution}"
    names = (stem if k == 1 else f"{stem}-{k}" for k in range(1, 10_000))
    return next(name for name in names if not (folder / name).exists())
