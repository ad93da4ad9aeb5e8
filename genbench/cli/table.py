"""``genbench table``: the results, at any version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from genbench.cli._options import table_option
from genbench.cli.table_compare import compare
from genbench.cli.table_files import (
    export_command,
    import_command,
    merge,
    verify,
)


@click.group(invoke_without_command=True)
@click.option("--version", type=int, help="An earlier version; by default the newest.")
@click.option("--notes", is_flag=True, help="All notes, and the protocol of each number.")
@table_option
@click.pass_context
def table_command(ctx: click.Context, version: int | None, notes: bool, table_dir: Path) -> None:
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
    from genbench.results.store import Store

    ctx.obj = Store(table_dir)
    if ctx.invoked_subcommand is None:
        from genbench.reporting.report import to_text

        click.echo(to_text(ctx.obj.read(version, values=True), notes=notes))


@table_command.command()
@click.pass_obj
def history(store: Any) -> None:
    """List the versions, newest first.

    \b
    Example:
      genbench table history
    """
    for commit in store.history():
        click.echo(
            f"{commit.version:>4}  {commit.time}  {commit.records:>4} records  {commit.command}"
        )


@table_command.command()
@click.argument("before", type=int)
@click.argument("after", type=int)
@click.pass_obj
def diff(store: Any, before: int, after: int) -> None:
    """Print what changed from version BEFORE to version AFTER, and why.

    A new number says what it differs in from the one that was there: fields of the protocol,
    run, weights, seed, code.

    \b
    Example:
      genbench table diff 3 5
    """
    changes = store.diff(before, after)
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
@click.pass_obj
def protocol(store: Any, protocol_id: str) -> None:
    """Print the recipe with this id, or with an id that begins so, field by field.

    \b
    Example:
      genbench table protocol 3f2a
    """
    from genbench.errors import BadInput
    from genbench.results.protocol import from_json
    from genbench.tables.footnotes import fields

    known = {r.protocol_id: r.protocol for r in store.read() if r.protocol_id and r.protocol}
    found = [name for name in known if name.startswith(protocol_id)]
    if len(found) != 1:
        raise BadInput(
            f"{len(found)} protocols of the table begin with {protocol_id!r}; "
            f"there are: {', '.join(sorted(known))}"
        )
    for name, value in fields(from_json(known[found[0]])):
        click.echo(f"{name}: {value}")


for command in (compare, merge, export_command, import_command, verify):
    table_command.add_command(command)


def _number(record: Any) -> str:
    if record is None:
        return "nothing"
    if record.value is None:
        return "not measured"
    spread = "" if record.spread is None else f" ± {record.spread:.3g}"
    return f"{record.value:.6g}{spread}"
