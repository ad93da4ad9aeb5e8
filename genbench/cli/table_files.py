"""``genbench table merge``, ``export``, ``import`` and ``verify``: tables that travel."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from genbench.results.merge import MergeResult

form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "json"]),
    help="Of the file; by default what its name ends in.",
)


@click.command()
@click.argument("other", type=click.Path(path_type=Path))
@click.pass_obj
def merge(store: Any, other: Path) -> None:
    """Take over every record of the table in OTHER that is not here yet, in one commit.

    Records are known by their ids, so merging twice, or in both directions, adds nothing twice.

    \b
    Example:
      genbench table merge /mnt/other-machine/results
    """
    from genbench.results import merge
    from genbench.results.store import Store

    _say(merge.merge(store, Store(other)), store, other)


@click.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--version", type=int, help="An earlier version; by default the newest.")
@form_option
@click.pass_obj
def export_command(store: Any, file: Path, version: int | None, form: str | None) -> None:
    """Write all records into FILE, with their values of each image: .parquet, .csv or .json.

    \b
    Example:
      genbench table export results.parquet
    """
    from genbench.results import export

    export.form_of(file, form)  # a wrong name should not wait for the table
    records = store.read(version, values=True)
    export.save(records, file, form)
    click.echo(str(file))
    click.echo(f"{len(records)} records", err=True)


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@form_option
@click.pass_obj
def import_command(store: Any, file: Path, form: str | None) -> None:
    """Take over the records of a FILE that genbench has exported, if all of their ids hold.

    \b
    Example:
      genbench table import results.parquet
    """
    from genbench.results import export, merge

    records = export.load(file, form)
    _say(merge.join(store, records, f"table import {file.name}"), store, file)


@click.command()
@click.option("--version", type=int, help="An earlier version; by default the newest.")
@click.pass_obj
def verify(store: Any, version: int | None) -> None:
    """Compute every id, every digest of values and every protocol anew; exit code 1 if one fails.

    \b
    Example:
      genbench table verify
    """
    from genbench.results.merge import damages

    count, wrong = damages(store, version)
    for line in wrong:
        click.echo(line)
    if wrong:
        click.echo(f"genbench: {len(wrong)} faults in {count} records of {store.folder}", err=True)
        sys.exit(1)
    click.echo(f"{count} records: every id, every digest and every protocol holds")


def _say(joined: MergeResult, store: Any, source: Path) -> None:
    """What came, what was there, and what a reader of the table should know."""
    click.echo(f"{joined.added} records of {source} are new, {joined.known} were here already")
    for note in joined.notes:
        click.echo(note)
    if joined.version is not None:
        click.echo(f"version {joined.version} of the table in {store.folder}", err=True)
