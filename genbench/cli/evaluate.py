"""``genbench evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genbench.cli._ends import one_voice
from genbench.cli._json import json_option, plain, say
from genbench.cli._measured import need_numbers
from genbench.cli._options import (
    Names,
    Things,
    data_dir_option,
    runs_option,
    table_option,
    weights_options,
    work_options,
)


@click.command()
@click.option(
    "--models",
    type=Things(),
    default="all",
    show_default=True,
    help="all, or runs, folders of images, FILE.py:NAME, diffusers:FOLDER, separated by commas.",
)
@click.option(
    "--metrics",
    type=Names(),
    default="fid,swd,rmse,psnr",
    show_default=True,
    help="all, or names, separated by commas; fid:768 is a variant of fid.",
)
@click.option(
    "--preset", help="Metrics and numbers of images of a paper: pioneer-table1, quick, ..."
)
@click.option("--data", help="Data set; by default the one the runs were trained on.")
@data_dir_option
@click.option(
    "--on-bad",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do about images that cannot be used.",
)
@click.option("--resolution", type=int, help="Of the data set; by default that of the runs.")
@click.option(
    "--images", type=click.IntRange(min=1), help="Samples.  [default: 10000, or what there is]"
)
@click.option(
    "--reference", type=click.IntRange(min=1), help="Real images.  [default: as many as samples]"
)
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    help="Held-out images.  [default: 10000, or what there is]",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Independent sets of samples; their spread is the error bar.",
)
@click.option(
    "--quantise",
    type=click.Choice(["round", "truncate"]),
    default="round",
    show_default=True,
    help="How floats become bytes; truncate is for papers before 2019.",
)
@click.option(
    "--checkpoint",
    type=click.Choice(["latest", "best"]),
    default="latest",
    show_default=True,
    help="Of runs; best: the weights that `train --evaluate` has kept.",
)
@click.option(
    "--posterior",
    type=click.Choice(["mode", "sample"]),
    default="mode",
    show_default=True,
    help="What of an encoder's distribution is decoded.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--paths",
    type=click.IntRange(min=1),
    help="Steps in latent space.  [default: as many as images]",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Images at once.  [default: 64 on a CPU, on a GPU what fits]",
)
@click.option(
    "--anchors", is_flag=True, help="Measure real images, the mean image and untrained models too."
)
@click.option("--plan", "plan_only", is_flag=True, help="Say what would be done, and stop.")
@click.option(
    "--again",
    is_flag=True,
    help="Begin anew, also where the same command was cut short and would go on.",
)
@weights_options
@work_options
@runs_option
@table_option
@json_option
def evaluate_command(
    models: tuple[str, ...],
    metrics: tuple[str, ...],
    data: str | None,
    data_dir: Path | None,
    on_bad: Any,
    resolution: int | None,
    runs_dir: Path,
    table_dir: Path,
    plan_only: bool,
    preset: str | None,
    again: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure trained models and commit each to the results table once it is measured.

    Stopped half-way, the same command goes on with the models that are missing; once it has come
    to its end, it measures anew.

    \b
    Examples:
      genbench evaluate --models all --metrics fid,rmse,psnr,swd
      genbench evaluate --models pioneer-celeba-32 --metrics fid:768 --images 4000 --anchors
      genbench evaluate --models my_file.py:make_model --data toyfaces --resolution 32
      genbench evaluate --models diffusers:PATH --data folder:PATH --resolution 256
      genbench evaluate --preset pioneer-table1 --plan
      genbench evaluate --models all --metrics fid,swd --devices 8
    """
    from genbench.distributed import group  # torch loads here, not for --help
    from genbench.evaluation.api import Request, measure, outline
    from genbench.evaluation.settings import Evaluation
    from genbench.reporting.report import to_text

    request = Request(
        models="all" if models == ("all",) else list(models),
        how=Evaluation(metrics=metrics, **options),
        preset=preset,
        data=data,
        data_dir=data_dir,
        on_bad=on_bad,
        resolution=resolution,
        runs_dir=runs_dir,
        again=again,
    )
    what = metrics if preset is None else [f"--preset {preset}"]
    command = " ".join(["evaluate", *models, *what])
    with one_voice():
        if plan_only:
            lines = outline(request)
        else:
            done = measure(request, table=table_dir, command=command)
    if group.rank():
        return
    if plan_only:
        say(plan=lines) if as_json else click.echo("\n".join(lines))
        return
    if as_json:
        say(table=str(table_dir), version=done.version, records=plain(done.records))
    else:
        click.echo(to_text(done.records))
    click.echo(f"version {done.version} of the table in {table_dir}", err=True)
    need_numbers(done.records)
