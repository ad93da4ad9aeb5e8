"""Goes on with a run, or begins it where it has not been begun: for jobs that may be restarted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genbench import runs
from genbench.distributed import group
from genbench.errors import BadInput, BadSetting
from genbench.runs import Run, RunState, checkpoints
from genbench.runtime import devices
from genbench.settings import Layer, resolve
from genbench.training import parallel, session
from genbench.training.api import train
from genbench.training.fit import Budget, is_fitted, was_fitted
from genbench.training.forecast import Specimen, forecast
from genbench.training.job import anchored, layered
from genbench.training.loop import Trainer
from genbench.training.plan import Plan, parameters
from genbench.training.preset import AUTO, Choice, choose
from genbench.training.settings import Training, check

# What a resumed run keeps: with another value it would not be the run that was begun.
FIXED = {
    "data",
    "data_dir",
    "on_bad",
    "resolution",
    "seed",
    "flip",
    "precision",
    "compile",
}


def resume(
    folder: str | Path,
    training: Mapping[str, Any] | None = None,
    *,
    say: Callable[[str], None] | None = None,
) -> tuple[Run, list[str]]:
    """Go on with a run from its newest good checkpoint.

    Args:
        folder: the run.
        training: engine settings that may change on the way: minutes, device, log_every ...
        say: told what is left to do and how long it takes; None: nothing is timed.

    Returns:
        The run, and what was wrong with checkpoints that were passed over.

    Raises:
        BadInput: not a run, nothing to resume from, or its data is no longer the same.
    """
    run = runs.read(Path(folder))
    engine = engine_of(run, training or {})
    with parallel.processes(engine, devices.choose(engine.device)) as device:
        data = parallel.in_turn(lambda: runs.data_of(run))
        facts = {"state": RunState.TRAINING, "reason": "", **session.machines(engine, device)}
        run = session.local(parallel.note(run, **facts), device)
        with group.agreed():
            trainer = Trainer(run, runs.rebuild(run), data, engine)
            damaged = trainer.resume()
        if say is not None:
            _announce(trainer, say)
        return session.carry_out(trainer), damaged


def _announce(trainer: Trainer, say: Callable[[str], None]) -> None:
    """What is left to do, and how long it takes."""
    run, model = trainer.run, trainer.model
    about = Specimen(
        model=run.model,
        settings=runs.settings_of(run),
        resolution=run.resolution,
        train=trainer.data.train,
        engine=trainer.settings,
        device=trainer.device,
    )
    trainer.forecast = forecast(model, trainer.total, about)
    if not parallel.first():
        return
    preset = run.facts.get("preset")
    plan = Plan(
        model=run.model,
        data=trainer.data.name,
        resolution=run.resolution,
        device=str(trainer.device),
        choice=Choice(None if preset is None else str(preset), "as it was begun"),
        forecast=trainer.forecast,
        parameters=parameters(model),
    )
    for line in plan.lines(run.folder):
        say(line)


def engine_of(run: Run, given: Mapping[str, Any]) -> Training:
    """The engine's settings with which a run goes on; *given* ones are new.

    Raises:
        BadInput: it cannot go on.
        BadSetting: something given cannot change any more.
    """
    if run.state is RunState.IMPORTED:
        raise BadInput(
            f"{run.folder} was imported without the state of its training, so it cannot go on; "
            "train a new run with: genbench train " + run.model
        )
    values = {name: entry["value"] for name, entry in run.settings["training"].items()}
    fixed = sorted(FIXED & set(given))
    if fixed:
        raise BadSetting(f"{', '.join(fixed)} cannot change on --resume; start a new run for that")
    layers = [
        Layer("settings.json", values | {"minutes": None, "cpu_minutes": None}),
        Layer("--resume", given),
    ]
    engine = resolve(Training, layers, "training").values
    check(engine)
    return engine


def complete(run: Run) -> bool:
    """Whether its training has come to its end."""
    return run.state is RunState.FINISHED


def any_run(_: Run) -> None:
    """Whatever the folder holds is the run that is wanted."""


@dataclass(frozen=True, kw_only=True)
class WantedRun:
    """A run that is wanted, whether it has been begun or not."""

    folder: Path
    begin: Callable[[], Run]
    changes: Mapping[str, Any]  # engine settings with which it goes on
    agree: Callable[[Run], None] = any_run  # raises where the folder holds another run
    enough: Callable[[Run], bool] = complete  # it is left as it is
    say: Callable[[str], None] | None = None  # told when it goes on


def begin_or_resume(wanted: WantedRun) -> tuple[Run, list[str]]:
    """The run that is wanted, trained as far as it is not yet.

    A run that was killed before its first checkpoint is begun anew.

    Returns:
        As `resume`.

    Raises:
        GenbenchError: as `WantedRun.agree`, `WantedRun.begin` and `resume` do.
    """
    return _carry_on(wanted) if begun(wanted) else (wanted.begin(), [])


def begun(wanted: WantedRun) -> bool:
    """Whether there is a checkpoint to go on from; a run without one is deleted.

    Raises:
        GenbenchError: the folder holds another run.
    """
    if not wanted.folder.exists():
        return False
    run = runs.read(wanted.folder)
    wanted.agree(run)
    if checkpoints.newest(run.checkpoints) is None:
        runs.discard(run)
        return False
    return True


def _carry_on(wanted: WantedRun) -> tuple[Run, list[str]]:
    run = runs.read(wanted.folder)
    if wanted.enough(run):
        return run, []
    if wanted.say is not None:
        wanted.say(f"going on with {run.folder}")
    return resume(run.folder, wanted.changes)


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
    budget: Budget | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Run, list[str]]:
    """Go on with the run *name*, or begin it as `train` does where there is none.

    Returns:
        As `resume`.

    Raises:
        BadSetting: there is a run of that name, of another model or with other settings.
    """
    folder = Path(runs_dir) / name
    before = runs.read(folder) if folder.exists() else None
    if before is not None and preset == AUTO:  # what was found then may be another machine's
        preset = before.facts.get("preset")
    choice = choose(model, preset, training, config)
    chosen, engine = layered(model, choice.preset, config, settings, training)
    engine = anchored(engine)
    described = {"model": chosen.describe(), "training": engine.describe()}
    given = dict(training.values if isinstance(training, Layer) else training or {})
    fitted = before is not None and was_fitted(before.settings["training"])
    if budget is not None and not fitted:
        given |= budget.limit
    wanted = WantedRun(
        folder=folder,
        begin=lambda: train(
            model,
            preset=preset,
            config=config,
            settings=settings,
            training=training,
            runs_dir=runs_dir,
            name=name,
            start=start,
            budget=budget,
            say=say,
        ),
        changes={k: v for k, v in given.items() if k not in FIXED | {"images"}},
        agree=lambda run: _same_settings(run, model, described, fits=budget is not None),
    )
    with parallel.processes(engine.values, devices.choose(engine.values.device)):
        there = parallel.from_first(lambda: begun(wanted))  # looked at, and cleared, by one process
    if not there:
        return wanted.begin(), []
    run = runs.read(folder)
    return (run, []) if complete(run) else resume(folder, wanted.changes, say=say)


def _same_settings(run: Run, model: str, wanted: Mapping[str, Any], *, fits: bool) -> None:
    """Raise `BadSetting` for the first thing in which a run is not the one that is wanted.

    Where a time *fits* the schedule, what was fitted when the run began stays as it is.
    """
    if run.model != model:
        raise BadSetting(
            f"{run.folder} is a run of {run.model}, so {model} cannot go on with it; "
            "choose another --name"
        )
    for part, names in (("model", wanted["model"].keys()), ("training", FIXED | {"images"})):
        for name in sorted(names & run.settings[part].keys()):
            if fits and is_fitted(run.settings[part][name]):
                continue
            before, now = run.value(part, name), _plain(wanted[part][name]["value"])
            if before != now:
                raise BadSetting(
                    f"{run.folder} was begun with {name} {before!r}, and {now!r} was asked for; "
                    "go on with the same settings, or choose another --name"
                )


def _plain(value: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(value))
