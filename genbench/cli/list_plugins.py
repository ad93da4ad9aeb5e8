"""``genbench list``: what there is, without loading any of it."""

from __future__ import annotations

import click

from genbench import registry


@click.command()
@click.argument("kind", type=click.Choice(registry.KINDS), required=False)
def list_command(kind: str | None) -> None:
    """List models, metrics, reports and data sets.

    \b
    Example:
      genbench list metric
    """
    for each in (kind,) if kind else registry.KINDS:
        rooms = registry.rooms(each)
        if kind is None:
            click.echo(f"{each}s")
        width = max((len(name) for name in rooms), default=0)
        for name, room in rooms.items():
            click.echo(f"  {name:<{width}}  {room.summary()}".rstrip())
