"""``genbench quickstart``: the whole job in a few minutes, with nothing to download."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genbench.cli._options import Names, device_option
from genbench.settings import Layer

if TYPE_CHECKING:
    from genbench.data import Dataset

DATA = "toyfaces:6000"
RESOLUTION = 32
PRESETS = ("quickstart", "tiny")  # the first that a model has
RESERVE = 1 / 3  # minutes kept for each model that is still to come


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("genbench-quickstart"),
    show_default=True,
    help="Folder for runs, table and report.",
)
@click.option(
    "--models", type=Names(), help="Models to train.  [default: those with a preset quickstart]"
)
@click.option(
    "--minutes",
    type=float,
    default=3.5,
    show_default=True,
    help="Training time of all models together.",
)
@device_option
def quickstart_command(
    out: Path, models: tuple[str, ...] | None, minutes: float, device: str
) -> None:
    """Draw faces, train a few models on them, measure, and write a report.

    Stopped half-way, it goes on where it was when called again.

    \b
    Example:
      genbench quickstart --out genbench-quickstart
    """
    from genbench import registry  # torch loads below, not for --help
    from genbench.data import open_dataset
    from genbench.evaluation.api import Request, measure
    from genbench.evaluation.settings import Evaluation
    from genbench.reporting.report import compose, write
    from genbench.results.store import Store

    began = time.monotonic()
    offered = registry.models()
    names = list(models or (name for name in offered if "quickstart" in offered[name].presets))
    data = open_dataset(DATA, RESOLUTION)
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        rest = max(minutes - (time.monotonic() - began) / 60, 0.1)
        _train(name, out / "runs", max(rest - RESERVE * (left - 1), rest / left), device)
    how = Evaluation(
        metrics=_without_networks(), images=500, pairs=1000, repeats=3, anchors=True, device=device
    )
    request = Request(models="all", how=how, data=data, runs_dir=out / "runs")
    measure(request, table=out / "results", command="quickstart")
    report = compose(
        Store(out / "results").read(values=True),
        out / "runs",
        "genbench quickstart",
        device,
        lead=(_lead(data, names),),
        next_steps=_next_steps(out),
    )
    forms = {form: registry.plugin("report", form).load() for form in registry.plugins("report")}
    files = write(report, forms, out / "report")
    click.echo(forms["terminal"].render(report))
    click.echo(f"done in {time.monotonic() - began:.0f} s; the report:", err=True)
    for file in files:
        click.echo(str(file))
    click.echo("next:", err=True)
    for step in report.next_steps:
        click.echo(f"  {step}", err=True)


def _train(name: str, runs_dir: Path, minutes: float, device: str) -> None:
    """Train a model, go on with it, or leave it if it has had its time."""
    from genbench import registry
    from genbench.runs import Run, RunState
    from genbench.training.api import train
    from genbench.training.resume import WantedRun, begin_or_resume

    limits = {"minutes": minutes, "device": device}

    def begin() -> Run:
        presets = registry.model(name).presets
        preset = next((preset for preset in PRESETS if preset in presets), None)
        training = Layer("quickstart", {"data": DATA, "resolution": RESOLUTION, **limits})
        return train(name, preset=preset, training=training, runs_dir=runs_dir, name=name)

    wanted = WantedRun(
        folder=runs_dir / name,
        begin=begin,
        changes=limits,
        enough=lambda run: run.state not in (RunState.TRAINING, RunState.INTERRUPTED),
    )
    run, _ = begin_or_resume(wanted)
    if run.state is RunState.INTERRUPTED:
        raise KeyboardInterrupt


def _without_networks() -> tuple[str, ...]:
    """Every metric that looks through no feature network, so that nothing has to be fetched.

    Not their variants: some of them compare every sample with every image for minutes.
    """
    from genbench import registry

    return tuple(
        name
        for name, plugin in registry.plugins("metric").items()
        if all(each.statistic.features is None for each in plugin.load().inputs.values())
    )


def _lead(data: Dataset, names: list[str]) -> str:
    return (
        f"{', '.join(names)}: trained for minutes on a CPU on {len(data.train)} drawn faces at "
        f"{RESOLUTION}x{RESOLUTION}, measured on {len(data.test)} held-out ones. "
        "A demonstration of the whole path, not a result about the models."
    )


def _next_steps(out: Path) -> tuple[str, ...]:
    return (
        f"genbench table --table {out / 'results'}",
        "genbench train pioneer --preset tiny --data folder:PATH --resolution 32",
        "genbench evaluate --models all --metrics fid:768,swd,rmse,psnr --anchors",
        "genbench list",
    )
