"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from genbench.errors import GenbenchError, UnknownName, nearest

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
        module = importlib.import_module(f"genbench.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
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
        """Run the command; a user's error is one line on standard error and exit code 2."""
        try:
            return super().invoke(ctx)
        except GenbenchError as error:
            click.echo(f"genbench: {' '.join(str(error).split())}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("genbench: interrupted", err=True)
            sys.exit(130)


@click.group(cls=Genbench, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="genbench")
def main() -> None:
    """Train generative autoencoders, measure them, and print tables whose numbers may be compared.

    \b
    Start with:
      genbench quickstart
    Then, on images of your own:
      genbench train pioneer --preset tiny --data folder:PATH --resolution 32
      genbench evaluate --models all --metrics fid:768,swd,rmse,psnr
      genbench report --format md,html
    """
