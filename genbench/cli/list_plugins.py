"""``genbench list``: what there is, without loading any of it."""

from __future__ import annotations

import click

from genbench import registry


@click.command()
@click.argument("kind", type=click.Choice(list(registry.KINDS)), required=False)
def list_command(kind: str | None) -> None:
    """List models, metrics, reports, data sets and feature networks.

    \b
    Example:
      genbench list metric
    """
    for each in (kind,) if kind else registry.KINDS:
        plugins = registry.plugins(each)
        if kind is None:
            click.echo(f"{each}s")
        width = max((len(name) for name in plugins), default=0)
        for name, plugin in plugins.items():
            click.echo(f"  {name:<{width}}  {plugin.summary()}".rstrip())
