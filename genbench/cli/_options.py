"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from genbench.runtime.paths import at_home

F = TypeVar("F", bound=Callable[..., Any])


class Place(click.Path):
    """A path, with the "~" that shells leave alone behind an equals sign made the home folder."""

    def __init__(self, *, file_okay: bool = True, dir_okay: bool = True) -> None:
        super().__init__(file_okay=file_okay, dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """As click does."""
        return super().convert(at_home(value) if isinstance(value, str) else value, param, ctx)


class Names(click.ParamType):  # type: ignore[type-arg]  # generic only in newer click
    """Comma-separated names, "fid,rmse" -> ("fid", "rmse")."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Split, and refuse an empty list."""
        if isinstance(value, tuple):
            return value
        found = tuple(part.strip() for part in value.split(",") if part.strip())
        if not found:
            self.fail("give at least one name", param, ctx)
        return found


class Things(Names):
    """Names and paths, separated by commas; a path that is there may have commas in it."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Split; of neighbours, those that together name a path are that path."""
        if isinstance(value, tuple):
            return value
        parts, found = value.split(","), []
        while parts:
            sizes = range(len(parts), 0, -1)
            whole = (at_home(",".join(parts[:size]).strip()) for size in sizes)
            size, name = next(
                (each for each in zip(sizes, whole, strict=True) if _is_there(each[1])),
                (1, at_home(parts[0].strip())),
            )
            found.append(name)
            parts = parts[size:]
        return super().convert(tuple(filter(None, found)) or "", param, ctx)


def _is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).exists()
    except OSError:  # too long for a name
        return False


runs_option = click.option(
    "--runs",
    "runs_dir",
    type=Place(),
    default=Path("runs"),
    show_default=True,
    help="Folder of the run folders.",
)
data_dir_option = click.option(
    "--data-dir", type=Place(), help="Where data sets lie.  [env: GENBENCH_DATA]"
)
table_option = click.option(
    "--table",
    "table_dir",
    type=Place(),
    default=Path("results"),
    show_default=True,
    help="Folder of the results table.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1."
)


def weights_options(command: F) -> F:
    """Where weights of feature networks come from: `weights_dir` and `download`."""
    for option in (
        click.option(
            "--download", is_flag=True, help="Fetch missing weights from their first address."
        ),
        click.option("--weights-dir", type=Place(), help="Folder of network weights."),
    ):
        command = option(command)
    return command


def work_options(command: F) -> F:
    """What the work of measuring is done on: `device`, `devices` and `compile`."""
    for option in (
        click.option(
            "--compile", is_flag=True, help="Compile feature networks; the recipe says so."
        ),
        click.option(
            "--devices",
            type=click.IntRange(min=1),
            default=1,
            show_default=True,
            help="Processes on each machine, a device each, that share the work.",
        ),
        device_option,
    ):
        command = option(command)
    return command
