"""``genbench zoo``: the reference models that travel in the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genbench.cli._json import json_option, say
from genbench.cli._options import runs_option

if TYPE_CHECKING:
    from genbench.reference_models.catalogue import Entry

HEAD = ("name", "trained on", "images seen", "hours on a CPU", "size")


@click.group("zoo")
def zoo_command() -> None:
    """Reference models of our own, small, trained on drawn faces, nothing to download.

    \b
    Examples:
      genbench zoo list
      genbench zoo use pioneer-toyfaces-32
      genbench figure interpolations pioneer-toyfaces-32 --out interpolations.png
    """


@zoo_command.command("list")
@json_option
def list_zoo(as_json: bool) -> None:
    """What there is, and for how long it was trained on what.

    \b
    Examples:
      genbench zoo list
      genbench zoo list --json
    """
    from genbench.cli._columns import table
    from genbench.reference_models.catalogue import entries

    if as_json:
        say(models=[_plain(each) for each in entries()])
    else:
        click.echo(table([HEAD, *(_row(each) for each in entries())]))
        click.echo("use: genbench zoo use NAME", err=True)


@zoo_command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@runs_option
def use(names: tuple[str, ...], runs_dir: Path) -> None:
    """Make a run folder of each, which is measured and drawn like any other run.

    \b
    Examples:
      genbench zoo use pioneer-toyfaces-32
      genbench evaluate --models pioneer-toyfaces-32 --metrics fd_toynet,rmse,psnr
    """
    from genbench.reference_models import catalogue

    made = [catalogue.use(name, runs_dir=runs_dir) for name in names]
    for run in made:
        click.echo(str(run.folder))
    click.echo(
        f"measure: genbench evaluate --models {','.join(names)} --runs {runs_dir} "
        "--metrics fd_toynet,rmse,psnr",
        err=True,
    )


@zoo_command.command()
@click.argument("name")
def card(name: str) -> None:
    """Print the model card: numbers, cost, data, settings, and the commands that made it.

    \b
    Example:
      genbench zoo card pioneer-toyfaces-32
    """
    from genbench.reference_models.catalogue import entry

    click.echo(entry(name).text(), nl=False)


def _plain(entry: Entry) -> dict[str, Any]:
    """As JSON has it."""
    facts = entry.facts
    return {
        "name": entry.name,
        "id": facts["id"],
        "model": facts["model"],
        "dataset": facts["dataset"],
        "resolution": facts["resolution"],
        "seen": facts["seen"],
        "seconds": facts["seconds"],
        "bytes": entry.weights.stat().st_size,
        "numbers": entry.card["numbers"],
    }


def _row(entry: Entry) -> tuple[str, ...]:
    facts, side = entry.facts, entry.facts["resolution"]
    return (
        entry.name,
        f"{facts['dataset']} at {side}x{side}",
        f"{facts['seen']:,}",
        f"{facts['seconds'] / 3600:.1f}",
        f"{entry.weights.stat().st_size / 1e6:.1f} MB",
    )
