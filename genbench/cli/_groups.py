"""Groups of commands whose options may also stand behind the name of the command below them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.core import ParameterSource


class Family(click.Group):
    """A group whose commands share some of its options.

    ``genbench table --table t2 history`` and ``genbench table history --table t2`` are one. The
    commands get what was given by ``click.pass_obj``.
    """

    def __init__(self, *args: Any, about: type[Any], **kwargs: Any) -> None:
        """Takes what `click.Group` takes.

        Args:
            about: a dataclass of the options that are shared, by name: what the commands get.
        """
        super().__init__(*args, **kwargs)
        self.about = about
        self.shared = tuple(field.name for field in dataclasses.fields(about))

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """As click does; the command learns the options of the group that it does not have."""
        mine = [each for each in self.params if isinstance(each, click.Option)]
        accept(cmd, [each for each in mine if each.name in self.shared], self._again)
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does."""
        ctx.obj = self._made(ctx)
        return super().invoke(ctx)

    def _again(self, ctx: click.Context, name: str, value: Any) -> None:
        """An option that stands behind the command counts more than before it."""
        assert ctx.parent is not None
        ctx.parent.params[name] = value
        ctx.parent.set_parameter_source(name, ParameterSource.COMMANDLINE)
        ctx.obj = self._made(ctx.parent)

    def _made(self, ctx: click.Context) -> Any:
        return self.about(**{name: ctx.params[name] for name in self.shared})


def accept(
    command: click.Command,
    options: Sequence[click.Option],
    given: Callable[[click.Context, str, Any], None],
    *,
    hidden: bool = False,
) -> None:
    """Let *command* take *options* too, which tell *given* and not the command.

    Args:
        given: called with context, name and value where the option is there.
        hidden: not told in the help.
    """
    known = {word for parameter in command.params for word in parameter.opts}
    for option in options:
        if known.isdisjoint(option.opts):
            command.params.append(_copy(option, given, hidden=hidden))


def _copy(
    option: click.Option, given: Callable[[click.Context, str, Any], None], *, hidden: bool
) -> click.Option:
    def tell(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            given(ctx, str(parameter.name), value)

    kind: dict[str, Any] = {"is_flag": True} if option.is_flag else {"type": option.type}
    return click.Option(
        [*option.opts, str(option.name)],
        default=None,
        expose_value=False,
        callback=tell,
        help=option.help,
        hidden=hidden,
        **kind,
    )
