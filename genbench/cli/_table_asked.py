"""What all commands of ``genbench table`` are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from genbench.results.store import Store

version_option = click.option(
    "--version", type=int, help="An earlier version; by default the newest."
)


@dataclass(frozen=True)
class Asked:
    """The options of the group, as they are called there."""

    table_dir: Path
    as_json: bool

    @property
    def store(self) -> Store:
        """The table; nothing is opened yet."""
        from genbench.results.store import Store

        return Store(self.table_dir)
