"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


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


runs_option = click.option(
    "--runs",
    "runs_dir",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of the run folders.",
)
data_dir_option = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Where data sets lie.  [env: GENBENCH_DATA]"
)
table_option = click.option(
    "--table",
    "table_dir",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of the results table.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1."
)
