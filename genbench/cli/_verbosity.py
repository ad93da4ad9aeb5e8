"""``-q`` and ``-v``, before the command or behind it."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from genbench.cli import _place
from genbench.cli._groups import accept

VERBOSE = "genbench.verbose"  # in the meta data of a context

OPTIONS = (
    click.Option(
        ["-q", "--quiet", "quiet"],
        is_flag=True,
        help="Only results and errors. May stand behind the command, too.",
    ),
    click.Option(
        ["-v", "--verbose", "verbose"],
        is_flag=True,
        help="Say where values come from, how long it took, and where an error arose.",
    ),
)


def be(context: click.Context, name: str, value: bool) -> None:
    """Be quiet or verbose from here to the end of the program."""
    root = context.find_root()
    if not value:
        return
    if name == "verbose":
        root.meta[VERBOSE] = time.monotonic()
        return
    sink = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # the context closes it
    root.with_resource(contextlib.redirect_stderr(root.with_resource(sink)))


def teach(command: click.Command) -> None:
    """Let a command, and all below it, take the options and tell where its values come from."""
    accept(command, OPTIONS, be, hidden=True)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            teach(each)
    if command.callback is not None:
        command.callback = _telling(command.callback)


def seconds(context: click.Context) -> float | None:
    """How long it took, where it is to be told."""
    began = context.find_root().meta.get(VERBOSE)
    return None if began is None else time.monotonic() - began


def _telling(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        context = click.get_current_context()
        if VERBOSE in context.find_root().meta and context.invoked_subcommand is None:
            for line in _origins(context):
                click.echo(line, err=True)
        return callback(*args, **kwargs)

    return run


def _origins(context: click.Context) -> list[str]:
    """Where the values come from that nobody has typed."""
    place = _place.of(context)
    lines = place.told()
    group = context.parent if context.parent is not context.find_root() else None
    for each in filter(None, (group, context)):
        for name, value in each.params.items():
            source = each.get_parameter_source(name)
            if source is ParameterSource.DEFAULT_MAP:
                lines.append(f"{name} = {value}  (from {place.file})")
            elif source is ParameterSource.DEFAULT and value not in (None, False, ()):
                lines.append(f"{name} = {value}  (default)")
    return lines
