"""``genbench.toml``: what is usual in a place, so that nobody has to type it.

It is looked for in the working directory and in the folders above it, up to the first that
holds a git repository, or is the home folder. Paths in it are relative to it. What stands on the
command line or in the environment counts more.
"""

from __future__ import annotations

import contextlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from genbench.data.spec import anchored
from genbench.errors import BadInput, BadSetting, nearest

NAME = "genbench.toml"
LARGEST = 1 << 16  # bytes; a file of settings that is larger is something else
META = "genbench.place"  # in the meta data of a context


@dataclass(frozen=True)
class Key:
    """A line of the file, and where its value goes: to an option, or into the environment."""

    kind: type  # in TOML: str, int or list
    path: bool = False
    option: str | None = None  # as commands call it
    variable: str | None = None  # of the environment
    only: str | None = None  # the command whose option it is; None: of all that have it


KEYS: Mapping[str, Key] = {
    "runs": Key(str, path=True, option="runs_dir"),
    "table": Key(str, path=True, option="table_dir"),
    "data": Key(str, option="data", only="train"),
    "resolution": Key(int, option="resolution", only="train"),
    "device": Key(str, option="device"),
    "data_dir": Key(str, path=True, variable="GENBENCH_DATA"),
    "weights": Key(str, path=True, variable="GENBENCH_WEIGHTS"),
    "cache": Key(str, path=True, variable="GENBENCH_CACHE"),
    "loggers": Key(list, option="loggers", only="train"),
}
WORDS = {str: "a string in quotes", int: "a whole number", list: "a list of strings"}


@dataclass(frozen=True)
class Place:
    """What one file says; nothing, where there is none."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)  # by key, paths as they are used

    def defaults(self, command: str) -> dict[str, Any]:
        """Defaults for the options of a command, by their names."""
        return {
            str(key.option): _as_typed(self.values[name])
            for name, key in KEYS.items()
            if name in self.values and key.option and key.only in (None, command)
        }

    def environment(self) -> dict[str, str]:
        """Variables that nobody has set."""
        return {
            str(key.variable): str(Path(self.values[name]).absolute())
            for name, key in KEYS.items()
            if name in self.values and key.variable and not os.environ.get(key.variable)
        }

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Its variables are set for as long as the block lasts, for processes below, too."""
        added = self.environment()
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def told(self) -> list[str]:
        """Where the folders come from that no option names."""
        lines = []
        for name, key in KEYS.items():
            if key.variable and (value := os.environ.get(key.variable)):
                mine = name in self.values and str(Path(self.values[name]).absolute()) == value
                lines.append(f"{name} = {value}  (from {self.file if mine else key.variable})")
        return lines

    def behind(self, words: str) -> list[str]:
        """Of what an error names: what this file said, and nobody typed."""
        return [
            f"{name} = {value!r} stands in {self.file}"
            for name, value in self.values.items()
            if isinstance(value, str) and value in words
        ]


def of(context: click.Context) -> Place:
    """The place in which a command works."""
    found: Place = context.find_root().meta.get(META, Place())
    return found


def usual(context: click.Context) -> dict[str, str]:
    """Options of a command that the file has set and nobody has typed, with its name."""
    return {
        name: NAME
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP
    }


def find(here: Path, home: Path) -> Path | None:
    """The file that counts for *here*; None where there is none."""
    for folder in (here, *here.parents):
        if (folder / NAME).is_file():
            return folder / NAME
        if folder == home or (folder / ".git").exists():
            return None
    return None


def read(file: Path) -> Place:
    """What *file* says.

    Raises:
        BadInput: it cannot be read, or is no TOML.
        BadSetting: a key that nobody knows, or a value of another kind.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise BadInput(f"{file} is larger than {LARGEST} bytes, so it is no file of settings")
        found = tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # of TOML and of UTF-8: ValueErrors
        reason = " ".join(str(error).split())
        raise BadInput(f"{file} cannot be read: {reason}") from None
    return Place(file, {name: _value(file, name, value) for name, value in found.items()})


def _as_typed(value: Any) -> Any:
    """A value as it would stand on the command line."""
    return (",".join(value) or "none") if isinstance(value, list) else value


def _value(file: Path, name: str, value: Any) -> Any:
    key = KEYS.get(name)
    if key is None:
        raise BadSetting(
            f"{file} has a key {name!r}, which nobody knows.{nearest(name, KEYS)} "
            f"Known: {', '.join(KEYS)}"
        )
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    fits = type(value) is key.kind and all(_is_text(each) for each in texts)
    if not fits:
        raise BadSetting(f"{name} in {file} wants {WORDS[key.kind]}, got {value!r}")
    base = Path() if file.parent == Path.cwd() else file.parent
    if name == "data":
        return anchored(value, base)
    return str(base / Path(value).expanduser()) if key.path else value


def _is_text(value: Any) -> bool:
    """Whether it is a word that can be a name or a path."""
    return isinstance(value, str) and value != "" and "\0" not in value
