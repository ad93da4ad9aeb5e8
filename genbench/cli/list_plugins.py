"""``genbench list``: what there is, without loading any of it."""

from __future__ import annotations

from typing import Any

import click

from genbench import registry
from genbench.cli._json import json_option, say


class Kind(click.ParamType):  # type: ignore[type-arg]  # generic only in newer click
    """A kind of plug-in, in the singular or in the plural."""

    name = "kind"

    def get_metavar(self, param: click.Parameter, ctx: Any = None) -> str:
        """The words to choose from."""
        return "[" + "|".join(f"{kind}s" for kind in registry.KINDS) + "]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """To the singular; refuse what is no kind."""
        singular = str(value).removesuffix("s")
        if singular not in registry.KINDS:
            known = ", ".join(f"{kind}s" for kind in registry.KINDS)
            self.fail(f"{value!r} is nothing that is listed. Known: {known}", param, ctx)
        return singular


@click.command()
@click.argument("kind", type=Kind(), required=False)
@json_option
def list_command(kind: str | None, as_json: bool) -> None:
    """List models, metrics, reports, data sets and feature networks.

    \b
    Example:
      genbench list metrics
    """
    found = {each: registry.plugins(each) for each in ((kind,) if kind else registry.KINDS)}
    if as_json:
        say(
            **{
                f"{each}s": [
                    {"name": name, "summary": plugin.summary()} for name, plugin in plugins.items()
                ]
                for each, plugins in found.items()
            }
        )
        return
    for each, plugins in found.items():
        if kind is None:
            click.echo(f"{each}s")
        width = max((len(name) for name in plugins), default=0)
        for name, plugin in plugins.items():
            click.echo(f"  {name:<{width}}  {plugin.summary()}".rstrip())
