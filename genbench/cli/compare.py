"""``genbench compare``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from genbench.cli._ends import one_voice
from genbench.cli._json import json_option, plain, say
from genbench.cli._measured import need_numbers
from genbench.cli._options import Names, Place, weights_options, work_options


@click.command()
@click.argument("real", type=Place())
@click.argument("fakes", type=Place(), nargs=-1, required=True, metavar="FAKE...")
@click.option(
    "--paired", is_flag=True, help="FAKE are reconstructions of REAL, by the names of their files."
)
@click.option(
    "--metrics", type=Names(), help="Names, separated by commas.  [default: all that can be had]"
)
@click.option("--images", type=click.IntRange(min=1), help="Of each set of FAKE.  [default: all]")
@click.option("--reference", type=click.IntRange(min=1), help="Of REAL.  [default: all]")
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Disjoint sets of --images; their spread is the error bar.",
)
@click.option(
    "--resolution",
    type=click.IntRange(min=1),
    help="Bring the centre square of each image to this side.  [default: images as they are]",
)
@click.option(
    "--moments", is_flag=True, help="Of REAL, an .npz file with images, take mean and covariance."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    help="Images at once.  [default: 8 on a CPU, on a GPU what fits]",
)
@weights_options
@work_options
@json_option
def compare_command(
    real: Path,
    fakes: tuple[Path, ...],
    paired: bool,
    metrics: tuple[str, ...] | None,
    resolution: int | None,
    moments: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare all images of FAKE with all of REAL: folders, .zip, .npz and .npy files.

    Folders are searched deep. Nothing is split and nothing resized; what is not taken is said.
    REAL may be an .npz file of a mean and a covariance, for FID alone.

    \b
    Examples:
      genbench compare real/ fake/
      genbench compare real/ fake/ --metrics fid:768,swd --images 100 --repeats 3
      genbench compare --paired originals/ reconstructions/ --json
    """
    from genbench.distributed import group  # torch loads here, not for --help
    from genbench.evaluation.compare import measure, named
    from genbench.evaluation.comparison_plans import Comparison
    from genbench.evaluation.settings import Evaluation
    from genbench.reporting.comparison import to_text

    asked = Comparison(
        real=real,
        fakes=named(fakes),
        how=Evaluation(metrics=metrics or (), **options),
        paired=paired,
        resolution=resolution,
        moments=moments,
    )
    with one_voice():
        records = measure(asked)
    if group.rank():
        return
    if as_json:
        say(records=plain(records))
    else:
        click.echo(to_text(records, shutil.get_terminal_size().columns))
    need_numbers(records)
