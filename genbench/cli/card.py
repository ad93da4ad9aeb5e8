"""``genbench card``."""

from __future__ import annotations

from pathlib import Path

import click

from genbench.cli._options import Place, runs_option, table_option


@click.command()
@click.argument("run")
@click.option(
    "--out",
    type=Place(dir_okay=False),
    help="Where to write it.  [default: card.md in the run folder]",
)
@runs_option
@table_option
def card_command(run: str, out: Path | None, runs_dir: Path, table_dir: Path) -> None:
    """Write the card of RUN, a run folder or its name: results with protocols, settings with
    sources, data and licence, cost, environment, pictures, how to cite.

    \b
    Example:
      genbench card pioneer-toyfaces-32
    """
    from genbench import runs
    from genbench.reporting import run_card
    from genbench.results.store import Store

    found = runs.find(run, runs_dir)
    store = Store(table_dir)
    target = out or found.folder / "card.md"
    run_card.write(found, store.read(values=True) if store.exists else [], target)
    click.echo(str(target))
