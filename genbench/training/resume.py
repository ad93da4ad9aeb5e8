"""Starts a run, or goes on with it where it has been begun: for jobs that may be restarted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genbench import registry, runs
from genbench.errors import BadSetting
from genbench.runs import Run, checkpoints
from genbench.runtime import devices
from genbench.settings import Layer
from genbench.training import parallel
from genbench.training.api import (
    FIXED,
    anchored,
    layered,
    resume,
    train,
)


def train_or_resume(
    model: str,
    *,
    name: str,
    preset: str | None = None,
    config: Path | None = None,
    settings: Layer | Mapping[str, Any] | None = None,
    training: Layer | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    start: str | Path | None = None,
) -> tuple[Run, list[str]]:
    """Go on with the run *name*, or begin it as `train` does where there is none.

    A run that was killed before its first checkpoint is begun anew.

    Returns:
        As `resume`.

    Raises:
        BadSetting: there is a run of that name, of another model or with other settings.
    """
    plugin = registry.plugin("model", model).load()
    chosen, engine = layered(plugin, model, preset, config, settings, training)
    engine = anchored(engine)
    wanted = {"model": chosen.describe(), "training": engine.describe()}
    folder = Path(runs_dir) / name
    with parallel.working(engine.values, devices.choose(engine.values.device)):
        begun = parallel.made(lambda: _begun(folder, model, wanted))
    if not begun:
        return train(
            model,
            preset=preset,
            config=config,
            settings=settings,
            training=training,
            runs_dir=runs_dir,
            name=name,
            start=start,
        ), []
    given = training.values if isinstance(training, Layer) else training or {}
    return resume(folder, {k: v for k, v in given.items() if k not in FIXED | {"images"}})


def _begun(folder: Path, model: str, wanted: Mapping[str, Any]) -> bool:
    """Whether there is a checkpoint to go on from; a run without one is deleted."""
    if not folder.exists():
        return False
    run = runs.read(folder)
    if run.model != model:
        raise BadSetting(
            f"{folder} is a run of {run.model}, so {model} cannot go on with it; "
            "choose another --name"
        )
    for part, names in (("model", wanted["model"].keys()), ("training", FIXED | {"images"})):
        for name in sorted(names & run.settings[part].keys()):
            before, now = run.value(part, name), _plain(wanted[part][name]["value"])
            if before != now:
                raise BadSetting(
                    f"{folder} was begun with {name} {before!r}, and {now!r} was asked for; go on "
                    "with the same settings, or choose another --name"
                )
    if checkpoints.newest(run.checkpoints) is None:
        runs.discard(run)
        return False
    return True


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))
