"""How a command says a Python warning: on one line of standard error."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TextIO

import click

from genbench.errors import GenbenchWarning


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Warnings of ours without the place in the code, which says nothing to who typed a command."""
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, GenbenchWarning):
        click.echo(f"genbench: {' '.join(str(message).split())}", err=True)
    else:
        plain = warnings.formatwarning(message, category, filename, lineno, line)
        click.echo(plain, file=file, err=True, nl=False)
