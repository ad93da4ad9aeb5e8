"""``genbench runs``: what has been trained, and how runs differ."""

from __future__ import annotations

from pathlib import Path

import click

from genbench.cli._options import runs_option


@click.group(invoke_without_command=True)
@runs_option
@click.pass_context
def runs_command(context: click.Context, runs_dir: Path) -> None:
    """List the runs in a folder: state, progress, cost, best metric so far.

    \b
    Examples:
      genbench runs --runs runs
      genbench runs compare pioneer-celeba-64 age-celeba-64
    """
    context.obj = runs_dir
    if context.invoked_subcommand is not None:
        return
    from genbench import runs
    from genbench.cli._columns import table
    from genbench.runs.compare import overview

    found = runs.list_all(runs_dir)
    if not found:
        click.echo(
            f"no runs in {runs_dir}; make one with: genbench train pioneer --preset tiny", err=True
        )
        return
    click.echo(table(overview(found)))


@runs_command.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--all", "everything", is_flag=True, help="Show what is equal in all of them too.")
@click.pass_context
def compare(context: click.Context, names: tuple[str, ...], everything: bool) -> None:
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
    found = [runs.find(name, context.obj) for name in names]
    click.echo(table(comparison(found, everything=everything)))
