"""Writes the batch script that ``genbench train ... --slurm`` asks for."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from genbench.runs import Run
    from genbench.training.settings import Training


def write_to_begin(
    model: str, asked: Mapping[str, Any], folder: Path, options: Sequence[str], *, name: str | None
) -> None:
    """For a run that is to begin: its settings are looked at now, not after hours in a queue.

    Args:
        model: public name.
        asked: preset, config, settings and training, as `genbench.training.train` takes them.
        folder: of run folders.
        options: of sbatch, "partition=gpu".
        name: of the run; None for the default.
    """
    from genbench.training.api import free_name
    from genbench.training.job import layered
    from genbench.training.preset import AUTO

    if asked["preset"] == AUTO:  # chosen where the job runs: here there may be no GPU
        asked = {**asked, "preset": None}
    _, engine = layered(model, **asked)
    _write(name or free_name(folder, model, engine.values), folder, engine.values, options)


def write_to_resume(run: Run, given: Mapping[str, Any], options: Sequence[str]) -> None:
    """For a run that is to go on; *given* are settings of training that are new."""
    from genbench.training.resume import engine_of

    folder = run.folder.resolve()
    _write(folder.name, folder.parent, engine_of(run, given), options)


def _write(name: str, runs_dir: Path, engine: Training, options: Sequence[str]) -> None:
    """Leave runs_dir/name.sh, and say how to submit it."""
    from genbench.runtime import atomic
    from genbench.training import slurm

    folder = runs_dir.resolve()
    job = slurm.Job(
        name=name,
        folder=folder,
        devices=engine.devices,
        nodes=engine.nodes,
        gpus=engine.device != "cpu",
        options=slurm.options(options),
    )
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.sh"
    atomic.write_text(target, slurm.script(job, _command(name)))
    click.echo(str(target))
    click.echo(f"submit: sbatch {target}", err=True)


def _command(name: str) -> list[str]:
    """What was typed, without what is for the script alone, so that it begins or goes on."""
    typed, kept = iter(sys.argv[1:]), []
    for word in typed:
        if word == "--slurm-option":
            next(typed)
        elif word != "--slurm" and not word.startswith("--slurm-option="):
            kept.append(word)
    if any(word.partition("=")[0] == "--resume" for word in kept):
        return kept
    given = {word.partition("=")[0] for word in kept}
    named = [] if "--name" in given else ["--name", name]
    return [*kept, *named, *([] if "--continue" in given else ["--continue"])]
