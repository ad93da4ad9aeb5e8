"""``genbench table``: the results, at any version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from genbench.cli._groups import Family
from genbench.cli._json import json_option, plain, say, shown
from genbench.cli._options import table_option
from genbench.cli._table_asked import Asked, version_option
from genbench.cli.table_compare import compare
from genbench.cli.table_files import (
    export_command,
    import_command,
    merge,
    verify,
)
from genbench.errors import BadSetting

if TYPE_CHECKING:
    from genbench.results.record import Record


@click.group(cls=Family, about=Asked, invoke_without_command=True)
@version_option
@click.option("--notes", is_flag=True, help="All notes, and the protocol of each number.")
@table_option
@json_option
@click.pass_context
def table_command(ctx: click.Context, /, version: int | None, notes: bool, **_: Any) -> None:
    """Print the results table, or look into its history.

    \b
    Examples:
      genbench table
      genbench table --version 3
      genbench table --notes
      genbench table history
      genbench table diff 3 5
      genbench table compare --metric rmse
      genbench table merge /mnt/other-machine/results
      genbench table export results.parquet
      genbench table verify
    """
    asked: Asked = ctx.obj
    if ctx.invoked_subcommand is not None:
        if version is not None:
            raise BadSetting(
                f"--version before {ctx.invoked_subcommand} would be of the printed table; "
                f"see: genbench table {ctx.invoked_subcommand} --help"
            )
        return
    records = asked.store.read(version, values=True)
    if asked.as_json:
        newest = asked.store.version() if version is None else version
        say(table=str(asked.table_dir), version=newest, records=plain(shown(records)))
        return
    from genbench.reporting.report import to_text

    click.echo(to_text(records, notes=notes))


@table_command.command()
@click.pass_obj
def history(asked: Asked) -> None:
    """List the versions, newest first.

    \b
    Example:
      genbench table history
    """
    commits = asked.store.history()
    if asked.as_json:
        say(
            table=str(asked.table_dir),
            versions=[
                {"version": c.version, "time": c.time, "records": c.records, "command": c.command}
                for c in commits
            ],
        )
        return
    for commit in commits:
        click.echo(
            f"{commit.version:>4}  {commit.time}  {commit.records:>4} records  {commit.command}"
        )


@table_command.command()
@click.argument("before", type=int)
@click.argument("after", type=int)
@click.pass_obj
def diff(asked: Asked, before: int, after: int) -> None:
    """Print what changed from version BEFORE to version AFTER, and why.

    A new number says what it differs in from the one that was there: fields of the protocol,
    run, weights, seed, code.

    \b
    Example:
      genbench table diff 3 5
    """
    changes = asked.store.diff(before, after)
    if asked.as_json:
        say(
            table=str(asked.table_dir),
            before=before,
            after=after,
            changes=[
                {
                    "kind": change.kind,
                    **{
                        side: None if record is None else plain([record])[0]
                        for side, record in (
                            ("before", change.before),
                            ("after", change.after),
                            ("beside", change.beside),
                        )
                    },
                    "reasons": list(change.reasons),
                }
                for change in changes
            ],
        )
        return
    for change in changes:
        record = change.record
        click.echo(
            f"{change.kind:<8} {record.dataset} {record.resolution}  "
            f"{record.model}  {record.score}  "
            f"{_number(change.before)} -> {_number(change.after)}  "
            f"[protocol {record.protocol_id or '-'}]"
        )
        if change.beside is not None:
            click.echo(
                f"         beside {_number(change.beside)} "
                f"[protocol {change.beside.protocol_id or '-'}]"
            )
        for reason in change.reasons:
            click.echo(f"         {reason}")
    if not changes:
        click.echo("no number changed", err=True)


@table_command.command()
@click.argument("protocol_id")
@version_option
@click.pass_obj
def protocol(asked: Asked, protocol_id: str, version: int | None) -> None:
    """Print the recipe with this id, or with an id that begins so, field by field.

    \b
    Example:
      genbench table protocol 3f2a
    """
    from genbench.errors import BadInput
    from genbench.results.protocol import from_json
    from genbench.tables.footnotes import fields

    known = {
        r.protocol_id: r.protocol for r in asked.store.read(version) if r.protocol_id and r.protocol
    }
    found = [name for name in known if name.startswith(protocol_id)]
    if len(found) != 1:
        raise BadInput(
            f"{len(found)} protocols of the table begin with {protocol_id!r}; "
            f"there are: {', '.join(sorted(known))}"
        )
    recipe = from_json(known[found[0]])
    if asked.as_json:
        say(id=found[0], protocol=recipe.describe())
        return
    for name, value in fields(recipe):
        click.echo(f"{name}: {value}")


for command in (compare, merge, export_command, import_command, verify):
    table_command.add_command(command)


def _number(record: Record | None) -> str:
    if record is None:
        return "nothing"
    if record.value is None:
        return "not measured"
    spread = "" if record.spread is None else f" ± {record.spread:.3g}"
    return f"{record.value:.6g}{spread}"
