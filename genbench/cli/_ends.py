"""How a command ends that does not come to its end: one line, and an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import TextIO

import click

from genbench.cli import _place, _verbosity
from genbench.errors import GenbenchError


class Terminated(KeyboardInterrupt):
    """A scheduler wants the process to end: what Ctrl-C tidies up is tidied up."""


@contextlib.contextmanager
def in_one_line(context: click.Context) -> Iterator[None]:
    """Turn what a user can put right, Ctrl-C and SIGTERM into one line on standard error."""
    errors = sys.stderr  # which -q takes away from everything else
    with _raised(signal.SIGTERM):
        try:
            yield
        except GenbenchError as error:
            _say(error, [str(error), *_place.of(context).behind(str(error))], context, errors)
            sys.exit(error.exit_code)
        except KeyboardInterrupt as stop:
            word, number = (
                ("terminated", signal.SIGTERM)
                if isinstance(stop, Terminated)
                else ("interrupted", signal.SIGINT)
            )
            if os.environ.get("LOCAL_RANK", "0") == "0":  # of several processes the first says it
                _say(stop, [word], context, errors)
            sys.exit(128 + number)
        finally:
            seconds = _verbosity.seconds(context)
            if seconds is not None:
                click.echo(f"took {seconds:.1f} s", err=True)


@contextlib.contextmanager
def one_voice() -> Iterator[None]:
    """Of several processes one says how it ended."""
    from genbench.distributed import group

    try:
        yield
    except GenbenchError as error:
        if not group.speaks(error):
            sys.exit(0)  # one that fails makes the launcher kill all, before they have spoken
        raise


@contextlib.contextmanager
def _raised(number: signal.Signals) -> Iterator[None]:
    """Let a signal raise `Terminated` where it arrives."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(number, end)
    except ValueError:  # not the main thread: nobody sends signals here
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)


def _say(error: BaseException, words: list[str], context: click.Context, errors: TextIO) -> None:
    """One line, with what was noted on the way."""
    if _verbosity.seconds(context) is not None:
        click.echo("".join(traceback.format_exception(error)), file=errors)
    line = "; ".join([*words, *getattr(error, "__notes__", ())])
    click.echo(f"genbench: {' '.join(line.split())}", file=errors)
