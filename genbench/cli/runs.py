"""``genbench runs``: what has been trained, and how runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from genbench.cli._groups import Family
from genbench.cli._json import json_option, say
from genbench.cli._options import runs_option


@dataclass(frozen=True)
class Asked:
    """The options that all commands of the group share."""

    runs_dir: Path
    as_json: bool


@click.group(cls=Family, about=Asked, invoke_without_command=True)
@runs_option
@json_option
@click.pass_context
def runs_command(context: click.Context, /, **_: Any) -> None:
    """List the runs in a folder: state, progress, cost, best metric so far.

    \b
    Examples:
      genbench runs --runs runs
      genbench runs compare pioneer-celeba-64 age-celeba-64
    """
    if context.invoked_subcommand is None:
        _list(context.obj)


@runs_command.command("list")
@click.pass_obj
def list_command(asked: Asked) -> None:
    """List the runs, as without a command.

    \b
    Example:
      genbench runs list --json
    """
    _list(asked)


@runs_command.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--all", "everything", is_flag=True, help="Show what is equal in all of them too.")
@click.pass_obj
def compare(asked: Asked, names: tuple[str, ...], everything: bool) -> None:
    """Show what differs between runs: settings with their sources, circumstances, numbers.

    \b
    Example:
      genbench runs compare pioneer-celeba-64 age-celeba-64
    """
    from genbench import runs
    from genbench.cli._columns import table
    from genbench.errors import BadSetting
    from genbench.runs.compare import comparison

    if len(names) < 2:
        raise BadSetting(f"compare takes two runs or more, got {names[0]} alone")
    found = [runs.find(name, asked.runs_dir) for name in names]
    rows = comparison(found, everything=everything)
    if asked.as_json:
        head, *rest = rows
        say(runs=list(head[1:]), rows=[{"name": row[0], "values": list(row[1:])} for row in rest])
    else:
        click.echo(table(rows))


def _list(asked: Asked) -> None:
    from genbench import runs
    from genbench.cli._columns import table
    from genbench.runs.compare import overview, plain

    found = runs.list_all(asked.runs_dir)
    if asked.as_json:
        say(folder=str(asked.runs_dir), runs=[plain(run) for run in found])
    elif found:
        click.echo(table(overview(found)))
    else:
        click.echo(
            f"no runs in {asked.runs_dir}; make one with: genbench train pioneer --preset tiny",
            err=True,
        )
