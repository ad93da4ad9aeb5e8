"""``genbench report``: tables and pictures as files."""

from __future__ import annotations

from pathlib import Path

import click

from genbench.cli._options import (
    Names,
    Place,
    device_option,
    runs_option,
    table_option,
)


@click.command()
@click.option(
    "--format",
    "forms",
    type=Names(),
    default="terminal,markdown,html",
    show_default=True,
    help="Forms, see: genbench list report.",
)
@click.option(
    "--out",
    type=Place(),
    default=Path("report"),
    show_default=True,
    help="Folder for the files.",
)
@click.option("--version", type=int, help="Version of the table; by default the newest.")
@click.option(
    "--against",
    type=click.Choice(["published"]),
    help="Add the papers' numbers, in columns of their own.",
)
@click.option(
    "--training", type=Names(), default=(), help="Runs whose training to draw, beside each other."
)
@click.option(
    "--figure",
    "figures",
    type=Place(),
    multiple=True,
    help="A PNG file of genbench figure to show too; repeatable.",
)
@click.option("--title", default="genbench report", show_default=True)
@device_option
@runs_option
@table_option
def report_command(
    forms: tuple[str, ...],
    out: Path,
    version: int | None,
    against: str | None,
    training: tuple[str, ...],
    figures: tuple[Path, ...],
    title: str,
    device: str,
    runs_dir: Path,
    table_dir: Path,
) -> None:
    """Write the results table with sample, reconstruction and interpolation grids.

    \b
    Examples:
      genbench report --format markdown,html --out report
      genbench report --format tex,csv,json --version 3
      genbench report --format html --against published
      genbench report --training pioneer --figure attributes.png
    """
    from genbench import registry
    from genbench.figures.canvas import read
    from genbench.reporting.report import (
        against_published,
        compose,
        training_figure,
        write,
    )
    from genbench.results.store import Store

    chosen = {
        _full_name(form): registry.plugin("report", _full_name(form)).load() for form in forms
    }
    records = Store(table_dir).read(version, values=True)
    more = [training_figure(training, runs_dir)] if training else []
    more += [read(file) for file in figures]
    report = compose(records, runs_dir, title, device, figures=more)
    if against is not None:
        report = against_published(report, records)
    for file in write(report, chosen, out):
        click.echo(str(file))
    if "terminal" in chosen:
        click.echo(chosen["terminal"].render(report))


def _full_name(form: str) -> str:
    """The usual file endings are names too."""
    return {"md": "markdown", "txt": "terminal", "tex": "latex"}.get(form, form)
