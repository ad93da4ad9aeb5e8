"""Paths on the command line: a "~" that the shell has left, and commas in names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from genbench.cli import COMMANDS, main
from genbench.cli._options import Place, Things
from genbench.data.dataset import open_source
from genbench.data.spec import anchored


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def commands(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_path_option_knows_the_home_folder(name: str, home: Path) -> None:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    for command in commands(found):
        for option in command.params:
            if isinstance(option.type, click.Path):
                context = click.Context(command)
                value = option.type.convert("~/x", option, context)
                if not isinstance(option.type, Place):
                    assert option.callback is not None, (command.name, option.name)
                    value = option.callback(context, option, value)
                assert str(value) == str(home / "x"), (command.name, option.name)


@pytest.mark.parametrize("line", ["table --table=~/t", "table --table ~/t", "runs --runs=~/r"])
def test_a_home_folder_behind_an_equals_sign_is_found(line: str, home: Path) -> None:
    result = CliRunner().invoke(main, line.split())

    assert "~" not in result.output


def test_a_data_set_in_the_home_folder_is_found(home: Path) -> None:
    (home / "faces").mkdir()
    for number in range(3):
        (home / "faces" / f"{number}.png").write_bytes(b"")

    assert len(open_source("folder:~/faces")) == 3
    assert anchored("folder:~/faces") == f"folder:{home / 'faces'}"


def test_a_path_may_have_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a,b", "c", "one, two, three"):
        Path(name).mkdir()

    def split(text: str) -> tuple[str, ...]:
        found: tuple[str, ...] = Things().convert(text, None, None)
        return found

    assert split("a,b") == ("a,b",)
    assert split("a,b,c") == ("a,b", "c")
    assert split("pca, c,one, two, three,vae") == ("pca", "c", "one, two, three", "vae")
    assert split("a,c") == ("a", "c")
    assert split("x" * 300 + ",c") == ("x" * 300, "c")
    with pytest.raises(click.BadParameter, match="at least one name"):
        split(" , ")


def test_a_path_keeps_a_tilde_that_is_no_home_folder() -> None:
    assert Place().convert("a~/b", None, None) == Path("a~/b")
