"""The command reference as Markdown, out of the help that click prints.

python -m genbench.cli._reference > docs/commands.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from genbench.cli import main

HEAD = """# Commands

Made from the help of each command; `nox -s commands` makes it anew. Every command ends with 0 if
all went well, with 1 if a check found something wrong or nothing could be measured, with 2 and one
line on standard error if it was asked for something that cannot be, and with 130 or 143 if Ctrl-C
or SIGTERM ended it. What `--json` prints stands in [json.md](json.md)."""
WIDTH = 100


def reference() -> str:
    """Help of every command and of the commands below it, in the order of `genbench --help`."""
    top = click.Context(main, info_name="genbench", **main.context_settings)
    return "\n\n".join([HEAD, *_blocks(main, top)]) + "\n"


def _blocks(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`"
    yield f"```text\n{_help(command, context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _blocks(below, click.Context(below, info_name=name, parent=context))


def _help(command: click.Command, context: click.Context) -> str:
    # A width of its own: the terminal of whoever makes the file has no part in it.
    formatter = click.HelpFormatter(width=WIDTH)
    command.format_help(context, formatter)
    text = re.sub(r"\[\[([^][]*)\]\]", r"[\1]", formatter.getvalue())  # click 8.2 doubles brackets
    if isinstance(command, click.Group) and command.invoke_without_command:
        text = text.replace("[OPTIONS] COMMAND [ARGS]", "[OPTIONS] [COMMAND] [ARGS]")  # 8.2 too
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


if __name__ == "__main__":
    click.echo(reference(), nl=False)
