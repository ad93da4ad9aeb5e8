"""docs/commands.md is the help that the commands print today."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from genbench.cli import COMMANDS
from genbench.cli._reference import reference

FILE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
# Older versions of click word the usage lines in another way.
as_written = pytest.mark.skipif(
    tuple(map(int, version("click").split(".")[:2])) < (8, 3), reason="click before 8.3"
)


@as_written
def test_the_command_reference_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == reference(), "make it anew: nox -s commands"


def test_it_has_every_command_and_those_below() -> None:
    text = FILE.read_text(encoding="utf-8")

    for name in (*COMMANDS, "table diff", "table merge", "table export", "table verify"):
        assert f"\n## `genbench {name}`\n" in text


@as_written
def test_it_does_not_depend_on_the_terminal() -> None:
    import os
    from unittest import mock

    with mock.patch.dict(os.environ, {"COLUMNS": "37", "TERM": "dumb"}):
        assert reference() == FILE.read_text(encoding="utf-8")
