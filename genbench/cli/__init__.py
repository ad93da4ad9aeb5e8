"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import click

from genbench.cli import _ends, _place, _verbosity, _warnings
from genbench.cli._groups import Family
from genbench.errors import UnknownName, nearest

# command -> module of genbench.cli that holds it under the same name
COMMANDS = {
    "quickstart": "quickstart",
    "zoo": "zoo",
    "list": "list_plugins",
    "show": "show",
    "check": "show",
    "data": "data",
    "train": "train",
    "runs": "runs",
    "import": "import_weights",
    "evaluate": "evaluate",
    "compare": "compare",
    "stats": "stats",
    "table": "table",
    "report": "report",
    "figure": "figure",
    "card": "card",
    "reproduce": "reproduce",
}


class Genbench(click.Group):
    """Finds commands by name, and turns what users can put right into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the one module that is needed."""
        if cmd_name not in COMMANDS:
            return None
        command = _command(cmd_name)
        ctx.default_map = {**(ctx.default_map or {}), cmd_name: _defaults(ctx, cmd_name, command)}
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that does not exist."""
        if args and args[0] not in COMMANDS:
            raise UnknownName(
                f"no command is called {args[0]!r}.{nearest(args[0], COMMANDS)} "
                "See: genbench --help"
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, by what is usual in this place."""
        with _ends.in_one_line(ctx), _warnings.in_one_line():
            for name, value in ctx.params.items():
                _verbosity.be(ctx, name, value)
            file = _place.find(Path.cwd(), Path.home())
            if file is not None:
                ctx.meta[_place.META] = _place.read(file)
            with _place.of(ctx).in_force():
                return super().invoke(ctx)


@functools.cache
def _command(name: str) -> click.Command:
    """The command of that name, which takes the options that all take."""
    module = importlib.import_module(f"genbench.cli.{COMMANDS[name]}")
    command: click.Command = getattr(module, f"{name}_command")
    _verbosity.teach(command)
    return command


def _defaults(ctx: click.Context, name: str, command: click.Command) -> dict[str, Any]:
    """Of a command and of those below it, as click wants them."""
    found = _place.of(ctx).defaults(name)
    if isinstance(command, click.Group) and not isinstance(command, Family):
        return dict.fromkeys(command.commands, found)
    return found


@click.group(cls=Genbench, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genbench")
def main(**_: Any) -> None:
    """Train generative autoencoders, measure them, and print tables whose numbers may be compared.

    \b
    Start with:
      genbench quickstart
    Then, on images of your own:
      genbench train pioneer --preset tiny --data folder:PATH --resolution 32
      genbench evaluate --models all --metrics fid:768,swd,rmse,psnr
      genbench report --format md,html
    """


main.params.extend(_verbosity.OPTIONS)
