"""From what a user asked for to a run at work: settings, data, run folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from genbench import runs
from genbench.distributed import group
from genbench.runs import Run, RunState
from genbench.runtime import devices, provenance
from genbench.settings import Layer
from genbench.training import determinism, parallel, session
from genbench.training.fit import Budget
from genbench.training.forecast import Forecast
from genbench.training.job import Job, anchored, find_origin, layered, ready, within
from genbench.training.loop import Trainer
from genbench.training.plan import Plan
from genbench.training.preset import choose
from genbench.training.settings import Training, check

Say = Callable[[str], None]


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
    budget: Budget | None = None,
    say: Say | None = None,
) -> Run:
    """Train a model of the registry; what ``genbench train`` does.

    Args:
        model: public name, see ``genbench list model``.
        preset: published settings of the model, or "tiny"; "auto": one that suits this machine
            and the data found here; None: the model's defaults.
        config: YAML file of model settings; engine settings under the key ``training``.
        settings: the model's settings, over preset and file.
        training: the engine's settings (`Training`): data, resolution, seed; minutes at which
            to stop, wherever training then stands ...
        runs_dir: folder of run folders.
        name: of the run folder; default model-data-resolution and a short id.
        start: the run to start from, for a model that starts from a trained one (``--from``);
            a name in *runs_dir*, or a path.
        budget: the time to which the schedule is fitted, so that training ends fully grown.
        say: told before it starts what will be done and how long that takes, a line at a time;
            None: nothing is timed.

    Returns:
        The run, with its last checkpoint written.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    choice = choose(model, preset, training, config)
    chosen, engine = layered(model, choice.preset, config, settings, training)
    check(engine.values)
    engine = anchored(engine)
    with parallel.processes(engine.values, devices.choose(engine.values.device)) as device:
        with group.agreed():
            origin = find_origin(model, start, Path(runs_dir))
        job, forecast = _timed(
            ready(model, choice, (chosen, engine), device, origin), budget, wanted=say is not None
        )

        def created() -> Run:
            folder = Path(runs_dir) / (name or free_name(Path(runs_dir), model, engine.values))
            settings = {"model": job.chosen.describe(), "training": job.engine.describe()}
            return runs.create(folder, _facts(job), settings)

        run = session.local(parallel.from_first(created), device)
        if say is not None and forecast is not None and parallel.first():
            for line in Plan.of(job, forecast, budget).lines(run.folder):
                say(line)
        return session.carry_out(Trainer(run, job.model, job.data, job.engine.values, forecast))


def plan(
    model: str,
    *,
    preset: str | None = None,
    config: Path | None = None,
    settings: Layer | Mapping[str, Any] | None = None,
    training: Layer | Mapping[str, Any] | None = None,
    runs_dir: str | Path = "runs",
    start: str | Path | None = None,
    budget: Budget | None = None,
) -> Plan:
    """What `train` would do with the same arguments, and how long that takes; nothing is written.

    Data that were never prepared are, in the cache.

    Raises:
        GenbenchError: anything the caller can put right.
    """
    choice = choose(model, preset, training, config)
    chosen, engine = layered(model, choice.preset, config, settings, training)
    check(engine.values)
    engine = anchored(engine)
    origin = find_origin(model, start, Path(runs_dir))
    device = devices.choose(engine.values.device)
    job = ready(model, choice, (chosen, engine), device, origin)
    job, forecast = _timed(job, budget, wanted=True)
    assert forecast is not None
    return Plan.of(job, forecast, budget)


def _timed(job: Job, budget: Budget | None, *, wanted: bool) -> tuple[Job, Forecast | None]:
    """The training fitted to *budget*, if there is one, and how long it takes, if *wanted*."""
    if budget is not None:
        return within(job, budget)
    return job, job.forecast() if wanted else None


def _facts(job: Job) -> dict[str, Any]:
    """What run.json says of the training, of the data and of the machines."""
    engine: Training = job.engine.values
    data = job.data
    return {
        "data": engine.data,
        "dataset": data.name,
        "resolution": data.resolution,
        "fingerprint": data.fingerprint,
        "licence": data.licence,
        **session.machines(engine, job.device),
        "determinism": determinism.describe(job.device, deterministic=engine.deterministic),
        "created": provenance.now(),
        "state": RunState.TRAINING,
        "seen": 0,
        "total": job.total,
        "provenance": provenance.describe(job.device),
        "model": job.name,
        "preset": job.choice.preset,
        "from": None if job.origin is None else _who(job.origin),
    }


def _who(run: Run) -> dict[str, Any]:
    """What the facts of a run say about the one it started from."""
    return {"run": run.id, "name": run.name, "model": run.model, "seen": run.facts["seen"]}


def free_name(folder: Path, model: str, settings: Training) -> str:
    """model-data-resolution, numbered if that is taken."""
    data = "".join(c if c.isalnum() else "-" for c in Path(settings.data).name or settings.data)
    owner = model.replace("/", "-")  # a run of package/model is a folder beside all others
    stem = f"{owner}-{data.strip('-').removesuffix('-zip')}-{settings.resolution}"
    names = (stem if k == 1 else f"{stem}-{k}" for k in range(1, 10_000))
    return next(name for name in names if not (folder / name).exists())
