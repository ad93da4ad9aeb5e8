"""``genbench figure tradeoff`` and the other charts: of a results table, of training, of FID."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from genbench.cli._figure_options import out_options, save
from genbench.cli._options import (
    Names,
    device_option,
    runs_option,
    table_option,
    weights_options,
)

F = TypeVar("F", bound=Callable[..., Any])


def table_options(function: F) -> F:
    """Which numbers of a results table."""
    for option in (
        click.option("--resolution", type=int, help="Of the data set, where there are several."),
        click.option("--data", help="Data set, where the table has several."),
        click.option("--version", type=int, help="Version of the table; by default the newest."),
        table_option,
    ):
        function = option(function)
    return function


@click.command("tradeoff")
@click.option(
    "--x",
    default="fid",
    show_default=True,
    help="Score across: fid, or of one protocol of several fid@3fa9.",
)
@click.option("--y", default="rmse", show_default=True, help="Score up.")
@click.option("--log", type=Names(), default=(), help="Logarithmic axes: x, y or x,y.")
@table_options
@out_options("tradeoff")
def tradeoff_command(
    x: str,
    y: str,
    log: tuple[str, ...],
    table_dir: Path,
    version: int | None,
    data: str | None,
    resolution: int | None,
    out: Path,
    captioned: bool,
) -> None:
    """Two scores of every model against each other, with error bars and the Pareto front.

    \b
    Example:
      genbench figure tradeoff --x swd --y rmse --out tradeoff.pdf
    """
    from genbench.figures.canvas import check_format
    from genbench.figures.scores import one_table
    from genbench.figures.tradeoff import tradeoff
    from genbench.results.store import Store
    from genbench.tables.headings import column

    check_format(out)
    table = one_table(Store(table_dir).read(version, values=True), column, data, resolution)
    save(tradeoff(table, x, y, log), out, captioned)


@click.command("ranks")
@click.option("--models", type=Names(), default=(), help="Those to rank.  [default: all]")
@click.option(
    "--scores",
    type=Names(),
    default=(),
    help="Those to rank by.  [default: the main ones that all have]",
)
@table_options
@out_options("ranks")
def ranks_command(
    models: tuple[str, ...],
    scores: tuple[str, ...],
    table_dir: Path,
    version: int | None,
    data: str | None,
    resolution: int | None,
    out: Path,
    captioned: bool,
) -> None:
    """Average rank of every model over the scores that all of them have.

    \b
    Example:
      genbench figure ranks --out ranks.pdf
    """
    from genbench.figures.canvas import check_format
    from genbench.figures.ranks import ranks
    from genbench.results.store import Store
    from genbench.tables.headings import column

    check_format(out)
    records = Store(table_dir).read(version, values=True)
    save(ranks(records, column, (data, resolution), models, scores), out, captioned)


@click.command("training")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--scalars",
    type=Names(),
    default=(),
    help="Panels: kl_real+kl_fake,l1.  [default: KL, errors, FID]",
)
@runs_option
@out_options("training")
def training_command(
    runs: tuple[str, ...], scalars: tuple[str, ...], runs_dir: Path, out: Path, captioned: bool
) -> None:
    """What RUNS have logged over the images they have seen, their phases shaded.

    \b
    Example:
      genbench figure training pioneer --scalars kl_real+kl_fake,l1
    """
    from genbench.figures.canvas import check_format
    from genbench.figures.training_curves import training_curves
    from genbench.runs import find

    check_format(out)
    save(training_curves([find(run, runs_dir) for run in runs], scalars), out, captioned)


@click.command("fid")
@click.argument("models", nargs=-1, required=True, metavar="RUNS...")
@click.option(
    "--metric",
    default="fid_inf",
    show_default=True,
    help="fid_inf, or with fewer features fid_inf:64.",
)
@click.option("--images", type=int, help="Most images on each side.  [default: 10,000 or all]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the samples.")
@weights_options
@device_option
@runs_option
@out_options("fid")
def fid_command(
    models: tuple[str, ...],
    metric: str,
    images: int | None,
    seed: int,
    weights_dir: Path | None,
    download: bool,
    device: str,
    runs_dir: Path,
    out: Path,
    captioned: bool,
) -> None:
    """FID of RUNS against the number of images, and what it tends to for infinitely many.

    \b
    Example:
      genbench figure fid pca --metric fid_inf:64 --images 1000
    """
    from genbench.evaluation.api import Request, plans
    from genbench.evaluation.settings import Evaluation
    from genbench.figures.canvas import check_format
    from genbench.figures.fid_curve import check_metric, curve, extrapolations

    check_format(out)
    check_metric(metric)
    how = Evaluation(
        metrics=(metric,),
        images=images,
        repeats=1,
        seed=seed,
        device=device,
        weights_dir=weights_dir,
        download=download,
    )
    (plan,) = plans(Request(models=list(models), how=how, runs_dir=runs_dir))
    save(curve(*extrapolations(plan)), out, captioned)
