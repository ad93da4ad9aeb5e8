"""``genbench table merge``, ``export``, ``import`` and ``verify``: tables that travel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from genbench.cli._json import say
from genbench.cli._options import Place
from genbench.cli._table_asked import Asked, version_option
from genbench.errors import CheckFailed

if TYPE_CHECKING:
    from genbench.results.merge import MergeResult

form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "csv", "json"]),
    help="Of the file; by default what its name ends in.",
)


@click.command()
@click.argument("other", type=Place())
@click.pass_obj
def merge(asked: Asked, other: Path) -> None:
    """Take over every record of the table in OTHER that is not here yet, in one commit.

    Records are known by their ids, so merging twice, or in both directions, adds nothing twice.

    \b
    Example:
      genbench table merge /mnt/other-machine/results
    """
    from genbench.results import merge
    from genbench.results.store import Store

    _say(merge.merge(asked.store, Store(other)), asked, other)


@click.command("export")
@click.argument("file", type=Place(dir_okay=False))
@version_option
@form_option
@click.pass_obj
def export_command(asked: Asked, file: Path, version: int | None, form: str | None) -> None:
    """Write all records into FILE, with their values of each image: .parquet, .csv or .json.

    \b
    Example:
      genbench table export results.parquet
    """
    from genbench.results import export

    export.form_of(file, form)  # a wrong name should not wait for the table
    records = asked.store.read(version, values=True)
    export.save(records, file, form)
    if asked.as_json:
        say(file=str(file), records=len(records))
        return
    click.echo(str(file))
    click.echo(f"{len(records)} records", err=True)


@click.command("import")
@click.argument("file", type=Place())
@form_option
@click.pass_obj
def import_command(asked: Asked, file: Path, form: str | None) -> None:
    """Take over the records of a FILE that genbench has exported, if all of their ids hold.

    \b
    Example:
      genbench table import results.parquet
    """
    from genbench.results import export, merge

    records = export.load(file, form)
    _say(merge.join(asked.store, records, f"table import {file.name}"), asked, file)


@click.command()
@version_option
@click.pass_obj
def verify(asked: Asked, version: int | None) -> None:
    """Compute every id, every digest of values and every protocol anew; exit code 1 if one fails.

    \b
    Example:
      genbench table verify
    """
    from genbench.results.merge import damages

    count, wrong = damages(asked.store, version)
    if asked.as_json:
        say(table=str(asked.table_dir), records=count, faults=wrong)
    elif wrong:
        for line in wrong:
            click.echo(line)
    else:
        click.echo(f"{count} records: every id, every digest and every protocol holds")
    if wrong:
        raise CheckFailed(f"{len(wrong)} faults in {count} records of {asked.table_dir}")


def _say(joined: MergeResult, asked: Asked, source: Path) -> None:
    """What came, what was there, and what a reader of the table should know."""
    if asked.as_json:
        say(
            added=joined.added,
            known=joined.known,
            notes=list(joined.notes),
            version=joined.version,
        )
        return
    click.echo(f"{joined.added} records of {source} are new, {joined.known} were here already")
    for note in joined.notes:
        click.echo(note)
    if joined.version is not None:
        click.echo(f"version {joined.version} of the table in {asked.table_dir}", err=True)
