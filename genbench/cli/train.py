"""``genbench train`` and ``genbench runs``."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genbench.cli import _place, _slurm
from genbench.cli._ends import one_voice
from genbench.cli._json import json_option, say
from genbench.cli._options import Place, runs_option
from genbench.errors import BadSetting
from genbench.runtime.paths import at_home

if TYPE_CHECKING:
    from genbench.training.fit import Budget
    from genbench.training.plan import Plan


def _listed(_: click.Context, __: click.Parameter, value: str | None) -> list[str] | None:
    """Words parted by commas."""
    return None if value is None else [word.strip() for word in value.split(",") if word.strip()]


def _loggers(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """As `_listed`, and "none" for none."""
    return [] if value == "none" else _listed(context, parameter, value)


def _at_home(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A path, its "~" made the home folder."""
    return None if value is None else at_home(value)


@click.command()
@click.argument("model", required=False)
@click.option(
    "--preset",
    default="auto",
    help="Published settings of the model by name; tiny, for minutes of a CPU; none, for the "
    "model's defaults.  [default: tiny on a CPU, on a GPU a published one whose data are found]",
)
@click.option("--data", help="Data set: toyfaces, celeba, folder:PATH, zip:PATH, ...")
@click.option("--resolution", type=int, help="Side of the images in pixels.")
@click.option(
    "--data-dir",
    type=click.Path(),
    callback=_at_home,
    help="Where data sets lie.  [env: GENBENCH_DATA]",
)
@click.option(
    "--on-bad",
    type=click.Choice(["refuse", "skip"]),
    help="What to do about images that cannot be used.  [default: refuse]",
)
@click.option("--images", type=click.IntRange(min=1), help="Images to show in all.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    help="Fit the schedule to this time: all counts of images, so that training ends fully grown. "
    "Where you give a count yourself, and with --resume: stop at a checkpoint after so long.",
)
@click.option("--cpu-minutes", type=click.FloatRange(min=0), help="The same, of processor time.")
@click.option(
    "--plan", "plan_only", is_flag=True, help="Say what would be done and how long, and stop."
)
@json_option
@click.option("--seed", type=int, help="Fixes everything that is drawn.")
@click.option("--device", help="auto, cpu, cuda or cuda:1.  [default: auto]")
@click.option(
    "--devices",
    type=click.IntRange(min=1),
    help="Processes on each machine that share every batch.  [default: 1]",
)
@click.option(
    "--nodes",
    type=click.IntRange(min=1),
    help="Machines; torchrun or srun starts processes there.  [default: 1]",
)
@click.option(
    "--deterministic",
    is_flag=True,
    default=None,
    help="On a GPU: only kernels that add in one order; slower.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Of the CPU; 1 on a busy machine.")
@click.option(
    "--evaluate",
    metavar="METRIC:IMAGES",
    callback=_listed,
    help="Metrics to take now and then, such as fid:768:2000,rmse:500; the weights that "
    "the first of them likes most are kept.",
)
@click.option(
    "--evaluate-every",
    type=click.IntRange(min=1),
    help="Images between two evaluations.  [default: 20 of them in all]",
)
@click.option(
    "--on-divergence",
    type=click.Choice(["stop", "rollback", "continue"]),
    help="What to do when training goes wrong in a way that is known: stop at the last "
    "good checkpoint, go back to it and on with other noise, or only say so.  "
    "[default: stop]",
)
@click.option(
    "--loggers",
    callback=_loggers,
    help="Who is told the scalars: tensorboard, or none.  [default: tensorboard]",
)
@click.option("--keep", type=click.IntRange(min=1), help="Checkpoints kept.  [default: 2]")
@click.option(
    "--checkpoint-minutes",
    type=click.FloatRange(min=0),
    help="A kill loses at most so much work.  [default: 5]",
)
@click.option(
    "--precision",
    type=click.Choice(["32", "tf32", "bf16"]),
    help="Of products; tf32 and bf16 are faster on a GPU.  [default: 32]",
)
@click.option(
    "--compile",
    flag_value=True,
    default=None,
    type=bool,
    help="Let torch compile the networks, anew in every phase.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the model; may be given several times.",
)
@click.option("--config", type=Place(), help="YAML file of settings.")
@click.option("--name", help="Name of the run folder.")
@click.option(
    "--from",
    "start",
    metavar="RUN",
    help="Trained run to start from, for a model that starts from another.",
)
@click.option(
    "--resume",
    "again",
    metavar="RUN",
    help="Go on with this run from its newest good checkpoint.",
)
@click.option(
    "--continue",
    "go_on",
    is_flag=True,
    help="Go on with the run --name where it has been begun, else begin it.",
)
@click.option("--slurm", is_flag=True, help="Write a batch script beside the run, and stop.")
@click.option(
    "--slurm-option",
    "slurm_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of sbatch, such as partition=gpu; may be given several times.",
)
@runs_option
def train_command(
    model: str | None,
    again: str | None,
    assignments: tuple[str, ...],
    preset: str | None,
    config: Path | None,
    name: str | None,
    start: str | None,
    runs_dir: Path,
    go_on: bool,
    slurm: bool,
    slurm_options: tuple[str, ...],
    plan_only: bool,
    as_json: bool,
    **engine: Any,
) -> None:
    """Train MODEL and leave a run folder with checkpoints, logs and sample grids.

    Says before it starts what it will do and how long that takes, from a short timing.
    Settings come in layers: defaults, then --preset, then --config, then genbench.toml, then the
    command line.

    \b
    Examples:
      genbench train pioneer
      genbench train pioneer --plan
      genbench train pioneer --preset tiny --data toyfaces --minutes 5
      genbench train pioneer --preset celeba-64 --set lr=0.0005
      genbench train pioneer --preset celeba-64 --evaluate fid:2000 --on-divergence rollback
      genbench train --resume runs/pioneer-toyfaces-32
      genbench train pioneer --preset celeba-64 --devices 8
      genbench train pioneer --preset celeba-64 --devices 8 --nodes 4 --slurm
    """
    given = {key: value for key, value in engine.items() if value is not None}
    usual = _place.usual(click.get_current_context())  # what nobody has typed
    if slurm_options and not slurm:
        raise BadSetting("--slurm-option is for the script that --slurm writes; add --slurm")
    if as_json and not plan_only:
        raise BadSetting("--json is for the plan; add --plan")
    if again is not None:
        begins = (model, config, assignments, engine["images"], name, start, go_on, plan_only)
        if any(begins) or preset != "auto":
            raise BadSetting(
                "--resume takes its settings from the run; "
                "only how it is watched and stopped may be new: --minutes, --device, --evaluate ..."
            )
        typed = {key: value for key, value in given.items() if key not in usual}
        _resume(again, runs_dir, typed, slurm_options if slurm else None)
        return
    if model is None:
        raise BadSetting(
            "which model? For example: genbench train pioneer; see: genbench list model"
        )
    if go_on and name is None:
        raise BadSetting("--continue wants the --name of the run to begin or to go on with")
    from genbench.settings import Layer, parse_assignments
    from genbench.training.api import plan, train  # yaml and torch load here, not for --help
    from genbench.training.resume import train_or_resume

    budget = _budget(given)
    asked: dict[str, Any] = {
        "preset": preset,
        "config": config,
        "settings": Layer("command line", parse_assignments(assignments).values),
        "training": Layer("command line", given, usual),
    }
    if slurm:
        _slurm.write_to_begin(model, asked, runs_dir, slurm_options, name=name)
        return
    asked |= {"runs_dir": runs_dir, "start": start, "budget": budget}
    if plan_only:
        _print_plan(plan(model, **asked), as_json=as_json)
        return
    asked |= {"name": name, "say": _tell}
    with one_voice():
        if go_on:
            _say(*train_or_resume(model, **asked))
        else:
            _say(train(model, **asked))


def _budget(given: dict[str, Any]) -> Budget | None:
    """The time to fit the schedule to, taken out of *given*.

    Raises:
        BadSetting: it was given twice.
    """
    from genbench.training.fit import Budget

    minutes, cpu = given.pop("minutes", None), given.pop("cpu_minutes", None)
    if minutes is not None and cpu is not None:
        raise BadSetting("--minutes and --cpu-minutes are two times for one schedule; give one")
    if minutes is None and cpu is None:
        return None
    return Budget(minutes if cpu is None else cpu, cpu=cpu is not None)


def _tell(line: str) -> None:
    """A line beside the output, wrapped as the window is wide."""
    width = shutil.get_terminal_size().columns
    wrapped = textwrap.wrap(line, width, subsequent_indent="  ", break_on_hyphens=False)
    click.echo("\n".join(wrapped), err=True)


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    """A plan on standard output."""
    if as_json:
        say(**plan.describe())
        return
    from genbench.cli._columns import table

    for line in plan.summary():
        click.echo(line)
    click.echo(table([*plan.table()]))


def _resume(name: str, runs_dir: Path, given: dict[str, Any], script: Sequence[str] | None) -> None:
    """Go on with a run, or write the script that does; *script* holds its options."""
    from genbench import runs
    from genbench.training.resume import resume

    with one_voice():
        run = runs.find(name, runs_dir)
        if script is not None:
            _slurm.write_to_resume(run, given, script)
        else:
            _say(*resume(run.folder, given, say=_tell))


def _say(run: Any, damaged: Sequence[str] = ()) -> None:
    """Where the run is, on standard output; what to do next, beside it."""
    from genbench.distributed import group
    from genbench.runtime.paths import as_path

    if group.rank():
        return
    for line in damaged:
        click.echo(f"passed over a damaged checkpoint: {line}", err=True)
    facts = run.facts
    click.echo(str(run.folder))
    click.echo(f"{run.status} after {facts['seen']} of {facts['total']} images", err=True)
    if facts["seen"] < facts["total"]:
        click.echo(f"go on:   genbench train --resume {as_path(run.folder)}", err=True)
    click.echo(f"look at: {run.folder / 'grids'}", err=True)
    runs = run.folder.parent
    where = "" if runs == Path("runs") else f"--runs {runs} "
    click.echo(
        f"measure: genbench evaluate --models {run.name} {where}--metrics swd,rmse,psnr", err=True
    )
    _end_as_signalled(run)


def _end_as_signalled(run: Any) -> None:
    """With 130 or 143 where Ctrl-C or SIGTERM ended the training, so that a script stops, too.

    Not under a launcher or a scheduler: they have sent the signal, or begin the work again.
    """
    from genbench.runs import RunState

    launched = {"TORCHELASTIC_RUN_ID", "SLURM_JOB_ID"} & os.environ.keys()
    if run.state is RunState.INTERRUPTED and not launched:
        sys.exit(128 + signal.Signals[str(run.facts["reason"]).removeprefix("by ")])
